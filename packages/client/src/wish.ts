/** What a client asks the hub for: the union of its options and its subscriptions. */
import type { Wish } from './connection.js';
import { simplify } from './pattern.js';
import type { Subscription } from './subscription.js';
import type { ClientOptions } from './types.js';

export interface Filter {
  channels: string[];
  types: string[];
}

/** What this tab wants. */
export function filterOf(
  { channels = ['main'], types = [] }: ClientOptions<any>,
  subscriptions: ReadonlySet<Subscription>,
): Filter {
  const all = [...subscriptions];
  const wanted = simplify([...types, ...all.flatMap((one) => one.types)]);
  return {
    channels: simplify([...channels, ...all.flatMap((one) => one.channels ?? [])]),
    types: wanted.length > 0 ? wanted : ['*'],
  };
}

/** What the connection asks for, so that every tab has what it wants. */
export function wishOf(
  { snapshot = [], startAt = 'now' }: ClientOptions<any>,
  filters: readonly { channels: readonly string[]; types: readonly string[] }[],
): Wish {
  const start: Record<string, string> = {};
  if (startAt === 'earliest') start['cursor'] = startAt;
  if (typeof startAt === 'object' && 'since' in startAt) start['since'] = String(startAt.since);
  return {
    channels: simplify(filters.flatMap(({ channels }) => channels)),
    types: simplify(filters.flatMap(({ types }) => types)),
    snapshot,
    start,
  };
}
