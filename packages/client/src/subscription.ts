/** One handler and what waits for it. */
import type { AnyHandler } from './dispatcher.js';
import type { HubEvent } from './events.js';
import type { Host } from './host.js';
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

export interface Subscription {
  readonly channels: readonly string[] | undefined;
  readonly types: readonly string[];
  readonly handler: AnyHandler;
  /** Where it goes on to read what is older, as a query parameter; undefined once it has that. */
  start: Readonly<Record<string, string>> | undefined;
  /** Whether an event that comes now is for it at once: not read before, nor too early. */
  isDue(event: HubEvent): boolean;
  /** Events that this handler has not finished. */
  queued: number;
  /**
   * Runs the handler with this event, after what is before it.
   * @returns whether it succeeded, as a promise if that is not known yet
   */
  push(event: HubEvent, valid: Validity): boolean | Promise<boolean>;
  /** What waits is not handled any more; what runs is still waited for. */
  close(): void;
}

const MAX_QUEUED = 10_000;

export const listOf = (one: string | readonly string[]) => (typeof one === 'string' ? [one] : one);

export function createSubscription(
  types: readonly string[],
  handler: AnyHandler,
  { channels, batch: batching, startAt }: SubscribeOptions,
  { settings, options, handlerFailed, overflowed }: Host,
): Subscription {
  /** What was given up, counted so that it cannot finish later. */
  let round = 0;
  /** The last thing that waits, by event type: handlers of one type run one after the other. */
  const tails = new Map<string, Promise<boolean>>();
  const batch =
    batching &&
    import('./batch.js').then(
      ({ Batch }) =>
        new Batch(
          (events) => call(events, events[0] as HubEvent),
          batching === true ? {} : batching,
          settings.clock,
        ),
    );
  const subscription: Subscription = {
    types,
    channels: channels === undefined ? channels : listOf(channels),
    handler,
    start: startOf(startAt),
    isDue: () => !subscription.start,
    queued: 0,
    push(event, valid) {
      if (valid === false) return true;
      if (subscription.queued >= (options.maxQueued ?? MAX_QUEUED)) {
        subscription.close();
        overflowed();
      }
      const { type } = event;
      const tail = tails.get(type);
      const began = round;
      const isOver = async () => round !== began || (await valid) === false;
      const done = batch
        ? // A batch that cannot be loaded is a handler that failed.
          batch.then((batch) => batch.take(event, valid)).catch((e) => handlerFailed(e, event))
        : tail || valid instanceof Promise
          ? Promise.resolve(tail)
              .then(isOver)
              .then((over) => over || call(event, event))
          : call(event, event);
      if (!(done instanceof Promise)) return done;
      subscription.queued += 1;
      const run = done.then((ok) => {
        if (round === began) subscription.queued -= 1;
        if (tails.get(type) === run) tails.delete(type);
        return ok;
      });
      tails.set(type, run);
      return run;
    },
    close() {
      round += 1;
      subscription.queued = 0;
      // A batch that could not be loaded is reported with the events that wanted it.
      if (batch)
        batch.then(
          (batch) => batch.clear(),
          () => {},
        );
    },
  };
  return subscription;

  function call(argument: unknown, event: HubEvent): boolean | Promise<boolean> {
    const failed = (error: unknown) => handlerFailed(error, event);
    try {
      const result = handler(argument);
      return result instanceof Promise ? result.then(() => true, failed) : true;
    } catch (error) {
      return failed(error);
    }
  }
}
