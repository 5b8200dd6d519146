/** The life of a page: looked at, hidden, frozen, put away, without a network. */
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { createRealtimeClient, type ClientOptions, type RealtimeClient } from '../../src/index.js';
import { createFakeHub, type FakeHub } from '../../src/testing/index.js';
import { witness } from '../witness.js';

const clients: RealtimeClient<any>[] = [];
let page: { window: EventTarget; document: EventTarget & { visibilityState: string } };
let network: { onLine: boolean };

beforeEach(() => {
  const document = Object.assign(new EventTarget(), { visibilityState: 'visible' });
  page = { window: new EventTarget(), document };
  network = { onLine: true };
  vi.stubGlobal('window', page.window);
  vi.stubGlobal('document', page.document);
  vi.stubGlobal('navigator', network);
});
afterEach(() => {
  clients.splice(0).forEach((client) => client.disconnect());
  vi.unstubAllGlobals();
});

async function connect(hub: FakeHub, options: ClientOptions<any> = {}) {
  const client = createRealtimeClient<any>({
    ...hub.options,
    transports: ['sse'],
    share: false,
    report: false,
    ...options,
  });
  clients.push(client);
  const seen = witness(client);
  void client.connect();
  await hub.advance(0);
  return { client, seen };
}
const tell = (target: EventTarget, type: string) => target.dispatchEvent(new Event(type));
function look(isVisible: boolean) {
  page.document.visibilityState = isVisible ? 'visible' : 'hidden';
  tell(page.document, 'visibilitychange');
}
function connectNetwork(onLine: boolean) {
  network.onLine = onLine;
  tell(page.window, onLine ? 'online' : 'offline');
}

test('a page that is hidden keeps its stream, and looks after it when it is seen again', async () => {
  const hub = createFakeHub();
  const { client, seen } = await connect(hub);
  look(false);
  await hub.advance(10 * 60_000);
  expect(client.getState().status).toBe('connected');
  // Timers of a hidden page are late, so nobody has noticed that the stream is dead.
  hub.core.streams.forEach((stream) => stream.mute(true));
  await hub.clock.jump(70_000);
  hub.emit({ type: 'a.b', eventId: '1' });
  look(true);
  await hub.advance(8_000);
  expect(hub.opened).toBe(2);
  expect(seen.ids).toEqual(['1']);
  expect(seen.gaps).toEqual([]);
});

test('a look at the page, and a network that is back, cut a wait short', async () => {
  const hub = createFakeHub();
  const { client } = await connect(hub);
  for (const wake of [() => look(true), () => connectNetwork(true)]) {
    connectNetwork(false);
    hub.down();
    await hub.advance(5 * 60_000);
    expect(client.getState()).toMatchObject({ status: 'reconnecting', online: false });
    network.onLine = false;
    hub.down(false);
    wake();
    await hub.advance(0);
    expect(client.getState().status).toBe('connected');
  }
  expect(client.getState().online).toBe(true);
});

test('nothing that fails without a network speaks against a transport', async () => {
  const hub = createFakeHub();
  const { client } = await connect(hub, { transports: ['sse', 'polling'] });
  connectNetwork(false);
  hub.down();
  await hub.advance(10 * 60_000);
  hub.down(false);
  connectNetwork(true);
  await hub.advance(0);
  expect(client.getState()).toMatchObject({ status: 'connected', transport: 'sse' });
});

test.each([
  ['put away', 'window', 'pagehide', 'pageshow'],
  ['frozen', 'document', 'freeze', 'resume'],
] as const)(
  'a page that is %s lets go of its stream, and goes on where it was',
  async (_, on, away, back) => {
    const hub = createFakeHub();
    const { client, seen } = await connect(hub);
    hub.emit({ type: 'a.b', eventId: '1' });
    await hub.advance(0);
    tell(page[on], away);
    expect(hub.connections).toBe(0);
    expect(client.getState()).toMatchObject({ status: 'disconnected', paused: expect.any(Array) });
    await hub.clock.jump(3_600_000);
    hub.emit({ type: 'a.b', eventId: '2' });
    tell(page[on], back);
    await hub.advance(0);
    expect(client.getState()).toMatchObject({ status: 'connected', paused: [] });
    expect(seen.ids).toEqual(['1', '2']);
    client.disconnect();
    await hub.advance(0);
    tell(page[on], back);
    await hub.advance(0);
    expect(hub.connections).toBe(0);
  },
);

test('lists come with the next frame of a page that is seen, and after a while in one that is not', async () => {
  const frames: (() => void)[] = [];
  vi.stubGlobal('requestAnimationFrame', (paint: () => void) => frames.push(paint));
  const hub = createFakeHub();
  const { client } = await connect(hub);
  const lists: string[][] = [];
  const take = (events: any[]) => lists.push(events.map(({ eventId }) => eventId));
  client.subscribe('*', take, { batch: { maxDelay: 'frame' } });
  hub.emit({ type: 'a.b', eventId: '1' });
  hub.emit({ type: 'a.b', eventId: '2' });
  await hub.advance(0);
  expect(lists).toEqual([]);
  frames.splice(0).forEach((paint) => paint());
  expect(lists).toEqual([['1', '2']]);
  look(false);
  hub.emit({ type: 'a.b', eventId: '3' });
  await hub.advance(50);
  expect(frames).toEqual([]);
  expect(lists).toEqual([['1', '2'], ['3']]);
});
