/** How long there is between two polls where none can wait for an event. Loaded on demand. */
import type { Settings } from './settings.js';

const DEFAULT_MS = 30_000;

/** In milliseconds. */
export const pollingIntervalOf = ({ pollingInterval }: Settings): number =>
  pollingInterval ?? DEFAULT_MS;
