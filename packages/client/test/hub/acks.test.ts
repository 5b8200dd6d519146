import { createHmac } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import WebSocket from 'ws';
import { createRealtimeClient, type ClientOptions, type RealtimeClient } from '../../src/index.js';
import { startHub, type HubProcess } from '../hub-process.js';
import { witness, type Witness } from '../witness.js';

const SECRET = 'a secret of at least thirty-two bytes, for tests';
const TYPES = `
[types."notice.given"]
description = "Something that must not be missed."
persistence = "durable"
ack = true
[types."notice.given".versions.1.schema]
type = "object"
`;

let hub: HubProcess;
let registry: string;
const clients: RealtimeClient<any>[] = [];

beforeAll(async () => {
  registry = await mkdtemp(join(tmpdir(), 'radial-registry-'));
  await writeFile(join(registry, 'notices.toml'), TYPES);
  hub = await startHub(
    {},
    `
[hub]
tenants = ["acme"]
registry = "${registry}"
[acks]
redeliver_after = "200ms"
redeliver_at_most = "200ms"
[[auth.issuers]]
name = "app"
secret = "${SECRET}"
tenants = ["acme"]
`,
  );
});
afterAll(async () => {
  await hub?.remove();
  await rm(registry, { recursive: true, force: true });
});
afterEach(() => clients.splice(0).forEach((client) => client.disconnect()));

function sign(user: string): string {
  const encode = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const exp = Math.floor(Date.now() / 1000) + 3_600;
  const claims = { sub: user, exp, radial: { publish: ['*'] } };
  const text = `${encode({ alg: 'HS256', typ: 'JWT' })}.${encode(claims)}`;
  return `${text}.${createHmac('sha256', SECRET).update(text).digest('base64url')}`;
}

function open(user: string, options: ClientOptions<any>): RealtimeClient<any> {
  const client = createRealtimeClient<any>({
    url: hub.url,
    getToken: () => sign(user),
    backoff: { minMs: 50, maxMs: 200 },
    report: false,
    WebSocket: WebSocket as unknown as typeof globalThis.WebSocket,
    ...options,
  });
  clients.push(client);
  return client;
}

const give = (client: RealtimeClient<any>, eventId: string) =>
  client.publish({ type: 'notice.given', data: {}, eventId });
const count = (seen: Witness, id: string) => seen.ids.filter((each) => each === id).length;

test.each(['sse', 'websocket', 'polling'] as const)(
  'over %s an event comes again until it is acknowledged, and then no more',
  async (transport) => {
    const client = open(`manual-${transport}`, { transports: [transport], acks: 'manual' });
    const seen = witness(client);
    await client.connect();
    const [one, two] = [`${transport}-one`, `${transport}-two`];
    await give(client, one);
    await give(client, two);
    await seen.until(() => count(seen, one) > 2 && count(seen, two) > 2);
    client.ack(one);
    // Those that were under way have come by then.
    const before = count(seen, two);
    await seen.until(() => count(seen, two) > before + 2);
    const last = count(seen, one);
    const then = count(seen, two);
    await seen.until(() => count(seen, two) > then + 3);
    expect(count(seen, one)).toBe(last);
  },
);

test.each(['sse', 'websocket'] as const)(
  'over %s what was handled is acknowledged, and what failed comes again',
  async (transport) => {
    const client = open(`auto-${transport}`, {
      transports: [transport],
      onHandlerError: () => {},
    });
    const handled: string[] = [];
    let failures = 2;
    client.subscribe('notice.given', (event) => {
      if (event.eventId.endsWith('fails') && failures-- > 0) throw new Error('not yet');
      handled.push(event.eventId);
    });
    // After the handler, so that it looks at what that has done.
    const seen = witness(client);
    await client.connect();
    await give(client, `${transport}-works`);
    await give(client, `${transport}-fails`);
    await seen.until(() => handled.includes(`${transport}-fails`));
    expect(handled).toEqual([`${transport}-works`, `${transport}-fails`]);
    expect(count(seen, `${transport}-works`)).toBe(1);
    expect(count(seen, `${transport}-fails`)).toBe(3);
  },
);
