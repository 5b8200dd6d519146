/** What the parts of a client may do with it. Types only. */
import type { Connection, ConnectionOwner } from './connection.js';
import type { HubEvent } from './events.js';
import type { Filter } from './pattern.js';
import type { Measure } from './quality.js';
import type { Subscription } from './subscription.js';
import type { TabSeat } from './tab-seat.js';
import type { ClientEvents, ClientOptions, ConnectionState } from './types.js';
import type { Frame, Gap, WireEvent } from './wire.js';

export interface Host extends ConnectionOwner {
  readonly options: ClientOptions<any>;
  readonly connection: Connection;
  readonly seat: TabSeat;
  readonly older: () => Subscription[];
  /** The replay has met the head: what comes now happens now. */
  live: boolean;
  /** How late frames come; undefined until it is loaded. */
  measure: Measure | undefined;
  state(): ConnectionState;
  /** How many events wait for handlers. */
  queued(): number;
  /** What this tab wants to receive. */
  filter(): Filter;
  /** Tells who listens. */
  emit<N extends keyof ClientEvents>(name: N, value: ClientEvents[N]): void;
  /** Gives a frame to the application. */
  frame(frame: Frame): void;
  /** Gives an event to its handlers alone; see `dispatch`. */
  dispatch(event: WireEvent, only?: Subscription): boolean | Promise<boolean>;
  /** Gives an event to who wants it. */
  deliver(event: WireEvent, only?: Subscription): void;
  gap(gap: Gap): void;
  /** A handler has failed, which concerns nobody else. */
  handlerFailed(error: unknown, event: HubEvent): false;
  /** A handler was too slow for too long: what waited for it is gone. */
  overflowed(): void;
  /** Looks whether the connection has to be changed. */
  refilter(): void;
  /** Shows the leader's state instead of its own, and whether events flow from it. */
  follow(leader: ConnectionState, live: boolean): void;
  /** Something failed that nobody waits for. */
  failed(error: unknown): void;
}
