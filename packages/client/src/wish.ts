/** What a client asks the hub for: the union of its options and its subscriptions. */
import type { Wish } from './connection.js';
import { simplify, type Filter } from './pattern.js';
import type { Subscription } from './subscription.js';
import type { ClientOptions, StartAt } from './types.js';

/** A beginning as a query parameter; undefined for now. */
export function startOf(startAt: StartAt = 'now'): Record<string, string> | undefined {
  if (startAt === 'now') return undefined;
  if (startAt === 'earliest') return { cursor: startAt };
  if ('since' in startAt) return { since: String(startAt.since) };
  return { lastEventId: startAt.cursor };
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
  filters: readonly Filter[],
): Wish {
  return {
    channels: simplify(filters.flatMap(({ channels }) => channels)),
    types: simplify(filters.flatMap(({ types }) => types)),
    snapshot,
    start: startOf(startAt) ?? {},
  };
}
