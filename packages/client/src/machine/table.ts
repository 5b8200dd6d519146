/**
 * The state machine of a connection: for every state and every event, what becomes of it. The
 * table is complete by its type, so that a new state or event does not compile before each of its
 * cells is decided. `docs/states.md` draws it.
 */
import {
  connect,
  disconnect,
  due,
  fallback,
  lost,
  missing,
  offline,
  online,
  opened,
  pause,
  probeDue,
  probeLost,
  probeProved,
  proved,
  reconnect,
  refused,
  resume,
  stay,
  unauthorized,
  wake,
} from './transitions.js';
import type { Machine, MachineEvent, MachineEvents, Status, Step } from './types.js';

type Row = { readonly [E in keyof MachineEvents]: (m: Machine, event: MachineEvents[E]) => Step };

/** What only concerns somebody who has, or is opening, a connection. */
const idle = {
  disconnect: stay,
  opened: stay,
  proved: stay,
  lost: stay,
  unauthorized: stay,
  missing: stay,
  refused: stay,
  due: stay,
  probeDue: stay,
  probeProved: stay,
  probeLost: stay,
  online,
  offline,
  wake: stay,
  pause,
  resume,
  fallback,
} satisfies Partial<Row>;

const opening = {
  connect: stay,
  disconnect,
  reconnect,
  opened,
  proved: stay,
  lost,
  unauthorized,
  missing,
  refused,
  due,
  probeDue: stay,
  probeProved: stay,
  probeLost: stay,
  online,
  offline,
  wake,
  pause,
  resume,
  fallback,
} satisfies Row;

const open = {
  ...opening,
  opened: stay,
  proved,
  due: stay,
  probeDue,
  probeProved,
  probeLost,
} satisfies Row;

/** Every state, every event. */
export const TABLE: { readonly [S in Status]: Row } = {
  disconnected: { ...idle, connect, disconnect, reconnect: connect },
  failed: { ...idle, connect, disconnect, reconnect: connect },
  connecting: opening,
  reconnecting: opening,
  connected: open,
  polling: open,
};

/** `(state, event) -> [state, effects]`. Pure: the same input gives the same step. */
export function reduce(machine: Machine, event: MachineEvent): Step {
  const cell = TABLE[machine.status][event.type] as (m: Machine, e: MachineEvent) => Step;
  return cell(machine, event);
}
