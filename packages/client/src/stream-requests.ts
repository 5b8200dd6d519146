/**
 * Requests about a stream that is open: another filter, a newer credential. On the stream itself where it takes operations, else by a POST. Loaded on demand.
 */
import { createTimer } from './clock.js';
import type { Connection, ConnectionOwner } from './connection.js';
import { RadialError } from './errors.js';
import type { Link } from './link.js';
import { words, type Filter } from './pattern.js';
import { sendLate } from './probe.js';
import { shows } from './shows.js';
import type { Settings } from './settings.js';
import { accepted, httpRequest } from './transport/transport.js';

/** What a stream was asked for last: it is taken away in the same words. */
const made = new WeakMap<Link, Filter>();
/** Who waits for its turn on a stream. */
const turns = new WeakMap<Link, Promise<unknown>>();
/** A narrower filter waits this long, in milliseconds: what went often comes back. */
const NARROW_AFTER_MS = 10_000;

async function post(
  path: string,
  token: string | null,
  body: object,
  base: string,
  settings: Settings,
): Promise<Response> {
  const init = httpRequest(settings, token, { 'content-type': 'application/json' });
  const response = await settings.fetch(base + path, {
    ...init,
    method: 'POST',
    body: JSON.stringify({ ...body, ...settings.identity }),
  });
  return accepted(response);
}

/** Puts one filter of a stream in the place of another, from its place on. */
async function change(link: Link, add: Filter, remove: Filter, settings: Settings): Promise<void> {
  const asked = link.ask({ op: 'subscribe', ...add });
  if (asked) return void (await Promise.all([asked, link.ask({ op: 'unsubscribe', ...remove })]));
  const { connectionId, request } = link;
  const body = { connectionId, add, remove: [remove] };
  const { status } = await post(
    '/api/sse/subscriptions',
    request.token,
    body,
    request.base,
    settings,
  );
  // Nobody knows from where on it is in effect.
  if (status === 202) throw new RadialError('slow', 'The stream is not read.', { status });
}

/** Makes a stream show what is wanted: more at once, less after a while. */
export function fit(link: Link, connection: Connection, owner: ConnectionOwner): void {
  const { settings } = owner;
  if (link !== connection.main) return;
  const wish = owner.wish();
  if (!shows(link.request, wish)) return refit(link, connection, owner);
  if (owner.older().length > 0) owner.shown();
  if (shows(wish, link.request)) return link.narrowing?.clear();
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

/** Makes this the filter of a stream, from its place on. */
function exchange(link: Link, filter: Filter, settings: Settings): Promise<void> {
  const turn = (turns.get(link) ?? Promise.resolve()).then(async () => {
    const { channels, types } = link.request;
    const before = made.get(link) ?? { channels, types };
    if (words(before) === words(filter)) return;
    await change(link, filter, before, settings);
    made.set(link, filter);
  });
  turns.set(
    link,
    turn.catch(() => {}),
  );
  return turn;
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
    return void (await post('/api/auth/renew', token, { connectionId }, request.base, settings));
  }
  await asked.catch((error) => {
    // A stream that has ended needs no newer credential.
    if (error.code !== 'cut') throw error;
  });
}
