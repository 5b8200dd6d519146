/** Requests about a stream that is open: a wider filter, a newer credential. Loaded on demand. */
import type { Addition, ConnectionOwner } from './connection.js';
import { errorOf } from './errors.js';
import type { Link } from './link.js';
import type { Settings } from './settings.js';
import { httpRequest, type Replay } from './transport/transport.js';

async function post(
  path: string,
  token: string | null,
  body: unknown,
  base: string,
  settings: Settings,
): Promise<void> {
  const init = httpRequest(settings, token, { 'content-type': 'application/json' });
  const response = await settings.fetch(base + path, {
    ...init,
    method: 'POST',
    body: JSON.stringify(body),
  });
  if (!response.ok) throw await errorOf(response);
}

/** Adds to the filter of a stream, from its place on. */
export async function widen(link: Link, add: object, settings: Settings): Promise<void> {
  const asked = link.ask({ op: 'subscribe', ...add });
  if (asked) return asked;
  const { base, token } = link.request;
  await post(
    '/api/sse/subscriptions',
    token,
    { connectionId: link.connectionId, add },
    base,
    settings,
  );
}

/** Adds what a subscription asks for, and what only it shows from before the stream's place. */
export async function addFrom(
  one: Addition,
  link: Link,
  owner: Pick<ConnectionOwner, 'replay'>,
): Promise<void> {
  const { channels = link.request.channels, types, start } = one;
  const take = ({ events, gaps, done }: Replay) => {
    if (!one.start) return;
    // An addition that is interrupted goes on after what it has shown.
    const place = events.at(-1)?.cursor ?? gaps?.at(-1)?.to;
    if (place) one.start = { lastEventId: place };
    if (done) one.start = undefined;
    owner.replay(events, gaps);
  };
  const asked = link.ask({ op: 'subscribe', channels, types, ...start }, take);
  const missing = asked ? await asked.catch(({ code }) => code) : 'transport';
  if (missing) skip(one, missing, owner);
}

/** Gives up what is before the place of a subscription, where nobody can show it, and says so. */
export function skip(one: Addition, reason: string, owner: Pick<ConnectionOwner, 'replay'>): void {
  if (!one.start) return;
  const from = one.start['lastEventId'] ?? null;
  one.start = undefined;
  owner.replay([], [{ reason, scope: 'all', from, to: null }]);
}

/** Gives a stream a newer credential; without one the hub will say goodbye. */
export async function renew(link: Link, token: string, settings: Settings): Promise<void> {
  const asked = link.ask({ op: 'token', token });
  if (asked) return asked;
  const body = { connectionId: link.connectionId, ...settings.identity };
  await post('/api/auth/renew', token, body, link.request.base, settings);
}
