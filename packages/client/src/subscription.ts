/** One handler and what waits for it. */
import { Timer, type Clock } from './clock.js';
import type { AnyHandler, DispatcherOwner } from './dispatcher.js';
import type { HubEvent } from './events.js';
import type { SubscribeOptions } from './types.js';

/** How events are collected before a handler gets them. */
export interface BatchOptions {
  /** The longest that an event waits, in milliseconds, or `frame` for the next repaint. Default 50. */
  maxDelay?: number | 'frame';
  /** The most events of one call. Default 500. */
  maxSize?: number;
}

const BATCH_DELAY_MS = 50;
const BATCH_SIZE = 500;

export class Subscription {
  readonly types: readonly string[];
  readonly channels: readonly string[] | undefined;
  readonly handler: AnyHandler;
  /** Events that this handler has not finished. */
  queued = 0;
  #closed = false;
  /** What was given up, counted so that it cannot finish later. */
  #round = 0;
  /** The last thing that waits, by event type: handlers of one type run one after the other. */
  readonly #tails = new Map<string, Promise<boolean>>();
  #busy = false;
  #collected: { event: HubEvent; done: (ok: boolean) => void }[] = [];
  readonly #batch: BatchOptions | undefined;
  readonly #flush: Timer;
  readonly #maxQueued: number;
  readonly #owner: DispatcherOwner;

  constructor(
    types: readonly string[],
    handler: AnyHandler,
    { channels, batch }: SubscribeOptions,
    maxQueued: number,
    clock: Clock,
    owner: DispatcherOwner,
  ) {
    this.types = types;
    this.channels = typeof channels === 'string' ? [channels] : channels;
    this.handler = handler;
    this.#batch = batch === true ? {} : batch || undefined;
    this.#maxQueued = maxQueued;
    this.#owner = owner;
    this.#flush = new Timer(clock, () => this.flush());
  }

  /**
   * Runs the handler with this event, after what is before it.
   * @param valid what the schema said, or will say
   * @returns whether it succeeded, as a promise if that is not known yet
   */
  push(event: HubEvent, valid: boolean | Promise<boolean> | undefined): boolean | Promise<boolean> {
    if (valid === false) return true;
    const tail = this.#tails.get(event.type);
    if (!tail && !(valid instanceof Promise) && !this.#batch) {
      const done = this.#call(event, event);
      return done instanceof Promise ? this.#follow(event, () => done, undefined) : done;
    }
    return this.#follow(
      event,
      async () =>
        (await valid) === false
          ? true
          : this.#batch
            ? this.#collect(event)
            : this.#call(event, event),
      this.#batch && !(valid instanceof Promise) ? undefined : tail,
    );
  }

  #follow(
    event: HubEvent,
    run: () => boolean | Promise<boolean>,
    before: Promise<boolean> | undefined,
  ): Promise<boolean> {
    if (this.queued >= this.#maxQueued) this.#giveUp();
    const round = this.#round;
    this.queued += 1;
    const go = () => (this.#closed || round !== this.#round ? true : run());
    const tail = (before ? before.then(go) : Promise.resolve(go())).then((ok) => {
      if (round === this.#round) this.queued -= 1;
      if (this.#tails.get(event.type) === tail) this.#tails.delete(event.type);
      return ok;
    });
    this.#tails.set(event.type, tail);
    return tail;
  }

  #call(argument: unknown, event: HubEvent): boolean | Promise<boolean> {
    const failed = (error: unknown) => {
      this.#owner.failed(error, event);
      return false;
    };
    try {
      const result = this.handler(argument);
      return result instanceof Promise ? result.then(() => true, failed) : true;
    } catch (error) {
      return failed(error);
    }
  }

  #collect(event: HubEvent): Promise<boolean> {
    const { maxDelay = BATCH_DELAY_MS, maxSize = BATCH_SIZE } = this.#batch ?? {};
    return new Promise((done) => {
      this.#collected.push({ event, done });
      if (this.#collected.length >= maxSize) return this.flush();
      // A hidden page is not painted, so there a frame would never come.
      const painted = maxDelay === 'frame' && globalThis.document?.visibilityState === 'visible';
      if (painted && this.#collected.length === 1) requestAnimationFrame(() => this.flush());
      this.#flush.ensure(typeof maxDelay === 'number' ? maxDelay : BATCH_DELAY_MS);
    });
  }

  /** Gives what was collected to the handler, unless it still works on what it got before. */
  flush(): void {
    this.#flush.clear();
    if (this.#busy) return;
    const collected = this.#collected;
    this.#collected = [];
    const finish = (ok: boolean) => collected.forEach(({ done }) => done(ok));
    const [first] = collected;
    if (!first || this.#closed) return finish(true);
    const ok = this.#call(
      collected.map(({ event }) => event),
      first.event,
    );
    if (!(ok instanceof Promise)) return finish(ok);
    this.#busy = true;
    void ok.then((result) => {
      this.#busy = false;
      finish(result);
      if (this.#collected.length > 0) this.flush();
    });
  }

  #giveUp(): void {
    this.#round += 1;
    this.#collected = [];
    this.#flush.clear();
    this.#tails.clear();
    this.#owner.overflowed();
    this.queued = 0;
  }

  close(): void {
    this.#closed = true;
    this.flush();
    this.#flush.clear();
  }
}
