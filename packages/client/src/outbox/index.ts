/**
 * Publishes that survive being offline, a reload and the end of a tab: kept in the browser, sent in
 * order within each scope, each once by its `eventId`, by one tab at a time.
 */
import { newId } from '../settings.js';
import { bestStore, type OutboxItem, type OutboxStore } from './store.js';

export {
  indexedStore,
  localStore,
  memoryStore,
  type OutboxItem,
  type OutboxStore,
} from './store.js';

/** What becomes of an event that the hub refuses for good. */
export type ConflictDecision = 'drop' | 'retry' | { replace: Record<string, any> };

export interface OutboxOptions {
  /** Sends one event: a client, or anything that rejects with `retryable` set where it may be sent again. */
  client: { publish(event: any, options?: { retries?: number }): Promise<unknown> };
  /** Events of one scope are sent one after the other. Default: by their channel. */
  scope?: (event: Record<string, any>) => string;
  /** Names the queue; tabs with the same name share it. Use the user's id. Default `outbox`. */
  name?: string;
  store?: OutboxStore;
  /** Beyond it `publish` rejects with `outbox-full`. Default 1,000. */
  maxItems?: number;
  /** Default `drop`. */
  onConflict?: (item: OutboxItem, error: unknown) => ConflictDecision | Promise<ConflictDecision>;
  /** Between two tries, in milliseconds. Default 5,000. */
  retryMs?: number;
}

/** Frozen; the same object until something changes. */
export interface OutboxCounts {
  /** Events that wait to be sent. */
  readonly waiting: number;
  /** Events sent by this tab. */
  readonly sent: number;
  /** Events given up after a refusal. */
  readonly dropped: number;
}

export interface Outbox {
  /** Keeps the event, then sends it as soon as that works. Resolves with its id when it is kept. */
  publish(event: Record<string, any>): Promise<string>;
  /** Tries now, such as when the connection is back. Resolves when nothing more can be sent. */
  flush(): Promise<void>;
  counts(): OutboxCounts;
  /** Calls back after every change of the counts. Returns what stops it. */
  subscribe(callback: () => void): () => void;
  /** Stops sending. What waits is kept. */
  close(): void;
}

/** Creates an outbox; what was left by an earlier page is sent at once. */
export function createOutbox(options: OutboxOptions): Outbox {
  const { client, name = 'outbox', maxItems = 1_000, retryMs = 5_000 } = options;
  const scopeOf = options.scope ?? ((event) => String(event['channel'] ?? 'main'));
  const opening = options.store ? Promise.resolve(options.store) : bestStore(`radial:${name}`);
  const callbacks = new Set<() => void>();
  const locks = globalThis.navigator?.locks;
  const other =
    globalThis.BroadcastChannel && locks ? new BroadcastChannel(`radial:${name}`) : undefined;
  let counts: OutboxCounts = Object.freeze({ waiting: 0, sent: 0, dropped: 0 });
  let last = 0;
  let tail: Promise<unknown> = Promise.resolve();
  let running: Promise<void> | undefined;
  let again = false;
  let closed = false;
  let timer: ReturnType<typeof setTimeout> | undefined;

  function count(change: Partial<OutboxCounts>): void {
    counts = Object.freeze({ ...counts, ...change });
    callbacks.forEach((callback) => callback());
  }

  /** One use of the store at a time, so that no count is of an older moment than the one before. */
  function exclusive<T>(use: (store: OutboxStore) => Promise<T>): Promise<T> {
    const used = tail.then(() => opening).then(use);
    tail = used.catch(() => {});
    return used;
  }

  const recount = () => exclusive(async (store) => count({ waiting: (await store.all()).length }));

  /** Later than anything before it in this tab, and across reloads as far as clocks go. */
  const next = () => (last = Math.max(last + 0.001, Date.now()));

  async function publish(event: Record<string, any>): Promise<string> {
    const { eventId = newId() } = event as { eventId?: string };
    await exclusive(async (store) => {
      const waiting = (await store.all()).length;
      if (waiting >= maxItems) {
        throw Object.assign(new Error('The outbox is full.'), { code: 'outbox-full' });
      }
      await store.put({ at: next(), eventId, scope: scopeOf(event), event: { ...event, eventId } });
      count({ waiting: waiting + 1 });
    });
    other?.postMessage(null);
    void flush();
    return eventId;
  }

  function flush(): Promise<void> {
    clearTimeout(timer);
    again = true;
    return (running ??= (async () => {
      try {
        while (again && !closed) {
          again = false;
          // Only one tab sends; the others wait here and then find nothing left to do.
          await (locks ? locks.request(`radial:${name}:send`, sendAll) : sendAll());
        }
      } finally {
        running = undefined;
      }
    })());
  }

  async function sendAll(): Promise<void> {
    const store = await opening;
    const scopes = new Map<string, OutboxItem[]>();
    for (const item of (await store.all()).sort((a, b) => a.at - b.at)) {
      scopes.set(item.scope, [...(scopes.get(item.scope) ?? []), item]);
    }
    const done = await Promise.all([...scopes.values()].map((items) => sendScope(store, items)));
    if (done.includes(false) && !closed) timer = setTimeout(() => void flush(), retryMs);
  }

  /** Sends the items of one scope in order; false if one of them has to be sent again later. */
  async function sendScope(store: OutboxStore, items: OutboxItem[]): Promise<boolean> {
    for (const item of items) {
      if (closed) return true;
      try {
        await client.publish(item.event, { retries: 0 });
        count({ sent: counts.sent + 1 });
      } catch (error) {
        if ((error as { retryable?: boolean }).retryable !== false) return false;
        const decision = (await options.onConflict?.(item, error)) ?? 'drop';
        if (decision === 'retry') return false;
        if (typeof decision === 'object') {
          // Another content needs another id: the hub knows the old one by its content.
          const eventId = newId();
          await store.put({ ...item, eventId, event: { ...decision.replace, eventId } });
          again = true;
        } else count({ dropped: counts.dropped + 1 });
      }
      await store.remove(item.eventId);
      await recount();
      if (again) return true;
    }
    return true;
  }

  const online = () => void flush();
  globalThis.addEventListener?.('online', online);
  if (other) other.onmessage = () => void recount();
  void recount().then(flush, () => {});
  return {
    publish,
    flush,
    counts: () => counts,
    subscribe(callback) {
      callbacks.add(callback);
      return () => void callbacks.delete(callback);
    },
    close() {
      closed = true;
      clearTimeout(timer);
      globalThis.removeEventListener?.('online', online);
      other?.close();
      callbacks.clear();
    },
  };
}
