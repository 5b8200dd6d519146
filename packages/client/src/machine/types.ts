/**
 * The words of the state machine: what a connection is, what can happen to it, and what it asks to
 * have done. It knows no socket, no timer, no clock and no random source.
 */
import type { RadialError } from '../errors.js';

/** A way to receive events. */
export type TransportName = 'sse' | 'websocket' | 'polling';

/** What the connection is at, as an application sees it. */
export type Status =
  'disconnected' | 'connecting' | 'connected' | 'reconnecting' | 'polling' | 'failed';

/** Why a wanted connection is put away for a while. */
export type PauseReason = 'user' | 'hidden' | 'pagehide' | 'frozen' | 'tabs' | (string & {});

export type PollingMode = 'on' | 'off' | 'force';

export interface Machine {
  readonly status: Status;
  /** Whether the application asked for a connection. */
  readonly wanted: boolean;
  readonly paused: readonly PauseReason[];
  /** The preferred transports, best first. */
  readonly order: readonly TransportName[];
  /** Transports that this hub does not have; forgotten when the application connects anew. */
  readonly missing: readonly TransportName[];
  readonly pollingMode: PollingMode;
  /** The transport in use, or the one that is tried next. */
  readonly transport: TransportName;
  /** A better transport that is being tried beside the one in use. */
  readonly probing: TransportName | null;
  /** How many probes there were; the better transports take turns. */
  readonly probes: number;
  /** Attempts since a connection last proved itself: the exponent of the back-off. */
  readonly attempt: number;
  /** Failures that speak against this transport, since it last proved itself. */
  readonly strikes: number;
  /** Strikes after which the next transport is tried. */
  readonly maxStrikes: number;
  /** The timer of the next attempt is running. */
  readonly waiting: boolean;
  /** The hub itself asked for this wait, so nothing shortens it. */
  readonly held: boolean;
  /** A refused credential was replaced already, and no connection has proved itself since. */
  readonly renewed: boolean;
  readonly online: boolean;
  readonly error: RadialError | null;
}

/** How a connection was lost. */
export interface Loss {
  /**
   * `cut`: it broke; `silent`: nothing came for too long; `unreachable`: no answer at all; `busy`:
   * the hub asked to come later; `goodbye`: the hub said that it would close.
   */
  readonly cause: 'cut' | 'silent' | 'unreachable' | 'busy' | 'goodbye';
  /** The hub's own wish, in milliseconds: a floor under the back-off. */
  readonly floorMs?: number | undefined;
  /** The hub advises to poll meanwhile. */
  readonly poll?: boolean | undefined;
  readonly error?: RadialError | undefined;
}

/** What can happen. */
export interface MachineEvents {
  /** The application wants a connection. */
  connect: object;
  disconnect: object;
  /** The application wants a new connection now, with the best transport. */
  reconnect: object;
  /** The first frame came, or a poll was answered. */
  opened: object;
  /** Data came long enough after the beginning: this transport works. */
  proved: object;
  lost: Loss;
  /** The credential was not accepted, or is over. */
  unauthorized: { readonly error: RadialError };
  /** The hub does not have this transport. */
  missing: { readonly error: RadialError };
  /** A refusal that coming back does not change. */
  refused: { readonly error: RadialError };
  /** The wait is over. */
  due: object;
  /** It is time to try a better transport. */
  probeDue: object;
  /** The better transport has proved itself. */
  probeProved: object;
  probeLost: { readonly missing?: boolean };
  online: object;
  offline: object;
  /** The page is looked at again, or the machine woke up. */
  wake: object;
  pause: { readonly reason: PauseReason };
  resume: { readonly reason: PauseReason };
  fallback: { readonly mode: PollingMode };
}

export type MachineEventName = keyof MachineEvents;
export type MachineEvent<N extends MachineEventName = MachineEventName> = {
  [E in N]: { readonly type: E } & MachineEvents[E];
}[N];

/** What only happens to a client that has loaded more than it needs for its first connection. */
export type LateEventName =
  'probeDue' | 'probeProved' | 'probeLost' | 'online' | 'offline' | 'wake';
export type EarlyEventName = Exclude<MachineEventName, LateEventName>;

/** What the machine asks its surroundings to do. */
export type Effect =
  /** Open the transport in use, at the current place; close what was open before. */
  | { readonly do: 'open'; readonly renew: boolean }
  /** Close the connection, its wait and its probe. */
  | { readonly do: 'close' }
  /** Send `due` after a random part of the back-off of this attempt, not before the floor. */
  | { readonly do: 'wait'; readonly attempt: number; readonly floorMs: number }
  /** Send `probeDue` later; `soon` when something changed that may have brought it back. */
  | { readonly do: 'probeLater'; readonly soon: boolean }
  /** Open this better transport beside the one in use. */
  | { readonly do: 'probe'; readonly transport: TransportName }
  /** The probe becomes the connection; the old one is closed. */
  | { readonly do: 'adopt' }
  /** Look at once whether the connection still lives. */
  | { readonly do: 'check' };

export type Step = readonly [Machine, readonly Effect[]];

type Cell<E> = (m: Machine, event: E) => Step;

/** For each event, what it does while there is no connection, while one is opened, and while one is open. */
export type Rows<N extends MachineEventName> = {
  readonly [E in N]: readonly [
    Cell<MachineEvents[E]>,
    Cell<MachineEvents[E]>,
    Cell<MachineEvents[E]>,
  ];
};

/** What a machine that nothing is held against has. */
export const FRESH = {
  probing: null,
  attempt: 0,
  strikes: 0,
  waiting: false,
  held: false,
  renewed: false,
  error: null,
} satisfies Partial<Machine>;

/** The machine before anything has happened. */
export const initialMachine = (
  { transports, maxReconnectAttempts, enablePollingFallback }: MachineSettings,
  online: boolean,
): Machine =>
  best({
    ...FRESH,
    status: 'disconnected',
    wanted: false,
    paused: [],
    order: transports,
    missing: [],
    pollingMode: enablePollingFallback ? 'on' : 'off',
    transport: 'sse',
    probes: 0,
    maxStrikes: maxReconnectAttempts,
    online,
  });

/** What an application decides. */
export interface MachineSettings {
  readonly transports: readonly TransportName[];
  readonly maxReconnectAttempts: number;
  readonly enablePollingFallback: boolean;
}

/** The transports that may be used now, best first. */
export function ladder({ pollingMode, order, missing }: Machine): readonly TransportName[] {
  if (pollingMode === 'force') return ['polling'];
  const allowed = order.filter((name) => name !== 'polling' || pollingMode === 'on');
  // Who forbids the only transport that there is gets the one that every hub has.
  const rungs: readonly TransportName[] = allowed.length > 0 ? allowed : ['sse'];
  return rungs.filter((name) => !missing.includes(name));
}

/** The machine with the best transport that may be used. */
export const best = (m: Machine): Machine => ({ ...m, transport: ladder(m)[0] ?? m.transport });
