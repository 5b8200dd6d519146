/** The public types of the client. */
import type { RadialError } from './errors.js';
import type {
  EventOf,
  EventPattern,
  EventType,
  HubEvent,
  Matching,
  Outgoing,
  Published,
  StandardSchema,
} from './events.js';
import type { PauseReason, Status, TransportName } from './machine/types.js';
import type { PublishOptions } from './publisher.js';
import type { Quality } from './quality.js';
import type { ConnectionOptions } from './settings.js';
import type { BatchOptions } from './subscription.js';
import type { Dropped, Gap, Goodbye, Hello, PollingPolicy, SnapshotPart } from './wire.js';

/** Where the first connection begins. Later ones go on where the last one was. */
export type StartAt = 'now' | 'earliest' | { cursor: string } | { since: number };

export interface ClientOptions<E = Record<string, any>> extends ConnectionOptions {
  /** The channels of the connection, besides those that subscriptions name. Default `['main']`. */
  channels?: readonly string[];
  /** The event types of the connection, besides those that subscriptions name. */
  types?: readonly string[];
  /** Default `now`. With the cursor of an answer that a page was loaded from, nothing is missed. */
  startAt?: StartAt;
  /** Entity types whose current state comes first, as `snapshot` parts. */
  snapshot?: readonly string[];
  /**
   * One connection for all tabs of this browser: `true`, or the name of the signed-in user, so that
   * two users never share one. Default: true in pages that use no `getToken`, otherwise false.
   */
  share?: boolean | string;
  /** Default: the browser's own. Both are needed to share a connection. */
  locks?: LockManager;
  BroadcastChannel?: typeof BroadcastChannel;
  /** Checks of `eventData` by event type: zod, valibot, arktype, … */
  schemas?: { readonly [T in EventType<E>]?: StandardSchema<E[T]> };
  /** What becomes of an event that does not fit its schema. Default `drop`; always reported. */
  onInvalid?: 'drop' | 'pass';
  /** A handler failed, or an event did not fit its schema. Default: the error is thrown to the page. */
  onHandlerError?: (error: unknown, event: HubEvent) => void;
  /** Events that may wait for one handler; beyond it they are given up with a `gap`. Default 10,000. */
  maxQueued?: number;
  /** `auto` acknowledges an event when all its handlers have succeeded. Default `auto`. */
  acks?: 'auto' | 'manual';
  /** Tell the hub of fallbacks, handler errors, gaps and overflows. Default true. */
  report?: boolean;
  /** What the registry says a client does for a type while it has no stream. Off by default. */
  fallback?: FallbackOptions;
}

/** The registry's word on a type without a stream. */
export type FallbackPolicy =
  'none' | 'localStorage' | { kind: 'invalidate'; keys: readonly (readonly unknown[])[] };

export interface FallbackOptions {
  /** Policies by event type. Default: read from the hub's registry. */
  policies?: Readonly<Record<string, FallbackPolicy>>;
  /** Query keys that are stale: there was no stream for a while, or there is a gap. */
  onInvalidate?: (
    keys: readonly (readonly unknown[])[],
    cause: { type: string; reason: 'offline' | 'gap' },
  ) => void;
  /** Default `localStorage`. */
  storage?: Pick<Storage, 'getItem' | 'setItem'>;
}

/** What the connection is at. Frozen; the same object until something changes. */
export interface ConnectionState {
  readonly status: Status;
  /** The transport in use or tried next; `shared` while another tab has the connection. */
  readonly transport: TransportName | 'shared' | null;
  /** `leader` has the connection for all tabs, `follower` gets its events from the leader. */
  readonly role: 'solo' | 'leader' | 'follower';
  /** Attempts since a connection last proved itself. */
  readonly attempt: number;
  /** When the next attempt begins, in milliseconds since 1970. */
  readonly nextRetryAt: number | null;
  /** Since when the status is what it is. */
  readonly since: number;
  readonly online: boolean;
  readonly paused: readonly PauseReason[];
  /** Why it is `failed` or `reconnecting`. */
  readonly error: RadialError | null;
}

export interface Stats {
  readonly state: Status;
  readonly transport: ConnectionState['transport'];
  readonly isPolling: boolean;
  readonly reconnectAttempts: number;
  /** How often a connection was lost. */
  readonly reconnects: number;
  /** How often the transport was changed. */
  readonly fallbacks: number;
  readonly lastConnected: number | null;
  readonly lastHeartbeat: number | null;
  readonly lastEventAt: number | null;
  /** The 95th percentile in milliseconds; null before there is one. */
  readonly latencyMs: number | null;
  readonly clockSkewMs: number;
  readonly quality: Quality;
  /** Events that wait for handlers. */
  readonly queued: number;
  readonly received: number;
  readonly duplicates: number;
  readonly gaps: number;
  /** Events that the hub shed for this client. */
  readonly dropped: number;
  readonly handlerErrors: number;
}

/** What `on` can listen to. */
export interface ClientEvents {
  state: ConnectionState;
  hello: Hello;
  /** The replay has met the head: from here on events happen now. */
  live: { cursor: string; replayed: number };
  /** Something is missing: load the state of the application anew. */
  gap: Gap;
  dropped: Dropped;
  snapshot: SnapshotPart;
  config: { flags?: Record<string, unknown>; polling?: PollingPolicy };
  goodbye: Goodbye;
  /** Every event, before its handlers; for tools. */
  event: HubEvent;
  /** What went wrong without anybody having asked: a renewal, an acknowledgement, a callback. */
  error: unknown;
}

export interface SubscribeOptions {
  /** Only events of these channels (names or patterns); the connection is widened to them. */
  channels?: string | readonly string[];
  /**
   * Where this subscription begins. Its handler gets everything from there on, in order and once,
   * whatever other handlers had already. What cannot be had is told by a `gap`. Default `now`.
   */
  startAt?: StartAt;
  /** Give the handler lists: every 50 ms, or as said. */
  batch?: boolean | BatchOptions;
  /** Unsubscribes when it is aborted. */
  signal?: AbortSignal;
}

/** The client: one connection, whatever carries it. */
export interface RealtimeClient<E = Record<string, any>> {
  /** Opens the connection; resolves when it is live, rejects when it has failed. */
  connect(): Promise<void>;
  /** Closes the connection. Handlers stay. */
  disconnect(): void;
  /** Opens a new connection now, with the best transport, at the same place. */
  reconnect(): void;
  /** Calls the handler for each event of a type or pattern. Returns its unsubscribe. */
  subscribe<P extends EventPattern<E>>(
    types: P | readonly P[],
    handler: (events: EventOf<E, Matching<E, P>>[]) => unknown,
    options: SubscribeOptions & { batch: true | BatchOptions },
  ): () => void;
  subscribe<P extends EventPattern<E>>(
    types: P | readonly P[],
    handler: (event: EventOf<E, Matching<E, P>>) => unknown,
    options?: SubscribeOptions & { batch?: false },
  ): () => void;
  /**
   * Takes away one handler of a type or pattern, or all of them. What nobody wants any more leaves the
   * open stream 10 s later.
   */
  unsubscribe(type: EventPattern<E>, handler?: (event: any) => unknown): void;
  getState(): ConnectionState;
  getStats(): Stats;
  isConnected(): boolean;
  /** Resolves when events flow; rejects when the connection has failed. */
  ready(): Promise<void>;
  /** Allows polling, forbids it, or uses nothing else. */
  setPollingFallback(mode: boolean | 'force'): void;
  /** Puts the connection away until the returned function is called. Reasons add up. */
  pause(reason?: PauseReason): () => void;
  /**
   * Publishes an event, over the WebSocket where there is one, else by a request. Safe to call again
   * with the same `eventId`.
   */
  publish(event: Outgoing<E>, options?: PublishOptions): Promise<Published>;
  /** Acknowledges an event, with `acks: 'manual'`. */
  ack(event: string | { eventId: string }): void;
  on<N extends keyof ClientEvents>(name: N, callback: (value: ClientEvents[N]) => void): () => void;
  /** The newest place that was received: a later client can start there. */
  readonly cursor: string | null;
  /** Everything that a report of a bug needs, without tokens. */
  inspect(): Record<string, unknown>;
}
