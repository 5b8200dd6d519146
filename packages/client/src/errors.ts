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
  declare readonly code: ErrorCode;
  declare readonly status: number | undefined;
  declare readonly retryAfterMs: number | undefined;
  declare readonly problem: Record<string, unknown> | undefined;

  constructor(code: ErrorCode, message: string, details: ErrorDetails = {}) {
    super(message, details);
    Object.assign(this, details, { code });
  }

  /** Whether the same request may succeed later without a change. */
  get retryable(): boolean {
    const { status, code } = this;
    if (status === undefined) return code === 'unreachable' || code === 'timeout';
    return [408, 425, 429].includes(status) || (status >= 500 && status !== 501);
  }
}

/** What was thrown, as an error of this package. */
export const asError = (cause: unknown, code: ErrorCode, message: string): RadialError =>
  cause instanceof RadialError ? cause : new RadialError(code, message, { cause });

/** What a request threw that got no answer. */
export const unreachable = (cause: unknown): RadialError =>
  asError(cause, 'unreachable', 'The hub could not be reached.');
