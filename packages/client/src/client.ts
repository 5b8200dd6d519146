/** The client as an application has it: puts the parts together and decides nothing by itself. */
import { createConnection } from './connection.js';
import { deliver, deliverFrame, showError } from './delivery.js';
import { dispatch, loadCheck } from './dispatcher.js';
import { createEmitter } from './emitter.js';
import { RadialError } from './errors.js';
import type { RegisteredEvents } from './events.js';
import type { Extras } from './extras.js';
import type { Host } from './host.js';
import { createIntake } from './intake.js';
import { settingsOf } from './settings.js';
import { isOnline, isOpen, stateOf, statsOf } from './status.js';
import { createSubscription, listOf, type Subscription } from './subscription.js';
import { createSeat } from './tab-seat.js';
import type * as T from './types.js';
import { filterOf, wishOf } from './wish.js';

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
  return clientOf(options as T.ClientOptions<any>);
}

function clientOf(options: T.ClientOptions<any>): T.RealtimeClient<any> {
  const subscriptions = new Set<Subscription>();
  const { on, emit, size } = createEmitter<T.ClientEvents>(showError);
  const settings = settingsOf(options);
  const { startAt } = options;
  const cursor = typeof startAt === 'object' && 'cursor' in startAt ? startAt.cursor : null;
  const intake = createIntake(cursor);
  let isRefiltering = false;
  let extras: Promise<Extras> | undefined;

  const host = {
    options,
    settings,
    intake,
    live: false,
    measure: undefined,
    state: () => state,
    queued: () => [...subscriptions].reduce((sum, one) => sum + one.queued, 0),
    filter: () => filterOf(options, subscriptions),
    wish: () => wishOf(options, [host.filter(), ...(seat.tabs?.wants() ?? [])]),
    older: () => [...subscriptions].filter((one) => one.start),
    received(frame) {
      seat.tabs?.passOn(frame);
      host.frame(frame);
    },
    refitted: () => seat.tabs?.announce(),
    shown: () =>
      void import('./older.js').then(({ readOlder }) => readOlder(host)).catch(host.failed),
    changed(before, { type }) {
      const { machine } = connection;
      const { counters } = intake;
      const isLost = type === 'lost' || type === 'unauthorized';
      if (type === 'opened') counters.lastConnected = settings.clock.now();
      if (isLost && before.status !== 'reconnecting') counters.reconnects += 1;
      if (!isOpen(machine) && !seat.led) host.live = false;
      if (machine.transport !== before.transport && machine.wanted) counters.fallbacks += 1;
      // A leader that cannot have a connection lets another tab try.
      if (machine.status === 'failed' && seat.tabs) seat.leave();
      show();
    },
    emit(name, value) {
      const isTold =
        name === 'state'
          ? extras || connection.machine.wanted
          : name === 'gap' || (name === 'event' && options.fallback);
      if (isTold) use((extras) => extras.saw(name, value));
      emit(name, value);
    },
    frame: (frame) => deliverFrame(frame, host, use),
    deliver: (event, only) => deliver(event, only, host, use),
    dispatch: (event, only) => dispatch(event, only, subscriptions, host),
    gap(gap) {
      intake.counters.gaps += 1;
      host.emit('gap', gap);
    },
    handlerFailed(error, event) {
      intake.counters.handlerErrors += 1;
      use((extras) => extras.reporter.count('handlerErrors'));
      try {
        (options.onHandlerError ?? showError)(error, event);
      } catch (second) {
        showError(second);
      }
      return false;
    },
    overflowed: () =>
      host.emit('gap', { reason: 'overflow', scope: 'all', from: null, to: intake.cursor }),
    refilter() {
      // Subscriptions made together change the connection once.
      if (isRefiltering) return;
      isRefiltering = true;
      queueMicrotask(() => {
        isRefiltering = false;
        connection.refilter();
        seat.tabs?.want();
      });
    },
    follow(leader, live) {
      seat.led = leader;
      host.live = live && isOpen(leader);
      show();
    },
    failed: (error) => emit('error', error),
  } as { -readonly [K in keyof Host]: Host[K] };
  const seat = (host.seat = createSeat(host));
  const connection = (host.connection = createConnection(host, isOnline()));
  let state = stateOf(host);
  if (options.schemas) loadCheck().catch(() => {});

  /** Uses the parts that are loaded on demand; a load that failed is tried again at the next use. */
  function load(): Promise<Extras> {
    if (!extras) {
      extras = import('./extras.js').then(({ Extras }) => new Extras(host));
      extras.catch(() => (extras = undefined));
    }
    return extras;
  }

  function use(act: (extras: Extras) => void): void {
    load().then(act).catch(host.failed);
  }

  function show(): void {
    host.emit('state', (state = stateOf(host, state)));
    seat.tabs?.announce();
  }

  function remove(subscription: Subscription): void {
    subscriptions.delete(subscription);
    subscription.start = undefined;
    subscription.close();
    // Who has nothing left would ask for everything.
    if (subscriptions.size > 0) host.refilter();
  }

  const client: T.RealtimeClient<any> = {
    connect() {
      const { wanted, status } = connection.machine;
      if (!wanted || status === 'failed') seat.take();
      connection.send({ type: 'connect' });
      return client.ready();
    },
    disconnect() {
      connection.send({ type: 'disconnect' });
      seat.leave();
    },
    reconnect() {
      if (connection.machine.wanted) connection.send({ type: 'reconnect' });
      else void client.connect();
    },
    subscribe(
      types: string | readonly string[],
      handler: (event: any) => unknown,
      options: T.SubscribeOptions = {},
    ) {
      const { signal } = options;
      if (signal?.aborted) return () => {};
      const subscription = createSubscription(listOf(types), handler, options, host);
      subscriptions.add(subscription);
      host.refilter();
      const unsubscribe = () => {
        remove(subscription);
        signal?.removeEventListener('abort', unsubscribe);
      };
      signal?.addEventListener('abort', unsubscribe);
      return unsubscribe;
    },
    unsubscribe(type, handler) {
      for (const one of [...subscriptions]) {
        if (one.types.includes(type) && (!handler || one.handler === handler)) remove(one);
      }
    },
    getState: () => state,
    getStats: () => statsOf(host),
    isConnected: () => isOpen(state),
    ready() {
      const ready = new Promise<void>((resolve, reject) => {
        const settle = () => {
          const { status, error, paused } = state;
          if (status === 'failed') reject(error);
          else if (status === 'disconnected' && paused.length === 0) {
            reject(new RadialError('aborted', 'The client is disconnected.'));
          } else if (isOpen(state) && host.live) resolve();
          else return;
          stops.forEach((stop) => stop());
        };
        const stops = [on('state', settle), on('live', settle)];
        settle();
      });
      // Who does not wait for it is told by the state; the page is not to be told of it once more.
      ready.catch(() => {});
      return ready;
    },
    setPollingFallback: (mode) =>
      connection.send({
        type: 'fallback',
        mode: mode === 'force' ? mode : mode ? 'on' : 'off',
      }),
    pause(reason = 'user') {
      connection.send({ type: 'pause', reason });
      return () => connection.send({ type: 'resume', reason });
    },
    publish: async (event, options) => (await load()).publish(event, options),
    ack: (event) => use((extras) => extras.ack(typeof event === 'string' ? event : event.eventId)),
    on,
    get cursor() {
      return intake.cursor;
    },
    inspect() {
      const { machine, main } = connection;
      const { channels, types } = main?.request ?? {};
      return {
        state,
        stats: client.getStats(),
        cursor: intake.cursor,
        machine,
        filter: main && { channels, types, connectionId: main.connectionId },
        subscriptions: subscriptions.size,
        listeners: size(),
      };
    },
  };
  return client;
}
