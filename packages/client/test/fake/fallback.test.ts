import { afterEach, expect, test, vi } from 'vitest';
import { createRealtimeClient, type ClientOptions, type RealtimeClient } from '../../src/index.js';
import { createFakeHub } from '../../src/testing/index.js';

const clients: RealtimeClient<any>[] = [];
afterEach(() => {
  clients.splice(0).forEach((client) => client.disconnect());
  vi.unstubAllGlobals();
});

const registry = [
  { name: 'ui.themeChanged', policy: { fallback: 'localStorage' } },
  { name: 'card.moved', policy: { fallback: { kind: 'invalidate', keys: [['cards']] } } },
  { name: 'test:event', policy: { fallback: 'none' } },
];

function storage() {
  const items = new Map<string, string>();
  return {
    items,
    getItem: (key: string) => items.get(key) ?? null,
    setItem: (key: string, value: string) => void items.set(key, value),
  };
}

async function open(hub: ReturnType<typeof createFakeHub>, options: ClientOptions<any>) {
  const client = createRealtimeClient<any>({
    ...hub.options,
    report: false,
    userId: 'ada',
    ...options,
  });
  clients.push(client);
  const seen: any[] = [];
  client.subscribe('*', (event) => seen.push(event));
  void client.connect();
  await hub.advance(0);
  return { client, seen };
}

test('the newest value is kept, and shown by the next page while there is no stream', async () => {
  const hub = createFakeHub({ registry });
  const kept = storage();
  const first = await open(hub, { fallback: { storage: kept } });
  hub.emit({ type: 'ui.themeChanged', data: { theme: 'light' } });
  hub.emit({ type: 'test:event', data: { n: 1 } });
  hub.emit({ type: 'ui.themeChanged', data: { theme: 'dark' } });
  await hub.advance(0);
  first.client.disconnect();
  hub.down();
  const second = await open(hub, { fallback: { storage: kept } });
  expect(second.seen).toMatchObject([
    { type: 'ui.themeChanged', data: { theme: 'dark' }, restored: true },
  ]);
  const stranger = await open(hub, { fallback: { storage: kept }, userId: 'ben' });
  expect(stranger.seen).toEqual([]);
});

test('what is published without a stream is kept too', async () => {
  const hub = createFakeHub({ registry });
  const kept = storage();
  const fallback = { storage: kept, policies: { 'ui.themeChanged': 'localStorage' } as const };
  hub.down();
  const { client } = await open(hub, { fallback });
  client
    .publish({ type: 'ui.themeChanged', data: { theme: 'blue' } }, { retries: 0 })
    .catch(() => {});
  await hub.advance(0);
  const next = await open(hub, { fallback });
  expect(next.seen).toMatchObject([
    { type: 'ui.themeChanged', data: { theme: 'blue' }, restored: true },
  ]);
});

test('a value that another tab keeps is shown while there is no stream', async () => {
  const page = new EventTarget();
  vi.stubGlobal('window', page);
  const hub = createFakeHub({ registry });
  const kept = storage();
  const policies = { 'ui.themeChanged': 'localStorage' } as const;
  hub.down();
  const fallback = { storage: kept, policies };
  const { seen } = await open(hub, { fallback });
  const other = await open(hub, { fallback });
  other.client
    .publish({ type: 'ui.themeChanged', data: { theme: 'red' } }, { retries: 0 })
    .catch(() => {});
  await hub.advance(0);
  const key = [...kept.items.keys()].find((name) => name.endsWith('ui.themeChanged'));
  page.dispatchEvent(Object.assign(new Event('storage'), { key }));
  expect(seen).toMatchObject([{ type: 'ui.themeChanged', data: { theme: 'red' }, restored: true }]);
});

test('queries are invalidated while there is no stream, and after a gap', async () => {
  const hub = createFakeHub({ registry });
  const invalidated: unknown[] = [];
  const fallback = {
    storage: storage(),
    onInvalidate: (keys: unknown, cause: unknown) => invalidated.push([keys, cause]),
  };
  await open(hub, { fallback, transports: ['sse'] });
  await hub.advance(120_000);
  expect(invalidated).toEqual([]);
  hub.gap({ scope: 'all', reason: 'retention' });
  await hub.advance(0);
  expect(invalidated).toEqual([[[['cards']], { type: 'card.moved', reason: 'gap' }]]);
  hub.down();
  await hub.advance(61_000);
  expect(invalidated.slice(1)).toEqual([
    [[['cards']], { type: 'card.moved', reason: 'offline' }],
    [[['cards']], { type: 'card.moved', reason: 'offline' }],
  ]);
  hub.down(false);
  await hub.advance(60_000);
  const before = invalidated.length;
  await hub.advance(120_000);
  expect(invalidated.length).toBe(before);
});
