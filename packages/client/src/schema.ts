/** Checks `eventData` against a schema of the application. Loaded on demand. */
import { RadialError } from './errors.js';
import type { HubEvent, SchemaResult, StandardSchema } from './events.js';
import type { Host } from './host.js';

/**
 * Puts what the schema makes of the data in its place, and tells what is wrong with it.
 * @returns whether the event may go on; a promise where the schema takes its time
 */
export function check(
  event: HubEvent,
  schema: StandardSchema,
  { options, handlerFailed }: Host,
): boolean | Promise<boolean> {
  const judge = (result: SchemaResult<unknown>) => {
    if (!result.issues) {
      event.data = event.eventData = result.value;
      return true;
    }
    const message = result.issues.map((issue) => issue.message).join('; ');
    handlerFailed(new RadialError('invalid-event', `${event.type}: ${message}`), event);
    return options.onInvalid === 'pass';
  };
  const failed = (error: unknown) => handlerFailed(error, event);
  try {
    const result = schema['~standard'].validate(event.eventData);
    return result instanceof Promise ? result.then(judge).catch(failed) : judge(result);
  } catch (error) {
    return failed(error);
  }
}
