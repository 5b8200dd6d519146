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

type WithDefaults =
  | 'transports'
  | 'maxReconnectAttempts'
  | 'enablePollingFallback'
  | 'heartbeatTimeout'
  | 'probeInterval'
  | 'connectTimeout'
  | 'provedAfter'
  | 'nativeEventSource'
  | 'credentials'
  | 'fetch'
  | 'clock'
  | 'random';

/** The options, in their units, with every default filled in. */
export interface Settings
  extends
    Readonly<Required<Pick<ConnectionOptions, WithDefaults>>>,
    Readonly<
      Pick<ConnectionOptions, 'getToken' | 'pollingInterval' | 'WebSocket' | 'EventSource'>
    > {
  readonly baseUrl: () => Promise<string>;
  readonly backoff: Backoff;
  /** Names this page load to the other tabs; never stored. */
  readonly clientId: string;
  readonly identity: Readonly<Record<string, string>>;
  readonly headers: Readonly<Record<string, string>>;
  readonly paths: Partial<Paths> & Pick<Paths, 'sse'>;
}

/** Fills in the defaults, except for those that only one part needs, which is loaded on demand. */
export function settingsOf(options: ConnectionOptions): Settings {
  const { url, tenant, userId, sessionId } = options;
  const given = Object.entries(options).filter(([, value]) => value !== undefined);
  return {
    transports: ['sse', 'websocket', 'polling'],
    maxReconnectAttempts: 3,
    enablePollingFallback: true,
    heartbeatTimeout: 60_000,
    probeInterval: 45_000,
    connectTimeout: 10_000,
    provedAfter: 5_000,
    nativeEventSource: false,
    credentials: 'same-origin',
    fetch: (input, init) => globalThis.fetch(input, init),
    clock: systemClock,
    random: Math.random,
    ...(Object.fromEntries(given) as Partial<ConnectionOptions>),
    baseUrl: async () => absolute(typeof url === 'function' ? await url() : url),
    backoff: { ...DEFAULT_BACKOFF, ...options.backoff },
    clientId: newId(),
    identity: { ...(userId && { userId }), ...(sessionId && { sessionId }) },
    headers: { ...(tenant && { 'radial-tenant': tenant }), ...options.headers },
    paths: { sse: '/api/sse/events', ...options.paths },
  };
}

function absolute(url = '/'): string {
  try {
    return new URL(url, globalThis.location?.href).href.replace(/\/*([?#].*)?$/, '');
  } catch (cause) {
    throw new RadialError('invalid-url', `No address of a hub: ${url}`, { cause });
  }
}

/** A random id. Pages without a secure context have no `randomUUID`. */
export const newId = (): string => crypto.getRandomValues(new Uint32Array(4)).join('-');
