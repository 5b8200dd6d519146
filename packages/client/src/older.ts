/**
 * Reads what is before the events that come now, by polls that do not wait: for a subscription that
 * begins at an older place, and for a tab that follows another leader than before. Loaded on demand.
 *
 * What makes it exact: first the events that come now show what is wanted, then the head of the log
 * is asked for, then everything up to there is read. An event is at or before that head, and read,
 * or after it, and shown. See `docs/older.md`.
 */
import { backoffMs } from './backoff.js';
import type { Wish } from './connection.js';
import { RadialError, unreachable } from './errors.js';
import type { Host } from './host.js';
import { newId } from './settings.js';
import { shows } from './shows.js';
import { isOpen } from './status.js';
import type { Subscription } from './subscription.js';
import { framesOf, poll, type PollAnswer } from './transport/polling.js';
import { offsetOf } from './wire.js';
import type { HubEvent } from './events.js';

/** It is given up after so many requests in a row that brought nothing while there is a stream. */
const UNANSWERED_MAX = 8;
/** More than these are not kept, but read. */
const MAX_KEPT = 5_000;
/** How long the hub may look for what it has not at hand, in seconds. */
const LOOK_S = 2;

/** Whether a place is not after another one of the same history. */
function upTo(place: string | null | undefined, end: string | null | undefined): boolean {
  const digits = /\d+$/;
  const epoch = place?.replace(digits, '');
  return (
    (offsetOf(place) ?? Infinity) <= (offsetOf(end) ?? -1) && epoch === end?.replace(digits, '')
  );
}

/** One place that is read up to the head. */
interface Reading {
  /** What is wanted from where; undefined when it is not wanted any more. */
  wish(): (Wish & { cursor: string | null }) | undefined;
  /** Whether it is the time to read. */
  goesOn(): boolean;
  /** From here on what comes now is kept. */
  begin(): void;
  /** Whether it was kept so far. */
  isKept(): boolean;
  take(page: PollAnswer): void;
  /** Everything up to here was taken. */
  end(place: string): void;
  /** What is missing cannot be had. */
  giveUp(code: string): void;
}

/** Reads until it has met the head, or is not wanted any more. */
async function read(reading: Reading, host: Host, signal: AbortSignal): Promise<void> {
  const { settings, connection } = host;
  const { clock, backoff, random } = settings;
  let head: string | undefined;
  let place: string | undefined;
  let unanswered = 0;
  let reason: 'connect' | 'rejected' = 'connect';
  const clientId = newId();
  while (reading.goesOn() && !signal.aborted) {
    try {
      if (!reading.isKept()) head = undefined;
      if (!head) reading.begin();
      const wish = reading.wish();
      if (!wish) return;
      const [base, token] = await Promise.all([
        settings.baseUrl(),
        connection.token(reason, signal),
      ]);
      const ask = (from: Partial<Wish & { cursor: string | null }>, waitSeconds: number) =>
        poll({ ...wish, ...from, base, token, clientId }, waitSeconds, signal, settings);
      head ??= (await ask({ cursor: null, start: {}, snapshot: [] }, 0)).cursor;
      if (offsetOf(head) === undefined)
        throw new RadialError('transport', 'Places cannot be compared.', { status: 400 });
      // What is only on disk may not be there at once.
      const page = await ask({}, place !== undefined && place === wish.cursor ? LOOK_S : 0);
      if (signal.aborted || !reading.wish()) return;
      unanswered = 0;
      reason = 'connect';
      place = wish.cursor ?? undefined;
      reading.take(page);
      if (reading.isKept() && upTo(head, page.cursor)) return reading.end(page.cursor);
      // The log has become another one meanwhile.
      if (!upTo(page.cursor, head)) head = undefined;
    } catch (cause) {
      if (signal.aborted) return;
      const { status = 0, code, retryAfterMs = 0 } = unreachable(cause);
      if (isOpen(host.state())) unanswered += 1;
      reason = status === 401 ? 'rejected' : 'connect';
      const isFinal = status >= 400 && status < 500 && ![401, 408, 425, 429].includes(status);
      if (isFinal || unanswered >= UNANSWERED_MAX) return reading.giveUp(code);
      const ms = backoffMs(unanswered, retryAfterMs, backoff, random);
      await new Promise<void>((resolve) => clock.setTimeout(resolve, ms));
    }
  }
}

/** Which clients read already. */
const reading = new WeakSet<Host>();

/** Reads for the subscriptions that want something older, one after the other. */
export async function readOlder(host: Host): Promise<void> {
  if (reading.has(host)) return;
  reading.add(host);
  const next = () => host.older().find((one) => isShown(filterOf(one, host), host));
  try {
    for (let one = next(); one && isOpen(host.state()); one = next()) {
      await read(readingOf(one, host), host, new AbortController().signal);
    }
  } finally {
    reading.delete(host);
  }
}

const filterOf = ({ channels, types }: Subscription, { options }: Host) => ({
  channels: channels ?? options.channels ?? ['main'],
  types,
});

/** Whether the events that come now show all of this. */
function isShown(filter: ReturnType<typeof filterOf>, { seat, connection, intake }: Host): boolean {
  if (intake.cursor === null) return false;
  if (seat.led !== undefined) return seat.tabs?.isServed ?? false;
  return connection.main !== null && shows(connection.main.request, filter);
}

function readingOf(one: Subscription, host: Host): Reading {
  const filter = filterOf(one, host);
  /** What came while the older was read; undefined when that was too much. */
  let kept: HubEvent[] | undefined;
  /** From here on the subscription gets what comes, except for what it has read before. */
  function goOn(place?: string): void {
    if (!one.start) return;
    const news = (kept ?? []).filter(({ cursor }) => !upTo(cursor, place));
    one.start = undefined;
    one.isDue = ({ cursor }) => !upTo(cursor, place);
    for (const event of news) host.deliver(event, one);
  }
  return {
    wish: () =>
      one.start && {
        ...filter,
        start: one.start,
        snapshot: [],
        cursor: one.start['lastEventId'] ?? null,
      },
    goesOn: () => isOpen(host.state()),
    begin() {
      const events: HubEvent[] = (kept = []);
      one.isDue = (event) => {
        // A value that was kept here is older than everything.
        if (!event.restored && events.push(event) > MAX_KEPT) kept = undefined;
        return false;
      };
    },
    isKept: () => kept !== undefined,
    take({ events = [], cursor, gap }) {
      // First the place, so that nothing comes again if a handler disconnects.
      one.start = { lastEventId: cursor };
      if (gap) host.gap(gap);
      for (const event of events) {
        host.intake.counters.received += 1;
        host.deliver(event, one);
      }
    },
    end: goOn,
    giveUp(reason) {
      const from = one.start?.['lastEventId'] ?? null;
      if (one.start) host.gap({ reason, scope: 'all', from, to: null });
      goOn();
    },
  };
}

/** Reads for a tab up to where the frames of its leader go on; tells what cannot be read. */
export async function readUp(host: Host, signal: AbortSignal): Promise<void> {
  const { intake } = host;
  let begun = false;
  await read(
    {
      wish: () => ({ ...host.wish(), cursor: intake.cursor }),
      goesOn: () => host.connection.machine.wanted,
      begin: () => void (begun = true),
      isKept: () => begun,
      take(page) {
        for (const frame of framesOf(page)) if (intake.take(frame, true)) host.frame(frame);
        const { cursor } = page;
        intake.take({ name: 'heartbeat', data: { cursor, now: 0 }, cursor }, true);
      },
      end: () => {},
      giveUp(reason) {
        host.gap({ reason, scope: 'all', from: intake.cursor, to: null });
      },
    },
    host,
    signal,
  );
}
