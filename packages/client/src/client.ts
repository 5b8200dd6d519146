/** The client as an application has it: puts the parts together and decides nothing by itself. */
import { Acknowledger } from './acknowledger.js';
import { Connection } from './connection.js';
import { Dispatcher, type AnyHandler } from './dispatcher.js';
import { Emitter } from './emitter.js';
import { RadialError } from './errors.js';
import type { HubEvent, RegisteredEvents } from './events.js';
import { Intake } from './intake.js';
import { ladder, type Machine, type MachineEvent } from './machine/types.js';
import { isOnline, watchPage } from './page.js';
import { simplify } from './pattern.js';
import { Publisher, type PublishOptions } from './publisher.js';
import { Latency, qualityOf } from './quality.js';
import { Reporter } from './reporter.js';
import { settingsOf, type Settings } from './settings.js';
import type {
  ClientEvents,
  ClientOptions,
  ConnectionState,
  RealtimeClient,
  StartAt,
  Stats,
  SubscribeOptions,
} from './types.js';
import type { Frame } from './wire.js';

const MAX_QUEUED = 10_000;
const LOST = ['lost', 'unauthorized'];

class Client implements RealtimeClient<any> {
  readonly #options: ClientOptions<any>;
  readonly #settings: Settings;
  readonly #intake: Intake;
  readonly #connection: Connection;
  readonly #dispatcher: Dispatcher;
  readonly #publisher: Publisher;
  readonly #acks: Acknowledger;
  readonly #reporter: Reporter;
  readonly #latency = new Latency();
  readonly #emitter = new Emitter<ClientEvents>((error) => this.#report(error));
  #stopWatching: () => void = () => {};
  #state: ConnectionState;
  #refiltering = false;
  #live = false;
  #lastConnected: number | null = null;
  #lastHeartbeat: number | null = null;
  #reconnects = 0;
  #fallbacks = 0;
  #handlerErrors = 0;

  constructor(options: ClientOptions<any>) {
    const settings = settingsOf(options);
    this.#options = options;
    this.#settings = settings;
    const start = options.startAt;
    this.#intake = new Intake(typeof start === 'object' && 'cursor' in start ? start.cursor : null);
    this.#dispatcher = new Dispatcher({
      clock: settings.clock,
      schemas: options.schemas ?? {},
      onInvalid: options.onInvalid ?? 'drop',
      maxQueued: options.maxQueued ?? MAX_QUEUED,
      onError: (error, event) => this.#handlerFailed(error, event),
      onOverflow: () => this.#overflowed(),
    });
    this.#connection = new Connection(
      settings,
      this.#intake,
      {
        wish: () => this.#wish(),
        frame: (frame) => this.#frame(frame),
        changed: (before, event) => this.#changed(before, event),
      },
      isOnline(),
    );
    const token = this.#connection.token.bind(this.#connection);
    this.#publisher = new Publisher(settings, token);
    this.#acks = new Acknowledger(
      settings.clock,
      (ids) => this.#publisher.acknowledge(ids),
      (error) => this.#emitter.emit('error', error),
    );
    this.#reporter = new Reporter(settings.clock, (report) =>
      this.#publisher.publish(
        { type: 'client.report', data: { ...report, stats: this.getStats() } },
        { retries: 0 },
      ),
    );
    if (options.report === false) this.#reporter.stop();
    this.#state = this.#snapshot();
  }

  connect(): Promise<void> {
    this.#stopWatching();
    this.#stopWatching = watchPage({
      online: () => this.#connection.send({ type: 'online' }),
      offline: () => this.#connection.send({ type: 'offline' }),
      wake: () => this.#connection.send({ type: 'wake' }),
      away: (reason) => this.#connection.send({ type: 'pause', reason }),
      back: (reason) => this.#connection.send({ type: 'resume', reason }),
    });
    this.#connection.send({ type: 'connect' });
    return this.ready();
  }

  disconnect(): void {
    this.#stopWatching();
    this.#stopWatching = () => {};
    this.#connection.send({ type: 'disconnect' });
  }

  reconnect(): void {
    if (this.#state.status === 'disconnected') void this.connect().catch(() => {});
    else this.#connection.send({ type: 'reconnect' });
  }

  subscribe(
    types: string | readonly string[],
    handler: AnyHandler,
    options: SubscribeOptions = {},
  ): () => void {
    const { channels, batch = false, signal } = options;
    if (signal?.aborted) return () => {};
    const subscription = this.#dispatcher.add([types].flat() as string[], handler, {
      batch,
      ...(channels === undefined ? {} : { channels: [channels].flat() as string[] }),
    });
    this.#refilter();
    const unsubscribe = () => {
      this.#dispatcher.remove(subscription);
      signal?.removeEventListener('abort', unsubscribe);
    };
    signal?.addEventListener('abort', unsubscribe);
    return unsubscribe;
  }

  unsubscribe(type: string, handler?: AnyHandler): void {
    for (const subscription of this.#dispatcher.find(type, handler))
      this.#dispatcher.remove(subscription);
  }

  getState(): ConnectionState {
    return this.#state;
  }

  getStats(): Stats {
    const { machine, main } = this.#connection;
    const { received, duplicates, gaps, dropped, lastEventAt } = this.#intake;
    const { status, transport, attempt } = this.#state;
    const latencyMs = this.#latency.p95;
    const connected = this.isConnected();
    const silentMs = main ? this.#settings.clock.now() - main.lastByteAt : 0;
    // Half a beat late is the network; more is a beat that was missed.
    const missed =
      main && main.heartbeatMs > 0 ? Math.max(0, Math.round(silentMs / main.heartbeatMs) - 1) : 0;
    return {
      state: status,
      transport,
      isPolling: machine.status === 'polling',
      reconnectAttempts: attempt,
      reconnects: this.#reconnects,
      fallbacks: this.#fallbacks,
      lastConnected: this.#lastConnected,
      lastHeartbeat: this.#lastHeartbeat,
      lastEventAt,
      latencyMs,
      clockSkewMs: this.#latency.skewMs,
      quality: qualityOf(connected, latencyMs, missed),
      queued: this.#dispatcher.queued,
      received,
      duplicates,
      gaps,
      dropped,
      handlerErrors: this.#handlerErrors,
    };
  }

  isConnected(): boolean {
    return this.#state.status === 'connected' || this.#state.status === 'polling';
  }

  ready(): Promise<void> {
    const ready = new Promise<void>((resolve, reject) => {
      const look = (): boolean => {
        const { status, error } = this.#state;
        if (status === 'failed') reject(error);
        else if (status === 'disconnected' && this.#state.paused.length === 0) {
          reject(new RadialError('aborted', 'The client is disconnected.'));
        } else if (this.isConnected() && this.#live) resolve();
        else return false;
        return true;
      };
      if (look()) return;
      const settle = () => {
        if (look()) stops.forEach((stop) => stop());
      };
      const stops = [this.on('state', settle), this.on('live', settle)];
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

  publish(event: any, options?: PublishOptions): Promise<any> {
    return this.#publisher.publish(event, options);
  }

  ack(event: string | { eventId: string }): void {
    this.#acks.add(typeof event === 'string' ? event : event.eventId);
  }

  on<N extends keyof ClientEvents>(
    name: N,
    callback: (value: ClientEvents[N]) => void,
  ): () => void {
    return this.#emitter.on(name, callback);
  }

  get cursor(): string | null {
    return this.#intake.cursor;
  }

  inspect(): Record<string, unknown> {
    const { machine, main } = this.#connection;
    return {
      state: this.#state,
      stats: this.getStats(),
      cursor: this.cursor,
      ladder: ladder(machine),
      machine,
      filter: main && {
        channels: main.request.channels,
        types: main.request.types,
        connectionId: main.connectionId,
      },
      subscriptions: [...this.#dispatcher.subscriptions].map(({ types, channels, queued }) => ({
        types,
        channels,
        queued,
      })),
      listeners: this.#emitter.size,
    };
  }

  #wish() {
    const { channels = ['main'], types = [], snapshot = [], startAt } = this.#options;
    const wanted = { channels: [...channels], types: [...types] };
    for (const subscription of this.#dispatcher.subscriptions) {
      wanted.channels.push(...(subscription.channels ?? []));
      wanted.types.push(...subscription.types);
    }
    const all = simplify(wanted.types);
    return {
      channels: simplify(wanted.channels),
      types: all.length > 0 ? all : ['*'],
      snapshot,
      start: startOf(startAt),
    };
  }

  /** Subscriptions made together change the connection once. */
  #refilter(): void {
    if (this.#refiltering) return;
    this.#refiltering = true;
    queueMicrotask(() => {
      this.#refiltering = false;
      this.#connection.refilter();
    });
  }

  #frame(frame: Frame): void {
    const now = this.#settings.clock.now();
    switch (frame.name) {
      case 'event':
        if (this.#live) this.#latency.add(now, frame.data.receivedAt);
        this.#intake.lastEventAt = now;
        return this.#event(frame.data as HubEvent);
      case 'redelivery':
        if (this.#acks.has(frame.data.event.eventId))
          return this.#acks.add(frame.data.event.eventId);
        return this.#event(frame.data.event as HubEvent);
      case 'heartbeat':
        this.#lastHeartbeat = now;
        if (frame.data.now > 0) this.#latency.add(now, frame.data.now);
        return;
      case 'token':
        return void this.#connection.renew().catch((error) => this.#emitter.emit('error', error));
      case 'live':
        this.#live = true;
        break;
      case 'gap':
        this.#reporter.count('gaps');
    }
    this.#emitter.emit(frame.name, frame.data as never);
  }

  #event(event: HubEvent): void {
    const done = this.#dispatcher.dispatch(event);
    this.#emitter.emit('event', event);
    if (!event.ack || this.#options.acks === 'manual') return;
    if (done === true) this.#acks.add(event.eventId);
    else if (done) void done.then((ok) => ok && this.#acks.add(event.eventId));
  }

  #handlerFailed(error: unknown, event: HubEvent): void {
    this.#handlerErrors += 1;
    this.#reporter.count('handlerErrors');
    const { onHandlerError } = this.#options;
    if (!onHandlerError) return this.#report(error);
    try {
      onHandlerError(error, event);
    } catch (second) {
      this.#report(second);
    }
  }

  /** Shows an error to the page without stopping anything. */
  #report(error: unknown): void {
    if (globalThis.reportError) globalThis.reportError(error);
    else console.error(error);
  }

  #overflowed(): void {
    this.#reporter.count('overflows');
    this.#emitter.emit('gap', { reason: 'overflow', scope: 'all', from: null, to: this.cursor });
  }

  #changed(before: Machine, event: MachineEvent): void {
    const { machine } = this.#connection;
    if (event.type === 'opened') this.#lastConnected = this.#settings.clock.now();
    const lost = LOST.includes(event.type);
    if (lost && before.status !== 'reconnecting') this.#reconnects += 1;
    if (machine.status !== 'connected' && machine.status !== 'polling') this.#live = false;
    if (machine.transport !== before.transport && machine.wanted) {
      this.#fallbacks += 1;
      if (lost)
        this.#reporter.fallback(
          before.transport,
          machine.transport,
          machine.error?.code ?? event.type,
        );
    }
    this.#state = this.#snapshot(before.status !== machine.status);
    this.#emitter.emit('state', this.#state);
  }

  #snapshot(changed = true): ConnectionState {
    const { machine, nextRetryAt } = this.#connection;
    const { status, transport, attempt, online, paused, error } = machine;
    const since = changed ? this.#settings.clock.now() : this.#state.since;
    const idle = status === 'disconnected' || status === 'failed';
    return Object.freeze({
      status,
      transport: idle ? null : transport,
      role: 'solo',
      attempt,
      nextRetryAt,
      since,
      online,
      paused,
      error,
    });
  }
}

function startOf(start: StartAt = 'now'): Record<string, string> {
  if (start === 'earliest') return { cursor: start };
  return typeof start === 'object' && 'since' in start ? { since: String(start.since) } : {};
}

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
  options: ClientOptions<E> = {},
): RealtimeClient<E> {
  return new Client(options as ClientOptions<any>) as RealtimeClient<any>;
}
