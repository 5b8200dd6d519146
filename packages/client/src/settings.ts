/** The options of a connection with their defaults filled in. */
import { DEFAULT_BACKOFF, type Backoff } from './backoff.js';
import { systemClock, type Clock } from './clock.js';
import { RadialError } from './errors.js';
import type { TransportName } from './machine/types.js';

/** Why a token is asked for. */
export type TokenReason = 'connect' | 'rejected' | 'expiring' | 'publish';

export interface TokenRequest {
  reason: TokenReason;
  /** Aborted when the answer is of no use any more. */
  signal: AbortSignal;
}

/** How to reach the hub; shared by streams, publishing and the outbox. */
export interface ConnectionOptions {
  /** Where the hub is, such as `https://hub.example.com`; default: the page's own origin. */
  url?: string | (() => string | Promise<string>);
  /**
   * Gives the credential for every attempt; null for none (a cookie, or `radial dev`). A
   * `RadialError` with the code `unauthorized` ends the connection; any other failure is tried
   * again.
   */
  getToken?: (request: TokenRequest) => string | null | Promise<string | null>;
  /** The transports, best first. Default `['sse', 'websocket', 'polling']`. */
  transports?: readonly TransportName[];
  /** Failures in a row after which the next transport is tried. Default 3. */
  maxReconnectAttempts?: number;
  /** Whether polling may be used. Default true. */
  enablePollingFallback?: boolean;
  /** A stream that is silent for this long is dead, in milliseconds. Default 60,000. */
  heartbeatTimeout?: number;
  /** Between polls where long polling does not work, in milliseconds. Default 30,000. */
  pollingInterval?: number;
  /** Between tries of a better transport, in milliseconds, ±1/3 at random. Default 45,000. */
  probeInterval?: number;
  /** How long a connection may take to say something, in milliseconds. Default 10,000. */
  connectTimeout?: number;
  /** Data this long after the beginning proves that a connection works. Default 5,000. */
  provedAfter?: number;
  /** Default 1,000 up to 30,000 milliseconds, with full jitter. */
  backoff?: Partial<Backoff>;
  /** Read the stream with the browser's EventSource instead of fetch. Default false. */
  nativeEventSource?: boolean;
  /** The tenant, for credentials that have several. A WebSocket cannot say it, and is not used then. */
  tenant?: string;
  /** For whom the stream is, where the credential may choose. */
  userId?: string;
  sessionId?: string;
  /** More headers for requests; a WebSocket has none. */
  headers?: Readonly<Record<string, string>>;
  /** Default `same-origin`. Cookies of another origin need `include`. */
  credentials?: RequestCredentials;
  /** Paths that differ from the hub's own, behind a proxy or with a named stream. */
  paths?: Partial<Paths>;
  fetch?: typeof fetch;
  WebSocket?: typeof WebSocket;
  EventSource?: typeof EventSource;
  clock?: Clock;
  /** A number in [0, 1). Default `Math.random`. */
  random?: () => number;
}

export interface Paths {
  sse: string;
  websocket: string;
  poll: string;
  publish: string;
}

export interface Settings {
  readonly baseUrl: () => Promise<string>;
  readonly getToken:
    ((request: TokenRequest) => string | null | Promise<string | null>) | undefined;
  readonly transports: readonly TransportName[];
  readonly maxReconnectAttempts: number;
  readonly enablePollingFallback: boolean;
  readonly heartbeatTimeoutMs: number;
  readonly pollingIntervalMs: number;
  readonly probeIntervalMs: number;
  readonly connectTimeoutMs: number;
  readonly provedAfterMs: number;
  readonly backoff: Backoff;
  readonly nativeEventSource: boolean;
  /** Names this page load to the other tabs; never stored. */
  readonly clientId: string;
  readonly identity: Readonly<Record<string, string>>;
  readonly headers: Readonly<Record<string, string>>;
  readonly credentials: RequestCredentials;
  readonly paths: Paths;
  readonly fetch: typeof fetch;
  readonly WebSocket: typeof WebSocket | undefined;
  readonly EventSource: typeof EventSource | undefined;
  readonly clock: Clock;
  readonly random: () => number;
}

const DEFAULT_TRANSPORTS: readonly TransportName[] = ['sse', 'websocket', 'polling'];

/** Fills in the defaults. Reads the globals at this moment, so that tests and pages may set them. */
export function settingsOf(options: ConnectionOptions): Settings {
  const { tenant, userId, sessionId } = options;
  return {
    baseUrl: async () =>
      absolute(typeof options.url === 'function' ? await options.url() : options.url),
    getToken: options.getToken,
    transports: options.transports ?? DEFAULT_TRANSPORTS,
    maxReconnectAttempts: options.maxReconnectAttempts ?? 3,
    enablePollingFallback: options.enablePollingFallback ?? true,
    heartbeatTimeoutMs: options.heartbeatTimeout ?? 60_000,
    pollingIntervalMs: options.pollingInterval ?? 30_000,
    probeIntervalMs: options.probeInterval ?? 45_000,
    connectTimeoutMs: options.connectTimeout ?? 10_000,
    provedAfterMs: options.provedAfter ?? 5_000,
    backoff: { ...DEFAULT_BACKOFF, ...options.backoff },
    nativeEventSource: options.nativeEventSource ?? false,
    clientId: newId(),
    identity: { ...(userId && { userId }), ...(sessionId && { sessionId }) },
    headers: { ...(tenant && { 'radial-tenant': tenant }), ...options.headers },
    credentials: options.credentials ?? 'same-origin',
    paths: {
      sse: '/api/sse/events',
      websocket: '/api/ws',
      poll: '/api/poll',
      publish: '/api/sse/events',
      ...options.paths,
    },
    fetch: options.fetch ?? ((input, init) => globalThis.fetch(input, init)),
    WebSocket: options.WebSocket ?? globalThis.WebSocket,
    EventSource: options.EventSource ?? globalThis.EventSource,
    clock: options.clock ?? systemClock,
    random: options.random ?? Math.random,
  };
}

function absolute(url = '/'): string {
  try {
    return new URL(url, globalThis.location?.href).href.replace(/[?#].*$/, '').replace(/\/+$/, '');
  } catch (cause) {
    throw new RadialError('invalid-url', `“${url}” is no address of a hub.`, { cause });
  }
}

/** A random id. Pages without a secure context have no `randomUUID`. */
export function newId(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}
