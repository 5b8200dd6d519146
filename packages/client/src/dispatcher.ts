/**
 * Hands events to handlers: in order for each handler and type, one failure without consequences
 * for anybody else, and never more waiting than a limit. It knows no connection.
 */
import type { Clock } from './clock.js';
import type { HubEvent } from './events.js';
import { anyCovers } from './pattern.js';
import { Subscription } from './subscription.js';
import type { check } from './schema.js';
import type { ClientOptions, SubscribeOptions } from './types.js';
import type { WireEvent } from './wire.js';

export type AnyHandler = (event: any) => unknown;

/** Who is told of failures. */
export interface DispatcherOwner {
  /** A handler failed, or an event did not fit its schema. */
  failed(error: unknown, event: HubEvent): void;
  /** A handler was too slow for too long: what waited for it is gone. */
  overflowed(): void;
}

export type DispatcherOptions = Pick<ClientOptions<any>, 'schemas' | 'onInvalid' | 'maxQueued'>;

const MAX_QUEUED = 10_000;

const loadCheck = async () => (await import('./schema.js')).check;

/** The check of an event before its code is there; code that does not load is a failed check. */
const checkLater: typeof check = (event, schema, options, owner) =>
  loadCheck()
    .then((check) => check(event, schema, options, owner))
    .catch((error) => {
      owner.failed(error, event);
      return false;
    });

export class Dispatcher {
  #check = checkLater;
  readonly #subscriptions = new Set<Subscription>();
  readonly #clock: Clock;
  readonly #options: DispatcherOptions;
  readonly #owner: DispatcherOwner;

  constructor(clock: Clock, options: DispatcherOptions, owner: DispatcherOwner) {
    this.#clock = clock;
    this.#options = options;
    this.#owner = owner;
    const keep = (loaded: typeof check) => (this.#check = loaded);
    if (options.schemas) loadCheck().then(keep, () => {});
  }

  add(types: readonly string[], handler: AnyHandler, options: SubscribeOptions): Subscription {
    const subscription = new Subscription(
      types,
      handler,
      options,
      this.#options.maxQueued ?? MAX_QUEUED,
      this.#clock,
      this.#owner,
    );
    this.#subscriptions.add(subscription);
    return subscription;
  }

  remove(subscription: Subscription): void {
    this.#subscriptions.delete(subscription);
    subscription.start = undefined;
    subscription.close();
  }

  /** The subscriptions that have this type or pattern, and this handler if one is named. */
  find(type: string, handler?: AnyHandler): Subscription[] {
    const fits = (one: Subscription) =>
      one.types.includes(type) && (!handler || one.handler === handler);
    return [...this.#subscriptions].filter(fits);
  }

  get subscriptions(): ReadonlySet<Subscription> {
    return this.#subscriptions;
  }

  /** The subscriptions that still want something from before the connection's place. */
  get additions(): Subscription[] {
    return [...this.#subscriptions].filter((one) => one.start);
  }

  /** How many events wait for handlers. */
  get queued(): number {
    let count = 0;
    for (const subscription of this.#subscriptions) count += subscription.queued;
    return count;
  }

  /**
   * Gives an event to every handler that wants it.
   * @returns a promise if any of them did not finish at once; it gives false if one failed
   */
  dispatch(wire: WireEvent): boolean | Promise<boolean> {
    const event = wire as HubEvent;
    event.type = wire.eventType;
    event.data = wire.eventData;
    const schema = this.#options.schemas?.[event.type];
    const valid = schema && this.#check(event, schema, this.#options, this.#owner);
    let finished = true;
    const waiting: Promise<boolean>[] = [];
    for (const subscription of [...this.#subscriptions]) {
      if (!anyCovers(subscription.types, event.type)) continue;
      if (subscription.channels && !anyCovers(subscription.channels, event.channel)) continue;
      const done = subscription.push(event, valid);
      if (done instanceof Promise) waiting.push(done);
      else finished &&= done;
    }
    if (waiting.length === 0) return finished;
    return Promise.all(waiting).then((all) => finished && all.every(Boolean));
  }
}
