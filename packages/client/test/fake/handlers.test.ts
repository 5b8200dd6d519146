import { afterEach, describe, expect, test } from 'vitest';
import {
  createRealtimeClient,
  type ClientOptions,
  type HubEvent,
  type RealtimeClient,
} from '../../src/index.js';
import { createFakeHub, type FakeHub } from '../../src/testing/index.js';

const clients: RealtimeClient<any>[] = [];
afterEach(() => clients.splice(0).forEach((client) => client.disconnect()));

async function connect(options: ClientOptions<any> = {}, hub = createFakeHub()) {
  const client = createRealtimeClient<any>({ ...hub.options, report: false, ...options });
  clients.push(client);
  void client.connect();
  await hub.advance(0);
  return { hub, client };
}
const emit = (hub: FakeHub, type: string, ...ids: string[]) =>
  ids.forEach((eventId) => hub.emit({ type, eventId }));

/** A promise that the test fulfils. */
function gate() {
  let open = () => {};
  const promise = new Promise<void>((resolve) => (open = resolve));
  return { promise, open };
}

describe('handlers', () => {
  test('async handlers of one type run in order, those of another do not wait', async () => {
    const { hub, client } = await connect();
    const log: string[] = [];
    const gates = [gate(), gate()];
    client.subscribe('slow.*', async (event) => {
      log.push(`begin ${event.eventId}`);
      await gates[log.length > 1 ? 1 : 0]?.promise;
      log.push(`end ${event.eventId}`);
    });
    client.subscribe('quick', (event) => log.push(event.eventId));
    emit(hub, 'slow.one', '1', '2');
    emit(hub, 'quick', '3');
    await hub.advance(0);
    expect(log).toEqual(['begin 1', '3']);
    expect(client.getStats().queued).toBe(2);
    gates.forEach(({ open }) => open());
    await hub.advance(0);
    expect(log).toEqual(['begin 1', '3', 'end 1', 'begin 2', 'end 2']);
    expect(client.getStats().queued).toBe(0);
  });

  test('a failure is reported with its event, and stops nothing else', async () => {
    const failures: [string, string][] = [];
    const { hub, client } = await connect({
      onHandlerError: (error, event) => failures.push([(error as Error).message, event.eventId]),
    });
    const seen: string[] = [];
    client.subscribe('*', () => {
      throw new Error('at once');
    });
    client.subscribe('*', async () => {
      throw new Error('later');
    });
    client.subscribe('*', (event) => seen.push(event.eventId));
    emit(hub, 'a.b', '1', '2');
    await hub.advance(0);
    expect(seen).toEqual(['1', '2']);
    expect(failures.sort()).toEqual([
      ['at once', '1'],
      ['at once', '2'],
      ['later', '1'],
      ['later', '2'],
    ]);
    expect(client.getStats().handlerErrors).toBe(4);
  });

  test('one that is too slow for too long loses what waits, and is told by a gap', async () => {
    const { hub, client } = await connect({ maxQueued: 10 });
    const gaps: unknown[] = [];
    client.on('gap', (gap) => gaps.push(gap));
    const seen: string[] = [];
    const first = gate();
    client.subscribe('*', async (event) => {
      await first.promise;
      seen.push(event.eventId);
    });
    emit(hub, 'a.b', ...Array.from({ length: 15 }, (_, index) => String(index)));
    await hub.advance(0);
    expect(gaps).toMatchObject([{ reason: 'overflow', scope: 'all' }]);
    first.open();
    await hub.advance(0);
    expect(seen).toEqual(['0', '10', '11', '12', '13', '14']);
  });

  test('lists come every 50 ms, and at the latest when they are full', async () => {
    const { hub, client } = await connect();
    const lists: string[][] = [];
    client.subscribe('*', (events) => lists.push(events.map((event: HubEvent) => event.eventId)), {
      batch: { maxSize: 3 },
    });
    emit(hub, 'a.b', '1', '2');
    await hub.advance(49);
    expect(lists).toEqual([]);
    await hub.advance(1);
    expect(lists).toEqual([['1', '2']]);
    emit(hub, 'a.b', '3', '4', '5', '6');
    await hub.advance(0);
    expect(lists).toEqual([
      ['1', '2'],
      ['3', '4', '5'],
    ]);
    await hub.advance(50);
    expect(lists.at(-1)).toEqual(['6']);
  });

  test('an async handler of lists gets the next list when it has finished', async () => {
    const { hub, client } = await connect();
    const first = gate();
    const log: string[] = [];
    client.subscribe(
      '*',
      async (events) => {
        log.push(`begin ${events.length}`);
        await first.promise;
        log.push(`end ${events.length}`);
      },
      { batch: true },
    );
    emit(hub, 'a.b', '1');
    await hub.advance(50);
    emit(hub, 'a.b', '2', '3');
    await hub.advance(100);
    expect(log).toEqual(['begin 1']);
    first.open();
    await hub.advance(100);
    expect(log).toEqual(['begin 1', 'end 1', 'begin 2', 'end 2']);
  });

  test('a schema transforms, drops or lets pass, and says what it dropped', async () => {
    const number = {
      '~standard': {
        version: 1 as const,
        vendor: 'test',
        validate: (value: any) =>
          typeof value.n === 'string'
            ? { value: { n: Number(value.n) } }
            : { issues: [{ message: 'n is no text' }] },
      },
    };
    const errors: unknown[] = [];
    const options = {
      schemas: { 'a.b': number },
      onHandlerError: (error: unknown) => errors.push(error),
    };
    for (const onInvalid of ['drop', 'pass'] as const) {
      const { hub, client } = await connect({ ...options, onInvalid });
      const seen: unknown[] = [];
      client.subscribe('*', (event) => seen.push(event.data));
      hub.emit({ type: 'a.b', data: { n: '7' } });
      hub.emit({ type: 'a.b', data: { n: 8 } });
      hub.emit({ type: 'other', data: { n: 9 } });
      await hub.advance(0);
      expect(seen).toEqual(
        onInvalid === 'drop' ? [{ n: 7 }, { n: 9 }] : [{ n: 7 }, { n: 8 }, { n: 9 }],
      );
    }
    expect(errors).toMatchObject([{ code: 'invalid-event' }, { code: 'invalid-event' }]);
  });

  test('a schema that takes its time keeps the order', async () => {
    const first = gate();
    const slow = {
      '~standard': {
        version: 1 as const,
        vendor: 'test',
        validate: (value: any) => first.promise.then(() => ({ value })),
      },
    };
    const { hub, client } = await connect({ schemas: { 'a.b': slow } });
    const seen: string[] = [];
    client.subscribe('*', (event) => seen.push(event.eventId));
    emit(hub, 'a.b', '1', '2');
    await hub.advance(0);
    expect(seen).toEqual([]);
    first.open();
    await hub.advance(0);
    expect(seen).toEqual(['1', '2']);
  });

  test('lists are as long with a schema that takes its time', async () => {
    const slow = {
      '~standard': {
        version: 1 as const,
        vendor: 'test',
        validate: async (value: any) => ({ value }),
      },
    };
    const { hub, client } = await connect({ schemas: { 'a.b': slow } });
    const lists: string[][] = [];
    client.subscribe('*', (events) => lists.push(events.map((event) => event.eventId)), {
      batch: true,
    });
    emit(hub, 'a.b', '1', '2', '3');
    await hub.advance(100);
    expect(lists).toEqual([['1', '2', '3']]);
  });

  test('unsubscribing works by the function, by name, and by a signal', async () => {
    const { hub, client } = await connect();
    const seen: string[] = [];
    const stop = client.subscribe('*', () => seen.push('function'));
    const named = () => seen.push('name');
    client.subscribe('a.b', named);
    const controller = new AbortController();
    client.subscribe('*', () => seen.push('signal'), { signal: controller.signal });
    emit(hub, 'a.b', '1');
    await hub.advance(0);
    stop();
    client.unsubscribe('a.b', named);
    controller.abort();
    emit(hub, 'a.b', '2');
    await hub.advance(0);
    expect(seen).toEqual(['function', 'name', 'signal']);
  });

  test('ten thousand subscriptions that come and go leave nothing behind', async () => {
    const { hub, client } = await connect();
    const timers = hub.clock.timers;
    const before = client.inspect();
    const { signal } = new AbortController();
    for (let round = 0; round < 10_000; round += 1) {
      const stop = client.subscribe('a.*', () => {}, {
        channels: 'main',
        signal,
        batch: round % 2 === 0,
      });
      const off = client.on('state', () => {});
      if (round % 1_000 === 0) emit(hub, 'a.b', String(round));
      stop();
      off();
    }
    await hub.advance(0);
    const after = client.inspect();
    expect(after['subscriptions']).toBe(before['subscriptions']);
    expect(after['listeners']).toBe(before['listeners']);
    expect(hub.clock.timers).toBe(timers);
    expect(client.getStats().queued).toBe(0);
  });
});

describe('acknowledgements', () => {
  test('an event is acknowledged when its handlers have succeeded, and not before', async () => {
    const { hub, client } = await connect({ onHandlerError: () => {} });
    const slow = gate();
    client.subscribe('a.slow', () => slow.promise);
    client.subscribe('a.bad', () => {
      throw new Error('no');
    });
    hub.emit({ type: 'a.good', eventId: 'good', ack: true });
    hub.emit({ type: 'a.slow', eventId: 'slow', ack: true });
    hub.emit({ type: 'a.bad', eventId: 'bad', ack: true });
    hub.emit({ type: 'a.good', eventId: 'none' });
    await hub.advance(100);
    expect(hub.acks).toEqual(['good']);
    slow.open();
    await hub.advance(100);
    expect(hub.acks).toEqual(['good', 'slow']);
  });

  test('what comes again is handled once more only if it was not handled', async () => {
    const { hub, client } = await connect({ onHandlerError: () => {} });
    const seen: string[] = [];
    let fails = true;
    client.subscribe('*', (event) => {
      seen.push(event.eventId);
      if (event.eventId === 'bad' && fails) throw new Error('no');
    });
    const good = hub.emit({ type: 'a.b', eventId: 'good', ack: true });
    const bad = hub.emit({ type: 'a.b', eventId: 'bad', ack: true });
    await hub.advance(100);
    fails = false;
    hub.redeliver(good);
    hub.redeliver(bad);
    await hub.advance(100);
    expect(seen).toEqual(['good', 'bad', 'bad']);
    expect(hub.acks).toEqual(['good', 'good', 'bad']);
  });

  test('by hand, only what the application acknowledges', async () => {
    const { hub, client } = await connect({ acks: 'manual' });
    hub.emit({ type: 'a.b', eventId: '1', ack: true });
    await hub.advance(100);
    expect(hub.acks).toEqual([]);
    client.ack('1');
    await hub.advance(100);
    expect(hub.acks).toEqual(['1']);
  });
});

describe('reports', () => {
  test('say what happened, at most once a minute', async () => {
    const { hub, client } = await connect({ report: true, onHandlerError: () => {} });
    client.subscribe('*', () => {
      throw new Error('no');
    });
    const reports = () => hub.published.filter((event) => event['eventType'] === 'client.report');
    emit(hub, 'a.b', '1', '2');
    hub.gap();
    await hub.advance(2_000);
    expect(reports()).toMatchObject([{ eventData: { handlerErrors: 2, gaps: 1, overflows: 0 } }]);
    emit(hub, 'a.b', '3');
    await hub.advance(30_000);
    expect(reports().length).toBe(1);
    await hub.advance(31_000);
    expect(reports().length).toBe(2);
  });
});
