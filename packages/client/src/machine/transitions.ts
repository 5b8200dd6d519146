/** The transitions that the table is made of: pure functions from a machine and an event. */
import { ladder, type Effect, type Machine, type MachineEvents, type Step } from './types.js';

type Of<E extends keyof MachineEvents> = MachineEvents[E];
const CLOSE: Effect = { do: 'close' };
const OPEN: Effect = { do: 'open', renew: false };

/** Nothing changes. */
export const stay = (m: Machine): Step => [m, []];

const best = (m: Machine): Machine => ({ ...m, transport: ladder(m)[0] ?? m.transport });
const fresh = (m: Machine): Machine => ({
  ...m,
  probing: null,
  attempt: 0,
  strikes: 0,
  waiting: false,
  held: false,
  renewed: false,
  error: null,
});

/** The application wants a connection: from the best transport, with nothing held against any. */
export function connect(m: Machine): Step {
  const wanted = best({ ...fresh(m), missing: [], wanted: true });
  if (m.paused.length > 0) return [{ ...wanted, status: 'disconnected' }, []];
  return [{ ...wanted, status: 'connecting' }, [OPEN]];
}

export function disconnect(m: Machine): Step {
  return [{ ...fresh(m), status: 'disconnected', wanted: false }, [CLOSE]];
}

export function reconnect(m: Machine): Step {
  const next = best({ ...fresh(m), missing: [] });
  return [{ ...next, status: 'reconnecting' }, [CLOSE, OPEN]];
}

/** The connection stands. Whether it works is not known before it has proved itself. */
export function opened(m: Machine): Step {
  const polls = m.transport === 'polling';
  const next: Machine = { ...m, status: polls ? 'polling' : 'connected', error: null };
  return [next, probeLater(next)];
}

export const proved = (m: Machine): Step => [{ ...m, attempt: 0, strikes: 0, renewed: false }, []];

/** Whether there is a better transport than the one in use that is worth a try. */
function mayProbe(m: Machine): boolean {
  return ladder(m).indexOf(m.transport) > 0;
}

const probeLater = (m: Machine, soon = false): Effect[] =>
  mayProbe(m) ? [{ do: 'probeLater', soon }] : [];

/** The connection is gone: wait and try again, with the next transport if this one failed often. */
export function lost(m: Machine, loss: Of<'lost'>): Step {
  const rungs = ladder(m);
  const planned = loss.cause === 'goodbye';
  const counts = !planned && loss.cause !== 'busy' && m.online;
  const strikes = m.strikes + (counts ? 1 : 0);
  const pollNow = loss.poll && m.transport !== 'polling' && rungs.includes('polling');
  const stepDown = rungs.length > 1 && strikes >= m.maxStrikes;
  const following = rungs[rungs.indexOf(m.transport) + 1];
  let floorMs = loss.floorMs ?? 0;
  let attempt = planned ? 0 : m.attempt;
  if (pollNow || (stepDown && following)) attempt = 0;
  if (pollNow) floorMs = 0;
  const transport = pollNow ? 'polling' : stepDown ? (following ?? rungs[0]) : m.transport;
  const next: Machine = {
    ...m,
    status: 'reconnecting',
    transport: transport ?? m.transport,
    probing: null,
    attempt: m.attempt + (planned ? 0 : 1),
    strikes: pollNow || stepDown ? 0 : strikes,
    waiting: true,
    held: floorMs > 0,
    error: loss.error ?? m.error,
  };
  return [next, [CLOSE, { do: 'wait', attempt, floorMs }]];
}

/** Once, a new credential is asked for without any wait. Twice is final. */
export function unauthorized(m: Machine, { error }: Of<'unauthorized'>): Step {
  if (m.renewed) return refused(m, { error });
  const status = m.status === 'connecting' ? 'connecting' : 'reconnecting';
  const next: Machine = { ...m, status, probing: null, waiting: false, renewed: true, error };
  return [next, [CLOSE, { do: 'open', renew: true }]];
}

export function refused(m: Machine, { error }: Of<'refused'>): Step {
  return [{ ...fresh(m), status: 'failed', error }, [CLOSE]];
}

/** The hub has no such transport: go on with those that are left, or fail. */
export function missing(m: Machine, { error }: Of<'missing'>): Step {
  const without: Machine = {
    ...m,
    missing: [...m.missing, m.transport],
    strikes: 0,
    probing: null,
  };
  const rungs = ladder(without);
  // The one that follows in the order of preference, else from the beginning.
  const later = m.order.slice(m.order.indexOf(m.transport) + 1);
  const transport = later.find((name) => rungs.includes(name)) ?? rungs[0];
  if (!transport || m.pollingMode === 'force') return refused(m, { error });
  const next: Machine = { ...without, transport, status: 'reconnecting', waiting: true, error };
  return [next, [CLOSE, { do: 'wait', attempt: Math.min(m.attempt, 1), floorMs: 0 }]];
}

export function due(m: Machine): Step {
  return m.waiting ? [{ ...m, waiting: false, held: false }, [OPEN]] : stay(m);
}

export function probeDue(m: Machine): Step {
  if (!mayProbe(m) || m.probing) return stay(m);
  const rungs = ladder(m);
  const better = rungs.slice(0, rungs.indexOf(m.transport));
  const transport = better[m.probes % better.length];
  if (!transport) return stay(m);
  return [{ ...m, probing: transport, probes: m.probes + 1 }, [{ do: 'probe', transport }]];
}

export function probeProved(m: Machine): Step {
  if (!m.probing) return stay(m);
  const status = m.probing === 'polling' ? 'polling' : 'connected';
  const next = proved({ ...m, status, transport: m.probing, probing: null })[0];
  return [next, [{ do: 'adopt' }, ...probeLater(next)]];
}

export function probeLost(m: Machine, event: Of<'probeLost'>): Step {
  if (!m.probing) return stay(m);
  const gone = event.missing ? [...m.missing, m.probing] : m.missing;
  const next: Machine = { ...m, probing: null, missing: gone };
  return [next, probeLater(next)];
}

/** Something changed for the better: a wait of our own is cut short, a connection is looked at. */
export function wake(m: Machine): Step {
  if (m.waiting) return m.held ? stay(m) : [{ ...m, waiting: false }, [OPEN]];
  if (m.status !== 'connected' && m.status !== 'polling') return stay(m);
  return [m, [{ do: 'check' }, ...(m.probing ? [] : probeLater(m, true))]];
}

export const online = (m: Machine): Step => wake({ ...m, online: true });
export const offline = (m: Machine): Step => [{ ...m, online: false }, []];

/** Each reason is held by itself: what one gives up, another may still need. */
export function pause(m: Machine, { reason }: Of<'pause'>): Step {
  const paused = m.paused.includes(reason) ? m.paused : [...m.paused, reason];
  if (m.status === 'disconnected' || m.status === 'failed') return [{ ...m, paused }, []];
  return [{ ...fresh(m), status: 'disconnected', paused }, [CLOSE]];
}

export function resume(m: Machine, { reason }: Of<'resume'>): Step {
  const paused = m.paused.filter((held) => held !== reason);
  const next = { ...m, paused };
  if (paused.length > 0 || !m.wanted || m.status !== 'disconnected') return [next, []];
  return [{ ...fresh(next), status: 'connecting' }, [OPEN]];
}

/** Polling is allowed, forbidden or forced; a connection that no longer fits is opened anew. */
export function fallback(m: Machine, { mode }: Of<'fallback'>): Step {
  const wished: Machine = { ...m, pollingMode: mode };
  // Where nothing is left, what was missing is worth another try.
  const next = ladder(wished).length > 0 ? wished : { ...wished, missing: [] };
  const fits = ladder(next).includes(m.transport);
  const probeFits = !m.probing || mode !== 'force';
  const active = m.status !== 'disconnected' && m.status !== 'failed';
  if (fits && probeFits) {
    return [next, active && m.pollingMode === 'force' ? probeLater(next, true) : []];
  }
  if (!active) return [best(next), []];
  return [{ ...best(fresh(next)), status: 'reconnecting' }, [CLOSE, OPEN]];
}
