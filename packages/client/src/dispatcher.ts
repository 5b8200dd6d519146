/**
 * Hands events to handlers: in order for each handler and type, one failure without consequences
 * for anybody else, and never more waiting than a limit. It knows no connection.
 */
import type { HubEvent, StandardSchema } from './events.js';
import type { Host } from './host.js';
import { anyCovers } from './pattern.js';
import type { Subscription } from './subscription.js';
import type { WireEvent } from './wire.js';

export type AnyHandler = (event: any) => unknown;

/** The check of schemas, once its code is there. */
let check: typeof import('./schema.js').check | undefined;

/** Has the check at hand before it is needed. */
export const loadCheck = async () => (check = (await import('./schema.js')).check);

/** Code that does not load is a check that failed. */
const checkLater = (event: HubEvent, schema: StandardSchema, host: Host) =>
  loadCheck()
    .then((check) => check(event, schema, host))
    .catch((error) => host.handlerFailed(error, event));

/**
 * Gives an event to every handler that wants it.
 * @param only the one subscription that it is for, because nobody else wants it from so early
 * @returns a promise if any of them did not finish at once; it gives false if one failed or waits
 */
export function dispatch(
  wire: WireEvent,
  only: Subscription | undefined,
  subscriptions: ReadonlySet<Subscription>,
  host: Host,
): boolean | Promise<boolean> {
  const event = wire as HubEvent;
  const type = (event.type = wire.eventType);
  event.data = wire.eventData;
  const schema = host.options.schemas?.[type];
  const valid = schema && (check ?? checkLater)(event, schema, host);
  const results = [...(only ? [only] : subscriptions)]
    .filter(
      ({ types, channels }) =>
        anyCovers(types, type) && (!channels || anyCovers(channels, event.channel)),
    )
    .map((one) => (only || one.isDue(event)) && one.push(event, valid));
  const succeeded = (all: boolean[]) => all.every(Boolean);
  return results.some((one) => one instanceof Promise)
    ? Promise.all(results).then(succeeded)
    : succeeded(results as boolean[]);
}
