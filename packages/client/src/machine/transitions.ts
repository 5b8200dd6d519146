/** The transitions that the table is made of: pure functions from a machine and an event. */
import {
  best,
  FRESH,
  ladder,
  type Effect,
  type Machine,
  type MachineEvents,
  type Step,
  type TransportName,
} from './types.js';

type Of<E extends keyof MachineEvents> = MachineEvents[E];
const CLOSE: Effect = { do: 'close' };
const OPEN: Effect = { do: 'open', renew: false };

export const step = (m: Machine, change: Partial<Machine>, ...effects: Effect[]): Step => [
  { ...m, ...change },
  effects,
];

/** Nothing changes. */
export const stay = (m: Machine): Step => [m, []];

const begin = (m: Machine): Step =>
  m.paused.length > 0
    ? step(m, { status: 'disconnected' })
    : step(m, { status: 'connecting' }, OPEN);

const restart = (m: Machine): Step =>
  step(best({ ...m, ...FRESH }), { status: 'reconnecting' }, CLOSE, OPEN);

/** The application wants a connection: from the best transport, with nothing held against any. */
export const connect = (m: Machine): Step =>
  begin(best({ ...m, ...FRESH, missing: [], wanted: true }));

export const disconnect = (m: Machine): Step =>
  step(m, { ...FRESH, status: 'disconnected', wanted: false }, CLOSE);

export const reconnect = (m: Machine): Step => restart({ ...m, missing: [] });

/** The status of an open connection. */
export const openStatus = (transport: TransportName) =>
  transport === 'polling' ? 'polling' : 'connected';

/** The connection stands. Whether it works is not known before it has proved itself. */
export const opened = (m: Machine): Step =>
  step(m, { status: openStatus(m.transport), error: null }, ...probeLater(m));

export const proved = (m: Machine): Step => step(m, { attempt: 0, strikes: 0, renewed: false });

/** Where there is a better transport than the one in use, it is worth a try. */
export const probeLater = (m: Machine, soon = false): Effect[] =>
  ladder(m).indexOf(m.transport) > 0 ? [{ do: 'probeLater', soon }] : [];

/** The connection is gone: wait and try again, with the next transport if this one failed often. */
export function lost(m: Machine, { cause, poll, floorMs = 0, error }: Of<'lost'>): Step {
  const rungs = ladder(m);
  const planned = cause === 'goodbye';
  const strikes = m.strikes + Number(!planned && cause !== 'busy' && m.online);
  const pollNow = poll && m.transport !== 'polling' && rungs.includes('polling');
  const stepDown = rungs.length > 1 && strikes >= m.maxStrikes;
  const following = rungs[rungs.indexOf(m.transport) + 1];
  const next = pollNow ? 'polling' : stepDown ? (following ?? rungs[0]) : m.transport;
  const afresh = planned || pollNow || (stepDown && following);
  const wait = { attempt: afresh ? 0 : m.attempt, floorMs: pollNow ? 0 : floorMs };
  return step(
    m,
    {
      status: 'reconnecting',
      transport: next ?? m.transport,
      probing: null,
      attempt: m.attempt + Number(!planned),
      strikes: pollNow || stepDown ? 0 : strikes,
      waiting: true,
      held: wait.floorMs > 0,
      error: error ?? m.error,
    },
    CLOSE,
    { do: 'wait', ...wait },
  );
}

/** Once, a new credential is asked for without any wait. Twice is final. */
export function unauthorized(m: Machine, { error }: Of<'unauthorized'>): Step {
  if (m.renewed) return refused(m, { error });
  const status = m.status === 'connecting' ? m.status : 'reconnecting';
  const change = { status, probing: null, waiting: false, renewed: true, error } as const;
  return step(m, change, CLOSE, { do: 'open', renew: true });
}

export const refused = (m: Machine, { error }: Of<'refused'>): Step =>
  step(m, { ...FRESH, status: 'failed', error }, CLOSE);

/** The hub has no such transport: go on with those that are left, or fail. */
export function missing(m: Machine, { error }: Of<'missing'>): Step {
  const gone = [...m.missing, m.transport];
  const rungs = ladder({ ...m, missing: gone });
  // The one that follows in the order of preference, else from the beginning.
  const later = m.order.slice(m.order.indexOf(m.transport) + 1);
  const transport = later.find((name) => rungs.includes(name)) ?? rungs[0];
  if (!transport || m.pollingMode === 'force') return refused(m, { error });
  return step(
    m,
    {
      status: 'reconnecting',
      transport,
      missing: gone,
      probing: null,
      strikes: 0,
      waiting: true,
      error,
    },
    CLOSE,
    { do: 'wait', attempt: Math.min(m.attempt, 1), floorMs: 0 },
  );
}

export const due = (m: Machine): Step =>
  m.waiting ? step(m, { waiting: false, held: false }, OPEN) : stay(m);

const isActive = ({ status }: Machine) => status !== 'disconnected' && status !== 'failed';

/** Each reason is held by itself: what one gives up, another may still need. */
export function pause(m: Machine, { reason }: Of<'pause'>): Step {
  const paused = [...new Set([...m.paused, reason])];
  return isActive(m)
    ? step(m, { ...FRESH, status: 'disconnected', paused }, CLOSE)
    : step(m, { paused });
}

export function resume(m: Machine, { reason }: Of<'resume'>): Step {
  const next = { ...m, paused: m.paused.filter((held) => held !== reason) };
  const begins = m.wanted && m.status === 'disconnected';
  return begins ? begin({ ...next, ...FRESH }) : stay(next);
}

/** Polling is allowed, forbidden or forced; a connection that no longer fits is opened anew. */
export function fallback(m: Machine, { mode }: Of<'fallback'>): Step {
  const wished: Machine = { ...m, pollingMode: mode };
  // Where nothing is left, what was missing is worth another try.
  const next = ladder(wished).length > 0 ? wished : { ...wished, missing: [] };
  const fits = ladder(next).includes(m.transport) && !(m.probing && mode === 'force');
  if (!isActive(m)) return stay(fits ? next : best(next));
  if (!fits) return restart(next);
  return [next, m.pollingMode === 'force' ? probeLater(next, true) : []];
}
