/**
 * Requests about a stream that is open: another filter, the past of an addition, a newer
 * credential. On the stream itself where it takes operations, else by a POST. Loaded on demand.
 */
import { backoffMs } from './backoff.js';
import { createTimer } from './clock.js';
import type { Addition, Connection, ConnectionOwner } from './connection.js';
import type { Link } from './link.js';
import { words, type Filter } from './pattern.js';
import { sendLate } from './probe.js';
import { shows } from './shows.js';
import type { Settings } from './settings.js';
import { accepted, httpRequest } from './transport/transport.js';
import type { Replay } from './wire.js';

/** The subscriptions that a stream was asked for: they are taken away in the same words. */
const made = new WeakMap<Link, Filter[]>();
/** Who waits for its turn on a stream: the pages of two additions could not be told apart. */
const turns = new WeakMap<Link, Promise<unknown>>();
/** An addition is given up after so many requests in a row that brought nothing. */
const UNANSWERED_MAX = 3;
/** A narrower filter waits this long, in milliseconds: what went often comes back. */
const NARROW_AFTER_MS = 10_000;

async function post(
  path: string,
  token: string | null,
  body: object,
  base: string,
  settings: Settings,
): Promise<void> {
  const init = httpRequest(settings, token, { 'content-type': 'application/json' });
  const response = await settings.fetch(base + path, {
    ...init,
    method: 'POST',
    body: JSON.stringify({ ...body, ...settings.identity }),
  });
  await accepted(response);
}

function madeOn(link: Link): Filter[] {
  const { channels, types } = link.request;
  const filters = made.get(link) ?? [{ channels, types }];
  made.set(link, filters);
  return filters;
}

/** Adds to the filter of a stream from its place on, and takes subscriptions away. */
async function change(
  link: Link,
  add: Filter | undefined,
  remove: readonly Filter[],
  settings: Settings,
): Promise<void> {
  const operations = [
    ...(add ? [{ op: 'subscribe', ...add }] : []),
    ...remove.map((filter) => ({ op: 'unsubscribe', ...filter })),
  ];
  const asked = operations.map((operation) => link.ask(operation));
  if (asked[0]) return void (await Promise.all(asked));
  const { connectionId, request } = link;
  const body = { connectionId, ...(add && { add }), remove };
  await post('/api/sse/subscriptions', request.token, body, request.base, settings);
}

/** Makes a stream show what is wanted: more at once, less after a while. */
export function fit(link: Link, connection: Connection, owner: ConnectionOwner): void {
  const { settings } = owner;
  if (link !== connection.main) return;
  for (const one of owner.additions()) {
    if (one.asked === link || !link.isOpen) continue;
    one.asked = link;
    void inTurn(link, () => add(one, link, owner)).then((isKnown) => {
      if (isKnown) connection.refilter();
      else if (link === connection.main) void connection.open('connect');
    });
  }
  const wish = owner.wish();
  if (!shows(link.request, wish)) return refit(link, connection, owner);
  if (shows(wish, link.request)) return;
  link.narrowing ??= createTimer(settings.clock, () => refit(link, connection, owner));
  link.narrowing.ensure(NARROW_AFTER_MS);
}

/** Changes the filter of the open stream, or opens one with the other filter. */
function refit(link: Link, connection: Connection, owner: ConnectionOwner): void {
  link.narrowing?.clear();
  if (connection.machine.probing) {
    // A probe would begin with the filter of before.
    connection.probe?.({ do: 'close' });
    sendLate(connection, { type: 'probeLost' });
  }
  if (link.connectionId === undefined) return void connection.open('connect');
  const { channels, types } = owner.wish();
  exchange(link, { channels, types }, owner.settings).then(
    () => {
      Object.assign(link.request, { channels, types });
      owner.refitted();
      connection.refilter();
    },
    () => void (link === connection.main && connection.open('connect')),
  );
}

/** Waits for its turn on a stream. */
function inTurn<T>(link: Link, act: () => Promise<T>): Promise<T> {
  const turn = (turns.get(link) ?? Promise.resolve()).then(act);
  turns.set(
    link,
    turn.catch(() => {}),
  );
  return turn;
}

/** Makes this the filter of a stream, from its place on. */
const exchange = (link: Link, filter: Filter, settings: Settings): Promise<void> =>
  inTurn(link, async () => {
    const before = madeOn(link);
    const others = before.filter((one) => words(one) !== words(filter));
    const isThere = others.length < before.length;
    if (isThere && others.length === 0) return;
    made.set(link, [filter]);
    await change(link, isThere ? undefined : filter, others, settings);
  });

/** Gives the application what only an addition shows, from before the place of the stream. */
function replay({ events, gaps = [] }: Omit<Replay, 'done'>, owner: ConnectionOwner): void {
  const { intake } = owner;
  gaps.forEach((gap) => owner.gap(gap));
  for (const event of events) {
    const { offset = -1 } = event;
    intake.counters.received += 1;
    if (offset > intake.offset) intake.ahead.add(offset);
    owner.deliver(event);
  }
}

/**
 * Adds what a subscription asks for, and what only it shows from before the stream's place.
 * @returns false if nobody answered, so that only a new stream has a known filter
 */
async function add(one: Addition, link: Link, owner: ConnectionOwner): Promise<boolean> {
  const { settings } = owner;
  const { channels = link.request.channels, types, start } = one;
  if (start && link.connectionId === undefined) skip(one, 'transport', owner);
  if (!one.start) return true;
  const filter = { channels, types };
  const shown = new Promise<void>((resolve) => {
    link.onReplay = ({ events, gaps, done }) => {
      const place = events.at(-1)?.cursor ?? gaps?.at(-1)?.to;
      const isWanted = one.start !== undefined;
      // An addition that is interrupted goes on after what it has shown.
      if (isWanted && place) one.start = { lastEventId: place };
      one.unanswered = 0;
      if (done) one.start = undefined;
      if (isWanted) replay({ events, gaps }, owner);
      if (done) resolve();
    };
  });
  try {
    madeOn(link).push(filter);
    await change(link, { ...filter, ...start }, [], settings);
  } catch (error) {
    const { code = 'transport', status = 0 } = error as { code?: string; status?: number };
    const isFinal = status >= 400 && status < 500 && status !== 404 && status !== 429;
    if (!isFinal) {
      await pause(one.unanswered ?? 0, settings);
      // A stream that has ended meanwhile is followed by one that is asked again.
      if (link.hasEnded) return true;
      one.unanswered = (one.unanswered ?? 0) + 1;
      if (one.unanswered < UNANSWERED_MAX) return false;
    }
    skip(one, code, owner);
    return true;
  }
  await shown;
  return true;
}

const pause = (attempt: number, { clock, backoff, random }: Settings): Promise<void> =>
  new Promise((resolve) => {
    clock.setTimeout(resolve, backoffMs(attempt, 0, backoff, random));
  });

/** Gives up what is before the place of a subscription, where nobody can show it, and says so. */
export function skip(one: Addition, reason: string, owner: ConnectionOwner): void {
  if (!one.start) return;
  const from = one.start['lastEventId'] ?? null;
  one.start = undefined;
  replay({ events: [], gaps: [{ reason, scope: 'all', from, to: null }] }, owner);
}

/** Gives the open stream a newer credential; without one the hub will say goodbye. */
export async function renew(connection: Connection, settings: Settings): Promise<void> {
  const { main: link } = connection;
  if (!link || !settings.getToken) return;
  const token = await connection.token('expiring');
  if (link !== connection.main || token === null) return;
  const asked = link.ask({ op: 'token', token });
  if (!asked) {
    const { connectionId, request } = link;
    return post('/api/auth/renew', token, { connectionId }, request.base, settings);
  }
  await asked.catch((error) => {
    // A stream that has ended needs no newer credential.
    if (error.code !== 'cut') throw error;
  });
}
