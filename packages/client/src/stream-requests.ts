/** Requests about a stream that is open: a wider filter, a newer credential. Loaded on demand. */
import { errorOf } from './errors.js';
import type { Link } from './link.js';
import type { Settings } from './settings.js';
import { httpRequest } from './transport/transport.js';

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
  if (link.send({ op: 'subscribe', id: 'add', ...add })) return;
  const { base, token } = link.request;
  await post(
    '/api/sse/subscriptions',
    token,
    { connectionId: link.connectionId, add },
    base,
    settings,
  );
}

/** Gives a stream a newer credential; without one the hub will say goodbye. */
export async function renew(link: Link, token: string, settings: Settings): Promise<void> {
  if (link.send({ op: 'token', token })) return;
  const body = { connectionId: link.connectionId, ...settings.identity };
  await post('/api/auth/renew', token, body, link.request.base, settings);
}
