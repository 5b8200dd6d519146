/**
 * What the registry says that a client does for a type while it has no stream: keep the newest
 * value in the browser, or have the application's queries read again. Loaded on demand.
 */
import { createTimer, type Timer } from './clock.js';
import type { HubEvent } from './events.js';
import { pollingIntervalOf } from './polling-interval.js';
import type { Settings } from './settings.js';
import { httpRequest } from './transport/transport.js';
import type { FallbackOptions, FallbackPolicy } from './types.js';
import { parseJson } from './wire.js';

export interface FallbackOwner {
  settings: Settings;
  options: FallbackOptions;
  /** Names the user that the values belong to. */
  user: string;
  token(): Promise<string | null>;
  /** Gives a restored value to the handlers. */
  deliver(event: HubEvent): void;
  /** Whether events flow. */
  isConnected(): boolean;
  failed(error: unknown): void;
}

type Policies = Readonly<Record<string, FallbackPolicy>>;

export class Fallback {
  #policies: Policies;
  #stop = new AbortController();
  #loaded = false;
  readonly #owner: FallbackOwner;
  readonly #storage: Pick<Storage, 'getItem' | 'setItem'> | undefined;
  readonly #offline: Timer;

  constructor(owner: FallbackOwner) {
    this.#owner = owner;
    this.#storage = owner.options.storage ?? storageOf();
    this.#loaded = owner.options.policies !== undefined;
    this.#policies = owner.options.policies ?? this.#read('policies') ?? {};
    this.#offline = createTimer(owner.settings.clock, () => {
      this.#invalidate('offline');
      this.#watch();
    });
  }

  /** Shows what was kept, hears of other tabs, and begins to wait for a stream. */
  start(): void {
    this.#stop = new AbortController();
    const { signal } = this.#stop;
    globalThis.window?.addEventListener?.('storage', ({ key }) => this.#heard(key), { signal });
    for (const type of this.#typesOf('localStorage')) this.#restore(type);
    this.changed();
  }

  stop(): void {
    this.#stop.abort();
    this.#offline.clear();
  }

  /** The connection has changed. */
  changed(): void {
    if (this.#owner.isConnected()) {
      this.#offline.clear();
      void this.#load().catch((error) => this.#owner.failed(error));
    } else this.#watch();
  }

  /** An event came, or was published here: the newest of its type is kept. */
  keep(event: Partial<HubEvent>): void {
    const type = event.eventType ?? event.type ?? '';
    if (this.#policies[type] !== 'localStorage') return;
    // What a subscription has asked for from before is not news.
    const { receivedAt = Infinity } = event;
    if (receivedAt < (this.#read(type)?.receivedAt ?? 0)) return;
    const {
      cursor: _,
      offset: __,
      ...kept
    } = { ...event, eventType: type, eventData: event.eventData ?? event.data };
    this.#write(type, kept);
  }

  gap(): void {
    this.#invalidate('gap');
  }

  #watch(): void {
    if (!this.#stop.signal.aborted) this.#offline.ensure(pollingIntervalOf(this.#owner.settings));
  }

  #invalidate(reason: 'offline' | 'gap'): void {
    for (const [type, policy] of Object.entries(this.#policies)) {
      if (typeof policy === 'object')
        this.#owner.options.onInvalidate?.(policy.keys, { type, reason });
    }
  }

  #typesOf(kind: FallbackPolicy): string[] {
    return Object.keys(this.#policies).filter((type) => this.#policies[type] === kind);
  }

  /** Another tab, or an earlier page, has kept a value. */
  #restore(type: string): void {
    const event = this.#read(type);
    if (event && !this.#owner.isConnected()) this.#owner.deliver({ ...event, restored: true });
  }

  #heard(key: string | null): void {
    const type = this.#typesOf('localStorage').find((one) => this.#key(one) === key);
    if (type) this.#restore(type);
  }

  /** The policies are the hub's: read once while there is a hub, kept for starts without one. */
  async #load(): Promise<void> {
    if (this.#loaded) return;
    this.#loaded = true;
    const { settings } = this.#owner;
    const [base, token] = await Promise.all([settings.baseUrl(), this.#owner.token()]);
    const response = await settings.fetch(`${base}/api/registry`, httpRequest(settings, token));
    if (!response.ok) {
      this.#loaded = false;
      return;
    }
    const { types = [] } = await response.json();
    const entries = types.map(({ name, policy }: any) => [name, policy?.fallback ?? 'none']);
    this.#policies = Object.fromEntries(entries.filter(([, policy]: any) => policy !== 'none'));
    this.#write('policies', this.#policies);
  }

  #key(name: string): string {
    return `radial:${this.#owner.user}:${name}`;
  }

  #read(name: string): any {
    return parseJson(this.#storage?.getItem(this.#key(name)) ?? '');
  }

  #write(name: string, value: unknown): void {
    try {
      this.#storage?.setItem(this.#key(name), JSON.stringify(value));
    } catch {
      // A full or forbidden store only means that nothing is kept.
    }
  }
}

function storageOf(): Storage | undefined {
  try {
    return globalThis.localStorage;
  } catch {
    return undefined;
  }
}
