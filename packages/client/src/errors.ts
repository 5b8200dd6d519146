/** What went wrong, in a form that an application can branch on. */

/** A stable word: the hub's own problem codes, and the client's, which are listed here. */
export type ErrorCode =
  | 'unauthorized'
  | 'forbidden'
  | 'not-found'
  | 'unreachable'
  | 'timeout'
  | 'cut'
  | 'replaced'
  | 'revoked'
  | 'invalid-event'
  | 'invalid-url'
  | 'token'
  | 'aborted'
  | 'outbox-full'
  | 'no-hub'
  | (string & {});

export interface ErrorDetails {
  /** The HTTP status, or the close code of a WebSocket. */
  status?: number | undefined;
  /** The hub's wish, in milliseconds. */
  retryAfterMs?: number | undefined;
  /** The problem document, if the hub sent one. */
  problem?: Record<string, unknown> | undefined;
  cause?: unknown;
}

/** Every error that this package makes. */
export class RadialError extends Error {
  override readonly name = 'RadialError';
  readonly code: ErrorCode;
  readonly status: number | undefined;
  readonly retryAfterMs: number | undefined;
  readonly problem: Record<string, unknown> | undefined;

  constructor(code: ErrorCode, message: string, details: ErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.code = code;
    this.status = details.status;
    this.retryAfterMs = details.retryAfterMs;
    this.problem = details.problem;
  }

  /** Whether the same request may succeed later without a change. */
  get retryable(): boolean {
    const { status } = this;
    if (status === undefined) return this.code === 'unreachable' || this.code === 'timeout';
    return status === 408 || status === 425 || status === 429 || (status >= 500 && status !== 501);
  }
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
    retryAfterMs: retryAfter(response.headers.get('retry-after')),
  });
}

/** `Retry-After` in seconds, as the hub sends it; a date of a proxy counts as absent. */
function retryAfter(value: string | null): number | undefined {
  return value !== null && /^\d+$/.test(value) ? Number(value) * 1000 : undefined;
}
