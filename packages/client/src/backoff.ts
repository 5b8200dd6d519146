/** How long to wait before the next attempt. One rule for every transport and for publishing. */

export interface Backoff {
  /** The first cap in milliseconds. Default 1,000; it doubles with each attempt. */
  minMs: number;
  /** No cap is above this. Default 30,000. */
  maxMs: number;
}

export const DEFAULT_BACKOFF: Backoff = { minMs: 1_000, maxMs: 30_000 };
/** Even the luckiest client leaves this much time between two attempts. */
const SHORTEST_MS = 100;

/**
 * Full jitter: a random part of 1, 2, 4, 8, 16 s … up to the cap. A floor that the hub asked for is
 * added to nothing and never undercut; clients that share a floor are spread behind it.
 */
export function backoffMs(
  attempt: number,
  floorMs: number,
  { minMs, maxMs }: Backoff,
  random: () => number,
): number {
  const cap = Math.min(maxMs, minMs * 2 ** Math.min(attempt, 20));
  if (floorMs > 0) return floorMs + random() * Math.min(cap, floorMs / 5);
  return Math.max(Math.min(SHORTEST_MS, maxMs), random() * cap);
}
