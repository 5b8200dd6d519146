/** What one filter shows of what another wants. Loaded on demand. */
import { anyCovers, type Filter } from './pattern.js';

/** Whether a filter shows everything that is wanted. */
export function shows(filter: Filter, want: Filter): boolean {
  return (
    want.channels.every((name) => anyCovers(filter.channels, name)) &&
    want.types.every((name) => anyCovers(filter.types, name))
  );
}
