/** Plain words for what happens on the stream. Pure; the page shows them as text only. */

/** What people call the columns. */
export const ZONE_NAMES = Object.freeze({ todo: 'To do', doing: 'Doing', done: 'Done' });

/** What the connection pill says. */
export const STATUS_NAMES = Object.freeze({
  connecting: 'Connecting',
  live: 'Live',
  reconnecting: 'Reconnecting',
  off: 'Switched off',
});

const GAP_REASONS = {
  retention: 'they are older than what the hub keeps',
  restart: 'the hub restarted before they were stored',
  overflow: 'there were too many to catch up with',
  epoch: 'the history of the hub was replaced',
  ahead: 'this page was ahead of the hub',
};

const GOODBYE = 'The hub closed the connection';
const GOODBYE_REASONS = {
  drain: 'The hub is restarting',
  disabled: 'The hub was switched off',
  revoked: 'Access was withdrawn',
  expired: 'The sign-in ran out',
  slow: 'This connection was too slow',
  replaced: 'This page was opened again elsewhere',
  age: 'The connection reached its age limit',
};

/**
 * A control event as a sentence for the feed.
 * @param {string} name
 * @param {any} data
 * @param {boolean} [resumed] whether the connection goes on where one before it ended
 * @returns {{text: string, tone: 'quiet' | 'warn'} | undefined} undefined: nothing to tell
 */
export function describeControl(name, data, resumed = false) {
  switch (name) {
    case 'hello':
      return quiet(resumed ? 'Reconnected.' : 'Connected.');
    case 'live':
      if (data.replayed > 0)
        return quiet(`Live, after a replay of ${plural(data.replayed, 'event')}.`);
      return quiet(resumed ? 'Live, nothing missed.' : 'Live.');
    case 'gap': {
      const what =
        data.scope === 'recent' ? 'Some short-lived events are missing' : 'Events are missing here';
      return warn(`${what}: ${GAP_REASONS[data.reason] ?? `reason “${data.reason}”`}.`);
    }
    case 'dropped':
      return warn(
        `${plural(data.count ?? 0, 'short-lived event')} left out because this page was behind.`,
      );
    case 'goodbye':
      return warn(`${GOODBYE_REASONS[data.reason] ?? GOODBYE}. This page comes back by itself.`);
    case 'config':
      return quiet('The hub changed its settings.');
    case 'token':
      return warn('The sign-in is about to run out.');
    default:
      return undefined;
  }
}

/**
 * A card event as a sentence for people who listen to the page.
 * @param {{eventType: string, eventData: any}} event
 * @param {import('./cards.js').Card | undefined} card as it is after the event, or was
 *   before a deletion
 * @returns {string | undefined}
 */
export function describeChange(event, card) {
  const title = card?.title ?? 'A card';
  switch (event.eventType) {
    case 'card.created':
      return `${title} added to ${ZONE_NAMES[card?.zone ?? 'todo']}.`;
    case 'card.updated':
      return `${title} changed.`;
    case 'card.moved':
      return `${title} moved to ${ZONE_NAMES[card?.zone ?? 'todo']}.`;
    case 'card.deleted':
      return `${title} deleted.`;
    default:
      return undefined;
  }
}

/**
 * Whether an event type matches a pattern of the protocol: a name, a prefix ending in `*`, or `*`.
 * An empty pattern matches all.
 * @param {string} pattern
 * @param {string} name
 * @returns {boolean}
 */
export function matchesPattern(pattern, name) {
  if (pattern === '') return true;
  return pattern.endsWith('*') ? name.startsWith(pattern.slice(0, -1)) : name === pattern;
}

/**
 * @param {number} ms
 * @returns {string} a duration of a round trip
 */
export function formatRoundTrip(ms) {
  if (ms < 1) return '<1 ms';
  return ms < 1_000 ? `${Math.round(ms)} ms` : `${(ms / 1_000).toFixed(1)} s`;
}

function plural(count, noun) {
  return `${count} ${noun}${count === 1 ? '' : 's'}`;
}

function quiet(text) {
  return { text, tone: 'quiet' };
}

function warn(text) {
  return { text, tone: 'warn' };
}
