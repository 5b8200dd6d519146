/** What it means that the hub, or something before it, refused a request. Loaded on demand. */
import { RadialError } from '../errors.js';
import type { End } from './transport.js';

const MISSING = [404, 405, 406, 501];
const BUSY = [429, 503];
const AGAIN = [408, 425];

/** What an answer that is no success means for the connection. */
export function endOf(error: RadialError): End {
  const { status = 0 } = error;
  if (status === 401) return { type: 'unauthorized', error };
  if (MISSING.includes(status)) return { type: 'missing', error };
  if (BUSY.includes(status)) {
    const poll = error.code === 'hub-disabled';
    return { type: 'lost', cause: 'busy', floorMs: error.retryAfterMs, poll, error };
  }
  if (status >= 400 && status < 500 && !AGAIN.includes(status)) return { type: 'refused', error };
  return { type: 'lost', cause: 'unreachable', floorMs: error.retryAfterMs, error };
}

/** Turns an answer that is no success into an error; reads the body, so that nothing stays open. */
export async function errorOf(response: Response): Promise<RadialError> {
  let problem: Record<string, unknown> = {};
  try {
    problem = (await response.json()) ?? {};
  } catch {
    // A proxy's own page is no problem document; the status says enough.
  }
  const { status } = response;
  const words: Record<number, string> = { 401: 'unauthorized', 403: 'forbidden', 404: 'not-found' };
  const code = String(problem['code'] ?? words[status] ?? `http-${status}`);
  const message = String(problem['detail'] ?? problem['title'] ?? `The hub answered ${status}.`);
  return new RadialError(code, message, {
    status,
    problem,
    retryAfterMs: retryAfter(response.headers),
  });
}

/** A date of a proxy that is further away than this is no advice but a wrong clock. */
const LONGEST_MS = 24 * 3_600_000;

/**
 * `Retry-After` in seconds, as the hub sends it, or a date, as proxies may; that counts from the
 * answer's own date, because our clock may be wrong.
 */
function retryAfter(headers: Headers): number | undefined {
  const value = headers.get('retry-after') ?? '';
  if (/^\d+$/.test(value)) return Number(value) * 1000;
  const ms = Date.parse(value) - Date.parse(headers.get('date') ?? '');
  return ms > 0 && ms <= LONGEST_MS ? ms : undefined;
}
