/** One handler and what waits for it. */
import type { Batch } from './batch.js';
import type { Clock } from './clock.js';
import type { Addition } from './connection.js';
import type { AnyHandler, DispatcherOwner } from './dispatcher.js';
import type { HubEvent } from './events.js';
import type { SubscribeOptions } from './types.js';
import { startOf } from './wish.js';

/** How events are collected before a handler gets them. */
export interface BatchOptions {
  /** The longest that an event waits, in milliseconds, or `frame` for the next repaint. Default 50. */
  maxDelay?: number | 'frame';
  /** The most events of one call. Default 500. */
  maxSize?: number;
}

/** What a schema said of an event, or will say; undefined where there is none. */
export type Validity = boolean | Promise<boolean> | undefined;

export class Subscription implements Addition {
  readonly types: readonly string[];
  readonly channels: readonly string[] | undefined;
  readonly handler: AnyHandler;
  /** Where it goes on, until it has everything from before the connection's place. */
  start: Addition['start'];
  asked?: object;
  /** Events that this handler has not finished. */
  queued = 0;
  /** What was given up, counted so that it cannot finish later. */
  #round = 0;
  /** The last thing that waits, by event type: handlers of one type run one after the other. */
  readonly #tails = new Map<string, Promise<boolean>>();
  readonly #batch: Promise<Batch> | undefined;
  readonly #maxQueued: number;
  readonly #owner: DispatcherOwner;

  constructor(
    types: readonly string[],
    handler: AnyHandler,
    { channels, batch, startAt }: SubscribeOptions,
    maxQueued: number,
    clock: Clock,
    owner: DispatcherOwner,
  ) {
    this.types = types;
    this.channels = typeof channels === 'string' ? [channels] : channels;
    this.handler = handler;
    this.start = startOf(startAt);
    this.#maxQueued = maxQueued;
    this.#owner = owner;
    if (!batch) return;
    const run = (events: HubEvent[]) => this.#call(events, events[0] as HubEvent);
    this.#batch = import('./batch.js').then(
      ({ Batch }) => new Batch(run, batch === true ? {} : batch, clock),
    );
  }

  /**
   * Runs the handler with this event, after what is before it.
   * @returns whether it succeeded, as a promise if that is not known yet
   */
  push(event: HubEvent, valid: Validity): boolean | Promise<boolean> {
    if (valid === false) return true;
    if (this.queued >= this.#maxQueued) {
      this.close();
      this.#owner.overflowed();
    }
    const { type } = event;
    const tail = this.#tails.get(type);
    if (this.#batch) {
      const failed = (error: unknown) => this.#failed(error, event);
      // A batch that cannot be loaded is a handler that failed.
      return this.#wait(this.#batch.then((batch) => batch.take(event, valid)).catch(failed));
    }
    if (!tail && !(valid instanceof Promise)) {
      const done = this.#call(event, event);
      return done instanceof Promise ? this.#queue(type, done) : done;
    }
    const round = this.#round;
    const isOver = async () => round !== this.#round || (await valid) === false;
    const before = tail ?? Promise.resolve(true);
    return this.#queue(
      type,
      before.then(isOver).then((over) => over || this.#call(event, event)),
    );
  }

  #queue(type: string, run: Promise<boolean>): Promise<boolean> {
    const tail = this.#wait(run).finally(() => {
      if (this.#tails.get(type) === tail) this.#tails.delete(type);
    });
    this.#tails.set(type, tail);
    return tail;
  }

  /** Counts what waits. */
  #wait(run: Promise<boolean>): Promise<boolean> {
    const round = this.#round;
    this.queued += 1;
    return run.then((ok) => {
      if (round === this.#round) this.queued -= 1;
      return ok;
    });
  }

  #call(argument: unknown, event: HubEvent): boolean | Promise<boolean> {
    const failed = (error: unknown) => this.#failed(error, event);
    try {
      const result = this.handler(argument);
      return result instanceof Promise ? result.then(() => true, failed) : true;
    } catch (error) {
      return failed(error);
    }
  }

  #failed(error: unknown, event: HubEvent): boolean {
    this.#owner.failed(error, event);
    return false;
  }

  /** What waits is not handled any more; what runs is still waited for. */
  close(): void {
    this.#round += 1;
    this.queued = 0;
    // A batch that could not be loaded is reported with the events that wanted it.
    this.#batch?.then(
      (batch) => batch.clear(),
      () => {},
    );
  }
}
