/** Patterns of channels and event types: a name, a prefix that ends in `*`, or `*`. */

/** Whether everything that `inner` fits is fitted by `outer` too; a name is a pattern of itself. */
function covers(outer: string, inner: string): boolean {
  if (outer.endsWith('*')) return inner.startsWith(outer.slice(0, -1));
  return outer === inner;
}

/** What a stream shows, in the words of a request. */
export interface Filter {
  readonly channels: readonly string[];
  readonly types: readonly string[];
}

export function anyCovers(patterns: readonly string[], name: string): boolean {
  return patterns.some((pattern) => covers(pattern, name));
}

/** Filters that ask for the same in the same words have the same text. */
export const words = ({ channels, types }: Filter): string => JSON.stringify([channels, types]);

/** The same set without what another member covers, sorted, so that equal sets look equal. */
export function simplify(patterns: Iterable<string>): string[] {
  const unique = [...new Set(patterns)].sort();
  return unique.filter((one) => !unique.some((other) => other !== one && covers(other, one)));
}
