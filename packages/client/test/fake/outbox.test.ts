import { IDBFactory } from 'fake-indexeddb';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { RadialError } from '../../src/index.js';
import {
  createOutbox,
  indexedStore,
  localStore,
  memoryStore,
  type Outbox,
  type OutboxOptions,
  type OutboxStore,
} from '../../src/outbox/index.js';
import { bestStore } from '../../src/outbox/store.js';
import { createFakeLocks } from '../fake-browser.js';

const outboxes: Outbox[] = [];
afterEach(() => {
  outboxes.splice(0).forEach((outbox) => outbox.close());
  vi.unstubAllGlobals();
});

/** A hub that knows ids, and that can be away or refuse. */
function hub() {
  const taken: string[] = [];
  const seen = new Set<string>();
  const state = { away: false, refuse: new Set<string>(), attempts: 0 };
  const publish = async (event: any) => {
    state.attempts += 1;
    await Promise.resolve();
    if (state.away) throw new RadialError('unreachable', 'away');
    if (state.refuse.has(event.eventId))
      throw new RadialError('version-conflict', 'stale', { status: 409 });
    if (!seen.has(event.eventId)) taken.push(event.eventId);
    seen.add(event.eventId);
    return { eventId: event.eventId };
  };
  return { taken, state, client: { publish } };
}

function open(
  client: OutboxOptions['client'],
  store: OutboxStore,
  options: Partial<OutboxOptions> = {},
): Outbox {
  const outbox = createOutbox({ client, store, retryMs: 20, ...options });
  outboxes.push(outbox);
  return outbox;
}
const event = (eventId: string, channel = 'main') => ({ type: 'a.b', data: {}, eventId, channel });

class FakeStorage {
  readonly #items = new Map<string, string>();
  get length() {
    return this.#items.size;
  }
  key = (index: number) => [...this.#items.keys()][index] ?? null;
  getItem = (key: string) => this.#items.get(key) ?? null;
  setItem = (key: string, value: string) => void this.#items.set(key, value);
  removeItem = (key: string) => void this.#items.delete(key);
}

const STORES: [string, () => OutboxStore][] = [
  ['IndexedDB', () => indexedStore('box', new IDBFactory())],
  ['localStorage', () => localStore('box', new FakeStorage() as unknown as Storage)],
  ['memory', memoryStore],
];

describe.each(STORES)('kept in %s', (_, create) => {
  test('what was published offline is sent later, once and in order', async () => {
    const { taken, state, client } = hub();
    state.away = true;
    const outbox = open(client, create());
    for (const id of ['1', '2', '3']) await outbox.publish(event(id));
    expect(outbox.counts()).toMatchObject({ waiting: 3, sent: 0 });
    expect(taken).toEqual([]);
    state.away = false;
    await outbox.flush();
    expect(taken).toEqual(['1', '2', '3']);
    expect(outbox.counts()).toMatchObject({ waiting: 0, sent: 3 });
  });

  test('after a reload the next page sends what was left, with the same ids', async () => {
    const { taken, state, client } = hub();
    const store = create();
    state.away = true;
    const before = open(client, store);
    await before.publish(event('1'));
    await before.publish(event('2'));
    before.close();
    state.away = false;
    const after = open(client, store);
    await expect.poll(() => taken).toEqual(['1', '2']);
    await expect.poll(() => after.counts().waiting).toBe(0);
    expect(await store.all()).toEqual([]);
  });
});

test('a tab that died after the hub had the event costs no double', async () => {
  const { taken, client } = hub();
  const store = memoryStore();
  await client.publish(event('1'));
  await store.put({ at: 1, eventId: '1', scope: 'main', event: event('1') });
  await open(client, store).flush();
  expect(taken).toEqual(['1']);
  expect(await store.all()).toEqual([]);
});

test('one scope waits for its first event, another does not', async () => {
  const { taken, state, client } = hub();
  const outbox = open(client, memoryStore(), { onConflict: () => 'retry' });
  state.refuse.add('a-1');
  await outbox.publish(event('a-1', 'a'));
  await outbox.publish(event('a-2', 'a'));
  await outbox.publish(event('b-1', 'b'));
  await expect.poll(() => taken).toEqual(['b-1']);
  state.refuse.clear();
  await expect.poll(() => taken).toEqual(['b-1', 'a-1', 'a-2']);
});

test('a conflict is decided by the application, and what is dropped is counted', async () => {
  const { taken, state, client } = hub();
  const conflicts: string[] = [];
  state.refuse.add('drop').add('change');
  const outbox = open(client, memoryStore(), {
    onConflict: (item, error) => {
      conflicts.push(`${item.eventId} ${(error as RadialError).code}`);
      return item.eventId === 'change'
        ? { replace: { type: 'a.b', data: { changed: true } } }
        : 'drop';
    },
  });
  await outbox.publish(event('drop'));
  await outbox.publish(event('change'));
  await outbox.publish(event('last'));
  await expect.poll(() => taken.length).toBe(2);
  await expect.poll(() => outbox.counts()).toEqual({ waiting: 0, sent: 2, dropped: 1 });
  expect(conflicts).toEqual(['drop version-conflict', 'change version-conflict']);
  expect(taken[0]).not.toBe('change');
  expect(taken[1]).toBe('last');
});

test('a full outbox says so and keeps what it has', async () => {
  const { state, client } = hub();
  state.away = true;
  const outbox = open(client, memoryStore(), { maxItems: 2 });
  await outbox.publish(event('1'));
  await outbox.publish(event('2'));
  await expect(outbox.publish(event('3'))).rejects.toMatchObject({ code: 'outbox-full' });
  expect(outbox.counts().waiting).toBe(2);
});

test('a thousand events are kept unless the application says otherwise', async () => {
  const { state, client } = hub();
  state.away = true;
  const store = memoryStore();
  for (let at = 0; at < 999; at += 1) {
    const one = event(String(at));
    await store.put({ at, eventId: one.eventId, scope: 'main', event: one });
  }
  const outbox = open(client, store);
  await outbox.publish(event('last'));
  await expect(outbox.publish(event('more'))).rejects.toMatchObject({ code: 'outbox-full' });
  expect(outbox.counts().waiting).toBe(1_000);
});

test('events get ids of their own, also on pages without a secure context', async () => {
  const getRandomValues = crypto.getRandomValues.bind(crypto);
  vi.stubGlobal('crypto', { getRandomValues });
  const { taken, client } = hub();
  const outbox = open(client, memoryStore());
  const ids = [
    await outbox.publish({ type: 'a.b', data: {} }),
    await outbox.publish({ type: 'a.b', data: {} }),
  ];
  await expect.poll(() => taken).toEqual(ids);
  expect(new Set(ids).size).toBe(2);
});

test('of several tabs one sends, and the counts of all of them follow', async () => {
  vi.stubGlobal('navigator', { locks: createFakeLocks() });
  const { taken, state, client } = hub();
  const store = memoryStore();
  const tabs = Array.from({ length: 4 }, () => open(client, store));
  state.away = true;
  for (let index = 0; index < 8; index += 1) await tabs[index % 4]?.publish(event(String(index)));
  state.away = false;
  state.attempts = 0;
  await Promise.all(tabs.map((tab) => tab.flush()));
  expect(taken).toEqual(['0', '1', '2', '3', '4', '5', '6', '7']);
  expect(state.attempts).toBe(8);
  for (const tab of tabs) await expect.poll(() => tab.counts().waiting).toBe(0);
});

test('the best store that works is taken', async () => {
  vi.stubGlobal('indexedDB', {
    open: () => {
      throw new Error('forbidden');
    },
  });
  vi.stubGlobal('localStorage', new FakeStorage());
  const store = await bestStore('box');
  await store.put({ at: 1, eventId: '1', scope: 'main', event: {} });
  expect(localStorage.length).toBe(1);
  vi.stubGlobal('localStorage', undefined);
  const memory = await bestStore('box');
  expect(await memory.all()).toEqual([]);
});
