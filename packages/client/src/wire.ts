/**
 * What the hub sends, as plain types: the delivered event and the control frames of
 * docs/protocol.md. Knows no transport and no connection.
 */

/** An event as the hub delivers it, the same on every transport. */
export interface WireEvent {
  /** The event's place; absent for events of class `live`. */
  cursor?: string;
  /** The event's number in the log of its tenant; absent for events of class `live`. */
  offset?: number;
  eventId: string;
  eventType: string;
  eventData: unknown;
  version: string;
  tenantId: string;
  channel: string;
  sessionId?: string;
  userId?: string;
  /** The publisher's own time in milliseconds; decides nothing. */
  timestamp?: number;
  /** The hub's time in milliseconds; never falls along a log. */
  receivedAt: number;
  priority?: 'critical' | 'high' | 'normal' | 'low';
  entity?: { type: string; id: string; version: number };
  correlationId?: string;
  causationId?: string;
  /** Where the event belongs in a distributed trace (W3C Trace Context). */
  traceparent?: string;
  /** The hub wants this event acknowledged. */
  ack?: boolean;
}

/** What the hub says of polling. */
export interface PollingPolicy {
  intervalMs?: number;
  [more: string]: unknown;
}

/** The first frame of every connection. */
export interface Hello {
  connectionId: string;
  cursor?: string;
  resumed: { from: string | null; complete: boolean };
  filter: { channels: string[]; types: string[] };
  heartbeatMs: number;
  retryMs: number;
  maxAgeMs: number;
  tokenExpiresInMs: number | null;
  now: number;
  node: string;
  flags: Record<string, unknown>;
  polling: PollingPolicy;
  protocol: number;
}

/** A stretch of the log that cannot be given to this client. */
export interface Gap {
  reason: 'retention' | 'restart' | 'overflow' | 'epoch' | 'ahead' | (string & {});
  scope: 'all' | 'recent' | (string & {});
  from: string | null;
  to: string | null;
}

/** A part of the state that precedes the events. */
export interface SnapshotPart {
  type?: string;
  channel?: string;
  entities: { id: string; version: number; state: unknown }[];
  done: boolean;
  cursor?: string;
}

/** Events that were shed for this client: none of them durable. */
export interface Dropped {
  count: number;
  types?: Record<string, number> | string[];
  reason: string;
}

export interface Goodbye {
  reason:
    'drain' | 'disabled' | 'revoked' | 'expired' | 'slow' | 'replaced' | 'age' | (string & {});
  retryMs: number;
  fallback?: 'reconnect' | 'poll' | (string & {});
}

/** The data of each frame by its name. `event` is a delivered event. */
export interface FrameData {
  event: WireEvent;
  hello: Hello;
  snapshot: SnapshotPart;
  live: { cursor: string; replayed: number };
  heartbeat: { now: number; cursor: string };
  gap: Gap;
  dropped: Dropped;
  redelivery: { attempt: number; event: WireEvent };
  config: { flags?: Record<string, unknown>; polling?: PollingPolicy };
  token: { expiresInMs: number };
  goodbye: Goodbye;
}

export type FrameName = keyof FrameData;

/** One frame. `cursor` is the place that a client would come back with after it. */
export type Frame = {
  [N in FrameName]: { name: N; data: FrameData[N]; cursor?: string | undefined };
}[FrameName];

/** The place that a frame hands to the client, on transports that have no `id:` line. */
export function placeOf(frame: Frame): string | undefined {
  switch (frame.name) {
    case 'event':
    case 'heartbeat':
    case 'live':
      return frame.data.cursor;
    case 'snapshot':
      return frame.data.done ? frame.data.cursor : undefined;
    case 'gap':
      return frame.data.to ?? undefined;
    case 'hello':
      return undefined;
    default:
      return undefined;
  }
}

/**
 * The number inside a cursor, or undefined if it does not look like one of this hub. This is the
 * only place that looks into a cursor, and nothing that is promised depends on it.
 */
export function offsetOf(cursor: string | null | undefined): number | undefined {
  const digits = /\.(\d+)$/.exec(cursor ?? '')?.[1];
  return digits === undefined ? undefined : Number(digits);
}

/** Parses JSON that came from outside; undefined if it is none. */
export function parseJson(text: string): any {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
