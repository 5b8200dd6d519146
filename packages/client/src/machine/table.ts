/**
 * The state machine of a connection: for every event and every state, what becomes of it. With the
 * rows of `late.ts` the table is complete by its type, so that a new state or event does not
 * compile before each of its cells is decided. `docs/states.md` draws it.
 */
import {
  connect,
  disconnect,
  due,
  fallback,
  lost,
  missing,
  opened,
  pause,
  proved,
  reconnect,
  refused,
  resume,
  stay,
  unauthorized,
} from './transitions.js';
import type {
  EarlyEventName,
  Machine,
  MachineEvent,
  MachineEventName,
  Rows,
  Status,
  Step,
} from './types.js';

/** Which cell of a row a state has: there is no connection, one is opened, one is open. */
export const COLUMNS: { readonly [S in Status]: 0 | 1 | 2 } = {
  disconnected: 0,
  failed: 0,
  connecting: 1,
  reconnecting: 1,
  connected: 2,
  polling: 2,
};

/** Every early event, every state. */
export const TABLE: Rows<EarlyEventName> = {
  connect: [connect, stay, stay],
  disconnect: [disconnect, disconnect, disconnect],
  reconnect: [connect, reconnect, reconnect],
  opened: [stay, opened, stay],
  proved: [stay, stay, proved],
  lost: [stay, lost, lost],
  unauthorized: [stay, unauthorized, unauthorized],
  missing: [stay, missing, missing],
  refused: [stay, refused, refused],
  due: [stay, due, stay],
  pause: [pause, pause, pause],
  resume: [resume, resume, resume],
  fallback: [fallback, fallback, fallback],
};

/** `(state, event) -> [state, effects]`. Pure: the same input gives the same step. */
export function reduce<N extends MachineEventName = EarlyEventName>(
  machine: Machine,
  event: MachineEvent<N>,
  rows = TABLE as Rows<N>,
): Step {
  const cell = rows[event.type][COLUMNS[machine.status]];
  return cell(machine, event);
}
