/** The client as an application has it: puts the parts together and decides nothing by itself. */
import { createConnection, type Connection } from './connection.js';
import { Delivery, showError } from './delivery.js';
import { Dispatcher, type AnyHandler } from './dispatcher.js';
import { Emitter } from './emitter.js';
import { RadialError } from './errors.js';
import type { RegisteredEvents } from './events.js';
import type { Extras } from './extras.js';
import type { Host } from './host.js';
import { Intake } from './intake.js';
import type { Machine, MachineEvent } from './machine/types.js';
import type { Filter } from './pattern.js';
import type { PublishOptions } from './publisher.js';
import { settingsOf, type Settings } from './settings.js';
import type { Subscription } from './subscription.js';
import { Counters, isOnline, isOpen, stateOf, statsOf } from './status.js';
import { TabSeat } from './tab-seat.js';
import type * as T from './types.js';
import type { Frame } from './wire.js';
import { filterOf, wishOf } from './wish.js';

class Client implements T.RealtimeClient<any> {
  readonly #options: T.ClientOptions<any>;
  readonly #settings: Settings;
  readonly #intake: Intake;
  readonly #connection: Connection;
  readonly #dispatcher: Dispatcher;
  readonly #emitter = new Emitter<T.ClientEvents>(showError);
  readonly #host: Host;
  readonly #delivery: Delivery;
  readonly #seat: TabSeat;
  #state: T.ConnectionState;
  #refiltering = false;
  #extras: Promise<Extras> | undefined;

  constructor(options: T.ClientOptions<any>) {
    const settings = (this.#settings = settingsOf(options));
    this.#options = options;
    const { startAt: start } = options;
    const intake = (this.#intake = new Intake(
      typeof start === 'object' && 'cursor' in start ? start.cursor : null,
      new Counters(),
    ));
    const dispatcher = (this.#dispatcher = new Dispatcher(settings.clock, options, {
      failed: (error, event) => this.#delivery.handlerFailed(error, event),
      overflowed: () => {
        this.#use((extras) => extras.reporter.count('overflows'));
        this.#emitter.emit('gap', {
          reason: 'overflow',
          scope: 'all',
          from: null,
          to: this.cursor,
        });
      },
    }));
    const replay: Host['replay'] = (events, gaps) => this.#delivery.replay(events, gaps);
    const connection = (this.#connection = createConnection(
      settings,
      intake,
      {
        wish: () => wishOf(this.#options, [this.#filter(), ...(this.#seat.tabs?.wants() ?? [])]),
        additions: () => dispatcher.additions,
        replay,
        frame: (frame) => this.#passOn(frame),
        refitted: () => this.#seat.tabs?.announce(),
        changed: (before, event) => this.#changed(before, event),
      },
      isOnline(),
    ));
    const seat = (this.#seat = new TabSeat(() => this.#host));
    this.#host = {
      measure: undefined,
      seat,
      options,
      settings,
      intake,
      connection,
      dispatcher,
      state: () => this.#state,
      wish: () => this.#filter(),
      frame: (frame) => this.#delivery.frame(frame),
      replay,
      refilter: () => this.#refilter(),
      follow: (leader) => this.#follow(leader),
      failed: (error) => this.#emitter.emit('error', error),
    };
    this.#delivery = new Delivery(
      this.#host,
      this.#emitter,
      (act) => this.#use(act),
      () => Boolean(this.#seat.led),
    );
    this.#state = stateOf(connection, undefined, 'solo', settings.clock.now());
  }

  connect(): Promise<void> {
    // What is needed when something goes wrong is loaded while nothing has gone wrong yet.
    this.#use((extras) => extras.start());
    this.#connection.preload();
    const { wanted, status } = this.#connection.machine;
    if (!wanted || status === 'failed') this.#seat.take();
    this.#connection.send({ type: 'connect' });
    return this.ready();
  }

  disconnect(): void {
    this.#connection.send({ type: 'disconnect' });
    this.#seat.leave();
    if (this.#extras) this.#use((extras) => extras.stop());
  }

  reconnect(): void {
    if (this.#connection.machine.wanted) this.#connection.send({ type: 'reconnect' });
    else void this.connect();
  }

  subscribe(
    types: string | readonly string[],
    handler: AnyHandler,
    options: T.SubscribeOptions = {},
  ): () => void {
    const { signal } = options;
    if (signal?.aborted) return () => {};
    const subscription = this.#dispatcher.add(listOf(types), handler, options);
    this.#refilter();
    const unsubscribe = () => {
      this.#remove(subscription);
      signal?.removeEventListener('abort', unsubscribe);
    };
    signal?.addEventListener('abort', unsubscribe);
    return unsubscribe;
  }

  unsubscribe(type: string, handler?: AnyHandler): void {
    for (const one of this.#dispatcher.find(type, handler)) this.#remove(one);
  }

  #remove(subscription: Subscription): void {
    this.#dispatcher.remove(subscription);
    // Who has nothing left would ask for everything.
    if (this.#dispatcher.subscriptions.size > 0) this.#refilter();
  }

  getState(): T.ConnectionState {
    return this.#state;
  }

  getStats(): T.Stats {
    const now = this.#settings.clock.now();
    return statsOf(
      this.#state,
      this.#connection,
      this.#intake.counters,
      this.#host.measure,
      this.#dispatcher.queued,
      now,
    );
  }

  isConnected(): boolean {
    return isOpen(this.#state);
  }

  ready(): Promise<void> {
    const ready = new Promise<void>((resolve, reject) => {
      const stops: (() => void)[] = [];
      const settle = () => {
        const { status, error, paused } = this.#state;
        if (status === 'failed') reject(error);
        else if (status === 'disconnected' && paused.length === 0) {
          reject(new RadialError('aborted', 'The client is disconnected.'));
        } else if (this.isConnected() && this.#delivery.live) resolve();
        else return;
        stops.forEach((stop) => stop());
      };
      stops.push(this.on('state', settle), this.on('live', settle));
      settle();
    });
    // Who does not wait for it is told by the state; the page is not to be told of it once more.
    ready.catch(() => {});
    return ready;
  }

  setPollingFallback(mode: boolean | 'force'): void {
    this.#connection.send({
      type: 'fallback',
      mode: mode === 'force' ? mode : mode ? 'on' : 'off',
    });
  }

  pause(reason = 'user'): () => void {
    this.#connection.send({ type: 'pause', reason });
    return () => this.#connection.send({ type: 'resume', reason });
  }

  async publish(event: any, options?: PublishOptions): Promise<any> {
    return (await this.#load()).publish(event, options);
  }

  ack(event: string | { eventId: string }): void {
    this.#use((extras) => extras.ack(typeof event === 'string' ? event : event.eventId));
  }

  on<N extends keyof T.ClientEvents>(
    name: N,
    callback: (value: T.ClientEvents[N]) => void,
  ): () => void {
    return this.#emitter.on(name, callback);
  }

  get cursor(): string | null {
    return this.#intake.cursor;
  }

  inspect(): Record<string, unknown> {
    const { machine, main } = this.#connection;
    const { channels, types } = main?.request ?? {};
    return {
      state: this.#state,
      stats: this.getStats(),
      cursor: this.cursor,
      machine,
      filter: main && { channels, types, connectionId: main.connectionId },
      subscriptions: this.#dispatcher.subscriptions.size,
      listeners: this.#emitter.size,
    };
  }

  /** The parts that are loaded on demand; a load that failed is tried again at the next use. */
  #load(): Promise<Extras> {
    if (!this.#extras) {
      this.#extras = import('./extras.js').then(({ Extras }) => new Extras(this.#host));
      this.#extras.catch(() => (this.#extras = undefined));
    }
    return this.#extras;
  }

  #use(act: (extras: Extras) => void): void {
    this.#load().then(act).catch(this.#host.failed);
  }

  #follow(leader: T.ConnectionState | null | undefined): void {
    this.#seat.led = leader;
    if (leader) this.#delivery.live = isOpen(leader);
    this.#show();
  }

  #filter(): Filter {
    return filterOf(this.#options, this.#dispatcher.subscriptions);
  }

  /** Subscriptions made together change the connection once. */
  #refilter(): void {
    if (this.#refiltering) return;
    this.#refiltering = true;
    queueMicrotask(() => {
      this.#refiltering = false;
      this.#connection.refilter();
      this.#seat.tabs?.want();
    });
  }

  /** A frame of this tab's own connection. */
  #passOn(frame: Frame): void {
    this.#seat.tabs?.passOn(frame);
    this.#delivery.frame(frame);
    if (frame.name === 'hello') this.#seat.tabs?.announce();
  }

  #changed(before: Machine, event: MachineEvent): void {
    const { machine } = this.#connection;
    const { counters } = this.#intake;
    const lost = event.type === 'lost' || event.type === 'unauthorized';
    if (event.type === 'opened') counters.lastConnected = this.#settings.clock.now();
    if (lost && before.status !== 'reconnecting') counters.reconnects += 1;
    if (!isOpen(machine) && !this.#seat.led) this.#delivery.live = false;
    if (machine.transport !== before.transport && machine.wanted) {
      counters.fallbacks += 1;
      const reason = machine.error?.code ?? event.type;
      if (lost)
        this.#use(({ reporter }) => reporter.fallback(before.transport, machine.transport, reason));
    }
    // A leader that cannot have a connection lets another tab try.
    if (machine.status === 'failed' && this.#seat.tabs) this.#seat.leave();
    this.#show();
  }

  #show(): void {
    const before = this.#state;
    const state = stateOf(this.#connection, this.#seat.led, this.#seat.tabs?.role, before.since);
    const { clock } = this.#settings;
    this.#state =
      state.status === before.status ? state : Object.freeze({ ...state, since: clock.now() });
    this.#emitter.emit('state', this.#state);
    this.#seat.tabs?.announce();
    if (this.#options.fallback) this.#use((extras) => extras.changed());
  }
}

const listOf = (one: string | readonly string[]): readonly string[] =>
  typeof one === 'string' ? [one] : one;

/**
 * Creates a client. Nothing happens before `connect()`: creating one is safe on a server and in a
 * module.
 *
 * ```ts
 * const client = createRealtimeClient({ channels: ['board:42'] });
 * client.subscribe('card.moved', (event) => move(event.data.cardId, event.data.zone));
 * client.on('gap', () => reload());
 * await client.connect();
 * ```
 */
export function createRealtimeClient<E = RegisteredEvents>(
  options: T.ClientOptions<E> = {},
): T.RealtimeClient<E> {
  return new Client(options as T.ClientOptions<any>) as T.RealtimeClient<any>;
}
