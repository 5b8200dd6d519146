/** Tabs that share a connection to the real hub: nothing is lost or doubled, whoever leads. */
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { createRealtimeClient, type RealtimeClient } from '../../src/index.js';
import { createFakeChannels, createFakeLocks } from '../fake-browser.js';
import { startHub, type HubProcess } from '../hub-process.js';
import { startProxy, type Proxy } from '../proxy.js';
import { pick, seeded, type Random } from '../random.js';
import { witness, type Witness } from '../witness.js';
import { logOf } from './log.js';

let hub: HubProcess;
let proxy: Proxy;
const clients: RealtimeClient<any>[] = [];
beforeAll(async () => {
  hub = await startHub({ 'stream.heartbeat': '200ms' });
  proxy = await startProxy(hub.url);
});
afterAll(async () => {
  await proxy?.close();
  await hub?.remove();
});
afterEach(() => clients.splice(0).forEach((client) => client.disconnect()));

let channels = 0;
const channel = () => `tabs:${(channels += 1)}`;
const { publish, place } = logOf(() => hub.url);

/** Opens clients as in the tabs of one browser. */
function browser() {
  const locks = createFakeLocks();
  const { BroadcastChannel } = createFakeChannels();
  return (main: string, cursor?: string) => {
    const client = createRealtimeClient<any>({
      url: proxy.url,
      transports: ['sse'],
      channels: [main],
      share: true,
      backoff: { minMs: 20, maxMs: 100 },
      report: false,
      locks,
      BroadcastChannel,
      ...(cursor !== undefined && { startAt: { cursor } }),
    });
    clients.push(client);
    return client;
  };
}

async function streams(): Promise<number> {
  const metrics = await (await fetch(`${hub.url}/metrics`)).text();
  return Number(/^radial_connections (\d+)$/m.exec(metrics)?.[1]);
}

test('what one of them wants from an older place comes whole, over the one connection', async () => {
  const [main, other, third] = [channel(), channel(), channel()];
  const cursor = await place();
  const old = await publish(other, 0, 1_500);
  const tab = browser();
  const all = [tab(main), tab(main), tab(main), tab(main)];
  await all[0]?.connect();
  const before = await streams();
  await Promise.all(all.map((client) => client.connect()));
  // The leader shows one of them already; its place is ahead of all.
  all[1]?.subscribe('*', () => {}, { channels: third });
  const seen = all.map((client) => witness(client, { channels: other, startAt: { cursor } }));
  const after = await publish(other, 1_500, 3);
  for (const one of seen) {
    await one.until(() => one.ids.at(-1) === after.at(-1));
    expect(one.ids).toEqual([...old, ...after]);
    expect(one.gaps).toEqual([]);
  }
  expect(await streams()).toBe(before);
  expect(all.map((client) => client.getState().role).sort()).toEqual([
    'follower',
    'follower',
    'follower',
    'leader',
  ]);
});

test('a tab that connected misses nothing of its own channel, which the leader did not show', async () => {
  const tab = browser();
  await tab(channel()).connect();
  const [main] = [channel()];
  const client = tab(main);
  const seen = witness(client);
  await client.connect();
  const [id] = await publish(main, 0, 1);
  await seen.until(() => seen.ids.length > 0);
  expect(seen.ids).toEqual([id]);
});

/** What one subscription has to see: everything of a channel from a place on. */
interface Expectation {
  seen: Witness;
  channel: string;
  from: number;
}

/** Tabs with channels of their own, while everything happens to them that can. */
async function live(random: Random, where: string): Promise<void> {
  const tab = browser();
  const others = [channel(), channel()];
  const published = new Map<string, string[]>();
  const places: { cursor: string; counts: Map<string, number> }[] = [];
  const expected: Expectation[] = [];
  const open: RealtimeClient<any>[] = [];
  const countOf = (name: string) => published.get(name)?.length ?? 0;
  async function remember() {
    const cursor = await place();
    const counts = new Map([...published].map(([name, ids]) => [name, ids.length]));
    places.push({ cursor, counts });
  }
  async function emit(name: string, count: number) {
    const ids = await publish(name, countOf(name), count);
    published.set(name, [...(published.get(name) ?? []), ...ids]);
  }
  function openTab() {
    const main = channel();
    const { cursor } = pick(random, places);
    const client = tab(main, cursor);
    expected.push({ seen: witness(client, { channels: main }), channel: main, from: 0 });
    published.set(main, []);
    open.push(client);
    void client.connect();
  }
  function addOlder() {
    const name = pick(random, others);
    const { cursor, counts } = pick(random, places);
    const seen = witness(pick(random, open), { channels: name, startAt: { cursor } });
    expected.push({ seen, channel: name, from: counts.get(name) ?? 0 });
  }
  function leave() {
    const client = pick(random, open);
    client.disconnect();
    queueMicrotask(() => void client.connect());
  }
  await remember();
  for (const name of others) await emit(name, 700);
  await remember();
  openTab();
  openTab();
  const leader = () => open.find((client) => client.getState().role === 'leader');
  const acts = [
    addOlder,
    leave,
    remember,
    () => leader()?.disconnect(),
    () => open.forEach((client) => client.getState().status === 'disconnected' && client.connect()),
    () => open.length < 5 && openTab(),
    () => proxy.cutAfter(0),
    () => emit(pick(random, [...published.keys()]), 1 + Math.floor(random() * 20)),
    () => emit(pick(random, [...published.keys()]), 1 + Math.floor(random() * 20)),
    () => new Promise((next) => setImmediate(next)),
    async () => void (await fetch(`${hub.url}/healthz`)),
  ];
  for (let step = 0; step < 60; step += 1) await pick(random, acts)();
  for (const client of open) void client.connect();
  for (const name of published.keys()) await emit(name, 1);
  for (const { seen, channel: name, from } of expected) {
    const ids = (published.get(name) ?? []).slice(from);
    const what = `${where}, ${name} from ${from}`;
    await seen.until(() => seen.ids.at(-1) === ids.at(-1), what);
    expect(seen.ids, what).toEqual(ids);
    expect(seen.gaps, what).toEqual([]);
  }
  for (const client of open) client.disconnect();
}

test('each subscription gets each event once, in order, whoever leads and whatever is cut', async () => {
  const random = seeded();
  const rounds = Number(process.env['ROUNDS'] ?? 5);
  for (let round = 0; round < rounds; round += 1)
    await live(random, `seed ${random.seed}, round ${round}`);
}, 600_000);
