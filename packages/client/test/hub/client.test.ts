import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { createRealtimeClient, type ClientOptions, type RealtimeClient } from '../../src/index.js';
import { startHub, type HubProcess } from '../hub-process.js';
import { witness } from '../witness.js';

let hub: HubProcess;
const clients: RealtimeClient<any>[] = [];

beforeAll(async () => {
  hub = await startHub({ 'stream.heartbeat': '200ms' });
});
afterAll(() => hub.remove());
afterEach(() => clients.splice(0).forEach((client) => client.disconnect()));

function open(options: ClientOptions<any> = {}): RealtimeClient<any> {
  const client = createRealtimeClient<any>({
    url: hub.url,
    transports: ['sse'],
    backoff: { minMs: 50, maxMs: 300 },
    ...options,
  });
  clients.push(client);
  return client;
}

let channels = 0;
const channel = () => `test:${(channels += 1)}`;
const user = (client: RealtimeClient<any>, to: string, eventId: string) =>
  client.publish({ type: 'user.updated', data: { userId: 'u' }, eventId, channel: to });

test('a client says hello, gets what is published, and says where it is', async () => {
  const to = channel();
  const client = open({ channels: [to] });
  const seen = witness(client);
  await client.connect();
  expect(client.getState()).toMatchObject({ status: 'connected', transport: 'sse', attempt: 0 });
  const answer = await user(client, to, `${to}-1`);
  expect(answer).toMatchObject({ eventId: `${to}-1`, duplicate: false, persistence: 'durable' });
  await seen.until(() => seen.ids.length === 1);
  expect(seen.events[0]).toMatchObject({
    type: 'user.updated',
    data: { userId: 'u' },
    eventType: 'user.updated',
    eventData: { userId: 'u' },
  });
  expect(client.cursor).toBe(answer.cursor);
  expect(client.getStats()).toMatchObject({
    state: 'connected',
    isPolling: false,
    received: 1,
    duplicates: 0,
    quality: expect.stringMatching(/excellent|good|fair/),
    queued: 0,
  });
});

test('events of class live come without a place, and once', async () => {
  const to = channel();
  const client = open({ channels: [to] });
  const seen = witness(client);
  await client.connect();
  await client.publish({ type: 'test:event', data: { n: 1 }, channel: to });
  await seen.until(() => seen.ids.length === 1);
  expect(seen.events[0]?.offset).toBeUndefined();
});

test('after a disconnect the client goes on where it was', async () => {
  const to = channel();
  const client = open({ channels: [to] });
  const seen = witness(client);
  await client.connect();
  await user(client, to, `${to}-1`);
  await seen.until(() => seen.ids.length === 1);
  client.disconnect();
  expect(client.getState().status).toBe('disconnected');
  await user(client, to, `${to}-2`);
  await client.connect();
  await user(client, to, `${to}-3`);
  await seen.until(() => seen.ids.length === 3);
  expect(seen.ids).toEqual([`${to}-1`, `${to}-2`, `${to}-3`]);
  expect(seen.gaps).toEqual([]);
});

test('a page that was loaded from an answer misses nothing after it', async () => {
  const to = channel();
  const publisher = open();
  await user(publisher, to, `${to}-1`);
  const response = await fetch(`${hub.url}/api/events?channel=${to}`);
  const cursor = response.headers.get('radial-cursor') as string;
  await user(publisher, to, `${to}-2`);
  const client = open({ channels: [to], startAt: { cursor } });
  const seen = witness(client);
  await client.connect();
  expect(seen.ids).toEqual([`${to}-2`]);
});

test('a start at the earliest event replays, and a snapshot comes in parts', async () => {
  const to = channel();
  const publisher = open();
  await publisher.publish({
    type: 'card.created',
    data: { cardId: 'c1', zone: 'todo' },
    channel: to,
    eventId: `${to}-1`,
  });
  const replayed = open({ channels: [to], startAt: 'earliest' });
  const seen = witness(replayed);
  await replayed.connect();
  expect(seen.ids).toEqual([`${to}-1`]);

  const client = open({ channels: [to], snapshot: ['card'] });
  const parts: unknown[] = [];
  client.on('snapshot', (part) => parts.push(part));
  const after = witness(client);
  await client.connect();
  expect(parts).toMatchObject([
    { type: 'card', entities: [{ id: 'c1', version: 1 }], done: false },
    { done: true },
  ]);
  await publisher.publish({
    type: 'card.moved',
    data: { cardId: 'c1', zone: 'done' },
    channel: to,
    eventId: `${to}-2`,
  });
  await after.until(() => after.ids.length === 1);
  expect(after.ids).toEqual([`${to}-2`]);
});

test('a subscription to another channel widens the connection and loses nothing', async () => {
  const [one, two] = [channel(), channel()];
  const client = open({ channels: [one], types: ['*'] });
  const seen = witness(client);
  await client.connect();
  const other = witness(client, { channels: two }, 'user.*');
  await user(client, one, `${one}-1`);
  await client.ready();
  await other.until(() => (client.inspect()['filter'] as any)?.channels.includes(two));
  await client.ready();
  await user(client, two, `${two}-1`);
  await user(client, one, `${one}-2`);
  await seen.until(() => seen.ids.length === 3);
  expect(seen.ids).toEqual([`${one}-1`, `${two}-1`, `${one}-2`]);
  expect(other.ids).toEqual([`${two}-1`]);
  expect(client.getState().status).toBe('connected');
});

test('a cursor of another history is answered with a gap, and the stream goes on', async () => {
  const to = channel();
  const client = open({ channels: [to], startAt: { cursor: 'AAAAAAAAAAA.99999' } });
  const seen = witness(client);
  await client.connect();
  expect(seen.gaps).toMatchObject([{ reason: 'epoch', scope: 'all', from: 'AAAAAAAAAAA.99999' }]);
  await user(client, to, `${to}-1`);
  await seen.until(() => seen.ids.length === 1);
});

test('heartbeats move the place and keep the quality', async () => {
  const client = open({ channels: [channel()] });
  await client.connect();
  const before = client.cursor;
  await user(client, channel(), 'elsewhere');
  const seen = witness(client);
  await expect.poll(() => client.cursor, { timeout: 5_000 }).not.toBe(before);
  expect(client.getStats().lastHeartbeat).not.toBeNull();
  expect(seen.ids).toEqual([]);
});

test('a hub that refuses for good ends in failed with its reason', async () => {
  const client = open({ channels: ['not a name'] });
  await expect(client.connect()).rejects.toMatchObject({ code: 'invalid-parameter', status: 400 });
  expect(client.getState()).toMatchObject({
    status: 'failed',
    error: { code: 'invalid-parameter' },
  });
});

test('a refused publish says what the hub said', async () => {
  const client = open();
  await expect(client.publish({ type: 'no.such', data: {} })).rejects.toMatchObject({
    code: 'unknown-event-type',
    status: 422,
    retryable: false,
  });
});

test('a large body goes out compressed', async () => {
  const encodings: unknown[] = [];
  const client = open({
    fetch: (input, init) => {
      encodings.push(new Headers(init?.headers).get('content-encoding'));
      return fetch(input, init);
    },
  });
  const data = { userId: 'u', note: 'again and '.repeat(2_000) };
  await client.publish({ type: 'user.updated', data });
  await client.publish({ type: 'user.updated', data: { userId: 'u' } });
  expect(encodings).toEqual(['gzip', null]);
});

test.each(['sse', 'polling'] as const)(
  'a hub that is killed or stopped and comes back costs no event and doubles none, over %s',
  async (transport) => {
    const own = await startHub();
    const to = channel();
    const client = open({ url: own.url, channels: [to], transports: [transport] });
    const publisher = createRealtimeClient<any>({ url: own.url });
    const seen = witness(client);
    await client.connect();
    const expected: string[] = [];
    const publish = async () => {
      expected.push(`${to}-${expected.length}`);
      await user(publisher, to, expected.at(-1) as string);
    };
    try {
      await publish();
      for (const end of ['kill', 'stop', 'kill'] as const) {
        await own[end]();
        await seen.until(() => client.getState().status === 'reconnecting');
        await own.start();
        await publish();
        await seen.until(() => client.isConnected() && seen.ids.length === expected.length);
      }
      expect(seen.ids).toEqual(expected);
      expect(seen.gaps).toEqual([]);
      expect(client.getStats().reconnects).toBeGreaterThanOrEqual(3);
    } finally {
      client.disconnect();
      await own.remove();
    }
  },
);

test('a hub that is switched off is tried again, not given up', async () => {
  const off = await startHub({ 'hub.disabled': true });
  const client = open({ url: off.url });
  const seen = witness(client);
  client.connect().catch(() => {});
  await seen.until(() => client.getState().status === 'reconnecting');
  const { error, nextRetryAt } = client.getState();
  expect(error).toMatchObject({ code: 'hub-disabled', status: 503, retryAfterMs: 30_000 });
  expect(nextRetryAt).toBeGreaterThan(Date.now() + 20_000);
  client.disconnect();
  await off.remove();
});
