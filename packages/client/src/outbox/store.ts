/** Where an outbox keeps its items: IndexedDB, else localStorage, else memory. */

/** One publish that waits for its turn. */
export interface OutboxItem {
  /** The order in which items were put in, across reloads. */
  at: number;
  eventId: string;
  scope: string;
  event: Record<string, any>;
}

/** Keeps items. All tabs of a browser see the same ones, unless they are only in memory. */
export interface OutboxStore {
  all(): Promise<OutboxItem[]>;
  put(item: OutboxItem): Promise<void>;
  remove(eventId: string): Promise<void>;
}

export function memoryStore(): OutboxStore {
  const items = new Map<string, OutboxItem>();
  return {
    all: async () => [...items.values()],
    put: async (item) => void items.set(item.eventId, item),
    remove: async (eventId) => void items.delete(eventId),
  };
}

/** Each item under a key of its own, so that two tabs cannot overwrite each other. */
export function localStore(name: string, storage: Storage = localStorage): OutboxStore {
  const prefix = `${name}:`;
  return {
    async all() {
      const keys = Array.from({ length: storage.length }, (_, index) => storage.key(index) ?? '');
      const texts = keys.filter((key) => key.startsWith(prefix)).map((key) => storage.getItem(key));
      return texts.filter((text) => text !== null).map((text) => JSON.parse(text));
    },
    put: async (item) => storage.setItem(prefix + item.eventId, JSON.stringify(item)),
    remove: async (eventId) => storage.removeItem(prefix + eventId),
  };
}

const STORE = 'items';

/** Rejects at the first use where the browser forbids it, as in some private windows. */
export function indexedStore(name: string, factory: IDBFactory = indexedDB): OutboxStore {
  let opening: Promise<IDBDatabase> | undefined;
  const open = () =>
    (opening ??= new Promise((resolve, reject) => {
      const request = factory.open(name, 1);
      request.onupgradeneeded = () =>
        request.result.createObjectStore(STORE, { keyPath: 'eventId' });
      request.onsuccess = () => resolve(request.result);
      request.onerror = () => reject(request.error);
    }));
  async function run<T>(
    mode: IDBTransactionMode,
    act: (store: IDBObjectStore) => IDBRequest<T>,
  ): Promise<T> {
    const transaction = (await open()).transaction(STORE, mode);
    const request = act(transaction.objectStore(STORE));
    return new Promise((resolve, reject) => {
      transaction.oncomplete = () => resolve(request.result);
      transaction.onabort = transaction.onerror = () => reject(transaction.error);
    });
  }
  return {
    all: () => run('readonly', (store) => store.getAll()),
    put: async (item) => void (await run('readwrite', (store) => store.put(item))),
    remove: (eventId) => run('readwrite', (store) => store.delete(eventId)),
  };
}

/** The best store that works here. */
export async function bestStore(name: string): Promise<OutboxStore> {
  for (const create of [indexedStore, localStore]) {
    try {
      const store = create(name);
      await store.all();
      return store;
    } catch {
      // The next one may work.
    }
  }
  return memoryStore();
}
