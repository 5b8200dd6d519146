/**
 * The rest of the state machine: events that only parts cause which are loaded on demand, so that
 * their transitions come with those parts.
 */
import { reduce, TABLE } from './table.js';
import { due, openStatus, probeLater, proved, stay, step } from './transitions.js';
import {
  ladder,
  type LateEventName,
  type Machine,
  type MachineEvent,
  type MachineEventName,
  type MachineEvents,
  type Rows,
  type Step,
} from './types.js';

function probeDue(m: Machine): Step {
  const rungs = ladder(m);
  const better = rungs.slice(0, rungs.indexOf(m.transport));
  const transport = better[m.probes % better.length];
  if (!transport || m.probing) return stay(m);
  return step(m, { probing: transport, probes: m.probes + 1 }, { do: 'probe', transport });
}

function probeProved(m: Machine): Step {
  const transport = m.probing;
  if (!transport) return stay(m);
  const [next] = proved({ ...m, status: openStatus(transport), transport, probing: null });
  return [next, [{ do: 'adopt' }, ...probeLater(next)]];
}

function probeLost(m: Machine, event: MachineEvents['probeLost']): Step {
  if (!m.probing) return stay(m);
  const gone = event.missing ? [...m.missing, m.probing] : m.missing;
  const next: Machine = { ...m, probing: null, missing: gone };
  return [next, probeLater(next)];
}

/** Something changed for the better: a wait of our own is cut short, a connection is looked at. */
function wake(m: Machine): Step {
  if (m.waiting) return m.held ? stay(m) : due(m);
  if (m.status !== 'connected' && m.status !== 'polling') return stay(m);
  return [m, [{ do: 'check' }, ...(m.probing ? [] : probeLater(m, true))]];
}

const online = (m: Machine): Step => wake({ ...m, online: true });
const offline = (m: Machine): Step => step(m, { online: false });

/** Every late event, every state. */
const LATE: Rows<LateEventName> = {
  probeDue: [stay, stay, probeDue],
  probeProved: [stay, stay, probeProved],
  probeLost: [stay, stay, probeLost],
  online: [online, online, online],
  offline: [offline, offline, offline],
  wake: [stay, wake, wake],
};

/** Every event, every state. */
export const WHOLE: Rows<MachineEventName> = { ...TABLE, ...LATE };

/** As `reduce`, for every event. */
export const reduceAny = (machine: Machine, event: MachineEvent): Step =>
  reduce(machine, event, WHOLE);
