/** What a client asks of an open stream: other filters, publishing, a newer token; with the real hub. */
import { createHmac } from 'node:crypto';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import WebSocket from 'ws';
import { createRealtimeClient, type ClientOptions, type RealtimeClient } from '../../src/index.js';
import { systemClock, type Clock } from '../../src/clock.js';
import { startHub, type HubProcess } from '../hub-process.js';
import { seeded } from '../random.js';
import { witness } from '../witness.js';
import { logOf } from './log.js';

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

let channels = 0;
const channel = () => `socket:${(channels += 1)}`;

const { publish } = logOf(() => hub.url);

test.each(['websocket', 'sse', 'polling'] as const)(
  'over %s what nobody wants any more is taken away, and what comes back is shown again',
  async (transport) => {
    const [main, other] = [channel(), channel()];
    // The wait before a filter gets narrower, without the waiting.
    const clock: Clock = {
      ...systemClock,
      setTimeout: (fire, ms) => systemClock.setTimeout(() => fire(), ms === 10_000 ? 0 : ms),
    };
    const client = open({ transports: [transport], channels: [main], clock });
    const seen = witness(client);
    await client.connect();
    const filter = () => (client.inspect()['filter'] as any)?.channels;
    const stop = client.subscribe('user.*', () => {}, { channels: other });
    await expect.poll(filter).toContain(other);
    stop();
    await expect.poll(filter).toEqual([main]);
    await client.ready();
    const [hidden] = await publish(other, 0, 1);
    const [shown] = await publish(main, 0, 1);
    await seen.until(() => seen.ids.includes(shown as string));
    expect(seen.ids).not.toContain(hidden);
    client.subscribe('user.*', () => {}, { channels: other });
    await expect.poll(filter).toContain(other);
    await client.ready();
    const [again] = await publish(other, 1, 1);
    await seen.until(() => seen.ids.includes(again as string));
    expect(seen.ids).toEqual([shown, again]);
    expect(seen.gaps).toEqual([]);
  },
);

test('what is published goes over the socket, in order, and a refusal says what the hub said', async () => {
  const to = channel();
  let requests = 0;
  const client = open({
    channels: [to],
    fetch: (input, init) => ((requests += 1), fetch(input, init)),
  });
  const seen = witness(client);
  await client.connect();
  const event = (n: number) => ({
    type: 'user.updated',
    data: { userId: 'u' },
    channel: to,
    eventId: `${to}-${n}`,
  });
  const answers = await Promise.all(Array.from({ length: 50 }, (_, n) => client.publish(event(n))));
  expect(answers[7]).toMatchObject({
    eventId: `${to}-7`,
    duplicate: false,
    persistence: 'durable',
  });
  await expect(client.publish({ type: 'no.such', data: {} })).rejects.toMatchObject({
    code: 'unknown-event-type',
    status: 422,
    retryable: false,
  });
  await seen.until(() => seen.ids.length === 50);
  expect(seen.ids).toEqual(Array.from({ length: 50 }, (_, n) => `${to}-${n}`));
  expect(requests).toBe(0);
});

test('what was published on a socket that breaks is published by a request, and is there once', async () => {
  const random = seeded();
  const to = channel();
  const client = open({ channels: [to] });
  const seen = witness(client);
  await client.connect();
  const expected: string[] = [];
  for (let round = 0; round < 30; round += 1) {
    const eventId = `${to}-${round}`;
    expected.push(eventId);
    const data = { userId: 'u' };
    const answer = client.publish({ type: 'user.updated', data, channel: to, eventId });
    if (random() < 0.5) sockets.at(-1)?.terminate();
    expect(await answer, `seed ${random.seed}`).toMatchObject({ eventId });
  }
  await seen.until(() => seen.ids.length >= expected.length, `seed ${random.seed}`);
  expect(seen.ids).toEqual(expected);
});

test('a client that names its tenant takes no socket, which could not say it', async () => {
  const client = open({ transports: ['websocket', 'sse'], tenant: 'dev' });
  await client.connect();
  expect(client.getState().transport).toBe('sse');
  expect(sockets).toEqual([]);
});

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
