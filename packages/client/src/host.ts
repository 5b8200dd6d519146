/** What the parts of a client that are loaded on demand may do with it. Types only. */
import type { Connection } from './connection.js';
import type { Dispatcher } from './dispatcher.js';
import type { Intake } from './intake.js';
import type { Filter } from './pattern.js';
import type { Measure } from './quality.js';
import type { Settings } from './settings.js';
import type { TabSeat } from './tab-seat.js';
import type { ClientOptions, ConnectionState } from './types.js';
import type { Frame, Gap, WireEvent } from './wire.js';

export interface Host {
  readonly options: ClientOptions<any>;
  readonly settings: Settings;
  readonly intake: Intake;
  readonly connection: Connection;
  readonly dispatcher: Dispatcher;
  readonly seat: TabSeat;
  /** How late frames come; undefined until it is loaded. */
  measure: Measure | undefined;
  state(): ConnectionState;
  /** What this tab wants to receive. */
  wish(): Filter;
  /** Gives a frame to the application. */
  frame(frame: Frame): void;
  /** Gives to the application what is from before the place of its connection. */
  replay(events: readonly WireEvent[], gaps?: readonly Gap[]): void;
  /** Looks whether the connection has to be widened. */
  refilter(): void;
  /** Shows the leader's state instead of its own; null before it is known, undefined for its own. */
  follow(leader: ConnectionState | null | undefined): void;
  /** Something failed that nobody waits for. */
  failed(error: unknown): void;
}
