import { createHash, createHmac } from 'node:crypto';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { createRealtimeClient, type ClientOptions, type RealtimeClient } from '../../src/index.js';
import { createServerEmitter } from '../../src/server/index.js';
import { startHub, type HubProcess } from '../hub-process.js';
import { witness } from '../witness.js';

const SECRET = 'a secret of at least thirty-two bytes, for tests';
/** The example of the hub's own tests: the form has a checksum. */
const API_KEY = 'rk_0w3ge1r70w3ge_144gj289144gj289144gj289144gj289144gj289144gj289144gpcvzxa';
const CONFIG = `
[hub]
tenants = ["acme"]
[stream]
heartbeat = "200ms"
[auth]
clock_skew = "0ms"
[[auth.issuers]]
name = "app"
secret = "${SECRET}"
tenants = ["acme"]
[[auth.keys]]
id = "0w3ge1r70w3ge"
hash = "sha256:${createHash('sha256').update(API_KEY).digest('hex')}"
tenants = ["acme"]
publish = ["*"]
subscribe = ["*"]
`;

let hub: HubProcess;
const clients: RealtimeClient<any>[] = [];
beforeAll(async () => {
  hub = await startHub({}, CONFIG);
});
afterAll(() => hub?.remove());
afterEach(() => clients.splice(0).forEach((client) => client.disconnect()));

/** A token of a user, as an application would sign it. */
function sign(seconds: number): string {
  const encode = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const exp = Math.floor(Date.now() / 1000) + seconds;
  const text = `${encode({ alg: 'HS256', typ: 'JWT' })}.${encode({ sub: 'ada', exp, radial: { publish: ['user.*'] } })}`;
  return `${text}.${createHmac('sha256', SECRET).update(text).digest('base64url')}`;
}

function open(options: ClientOptions<any>): RealtimeClient<any> {
  const client = createRealtimeClient<any>({
    url: hub.url,
    backoff: { minMs: 50, maxMs: 200 },
    report: false,
    ...options,
  });
  clients.push(client);
  return client;
}

test.each(['sse', 'polling'] as const)(
  'a token opens %s and publishes, and its end costs no event',
  async (transport) => {
    const reasons: string[] = [];
    const client = open({
      transports: [transport],
      provedAfter: 200,
      getToken: ({ reason }) => {
        reasons.push(reason);
        return sign(3);
      },
    });
    const seen = witness(client);
    await client.connect();
    const expected: string[] = [];
    const end = Date.now() + 7_000;
    while (Date.now() < end) {
      expected.push(`${transport}-${expected.length}`);
      await client.publish({
        type: 'user.updated',
        data: { userId: 'ada' },
        eventId: expected.at(-1),
      });
      await seen.until(() => seen.ids.length === expected.length);
    }
    expect(seen.ids).toEqual(expected);
    expect(seen.gaps).toEqual([]);
    expect(client.isConnected()).toBe(true);
    expect(reasons.filter((reason) => reason !== 'publish').length).toBeGreaterThan(1);
  },
);

test('without a credential, or with a bad one, the client has failed and says so', async () => {
  await expect(open({ transports: ['sse'] }).connect()).rejects.toMatchObject({
    code: 'unauthorized',
    status: 401,
  });
  const asked: string[] = [];
  const client = open({
    transports: ['polling'],
    getToken: ({ reason }) => (asked.push(reason), `${sign(60)}x`),
  });
  await expect(client.connect()).rejects.toMatchObject({ code: 'unauthorized', status: 401 });
  expect(asked).toEqual(['connect', 'rejected']);
});

test('what a token does not grant is refused for good', async () => {
  const client = open({ getToken: () => sign(60), channels: ['secret:1'] });
  await expect(client.connect()).rejects.toMatchObject({ code: 'forbidden', status: 403 });
  const publisher = open({ getToken: () => sign(60) });
  const refused = publisher.publish({ type: 'card.deleted', data: { cardId: 'c' } });
  await expect(refused).rejects.toMatchObject({ code: 'forbidden', status: 403 });
});

test('an EventSource of the browser gets in with a ticket', async () => {
  const tickets: string[] = [];
  class FakeEventSource extends EventTarget {
    onmessage = null;
    onerror: (() => void) | null = null;
    constructor(url: string) {
      super();
      tickets.push(new URL(url).searchParams.get('ticket') ?? '');
    }
    close(): void {}
  }
  const EventSource = FakeEventSource as unknown as typeof globalThis.EventSource;
  const client = open({
    transports: ['sse'],
    nativeEventSource: true,
    EventSource,
    getToken: () => sign(60),
  });
  client.connect().catch(() => {});
  await expect.poll(() => tickets[0]).toMatch(/^rt_/);
});

test('a server emits with its key, and a user sees it', async () => {
  const emitter = createServerEmitter<any>({ url: hub.url, apiKey: API_KEY });
  const client = open({ getToken: () => sign(60) });
  const seen = witness(client);
  await client.connect();
  await emitter.emit('acme', {
    type: 'activity:new',
    data: { id: 'a', description: 'did it' },
    eventId: 'from-server',
  });
  await seen.until(() => seen.ids.length === 1);
  expect(seen.ids).toEqual(['from-server']);
  await emitter.close();
});
