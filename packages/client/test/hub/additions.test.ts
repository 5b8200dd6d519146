/** Subscriptions that begin at an older place than their connection, with the real hub. */
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import WebSocket from 'ws';
import { createRealtimeClient, type ClientOptions, type RealtimeClient } from '../../src/index.js';
import { createFakeChannels, createFakeLocks } from '../fake-browser.js';
import { startHub, type HubProcess } from '../hub-process.js';
import { startProxy } from '../proxy.js';
import { seeded } from '../random.js';
import { witness } from '../witness.js';
import { logOf } from './log.js';

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
const channel = () => `addition:${(channels += 1)}`;
const { publish, place } = logOf(() => hub.url);

test.each(['websocket', 'sse', 'polling'] as const)(
  'over %s an addition brings what only it shows, before anything newer and each once',
  async (transport) => {
    const [main, other] = [channel(), channel()];
    const cursor = await place();
    const before = [...(await publish(main, 0, 3)), ...(await publish(other, 0, 1_500))];
    const client = open({ transports: [transport], channels: [main], startAt: { cursor } });
    const seen = witness(client);
    await client.connect();
    expect(seen.ids).toEqual(before.slice(0, 3));
    client.subscribe('user.*', () => {}, { channels: other, startAt: { cursor } });
    const newer = await publish(main, 3, 2);
    await seen.until(() => seen.ids.length >= 1_505);
    const after = await publish(other, 1_500, 2);
    await seen.until(() => seen.ids.length >= 1_507);
    const of = (name: string) => seen.ids.filter((id) => id.startsWith(`${name}-`));
    expect(of(other)).toEqual([...before.slice(3), ...after]);
    expect(of(main)).toEqual([...before.slice(0, 3), ...newer]);
    expect(seen.gaps).toEqual([]);
    expect(seen.states).toEqual(['connecting', transport === 'polling' ? 'polling' : 'connected']);
    expect(client.cursor).toBe(seen.events.at(-1)?.cursor);
  },
);

test.each(['sse', 'polling'] as const)(
  'several additions at once come one after the other, over %s too',
  async (transport) => {
    const others = [channel(), channel(), channel()];
    const cursor = await place();
    const expected: string[][] = [];
    for (const other of others) expected.push(await publish(other, 0, 1_200));
    const client = open({ transports: [transport], channels: [channel()] });
    await client.connect();
    const seen = others.map((): string[] => []);
    others.forEach((other, index) =>
      client.subscribe('*', ({ eventId }) => seen[index]?.push(eventId), {
        channels: other,
        startAt: { cursor },
      }),
    );
    await expect.poll(() => seen, { timeout: 10_000 }).toEqual(expected);
    expect(client.getStats().gaps).toBe(0);
  },
);

test.each(['websocket', 'sse', 'polling'] as const)(
  'over %s additions lose and double nothing, wherever connections are cut',
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
      // Nothing of the main channel comes after it, so the client's own place stays behind.
      const url = transport === 'websocket' ? hub.url : proxy.url;
      const client = open({ url, transports: [transport], channels: [main] });
      const seen = witness(client);
      await client.connect();
      let count = 2_000;
      const cutAt = Math.floor(random() * 2_000);
      const take = () => {
        if (seen.ids.length === cutAt || random() < 0.001) cut();
      };
      client.subscribe('*', take, { channels: other, startAt: { cursor } });
      for (let batch = 0; batch < 4; batch += 1) {
        expected.push(...(await publish(other, count, 5)));
        await publish(main, count, 2);
        count += 5;
        if (random() < 0.5) cut();
      }
      const last = `${other}-${count - 1}`;
      // Only the newest are looked through, or that would take longer than all the rest.
      await seen.until(() => seen.ids.slice(-20).includes(last), where);
      const ofOther = seen.ids.filter((id) => id.startsWith(`${other}-`));
      expect(ofOther, where).toEqual(expected);
      expect(new Set(seen.ids).size, where).toBe(seen.ids.length);
      expect(seen.gaps, where).toEqual([]);
      client.disconnect();
    }
    await proxy.close();
  },
  120_000,
);

test.each(['websocket', 'sse', 'polling'] as const)(
  'over %s an addition from another history says what it cannot show',
  async (transport) => {
    const [main, other] = [channel(), channel()];
    const client = open({ transports: [transport], channels: [main] });
    const seen = witness(client);
    await client.connect();
    await publish(other, 0, 1);
    client.subscribe('*', () => {}, {
      channels: other,
      startAt: { cursor: 'AAAAAAAAAAA.99999' },
    });
    await seen.until(() => seen.gaps.length === 1);
    expect(seen.gaps).toMatchObject([{ reason: 'epoch', scope: 'all' }]);
    expect(client.getStats().gaps).toBe(1);
    await expect.poll(() => (client.inspect()['filter'] as any)?.channels).toContain(other);
    const [after] = await publish(other, 1, 1);
    await seen.until(() => seen.ids.includes(after as string));
    // The place of a loop of polls may be before what came just now.
    expect(seen.ids.filter((id) => id !== `${other}-0`)).toEqual([after]);
    expect(seen.states).toEqual(['connecting', transport === 'polling' ? 'polling' : 'connected']);
  },
);

test('over polling an addition waits for no poll, and none is begun beside it', async () => {
  const [main, other] = [channel(), channel()];
  const cursor = await place();
  const expected = await publish(other, 0, 2);
  let [running, most] = [0, 0];
  const client = open({
    transports: ['polling'],
    channels: [main],
    async fetch(input, init) {
      most = Math.max(most, (running += 1));
      return fetch(input, init).finally(() => (running -= 1));
    },
  });
  const seen = witness(client);
  await client.connect();
  // The poll that waits for something would wait for 25 s.
  await expect.poll(() => running).toBe(1);
  client.subscribe('*', () => {}, { channels: other, startAt: { cursor } });
  await seen.until(() => seen.ids.length === 2);
  expect(seen.ids).toEqual(expected);
  expect(most).toBe(1);
});

describe('tabs that share a connection', () => {
  /** Clients as in the tabs of one browser. */
  async function tabs(count: number, main: string, url = hub.url) {
    const locks = createFakeLocks();
    const { BroadcastChannel } = createFakeChannels();
    const options: ClientOptions<any> = { url, transports: ['sse'], channels: [main], share: true };
    const all = Array.from({ length: count }, () => {
      const client = open({ ...options, locks, BroadcastChannel });
      return { client, seen: witness(client) };
    });
    await all[0]?.client.connect();
    await Promise.all(all.map(({ client }) => client.connect()));
    return all;
  }
  const streams = async () => {
    const metrics = await (await fetch(`${hub.url}/metrics`)).text();
    return Number(/^radial_connections (\d+)$/m.exec(metrics)?.[1]);
  };

  test('what only one of them adds from an older place comes whole, and then they share again', async () => {
    const [main, other, third] = [channel(), channel(), channel()];
    const cursor = await place();
    const old = await publish(other, 0, 1_500);
    const all = await tabs(4, main);
    const before = await streams();
    // The leader shows one of them already; its place is ahead of all.
    all[1]?.client.subscribe('*', () => {}, { channels: third });
    const followers = all.slice(1);
    for (const { client } of followers)
      client.subscribe('*', () => {}, { channels: other, startAt: { cursor } });
    const newer = await publish(main, 0, 3);
    const after = await publish(other, 1_500, 3);
    for (const { seen } of followers)
      await seen.until(() => seen.ids.filter((id) => id.startsWith(`${other}-`)).length >= 1_503);
    for (const { client, seen } of followers) {
      const of = (name: string) => seen.ids.filter((id) => id.startsWith(`${name}-`));
      expect(of(other)).toEqual([...old, ...after]);
      expect(of(main)).toEqual(newer);
      expect(seen.gaps).toEqual([]);
      await seen.until(() => client.getState().role === 'follower');
    }
    await expect.poll(streams).toBe(before);
    const [last] = await publish(other, 1_503, 1);
    for (const { seen } of followers) await seen.until(() => seen.ids.at(-1) === last);
  });

  test('it is whole too when the leader leaves meanwhile, or connections are cut', async () => {
    const random = seeded();
    const proxy = await startProxy(hub.url);
    for (let round = 0; round < 4; round += 1) {
      const where = `seed ${random.seed}, round ${round}`;
      const [main, other] = [channel(), channel()];
      const cursor = await place();
      const expected = await publish(other, 0, 1_200);
      const [leader, ...followers] = await tabs(3, main, proxy.url);
      let count = 0;
      const leaveAt = Math.floor(random() * 1_200);
      const take = () => {
        if ((count += 1) === leaveAt) leader?.client.disconnect();
        if (random() < 0.001) proxy.cutAfter(0);
      };
      for (const { client } of followers)
        client.subscribe('*', take, { channels: other, startAt: { cursor } });
      expected.push(...(await publish(other, 1_200, 3)));
      for (const { seen } of followers)
        await seen.until(() => seen.ids.slice(-20).includes(expected.at(-1) as string), where);
      for (const { client, seen } of followers) {
        expect(seen.ids, where).toEqual(expected);
        expect(seen.gaps, where).toEqual([]);
        client.disconnect();
      }
    }
    await proxy.close();
  }, 60_000);
});
