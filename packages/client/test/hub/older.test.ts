/** Subscriptions that begin before what the connection shows, with the real hub. */
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import WebSocket from 'ws';
import { createRealtimeClient, type ClientOptions, type RealtimeClient } from '../../src/index.js';
import { startHub, type HubProcess } from '../hub-process.js';
import { startProxy } from '../proxy.js';
import { seeded } from '../random.js';
import { witness } from '../witness.js';
import { logOf } from './log.js';

const TRANSPORTS = ['websocket', 'sse', 'polling'] as const;

let hub: HubProcess;
const clients: RealtimeClient<any>[] = [];
beforeAll(async () => {
  hub = await startHub({ 'stream.heartbeat': '200ms' });
});
afterAll(() => hub?.remove());
afterEach(() => clients.splice(0).forEach((client) => client.disconnect()));

/** Every socket that clients opened, so that a test can cut them. */
let sockets: WebSocket[] = [];
class CountedSocket extends WebSocket {
  constructor(url: string, protocol: string) {
    super(url, protocol);
    sockets.push(this);
  }
}

function open(options: ClientOptions<any>): RealtimeClient<any> {
  sockets = [];
  const client = createRealtimeClient<any>({
    url: hub.url,
    WebSocket: CountedSocket as unknown as typeof globalThis.WebSocket,
    backoff: { minMs: 20, maxMs: 100 },
    report: false,
    ...options,
  });
  clients.push(client);
  return client;
}

let channels = 0;
const channel = () => `older:${(channels += 1)}`;
const { publish, place } = logOf(() => hub.url);

test.each(TRANSPORTS)(
  'over %s a subscription brings what is older first, then what comes, each once',
  async (transport) => {
    const [main, other] = [channel(), channel()];
    const cursor = await place();
    const before = [...(await publish(main, 0, 3)), ...(await publish(other, 0, 1_500))];
    const client = open({ transports: [transport], channels: [main], startAt: { cursor } });
    const shown = witness(client, { channels: main });
    await client.connect();
    expect(shown.ids).toEqual(before.slice(0, 3));
    const seen = witness(client, { channels: other, startAt: { cursor } }, 'user.*');
    const newer = await publish(main, 3, 2);
    await seen.until(() => seen.ids.length >= 1_500);
    const after = await publish(other, 1_500, 2);
    await seen.until(() => seen.ids.length >= 1_502);
    await shown.until(() => shown.ids.length >= 5);
    expect(seen.ids).toEqual([...before.slice(3), ...after]);
    expect(shown.ids).toEqual([...before.slice(0, 3), ...newer]);
    expect(seen.gaps).toEqual([]);
    const open_ = transport === 'polling' ? 'polling' : 'connected';
    expect(shown.states).toEqual(['connecting', open_]);
  },
);

test.each(TRANSPORTS)(
  'over %s it gets what others had before it too, and they get nothing again',
  async (transport) => {
    const main = channel();
    const cursor = await place();
    const client = open({ transports: [transport], channels: [main] });
    const shown = witness(client);
    await client.connect();
    const first = await publish(main, 0, 5);
    await shown.until(() => shown.ids.length === 5);
    const seen = witness(client, { startAt: { cursor } });
    const rest = await publish(main, 5, 5);
    await seen.until(() => seen.ids.length >= 10);
    await shown.until(() => shown.ids.length >= 10);
    expect(seen.ids).toEqual([...first, ...rest]);
    expect(shown.ids).toEqual([...first, ...rest]);
  },
);

test.each(TRANSPORTS)('over %s several at once are read one after the other', async (transport) => {
  const others = [channel(), channel(), channel()];
  const cursor = await place();
  const expected: string[][] = [];
  for (const other of others) expected.push(await publish(other, 0, 1_200));
  const client = open({ transports: [transport], channels: [channel()] });
  await client.connect();
  const seen = others.map((other) => witness(client, { channels: other, startAt: { cursor } }));
  for (const one of seen) await one.until(() => one.ids.length >= 1_200);
  expect(seen.map(({ ids }) => ids)).toEqual(expected);
  expect(client.getStats().gaps).toBe(0);
});

test.each(TRANSPORTS)(
  'over %s nothing older is lost or doubled, wherever connections are cut',
  async (transport) => {
    const random = seeded();
    const proxy = await startProxy(hub.url);
    const cut = () => {
      sockets.at(-1)?.terminate();
      proxy.cutAfter(0);
    };
    for (let round = 0; round < 4; round += 1) {
      const where = `seed ${random.seed}, round ${round}`;
      const [main, other] = [channel(), channel()];
      const cursor = await place();
      const expected = await publish(other, 0, 2_000);
      const url = transport === 'websocket' ? hub.url : proxy.url;
      const client = open({ url, transports: [transport], channels: [main] });
      await client.connect();
      let count = 2_000;
      const cutAt = Math.floor(random() * 2_000);
      const seen = witness(client, { channels: other, startAt: { cursor } });
      client.on('event', () => {
        if (seen.ids.length === cutAt || random() < 0.001) cut();
      });
      for (let batch = 0; batch < 4; batch += 1) {
        expected.push(...(await publish(other, count, 5)));
        await publish(main, count, 2);
        count += 5;
        if (random() < 0.5) cut();
      }
      await seen.until(() => seen.ids.at(-1) === expected.at(-1), where);
      expect(seen.ids, where).toEqual(expected);
      expect(seen.gaps, where).toEqual([]);
      client.disconnect();
    }
    await proxy.close();
  },
  60_000,
);

test.each(TRANSPORTS)(
  'over %s a place of another history is told to be lost',
  async (transport) => {
    const [main, other] = [channel(), channel()];
    const client = open({ transports: [transport], channels: [main] });
    await client.connect();
    await publish(other, 0, 1);
    const startAt = { cursor: 'AAAAAAAAAAA.99999' };
    const seen = witness(client, { channels: other, startAt });
    await seen.until(() => seen.gaps.length === 1);
    expect(seen.gaps).toMatchObject([{ reason: 'epoch', scope: 'all' }]);
    expect(client.getStats().gaps).toBe(1);
    const [after] = await publish(other, 1, 1);
    await seen.until(() => seen.ids.length > 0);
    expect(seen.ids).toEqual([after]);
  },
);
