/** Checks `eventData` against a schema of the application. Loaded on demand. */
import type { DispatcherOptions, DispatcherOwner } from './dispatcher.js';
import { RadialError } from './errors.js';
import type { HubEvent, SchemaResult, StandardSchema } from './events.js';

/**
 * Puts what the schema makes of the data in its place.
 * @returns whether the event may go on; a promise where the schema takes its time
 */
export function check(
  event: HubEvent,
  schema: StandardSchema,
  { onInvalid }: DispatcherOptions,
  owner: DispatcherOwner,
): boolean | Promise<boolean> {
  const judge = (result: SchemaResult<unknown>) => {
    if (!result.issues) {
      event.data = event.eventData = result.value;
      return true;
    }
    const message = result.issues.map((issue) => issue.message).join('; ');
    owner.failed(new RadialError('invalid-event', `${event.type}: ${message}`), event);
    return onInvalid === 'pass';
  };
  const failed = (error: unknown) => {
    owner.failed(error, event);
    return false;
  };
  try {
    const result = schema['~standard'].validate(event.eventData);
    return result instanceof Promise ? result.then(judge).catch(failed) : judge(result);
  } catch (error) {
    return failed(error);
  }
}
