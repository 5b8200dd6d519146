/** The state of a client as one frozen object, and its numbers. */
import type { Host } from './host.js';
import type { Status } from './machine/types.js';
import type { ConnectionState, Stats } from './types.js';

/** What an application may want to see of what happened so far. */
export const newCounters = () => ({
  lastConnected: null as number | null,
  lastHeartbeat: null as number | null,
  lastEventAt: null as number | null,
  reconnects: 0,
  fallbacks: 0,
  received: 0,
  duplicates: 0,
  gaps: 0,
  dropped: 0,
  handlerErrors: 0,
});

export type Counters = ReturnType<typeof newCounters>;

export const isOnline = (): boolean => globalThis.navigator?.onLine !== false;

/** Whether events flow. */
export const isOpen = ({ status }: { status: Status }): boolean =>
  status === 'connected' || status === 'polling';

/** Why a tab has no connection of its own while another has one for it. */
export const BY_LEADER = 'tabs';

/** The state of a client, seen from outside; `before` is what it was. */
export function stateOf(
  { connection, seat, settings }: Pick<Host, 'connection' | 'seat' | 'settings'>,
  before?: ConnectionState,
): ConnectionState {
  const { machine, nextRetryAt } = connection;
  const { status, transport, attempt, online, error } = machine;
  const { led, tabs } = seat;
  const paused = machine.paused.filter((reason) => reason !== BY_LEADER);
  const idle = status === 'disconnected' || status === 'failed';
  const state = {
    status,
    transport: idle ? null : transport,
    attempt,
    nextRetryAt,
    error,
    // Put away for another tab, it has no attempt, wait or error of its own.
    ...(led !== undefined &&
      machine.wanted &&
      machine.paused.length === 1 &&
      paused.length === 0 &&
      ({ status: 'connecting', ...led, transport: 'shared' } as const)),
    role: tabs?.role ?? ('solo' as const),
    online,
    paused,
  };
  const since = state.status === before?.status ? before.since : settings.clock.now();
  return Object.freeze({ ...state, since });
}

export function statsOf({ state, connection, intake, measure, queued, settings }: Host): Stats {
  const { status, transport, attempt } = state();
  return {
    latencyMs: null,
    clockSkewMs: 0,
    quality: 'good',
    ...measure?.stats(connection.main, settings.clock.now()),
    ...(!isOpen({ status }) && { quality: 'poor' }),
    ...intake.counters,
    state: status,
    transport,
    isPolling: status === 'polling',
    reconnectAttempts: attempt,
    queued: queued(),
  };
}
