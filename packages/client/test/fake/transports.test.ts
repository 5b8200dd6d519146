import { afterEach, describe, expect, test } from 'vitest';
import {
  createRealtimeClient,
  type ClientOptions,
  type RealtimeClient,
  type TransportName,
} from '../../src/index.js';
import { createFakeHub, type FakeHub } from '../../src/testing/index.js';
import { witness } from '../witness.js';

const TRANSPORTS: TransportName[] = ['sse', 'websocket', 'polling'];
const clients: RealtimeClient<any>[] = [];
afterEach(() => clients.splice(0).forEach((client) => client.disconnect()));

function connect(hub: FakeHub, options: ClientOptions<any> = {}) {
  const client = createRealtimeClient<any>({ ...hub.options, report: false, ...options });
  clients.push(client);
  const seen = witness(client);
  void client.connect();
  return { client, seen };
}
const emit = (hub: FakeHub, ...ids: string[]) =>
  ids.forEach((eventId) => hub.emit({ type: 'a.b', eventId }));

describe.each(TRANSPORTS)('over %s', (transport) => {
  const options: ClientOptions<any> = { transports: [transport] };
  const open = transport === 'polling' ? 'polling' : 'connected';

  test('events come once and in order, across a break', async () => {
    const hub = createFakeHub();
    emit(hub, 'before');
    const { client, seen } = connect(hub, options);
    await hub.advance(0);
    expect(client.getState()).toMatchObject({ status: open, transport });
    emit(hub, '1', '2');
    await hub.advance(0);
    hub.down();
    await hub.advance(10_000);
    expect(client.getState().status).toBe('reconnecting');
    emit(hub, '3');
    hub.down(false);
    await hub.advance(30_000);
    emit(hub, '4');
    await hub.advance(100);
    expect(seen.ids).toEqual(['1', '2', '3', '4']);
    expect(seen.gaps).toEqual([]);
  });

  test('only what the connection asks for comes', async () => {
    const hub = createFakeHub();
    const { seen } = connect(hub, { ...options, channels: ['board:*'], types: ['card.*'] });
    await hub.advance(0);
    // The witness asks for every type, so the types of the connection are all of them.
    hub.emit({ type: 'card.moved', channel: 'board:1', eventId: 'yes' });
    hub.emit({ type: 'card.moved', channel: 'main', eventId: 'no' });
    await hub.advance(0);
    expect(seen.ids).toEqual(['yes']);
  });

  test('what is missing is said, and the stream goes on', async () => {
    const hub = createFakeHub();
    const { seen } = connect(hub, options);
    await hub.advance(0);
    emit(hub, '1');
    await hub.advance(0);
    hub.down();
    emit(hub, 'lost');
    hub.core.log.forget();
    await hub.advance(5_000);
    hub.down(false);
    await hub.advance(30_000);
    expect(seen.gaps).toMatchObject([{ reason: 'retention', scope: 'all' }]);
    hub.down();
    await hub.advance(0);
    hub.newEpoch();
    hub.down(false);
    await hub.advance(30_000);
    expect(seen.gaps).toMatchObject([{ reason: 'retention' }, { reason: 'epoch' }]);
    emit(hub, '2');
    await hub.advance(100);
    expect(seen.ids).toEqual(['1', '2']);
  });

  test('a new credential is asked for on every attempt, and a refused one replaced once', async () => {
    const hub = createFakeHub();
    const reasons: string[] = [];
    const { client, seen } = connect(hub, {
      ...options,
      getToken: ({ reason }) => {
        reasons.push(reason);
        return `token-${reasons.length}`;
      },
    });
    await hub.advance(0);
    expect(reasons).toEqual(['connect']);
    if (transport === 'polling') return;
    await hub.advance(31_000);
    hub.expire();
    await hub.advance(0);
    expect(client.getState().status).toBe('connected');
    expect(reasons).toEqual(['connect', 'rejected']);
    expect(seen.states).toEqual(['connecting', 'connected', 'reconnecting', 'connected']);
  });

  test('a credential that stays refused ends in failed, with the reason', async () => {
    const hub = createFakeHub();
    hub.refuse({ status: 401, code: 'unauthorized' });
    const asked: string[] = [];
    const { client } = connect(hub, {
      ...options,
      getToken: ({ reason }) => (asked.push(reason), 'bad'),
    });
    const ready = client.ready();
    await hub.advance(120_000);
    expect(client.getState()).toMatchObject({ status: 'failed', error: { code: 'unauthorized' } });
    await expect(ready).rejects.toMatchObject({ code: 'unauthorized' });
    expect(asked).toEqual(['connect', 'rejected']);
    expect(hub.clock.timers).toBe(0);
  });

  test('after disconnect nothing is left behind', async () => {
    const hub = createFakeHub();
    const { client } = connect(hub, options);
    await hub.advance(0);
    client.disconnect();
    await hub.advance(0);
    expect(hub.connections).toBe(0);
    expect(hub.clock.timers).toBe(0);
    expect(client.getState()).toMatchObject({ status: 'disconnected', transport: null });
  });
});

describe.each(['sse', 'websocket'] as const)('a stream over %s', (transport) => {
  const options: ClientOptions<any> = { transports: [transport] };

  test('is dead after a minute of silence, and replaced', async () => {
    const hub = createFakeHub();
    const { client, seen } = connect(hub, options);
    await hub.advance(0);
    hub.mute();
    emit(hub, '1');
    await hub.advance(59_000);
    expect(client.getState().status).toBe('connected');
    expect(client.getStats().quality).toBe('fair');
    hub.core.isMuted = false;
    await hub.advance(3_000);
    expect(seen.states).toEqual(['connecting', 'connected', 'reconnecting', 'connected']);
    expect(seen.ids).toEqual(['1']);
    expect(hub.opened).toBe(2);
  });

  test('lives as long as there are heartbeats', async () => {
    const hub = createFakeHub();
    const { client, seen } = connect(hub, options);
    await hub.advance(10 * 60_000);
    expect(hub.opened).toBe(1);
    expect(seen.states).toEqual(['connecting', 'connected']);
    expect(client.getStats()).toMatchObject({ quality: 'excellent', reconnects: 0 });
  });

  test('is judged by the beat of its hub, where that is slower than the limit', async () => {
    const hub = createFakeHub({ heartbeatMs: 50_000 });
    connect(hub, options);
    await hub.advance(51_000);
    hub.core.streams.forEach((stream) => stream.mute(true));
    await hub.advance(95_000);
    expect(hub.opened).toBe(1);
    await hub.advance(10_000);
    expect(hub.opened).toBe(2);
  });

  test('is given a round of grace after a sleep, because what arrived was not read yet', async () => {
    const hub = createFakeHub();
    const { client } = connect(hub, options);
    await hub.advance(0);
    await hub.clock.jump(3_600_000);
    await hub.advance(10_000);
    expect(client.getState().status).toBe('connected');
    expect(hub.opened).toBe(1);
    hub.core.streams.forEach((stream) => stream.mute(true));
    await hub.clock.jump(3_600_000);
    await hub.advance(10_000);
    expect(hub.opened).toBe(2);
  });

  test('is renewed before the credential is over, without losing the stream', async () => {
    const hub = createFakeHub();
    let asked = 0;
    connect(hub, { ...options, getToken: () => `token-${(asked += 1)}` });
    await hub.advance(0);
    hub.warnOfExpiry(60_000);
    await hub.advance(0);
    expect(hub.opened).toBe(1);
    expect([...hub.core.streams].map((stream) => stream.token)).toEqual(['token-2']);
  });

  test('obeys the farewells of the hub', async () => {
    const hub = createFakeHub();
    const { client, seen } = connect(hub, options);
    await hub.advance(0);
    for (const reason of ['drain', 'age', 'slow', 'drain', 'age']) {
      hub.goodbye({ reason, retryMs: 2_000 });
      await hub.advance(10);
      expect(client.getState()).toMatchObject({ status: 'reconnecting', transport });
      await hub.advance(5_000);
      expect(client.getState()).toMatchObject({ status: 'connected', attempt: 0 });
    }
    hub.goodbye({ reason: 'replaced' });
    await hub.advance(0);
    expect(client.getState()).toMatchObject({ status: 'failed', error: { code: 'replaced' } });
    expect(seen.states.at(-1)).toBe('failed');
  });

  test('passes on what the hub says of flags and polling', async () => {
    const hub = createFakeHub();
    const { client } = connect(hub, options);
    const configs: unknown[] = [];
    client.on('config', (config) => configs.push(config));
    await hub.advance(0);
    const config = { flags: { beta: true }, polling: { intervalMs: 10_000 } };
    hub.core.streams.forEach((stream) => stream.send('config', config));
    await hub.advance(0);
    expect(configs).toEqual([config]);
  });

  test('tells what was shed', async () => {
    const hub = createFakeHub();
    const { client } = connect(hub, options);
    const dropped: unknown[] = [];
    client.on('dropped', (what) => dropped.push(what));
    await hub.advance(0);
    hub.dropped({ count: 3, reason: 'lag' });
    await hub.advance(0);
    expect(dropped).toEqual([{ count: 3, reason: 'lag' }]);
    expect(client.getStats().dropped).toBe(3);
  });

  test('is not replaced by an attempt that it gave up itself', async () => {
    const hub = createFakeHub();
    const names: (string | null)[] = [];
    const note = (url: string) => names.push(new URL(url).searchParams.get('clientId'));
    class Socket extends hub.WebSocket {
      constructor(url: string | URL, protocol?: string | string[]) {
        super(url, protocol);
        note(String(url));
      }
    }
    const { client } = connect(hub, {
      ...options,
      WebSocket: Socket,
      fetch: (input, init) => {
        if (!init?.method) note(String(input));
        return hub.fetch(input, init);
      },
    });
    await hub.advance(0);
    hub.drop();
    await hub.advance(60_000);
    // The hub knows the first one, and this one takes its place.
    expect(new Set(names).size).toBe(1);
    hub.mute();
    client.reconnect();
    await hub.advance(0);
    client.reconnect();
    hub.mute(false);
    await hub.advance(60_000);
    expect(client.getState().status).toBe('connected');
    expect(names.at(-1)).not.toBe(names[0]);
  });

  test('gives a subscription what is older first, and once', async () => {
    const hub = createFakeHub();
    emit(hub, 'shown');
    hub.emit({ type: 'a.b', channel: 'board:1', eventId: '1' });
    hub.emit({ type: 'a.b', channel: 'board:1', eventId: '2' });
    const { client, seen } = connect(hub, { ...options, startAt: 'earliest' });
    await hub.advance(0);
    const older = witness(client, { channels: 'board:1', startAt: 'earliest' }, 'a.*');
    await hub.advance(0);
    hub.emit({ type: 'a.b', channel: 'board:1', eventId: '3' });
    await hub.advance(0);
    expect(seen.ids).toEqual(['shown', '3']);
    expect(older.ids).toEqual(['1', '2', '3']);
    expect(seen.gaps).toEqual([]);
    expect(hub.opened).toBe(1);
  });

  test('says what of the older it cannot have, where nothing can be read', async () => {
    const hub = createFakeHub();
    hub.supports.poll = false;
    const { client } = connect(hub, options);
    await hub.advance(0);
    hub.emit({ type: 'a.b', channel: 'board:1', eventId: '0' });
    const seen = witness(client, { channels: 'board:1', startAt: 'earliest' });
    await hub.advance(0);
    expect(seen.gaps).toEqual([{ reason: 'not-found', scope: 'all', from: null, to: null }]);
    hub.emit({ type: 'a.b', channel: 'board:1', eventId: '1' });
    await hub.advance(0);
    expect(seen.ids).toEqual(['1']);
  });

  test('reads on where it was when the hub was gone meanwhile', async () => {
    const hub = createFakeHub();
    const { client } = connect(hub, options);
    await hub.advance(0);
    hub.emit({ type: 'a.b', channel: 'board:1', eventId: '0' });
    hub.refuse({ path: '/api/poll', status: 503, code: 'busy', times: 2 });
    const seen = witness(client, { channels: 'board:1', startAt: 'earliest' });
    await hub.advance(0);
    hub.emit({ type: 'a.b', channel: 'board:1', eventId: '1' });
    await hub.advance(0);
    expect(seen.ids).toEqual([]);
    await hub.advance(30_000);
    expect(seen.ids).toEqual(['0', '1']);
    expect(seen.gaps).toEqual([]);
  });

  test('keeps no more than it can while it reads, and has all of it', async () => {
    const hub = createFakeHub();
    const { client } = connect(hub, { ...options, maxQueued: 20_000 });
    await hub.advance(0);
    hub.refuse({ path: '/api/poll', status: 503, code: 'busy', times: 1 });
    const seen = witness(client, { channels: 'board:1', startAt: 'earliest' });
    await hub.advance(0);
    const ids = Array.from({ length: 6_000 }, (_, id) => String(id));
    for (const eventId of ids) hub.emit({ type: 'a.b', channel: 'board:1', eventId });
    await hub.advance(0);
    expect(seen.ids).toEqual([]);
    await hub.advance(30_000);
    expect(seen.ids).toEqual(ids);
  });

  test('acknowledges and publishes where it can, and by a request where it cannot', async () => {
    const hub = createFakeHub();
    const paths: string[] = [];
    const acks: unknown[] = [];
    const { client, seen } = connect(hub, {
      ...options,
      sessionId: 'ada-1',
      fetch: (input, init) => {
        if (init?.method === 'POST') paths.push(new URL(String(input)).pathname);
        if (paths.at(-1) === '/api/sse/acks') acks.push(JSON.parse(String(init?.body)));
        return hub.fetch(input, init);
      },
    });
    await hub.advance(0);
    hub.emit({ type: 'a.b', eventId: '1', ack: true });
    void client.publish({ type: 'a.b', data: {}, eventId: '2' });
    await hub.advance(100);
    expect(hub.acks).toEqual(['1']);
    expect(acks).toEqual(transport === 'sse' ? [{ eventIds: ['1'], sessionId: 'ada-1' }] : []);
    expect(seen.ids).toEqual(['1', '2']);
    expect(paths).toEqual(transport === 'sse' ? ['/api/sse/events', '/api/sse/acks'] : []);
    client.disconnect();
    void client.publish({ type: 'a.b', data: {}, eventId: '3' });
    await hub.advance(0);
    expect(hub.published.map((event) => event['eventId'])).toEqual(['2', '3']);
    expect(paths.at(-1)).toBe('/api/sse/events');
  });

  test('is narrowed after a while, and not where what went comes back', async () => {
    const hub = createFakeHub();
    const { client } = connect(hub, options);
    await hub.advance(0);
    const add = () => client.subscribe('*', () => {}, { channels: 'board:1' });
    let stop = add();
    await hub.advance(0);
    const channels = () => [...hub.core.streams][0]?.filter.channels;
    for (let mount = 0; mount < 5; mount += 1) {
      stop();
      await hub.advance(9_000);
      expect(channels()).toEqual(['board:1', 'main']);
      stop = add();
      await hub.advance(9_000);
    }
    stop();
    await hub.advance(10_000);
    expect(channels()).toEqual(['main']);
    expect(hub.opened).toBe(1);
  });

  test('is widened in place where the hub can, and opened anew at its place where it cannot', async () => {
    const hub = createFakeHub();
    const { client, seen } = connect(hub, options);
    await hub.advance(0);
    client.subscribe('*', () => {}, { channels: 'board:1' });
    await hub.advance(0);
    hub.emit({ type: 'a.b', channel: 'board:1', eventId: '1' });
    await hub.advance(0);
    expect(hub.opened).toBe(1);
    hub.supports.subscriptions = false;
    client.subscribe('*', () => {}, { channels: 'board:2' });
    await hub.advance(0);
    hub.emit({ type: 'a.b', channel: 'board:2', eventId: '2' });
    await hub.advance(0);
    expect(hub.opened).toBe(transport === 'sse' ? 2 : 1);
    expect(seen.ids).toEqual(['1', '2']);
    expect(client.getState().status).toBe('connected');
  });
});

test('429 is obeyed: nothing is asked before the hub allows it', async () => {
  const hub = createFakeHub();
  hub.refuse({ status: 429, code: 'rate-limited', retryAfterSeconds: 20, times: 1 });
  const { client } = connect(hub);
  await hub.advance(19_000);
  expect(hub.tokens.length).toBe(1);
  expect(client.getState()).toMatchObject({
    status: 'reconnecting',
    transport: 'sse',
    error: { code: 'rate-limited' },
  });
  await hub.advance(6_000);
  expect(client.getState().status).toBe('connected');
});

test('a date in Retry-After is obeyed too, by the clock of who says it', async () => {
  const hub = createFakeHub();
  let asked = 0;
  const { client } = connect(hub, {
    transports: ['sse'],
    async fetch(input, init) {
      if ((asked += 1) > 1) return hub.fetch(input, init);
      const headers = {
        date: 'Sun, 22 Nov 2026 01:00:00 GMT',
        'retry-after': 'Sun, 22 Nov 2026 01:00:20 GMT',
      };
      return new Response('', { status: 503, headers });
    },
  });
  await hub.advance(19_000);
  expect(asked).toBe(1);
  await hub.advance(6_000);
  expect(client.getState().status).toBe('connected');
});

test('a body that is no event stream is no hub, and is tried again', async () => {
  const hub = createFakeHub();
  const { client } = connect(hub, {
    transports: ['sse'],
    fetch: async () => new Response('<html>', { headers: { 'content-type': 'text/html' } }),
  });
  await hub.advance(0);
  expect(client.getState()).toMatchObject({
    status: 'reconnecting',
    error: { code: 'wrong-answer' },
  });
});

test('a getToken that fails is asked again later; one that gives up ends the connection', async () => {
  const { RadialError } = await import('../../src/index.js');
  const hub = createFakeHub();
  let error: Error | undefined = new Error('offline');
  const { client } = connect(hub, {
    getToken: () => {
      if (error) throw error;
      return 'token';
    },
  });
  await hub.advance(10_000);
  expect(client.getState()).toMatchObject({ status: 'reconnecting', transport: 'sse' });
  error = undefined;
  await hub.advance(30_000);
  expect(client.getState().status).toBe('connected');
  error = new RadialError('unauthorized', 'signed out');
  client.reconnect();
  await hub.advance(0);
  expect(client.getState()).toMatchObject({ status: 'failed', error: { code: 'unauthorized' } });
});
