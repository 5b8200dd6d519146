/** What only a WebSocket has: operations and their answers, against the real hub. */
import { createHmac } from 'node:crypto';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import WebSocket from 'ws';
import { createRealtimeClient, type ClientOptions, type RealtimeClient } from '../../src/index.js';
import { startHub, type HubProcess } from '../hub-process.js';
import { seeded } from '../random.js';
import { witness } from '../witness.js';

const SECRET = 'a secret of at least thirty-two bytes, for tests';
const SIGNED = `
[hub]
tenants = ["acme"]
[auth]
clock_skew = "0ms"
[[auth.issuers]]
name = "app"
secret = "${SECRET}"
tenants = ["acme"]
`;

let hub: HubProcess;
let signed: HubProcess;
const clients: RealtimeClient<any>[] = [];
beforeAll(async () => {
  hub = await startHub({ 'stream.heartbeat': '200ms' });
  signed = await startHub({}, SIGNED);
});
afterAll(() => Promise.all([hub?.remove(), signed?.remove()]));
afterEach(() => clients.splice(0).forEach((client) => client.disconnect()));

/** Every socket that clients opened, so that a test can count and cut them. */
let sockets: WebSocket[] = [];
class CountedSocket extends WebSocket {
  constructor(url: string, protocol: string) {
    super(url, protocol);
    sockets.push(this);
  }
}

function open(options: ClientOptions<any> = {}): RealtimeClient<any> {
  sockets = [];
  const client = createRealtimeClient<any>({
    url: hub.url,
    transports: ['websocket'],
    WebSocket: CountedSocket as unknown as typeof globalThis.WebSocket,
    backoff: { minMs: 20, maxMs: 100 },
    report: false,
    ...options,
  });
  clients.push(client);
  return client;
}

const BATCH = 500;
let channels = 0;
const channel = () => `socket:${(channels += 1)}`;

/** Publishes to a channel in order; the ids say which it was. */
async function publish(to: string, from: number, count: number): Promise<string[]> {
  const ids = Array.from({ length: count }, (_, one) => `${to}-${from + one}`);
  const events = ids.map((eventId) => ({
    eventType: 'user.updated',
    eventData: { userId: 'u' },
    eventId,
    channel: to,
  }));
  for (let first = 0; first < count; first += BATCH) {
    const answer = await fetch(`${hub.url}/api/sse/events`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(events.slice(first, first + BATCH)),
    });
    expect(answer.status).toBe(207);
    expect((await answer.json()).filter((item: any) => item.code)).toEqual([]);
  }
  return ids;
}

/** The place of the hub's log now. */
async function place(): Promise<string> {
  const answer = await fetch(`${hub.url}/api/poll?channels=nothing&wait=0s`);
  return (await answer.json()).cursor;
}

test('an addition brings what only it shows, before anything newer and each once', async () => {
  const [main, other] = [channel(), channel()];
  const cursor = await place();
  const before = [...(await publish(main, 0, 3)), ...(await publish(other, 0, 1_500))];
  const client = open({ channels: [main], startAt: { cursor } });
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
  expect(sockets.length).toBe(1);
  expect(client.cursor).toBe(seen.events.at(-1)?.cursor);
});

test('additions lose and double nothing, wherever sockets are cut', async () => {
  const random = seeded();
  for (let round = 0; round < 6; round += 1) {
    const where = `seed ${random.seed}, round ${round}`;
    const [main, other] = [channel(), channel()];
    const cursor = await place();
    const expected = await publish(other, 0, 3_000);
    // Nothing of the main channel comes after it, so the client's own place stays behind.
    const client = open({ channels: [main] });
    const seen = witness(client);
    await client.connect();
    let count = 3_000;
    const cutAt = Math.floor(random() * 3_000);
    const take = () => {
      if (seen.ids.length === cutAt || random() < 0.001) sockets.at(-1)?.terminate();
    };
    client.subscribe('*', take, { channels: other, startAt: { cursor } });
    for (let batch = 0; batch < 4; batch += 1) {
      expected.push(...(await publish(other, count, 5)));
      await publish(main, count, 2);
      count += 5;
      if (random() < 0.5) sockets.at(-1)?.terminate();
    }
    await seen.until(() => seen.ids.includes(`${other}-${count - 1}`), where);
    const ofOther = seen.ids.filter((id) => id.startsWith(`${other}-`));
    expect(ofOther, where).toEqual(expected);
    expect(new Set(seen.ids).size, where).toBe(seen.ids.length);
    expect(seen.gaps, where).toEqual([]);
    client.disconnect();
  }
}, 60_000);

test('an addition from another history says what it cannot show', async () => {
  const [main, other] = [channel(), channel()];
  const client = open({ channels: [main] });
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
  await seen.until(() => seen.ids.length > 0);
  expect(seen.ids).toEqual([after]);
  expect(sockets.length).toBe(1);
});

test.each(['sse', 'polling'] as const)(
  'over %s an addition from an older place is told to be missing, and begins now',
  async (transport) => {
    const [main, other] = [channel(), channel()];
    const cursor = await place();
    await publish(other, 0, 2);
    const client = open({ transports: [transport], channels: [main] });
    const seen = witness(client);
    await client.connect();
    client.subscribe('*', () => {}, { channels: other, startAt: { cursor } });
    await seen.until(() => seen.gaps.length === 1);
    expect(seen.gaps).toEqual([{ reason: 'transport', scope: 'all', from: cursor, to: null }]);
    await expect.poll(() => (client.inspect()['filter'] as any)?.channels).toContain(other);
    await client.ready();
    const [after] = await publish(other, 2, 1);
    await seen.until(() => seen.ids.includes(after as string));
  },
);

/** A token as an application would sign it. */
function sign(seconds: number, sub = 'ada'): string {
  const encode = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const exp = Math.floor(Date.now() / 1000) + seconds;
  const text = `${encode({ alg: 'HS256', typ: 'JWT' })}.${encode({ sub, exp, radial: { publish: ['user.*'] } })}`;
  return `${text}.${createHmac('sha256', SECRET).update(text).digest('base64url')}`;
}

test('a token is renewed on its socket, which goes on', async () => {
  const reasons: string[] = [];
  const client = open({
    url: signed.url,
    getToken: ({ reason }) => {
      reasons.push(reason);
      return sign(reasons.length < 3 ? 3 : 3_600);
    },
  });
  const seen = witness(client);
  await client.connect();
  const [socket, ...others] = sockets;
  expect(others).toEqual([]);
  const end = Date.now() + 4_000;
  const expected: string[] = [];
  const publisher = open({ url: signed.url, getToken: () => sign(60) });
  while (Date.now() < end) {
    expected.push(`renewed-${expected.length}`);
    const data = { userId: 'ada' };
    await publisher.publish({ type: 'user.updated', data, eventId: expected.at(-1) });
    await seen.until(() => seen.ids.length === expected.length);
  }
  expect(seen.ids).toEqual(expected);
  expect(seen.states).toEqual(['connecting', 'connected']);
  expect(reasons).toEqual(['connect', 'expiring', 'expiring']);
  expect(socket?.readyState).toBe(WebSocket.OPEN);
});

test('a newer token of somebody else is refused, and the application is told', async () => {
  let asked = 0;
  const client = open({
    url: signed.url,
    getToken: () => ((asked += 1) === 1 ? sign(3) : sign(60, 'grace')),
  });
  const errors: any[] = [];
  client.on('error', (error) => errors.push(error));
  await client.connect();
  await expect
    .poll(() => errors.map(({ code }) => code), { timeout: 5_000 })
    .toEqual(['forbidden']);
});
