import { afterEach, beforeEach, expect, test } from 'vitest';
import { createRealtimeClient, type ClientOptions, type RealtimeClient } from '../../src/index.js';
import { createFakeHub, type FakeHub } from '../../src/testing/index.js';
import { createFakeChannels, createFakeLocks } from '../fake-browser.js';
import { pick, seeded } from '../random.js';
import { witness, type Witness } from '../witness.js';

interface Tab {
  client: RealtimeClient<any>;
  seen: Witness;
}

let hub: FakeHub & { core: any };
let locks: LockManager;
let channels: ReturnType<typeof createFakeChannels>;
let tabs: Tab[] = [];

beforeEach(() => {
  hub = createFakeHub();
  locks = createFakeLocks();
  channels = createFakeChannels();
});
afterEach(() => {
  tabs.forEach(({ client }) => client.disconnect());
  tabs = [];
});

async function openTab(options: ClientOptions<any> = {}): Promise<Tab> {
  const { BroadcastChannel } = channels;
  const client = createRealtimeClient<any>({
    ...hub.options,
    share: 'ada',
    transports: ['sse'],
    locks,
    BroadcastChannel,
    report: false,
    ...options,
  });
  const tab = { client, seen: witness(client) };
  tabs.push(tab);
  void client.connect();
  await hub.advance(10);
  return tab;
}
const emit = (...ids: string[]) => ids.forEach((eventId) => hub.emit({ type: 'a.b', eventId }));
const roles = () => tabs.map(({ client }) => client.getState().role);

test('connect resolves in a tab that leads and in one that follows', async () => {
  await openTab();
  await openTab();
  const again = tabs.map(({ client }) => client.disconnect() ?? client.connect());
  await hub.advance(1_000);
  await Promise.all(again);
  expect(roles().sort()).toEqual(['follower', 'leader']);
});

test('seven tabs have one connection, and each gets each event once', async () => {
  for (let tab = 0; tab < 7; tab += 1) await openTab();
  expect(roles()).toEqual(['leader', ...Array.from({ length: 6 }, () => 'follower')]);
  expect(hub.connections).toBe(1);
  expect(hub.opened).toBe(1);
  for (const { client } of tabs) expect(client.isConnected()).toBe(true);
  expect(tabs[3]?.client.getState()).toMatchObject({ status: 'connected', transport: 'shared' });
  emit('1', '2', '3');
  hub.emit({ type: 'a.b', eventId: 'live', persistence: 'live' });
  await hub.advance(10);
  for (const { seen } of tabs) expect(seen.ids).toEqual(['1', '2', '3', 'live']);
});

test('when the leader closes, another takes over at once and nothing is lost or doubled', async () => {
  for (let tab = 0; tab < 3; tab += 1) await openTab();
  emit('1');
  await hub.advance(10);
  const [leader] = tabs;
  leader?.client.disconnect();
  emit('2');
  await hub.advance(100);
  expect(roles()).toEqual(['solo', 'leader', 'follower']);
  expect(hub.connections).toBe(1);
  emit('3');
  await hub.advance(10);
  expect(tabs[1]?.seen.ids).toEqual(['1', '2', '3']);
  expect(tabs[2]?.seen.ids).toEqual(['1', '2', '3']);
  expect(leader?.seen.ids).toEqual(['1']);
});

test('a leader that hangs is replaced, and steps back when it wakes up', async () => {
  const leader = await openTab();
  const follower = await openTab();
  const [channel] = channels.open as unknown as { deaf: boolean }[];
  if (channel) channel.deaf = true;
  emit('1');
  await hub.advance(6_000);
  expect(follower.client.getState().role).toBe('leader');
  expect(follower.seen.ids).toEqual(['1']);
  for (const one of channels.open as unknown as Set<{ deaf: boolean }>) one.deaf = false;
  emit('2');
  await hub.advance(6_000);
  expect(leader.client.getState().role).toBe('follower');
  expect(hub.connections).toBe(1);
  emit('3');
  await hub.advance(10);
  expect(leader.seen.ids).toEqual(['1', '2', '3']);
  expect(follower.seen.ids).toEqual(['1', '2', '3']);
});

test('a tab that begins at a place of its own reads up to the others, and then follows', async () => {
  await openTab();
  emit('1', '2', '3');
  await hub.advance(10);
  const late = await openTab({ startAt: 'earliest' });
  await hub.advance(100);
  expect(late.seen.ids).toEqual(['1', '2', '3']);
  expect(late.client.getState().role).toBe('follower');
  expect(hub.connections).toBe(1);
  emit('4');
  await hub.advance(10);
  expect(late.seen.ids).toEqual(['1', '2', '3', '4']);
});

test('what comes while a tab reads up to the others is kept, and comes once', async () => {
  await openTab();
  emit('1');
  await hub.advance(10);
  let answered = () => {};
  const held = new Promise<void>((resolve) => (answered = resolve));
  let polls = 0;
  const late = await openTab({
    startAt: 'earliest',
    async fetch(input, init) {
      const answer = await hub.fetch(input, init);
      // The first one asks for the head, the second one reads.
      if (String(input).includes('/api/poll') && (polls += 1) === 2) await held;
      return answer;
    },
  });
  await hub.advance(10);
  emit('2', '3');
  await hub.advance(10);
  expect(late.seen.ids).toEqual([]);
  answered();
  await hub.advance(10);
  expect(late.seen.ids).toEqual(['1', '2', '3']);
  expect(late.client.getState().role).toBe('follower');
  expect(hub.connections).toBe(1);
});

test('the connection has what every tab wants', async () => {
  const one = await openTab({ channels: ['board:1'] });
  const two = await openTab({ channels: ['board:2'] });
  hub.emit({ type: 'a.b', channel: 'board:1', eventId: 'one' });
  hub.emit({ type: 'a.b', channel: 'board:2', eventId: 'two' });
  await hub.advance(10);
  expect(hub.connections).toBe(1);
  expect(one.seen.ids).toContain('one');
  expect(two.seen.ids).toContain('two');
});

test('a leader that is refused for good lets another try, and each says why', async () => {
  hub.refuse({ status: 403, code: 'forbidden' });
  await openTab();
  await openTab();
  await hub.advance(100);
  for (const { client } of tabs)
    expect(client.getState()).toMatchObject({ status: 'failed', error: { code: 'forbidden' } });
});

test('tabs with channels of their own lose nothing, though leaders hang and hubs break', async () => {
  const random = seeded();
  const emitted = new Map<string, string[]>();
  for (let tab = 0; tab < 4; tab += 1) {
    const own = `board:${tab}`;
    emitted.set(own, []);
    await openTab({ channels: [own], startAt: 'earliest' });
  }
  const all = [...(channels.open as unknown as Set<{ deaf: boolean }>)];
  for (let step = 0; step < 200; step += 1) {
    const channel = pick(random, [...emitted.keys()]);
    const eventId = String(step);
    emitted.get(channel)?.push(eventId);
    hub.emit({ type: 'a.b', channel, eventId });
    if (random() < 0.05) hub.drop();
    if (random() < 0.1) pick(random, all).deaf = random() < 0.5;
    if (random() < 0.05) hub.refuse({ path: '/api/poll', status: 503, code: 'busy', times: 2 });
    await hub.advance(pick(random, [0, 10, 1_000, 4_000]));
  }
  for (const one of all) one.deaf = false;
  await hub.advance(120_000);
  const where = `seed ${random.seed}`;
  expect(
    tabs.map(({ seen }, tab) => seen.ids.filter((id) => emitted.get(`board:${tab}`)?.includes(id))),
    where,
  ).toEqual([...emitted.values()]);
  expect(
    tabs.flatMap(({ seen }) => seen.gaps),
    where,
  ).toEqual([]);
  expect(roles().sort(), where).toEqual(['follower', 'follower', 'follower', 'leader']);
  expect(hub.connections, where).toBe(1);
});

test('the tabs of two users share nothing', async () => {
  await openTab({ share: 'ada' });
  await openTab({ share: 'ben' });
  expect(roles()).toEqual(['leader', 'leader']);
});

test('where the platform has no locks, each tab has its own connection', async () => {
  const tab = await openTab({ locks: undefined as never });
  expect(tab.client.getState()).toMatchObject({ role: 'solo', status: 'connected' });
});

test('tabs that come and go at random get each event once, in order', async () => {
  const random = seeded();
  const closed: Tab[] = [];
  const emitted: string[] = [];
  for (let step = 0; step < 120; step += 1) {
    if (tabs.length < 5 && random() < 0.3) await openTab();
    if (tabs.length > 1 && random() < 0.2) {
      const [tab] = tabs.splice(Math.floor(random() * tabs.length), 1);
      tab?.client.disconnect();
      if (tab) closed.push(tab);
    }
    if (random() < 0.1) hub.drop();
    emitted.push(String(step));
    emit(String(step));
    await hub.advance(pick(random, [0, 10, 1_000]));
  }
  await hub.advance(60_000);
  const where = `seed ${random.seed}`;
  expect(hub.connections, where).toBe(1);
  for (const { seen } of [...tabs, ...closed]) {
    const first = emitted.indexOf(seen.ids[0] ?? '');
    expect(seen.ids, where).toEqual(emitted.slice(first, first + seen.ids.length));
  }
  for (const { seen } of tabs) expect(seen.ids.at(-1), where).toBe(emitted.at(-1));
});
