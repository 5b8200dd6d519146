/**
 * A hub inside a test: speaks the contract to real clients by a `fetch` and a `WebSocket` of its
 * own, and does on command what networks and hubs do by themselves.
 */
import { systemClock, type Clock } from '../clock.js';
import { newId, type ConnectionOptions } from '../settings.js';
import type { Dropped, Gap, Goodbye, PollingPolicy, WireEvent } from '../wire.js';
import { createFakeClock, type FakeClock } from './fake-clock.js';
import { answer, problem } from './fake-http.js';
import type { Filter } from '../pattern.js';
import { FakeLog } from './fake-log.js';
import { createSocketClass } from './fake-socket.js';
import { FakeStream, type Carrier } from './fake-stream.js';

/** What `emit` takes: the envelope or its short names; everything but the type has a default. */
export interface FakeEvent extends Partial<Omit<WireEvent, 'eventType' | 'eventData'>> {
  type?: string;
  data?: unknown;
  eventType?: string;
  eventData?: unknown;
  /** `live` events have no place and are not kept. */
  persistence?: 'durable' | 'recent' | 'live';
}

/** How requests are refused. */
export interface FakeRefusal {
  status: number;
  code?: string;
  retryAfterSeconds?: number;
  /** How many requests; default: until it is taken back. */
  times?: number;
  /** Only requests of this path, such as `/api/poll`. */
  path?: string;
}

export interface FakeHubOptions {
  /** Default: a fake clock that `advance` moves. */
  clock?: Clock;
  heartbeatMs?: number;
  /** What `/api/registry` lists. */
  registry?: readonly unknown[];
}

/** The inside of a fake hub; tests use `createFakeHub`. */
export class FakeHubCore {
  readonly log = new FakeLog();
  readonly clock: Clock;
  readonly streams = new Set<FakeStream>();
  /** Everything that clients published, in order. */
  readonly published: Record<string, any>[] = [];
  readonly acks: string[] = [];
  /** Tokens that streams and requests came with. */
  readonly tokens: (string | null)[] = [];
  readonly registry: readonly unknown[];
  readonly supports = { sse: true, websocket: true, poll: true, subscriptions: true };
  polling: PollingPolicy = {};
  isDown = false;
  isMuted = false;
  opened = 0;
  #refusal: FakeRefusal | undefined;
  readonly #expired = new Set<string | null>();
  readonly #waiting = new Set<() => void>();
  readonly #heartbeatMs: number;

  constructor({ clock, heartbeatMs = 30_000, registry = [] }: FakeHubOptions) {
    this.clock = clock ?? systemClock;
    this.#heartbeatMs = heartbeatMs;
    this.registry = registry;
  }

  open(
    request: { filter: Filter; cursor: string | null; token: string | null },
    carrier: Carrier,
  ): FakeStream {
    this.opened += 1;
    const { log, clock } = this;
    const onClose = (stream: FakeStream) => void this.streams.delete(stream);
    const stream = new FakeStream(
      { log, clock, heartbeatMs: this.#heartbeatMs, onClose, ...request },
      carrier,
      this.isMuted,
    );
    this.streams.add(stream);
    return stream;
  }

  /** The refusal that a request meets, if any. */
  refusal(path: string, token: string | null): Response | undefined {
    this.tokens.push(token);
    const missing =
      (path === '/api/sse/events' && !this.supports.sse) ||
      (path === '/api/ws' && !this.supports.websocket) ||
      (path === '/api/poll' && !this.supports.poll) ||
      (path === '/api/sse/subscriptions' && !this.supports.subscriptions);
    if (missing) return problem(404, 'not-found');
    if (this.#expired.has(token)) return problem(401, 'unauthorized');
    const refusal = this.#refusal;
    if (!refusal || (refusal.path && refusal.path !== path)) return undefined;
    if (refusal.times !== undefined && (refusal.times -= 1) <= 0) this.#refusal = undefined;
    const wait = refusal.retryAfterSeconds;
    const headers: Record<string, string> =
      wait === undefined ? {} : { 'retry-after': String(wait) };
    return problem(refusal.status, refusal.code ?? `status-${refusal.status}`, headers);
  }

  refuse(refusal: FakeRefusal | undefined): void {
    this.#refusal = refusal && { ...refusal };
  }

  /** Accepts a published event as the hub does, idempotent by its id. */
  accept(event: Record<string, any>): Record<string, unknown> {
    this.published.push(event);
    const known = this.log.find(event['eventId']);
    if (known)
      return {
        eventId: known.eventId,
        cursor: known.cursor,
        offset: known.offset,
        duplicate: true,
        persistence: 'durable',
      };
    const { cursor, offset, eventId } = this.emit(event);
    return {
      eventId,
      ...(cursor && { cursor, offset }),
      duplicate: false,
      persistence: event['persistence'] ?? 'durable',
    };
  }

  emit({ type, data, persistence = 'durable', ...rest }: FakeEvent): WireEvent {
    const event = {
      eventId: newId(),
      eventType: type,
      eventData: data ?? {},
      version: '1',
      tenantId: 'fake',
      channel: 'main',
      receivedAt: this.clock.now(),
      ...rest,
    } as WireEvent;
    if (persistence === 'live') {
      for (const stream of this.streams) stream.live(event);
      return event;
    }
    const placed = this.log.append(event);
    for (const stream of this.streams) stream.catchUp();
    for (const wake of [...this.#waiting]) wake();
    return placed;
  }

  waitForEvent(ms: number, signal: AbortSignal | undefined): Promise<void> {
    return new Promise((resolve) => {
      const wake = () => {
        this.#waiting.delete(wake);
        this.clock.clearTimeout(timer);
        resolve();
      };
      const timer = this.clock.setTimeout(wake, ms);
      this.#waiting.add(wake);
      signal?.addEventListener('abort', wake);
    });
  }

  stream(connectionId: string): FakeStream | undefined {
    return [...this.streams].find((one) => one.connectionId === connectionId);
  }

  renew(connectionId: string, token: string | null): boolean {
    const stream = this.stream(connectionId);
    if (stream) stream.token = token;
    return stream !== undefined;
  }

  expire(): void {
    for (const stream of [...this.streams]) {
      this.#expired.add(stream.token);
      stream.goodbye({ reason: 'expired', retryMs: 0, fallback: 'reconnect' });
    }
  }

  /** Cuts every stream and every waiting poll. */
  drop(): void {
    for (const stream of [...this.streams]) stream.cut();
    for (const wake of [...this.#waiting]) wake();
  }
}

/** What a test does to its hub. */
export interface FakeHub {
  /** Spread into `createRealtimeClient`. */
  readonly options: ConnectionOptions;
  readonly clock: FakeClock;
  readonly fetch: typeof fetch;
  readonly WebSocket: typeof WebSocket;
  /** Publishes an event as the hub would after somebody's request. */
  emit(event: FakeEvent): WireEvent;
  /** Everything that clients published, oldest first. */
  readonly published: readonly Record<string, any>[];
  /** The ids that clients acknowledged. */
  readonly acks: readonly string[];
  readonly tokens: readonly (string | null)[];
  /** Open streams now, and ever. */
  readonly connections: number;
  readonly opened: number;
  /** Takes transports away: `hub.supports.sse = false` answers 404. */
  readonly supports: { sse: boolean; websocket: boolean; poll: boolean; subscriptions: boolean };
  /** Cuts every connection, as a network does. */
  drop(): void;
  /** Makes the hub unreachable, or reachable again. */
  down(isDown?: boolean): void;
  /** Keeps streams open but lets nothing through, as a proxy that buffers does. */
  mute(isMuted?: boolean): void;
  /** Refuses requests; without an argument, accepts them again. */
  refuse(refusal?: FakeRefusal): void;
  /** Tells every stream of a gap. */
  gap(gap?: Partial<Gap>): void;
  dropped(dropped: Dropped): void;
  goodbye(goodbye: Partial<Goodbye> & { reason: Goodbye['reason'] }): void;
  /** Sends an event again that was not acknowledged. */
  redeliver(event: WireEvent, attempt?: number): void;
  /** Ends the credentials in use: their streams close, and they are refused from now on. */
  expire(): void;
  /** Warns that the credentials are about to expire. */
  warnOfExpiry(expiresInMs: number): void;
  /** Drops what was kept, so that old cursors meet a gap. */
  forget(): void;
  /** Comes back from another history, as after a restore. */
  newEpoch(): void;
  /** Moves the fake clock on, and lets everything happen. */
  advance(ms: number): Promise<void>;
}

/**
 * Creates a fake hub.
 *
 * ```ts
 * const hub = createFakeHub();
 * const client = createRealtimeClient({ ...hub.options });
 * client.connect();
 * await hub.advance(0);
 * hub.emit({ type: 'card.moved', data: { cardId: 'c1', zone: 'done' } });
 * ```
 */
export function createFakeHub(
  options: FakeHubOptions = {},
): FakeHub & { readonly core: FakeHubCore } {
  const clock = (options.clock ?? createFakeClock()) as FakeClock;
  const core = new FakeHubCore({ ...options, clock });
  const all = (act: (stream: FakeStream) => void) => [...core.streams].forEach(act);
  const fakeFetch = ((input: RequestInfo | URL, init?: RequestInit) => {
    const request = new Request(input, {
      ...init,
      ...(init?.body ? { duplex: 'half' } : {}),
    } as RequestInit);
    // The request's own signal may be collected with it; the caller's is not.
    return answer(core, request, init?.signal ?? request.signal);
  }) as typeof fetch;
  const FakeWebSocket = createSocketClass(core);
  return {
    core,
    clock,
    fetch: fakeFetch,
    WebSocket: FakeWebSocket,
    options: {
      url: 'http://hub.test',
      fetch: fakeFetch,
      WebSocket: FakeWebSocket,
      clock,
      random: () => 0.5,
    },
    emit: (event) => core.emit(event),
    published: core.published,
    acks: core.acks,
    tokens: core.tokens,
    get connections() {
      return core.streams.size;
    },
    get opened() {
      return core.opened;
    },
    supports: core.supports,
    drop: () => core.drop(),
    down(isDown = true) {
      core.isDown = isDown;
      if (isDown) core.drop();
    },
    mute(isMuted = true) {
      core.isMuted = isMuted;
      all((stream) => stream.mute(isMuted));
    },
    refuse: (refusal) => core.refuse(refusal),
    gap: (gap = {}) => {
      const to = core.log.cursorAt(core.log.head);
      all((stream) =>
        stream.send(
          'gap',
          { reason: 'restart', scope: 'recent', from: null, to, ...gap },
          gap.to ?? to,
        ),
      );
    },
    dropped: (dropped) => all((stream) => stream.send('dropped', dropped)),
    goodbye: (goodbye) =>
      all((stream) => stream.goodbye({ retryMs: 1_000, fallback: 'reconnect', ...goodbye })),
    redeliver: (event, attempt = 2) =>
      all((stream) => stream.send('redelivery', { attempt, event })),
    expire: () => core.expire(),
    warnOfExpiry: (expiresInMs) => all((stream) => stream.send('token', { expiresInMs })),
    forget: () => core.log.forget(),
    newEpoch: () => core.log.newEpoch(),
    async advance(ms) {
      // What a client loads on demand is loaded here, so that no test has to wait for it.
      await Promise.all([
        import('../batch.js'),
        import('../extras.js'),
        import('../fallback.js'),
        import('../older.js'),
        import('../schema.js'),
        import('../sharing.js'),
        import('../stream-requests.js'),
        import('../transport/polling.js'),
        import('../transport/refusal.js'),
        import('../transport/websocket.js'),
      ]);
      await clock.advance(ms);
    },
  };
}
