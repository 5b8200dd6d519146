import { afterEach, describe, expect, test } from 'vitest';
import { createRealtimeClient, type ClientOptions, type RealtimeClient } from '../../src/index.js';
import { createFakeHub, type FakeHub } from '../../src/testing/index.js';
import { pick, seeded } from '../random.js';
import { witness } from '../witness.js';

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

describe('the ladder', () => {
  test('a proxy that buffers every stream leads to polling, and its end leads back', async () => {
    const hub = createFakeHub();
    hub.mute();
    const { client, seen } = connect(hub);
    await hub.advance(3 * 12_000 + 3 * 12_000 + 5_000);
    expect(client.getState()).toMatchObject({ status: 'polling', transport: 'polling' });
    expect(client.getStats()).toMatchObject({ isPolling: true, fallbacks: 2 });
    emit(hub, '1', '2');
    await hub.advance(0);
    expect(seen.ids).toEqual(['1', '2']);
    // Probes meet the same proxy and change nothing.
    await hub.advance(120_000);
    expect(client.getState().transport).toBe('polling');
    hub.mute(false);
    emit(hub, '3');
    await hub.advance(180_000);
    expect(client.getState()).toMatchObject({ status: 'connected', transport: 'sse' });
    emit(hub, '4');
    await hub.advance(0);
    expect(seen.ids).toEqual(['1', '2', '3', '4']);
    expect(seen.gaps).toEqual([]);
    expect(hub.connections).toBe(1);
  });

  test('a proxy that cuts every three seconds is no place to stay, and nothing is lost or doubled', async () => {
    const hub = createFakeHub();
    const cutting = setIntervalOn(hub, 3_000, () => hub.drop());
    const { client, seen } = connect(hub, { transports: ['sse', 'polling'] });
    await hub.advance(0);
    const expected: string[] = [];
    for (let second = 0; second < 90; second += 1) {
      expected.push(String(second));
      emit(hub, String(second));
      await hub.advance(1_000);
    }
    expect(client.getState().transport).toBe('polling');
    cutting.stop();
    await hub.advance(240_000);
    expect(client.getState()).toMatchObject({ status: 'connected', transport: 'sse' });
    expect(seen.ids).toEqual(expected);
  });

  test('transports that the hub lacks are passed over at once', async () => {
    const hub = createFakeHub();
    hub.supports.sse = hub.supports.websocket = false;
    const { client } = connect(hub);
    await hub.advance(12_000);
    expect(client.getState()).toMatchObject({ status: 'polling' });
    hub.supports.poll = false;
    client.reconnect();
    await hub.advance(60_000);
    expect(client.getState().status).not.toBe('polling');
  });

  test('a hub with none of them ends in failed', async () => {
    const hub = createFakeHub();
    hub.supports.sse = hub.supports.poll = false;
    const { client } = connect(hub, { transports: ['sse', 'polling'] });
    await hub.advance(60_000);
    expect(client.getState()).toMatchObject({
      status: 'failed',
      error: { code: 'not-found', status: 404 },
    });
  });

  test('a hub that is down for long is found again on the best transport', async () => {
    const hub = createFakeHub();
    const { client, seen } = connect(hub);
    await hub.advance(0);
    hub.down();
    await hub.advance(10 * 60_000);
    emit(hub, '1');
    hub.down(false);
    await hub.advance(240_000);
    expect(client.getState()).toMatchObject({ status: 'connected', transport: 'sse' });
    expect(seen.ids).toEqual(['1']);
  });

  test('a hub that is switched off is polled meanwhile', async () => {
    const hub = createFakeHub();
    const { client } = connect(hub);
    await hub.advance(0);
    hub.refuse({
      status: 503,
      code: 'hub-disabled',
      path: '/api/sse/events',
      retryAfterSeconds: 30,
    });
    hub.goodbye({ reason: 'disabled', fallback: 'poll', retryMs: 30_000 });
    await hub.advance(2_000);
    expect(client.getState()).toMatchObject({ status: 'polling' });
    hub.refuse();
    await hub.advance(180_000);
    expect(client.getState()).toMatchObject({ status: 'connected' });
  });

  test('polling can be forbidden and forced', async () => {
    const hub = createFakeHub();
    const { client } = connect(hub, {
      transports: ['sse', 'polling'],
      enablePollingFallback: false,
    });
    hub.mute();
    await hub.advance(120_000);
    expect(client.getState().transport).toBe('sse');
    client.setPollingFallback('force');
    await hub.advance(1_000);
    expect(client.getState().status).toBe('polling');
    hub.mute(false);
    await hub.advance(300_000);
    expect(client.getState().status).toBe('polling');
    client.setPollingFallback(true);
    await hub.advance(60_000);
    expect(client.getState()).toMatchObject({ status: 'connected', transport: 'sse' });
    client.setPollingFallback('force');
    await hub.advance(1_000);
    client.setPollingFallback(false);
    await hub.advance(1_000);
    expect(client.getState()).toMatchObject({ status: 'connected', transport: 'sse' });
  });

  test('where no request may last, polls are short and at intervals', async () => {
    const hub = createFakeHub();
    let polls = 0;
    const { client, seen } = connect(hub, {
      transports: ['polling'],
      fetch: async (input, init) => {
        polls += 1;
        if (!String(input).includes('wait=25s')) return hub.fetch(input, init);
        await new Promise<void>((cut) => {
          hub.clock.setTimeout(() => cut(), 5_000);
        });
        return new Response('', { status: 504 });
      },
    });
    await hub.advance(6_000);
    const before = polls;
    await hub.advance(60_000);
    expect(polls - before).toBe(2);
    expect(client.getState().status).toBe('polling');
    emit(hub, '1');
    await hub.advance(31_000);
    expect(seen.ids).toEqual(['1']);
  });
});

/** Something that happens again and again on the hub's clock. */
function setIntervalOn(hub: FakeHub, ms: number, act: () => void) {
  let timer: unknown;
  const again = () => {
    timer = hub.clock.setTimeout(() => {
      act();
      again();
    }, ms);
  };
  again();
  return { stop: () => hub.clock.clearTimeout(timer) };
}

test('whatever networks and hubs do, each event comes once, in order, or its absence is said', async () => {
  const random = seeded();
  for (let walk = 0; walk < 25; walk += 1) {
    const where = `seed ${random.seed}, walk ${walk}`;
    const hub = createFakeHub();
    let tokens = 0;
    const { client, seen } = connect(hub, { random, getToken: () => `token-${(tokens += 1)}` });
    await hub.advance(0);
    const expected: string[] = [];
    let forgotten = 0;
    for (let step = 0; step < 60; step += 1) {
      const emitted = Math.floor(random() * 3);
      for (let one = 0; one < emitted; one += 1) {
        expected.push(`${walk}:${expected.length}`);
        emit(hub, expected.at(-1) as string);
      }
      const act = pick(random, [
        () => hub.drop(),
        () => hub.down(random() < 0.5),
        () => hub.mute(random() < 0.5),
        () => hub.goodbye({ reason: pick(random, ['drain', 'age']), retryMs: 500 }),
        () => hub.goodbye({ reason: 'disabled', fallback: 'poll' }),
        () => hub.expire(),
        () => hub.refuse({ status: pick(random, [429, 503, 502]), retryAfterSeconds: 2, times: 2 }),
        () => client.reconnect(),
        () => client.pause('test')(),
        () => (hub.supports.websocket = random() < 0.7),
        () => {},
        () => {},
      ]);
      act();
      if (random() < 0.02) {
        hub.forget();
        forgotten += 1;
      }
      await hub.advance(pick(random, [0, 50, 1_000, 5_000, 20_000]));
    }
    hub.down(false);
    hub.mute(false);
    hub.refuse();
    client.reconnect();
    await hub.advance(120_000);
    if (client.getState().status === 'failed') {
      await client.connect();
      await hub.advance(60_000);
    }
    expect(client.isConnected(), `${where} ${JSON.stringify(client.getState())}`).toBe(true);
    const rising = seen.events.map((event) => event.offset ?? 0);
    expect(rising, where).toEqual([...rising].sort((a, b) => a - b));
    expect(new Set(seen.ids).size, where).toBe(seen.ids.length);
    if (seen.gaps.length === 0) expect(seen.ids, where).toEqual(expected);
    else expect(forgotten, where).toBeGreaterThan(0);
    client.disconnect();
    await hub.advance(0);
    expect(hub.connections, where).toBe(0);
  }
}, 60_000);
