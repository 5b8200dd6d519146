/** The state of a client as one frozen object, and its numbers. */
import type { Connection } from './connection.js';
import type { Machine, Status } from './machine/types.js';
import type { Measure } from './quality.js';
import type { ConnectionState, Stats } from './types.js';

/** What an application may want to see of what happened so far. */
export class Counters {
  lastConnected: number | null = null;
  lastHeartbeat: number | null = null;
  lastEventAt: number | null = null;
  reconnects = 0;
  fallbacks = 0;
  received = 0;
  duplicates = 0;
  gaps = 0;
  dropped = 0;
  handlerErrors = 0;
}

export const isOnline = (): boolean => globalThis.navigator?.onLine !== false;

/** Whether events flow. */
export const isOpen = ({ status }: { status: Status }): boolean =>
  status === 'connected' || status === 'polling';

/** Why a tab has no connection of its own while another has one for it. */
export const BY_LEADER = 'tabs';

/**
 * The state of a machine, seen from outside.
 * @param shared the leader's state, or null before one was heard; undefined where tabs share nothing
 */
export function stateOf(
  { machine, nextRetryAt }: Pick<Connection, 'machine' | 'nextRetryAt'>,
  shared: ConnectionState | null | undefined,
  tab: string | undefined,
  since: number,
): ConnectionState {
  const { status, transport, attempt, online, paused, error, wanted } = machine;
  const role = tab === 'leader' || tab === 'follower' ? tab : 'solo';
  const waits = shared !== undefined && wanted && isLedOnly(machine);
  const idle = status === 'disconnected' || status === 'failed';
  const own = { status, transport: idle ? null : transport, attempt, nextRetryAt, error };
  // Put away, it has no attempt, wait or error of its own.
  const led = { ...own, status: 'connecting', ...shared, transport: 'shared' } as const;
  return Object.freeze({
    ...(waits ? led : own),
    role,
    since,
    online,
    paused: paused.filter((reason) => reason !== BY_LEADER),
  });
}

const isLedOnly = ({ paused }: Machine): boolean => paused.length === 1 && paused[0] === BY_LEADER;

export function statsOf(
  state: ConnectionState,
  { main }: Connection,
  counters: Counters,
  measure: Measure | undefined,
  queued: number,
  now: number,
): Stats {
  const { status, transport, attempt } = state;
  // Half a beat late is the network; more is a beat that was missed.
  const beats = main && main.heartbeatMs > 0 ? (now - main.lastByteAt) / main.heartbeatMs : 0;
  const missed = Math.max(0, Math.round(beats) - 1);
  return {
    ...counters,
    state: status,
    transport,
    isPolling: status === 'polling',
    reconnectAttempts: attempt,
    latencyMs: measure?.latencyMs ?? null,
    clockSkewMs: measure?.skewMs ?? 0,
    quality: isOpen(state) ? (measure?.quality(missed) ?? 'good') : 'poor',
    queued,
  };
}
