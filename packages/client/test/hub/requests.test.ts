/** What a client asks of an open stream: other filters, publishing, a newer token; with the real hub. */
import { createHmac } from 'node:crypto';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import WebSocket from 'ws';
import { createRealtimeClient, type ClientOptions, type RealtimeClient } from '../../src/index.js';
import { systemClock, type Clock } from '../../src/clock.js';
import { startHub, type HubProcess } from '../hub-process.js';
import { startProxy } from '../proxy.js';
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

test.each(['websocket', 'sse'] as const)(
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
    expect(seen.states).toEqual(['connecting', 'connected']);
    expect(client.cursor).toBe(seen.events.at(-1)?.cursor);
  },
);

test('several additions at once come one after the other, on an event stream too', async () => {
  const others = [channel(), channel(), channel()];
  const cursor = await place();
  const expected: string[][] = [];
  for (const other of others) expected.push(await publish(other, 0, 1_200));
  const client = open({ transports: ['sse'], channels: [channel()] });
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
});

test.each(['websocket', 'sse'] as const)(
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
      const url = transport === 'sse' ? proxy.url : hub.url;
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

test.each(['websocket', 'sse'] as const)(
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
    await seen.until(() => seen.ids.length > 0);
    expect(seen.ids).toEqual([after]);
    expect(seen.states).toEqual(['connecting', 'connected']);
  },
);

test('over polling an addition from an older place is told to be missing, and begins now', async () => {
  const [main, other] = [channel(), channel()];
  const cursor = await place();
  await publish(other, 0, 2);
  const client = open({ transports: ['polling'], channels: [main] });
  const seen = witness(client);
  await client.connect();
  client.subscribe('*', () => {}, { channels: other, startAt: { cursor } });
  await seen.until(() => seen.gaps.length === 1);
  expect(seen.gaps).toEqual([{ reason: 'transport', scope: 'all', from: cursor, to: null }]);
  await expect.poll(() => (client.inspect()['filter'] as any)?.channels).toContain(other);
  await client.ready();
  const [after] = await publish(other, 2, 1);
  await seen.until(() => seen.ids.includes(after as string));
});

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
