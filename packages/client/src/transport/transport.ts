/**
 * The seam between the connection and its transports. A transport opens one stream, says what
 * comes, and says once how it ended. It does not retry, remember places or know the application.
 */
import { unreachable } from '../errors.js';
import type { MachineEvent } from '../machine/types.js';
import type { Frame } from '../wire.js';
import type { Settings } from '../settings.js';

/** What a connection asks for. */
export interface StreamRequest {
  /** Absolute, without a slash at the end. */
  base: string;
  channels: readonly string[];
  types: readonly string[];
  /** Where to go on; null begins where `start` says. */
  cursor: string | null;
  /** Where the first connection begins: a query parameter by name, or nothing for now. */
  start: Readonly<Record<string, string>>;
  snapshot: readonly string[];
  token: string | null;
  /** Names the connection: the hub lets a newer one of the same name replace it. */
  clientId: string;
}

/** How a stream ended: an event of the state machine. */
export type End = Extract<MachineEvent, { type: 'lost' | 'unauthorized' | 'missing' | 'refused' }>;

/** Where a transport reports to. Nothing is called after `close()`, and nothing after `end`. */
export interface Sink {
  /** Something arrived: the connection lives. */
  bytes(): void;
  frame(frame: Frame): void;
  end(end: End): void;
}

/** One open stream. */
export interface Transport {
  close(): void;
  /** Asks the other side for a sign of life, where the transport can. */
  ping?(): void;
  /**
   * Does an operation on the stream itself; undefined where that is not possible. Gives what the hub
   * has answered, and rejects with what it refused, or with `cut` if the stream ends before.
   */
  ask?(operation: object): Promise<Answer> | undefined;
}

/** What the hub says to an operation that it has done. */
export interface Answer {
  result?: any;
}

/** What a request that failed means for the connection: what was thrown, or the hub's refusal. */
export async function endOfRequest(cause: unknown): Promise<End> {
  const error = unreachable(cause);
  const lost: End = { type: 'lost', cause: 'unreachable', error };
  if (!error.status) return lost;
  return import('./refusal.js').then(
    ({ endOf }) => endOf(error),
    () => lost,
  );
}

/** Throws what the hub said, unless it did what was asked. */
export async function accepted(response: Response): Promise<Response> {
  if (response.ok) return response;
  throw await (await import('./refusal.js')).errorOf(response);
}

/** The query of a stream or a poll. */
export function streamQuery(request: StreamRequest, settings: Settings): URLSearchParams {
  const query = new URLSearchParams({
    channels: request.channels.join(','),
    types: request.types.join(','),
    clientId: request.clientId,
    ...settings.identity,
    // A place that the hub gave is never refused under this name, even if its log is another now.
    ...(request.cursor === null ? request.start : { lastEventId: request.cursor }),
  });
  if (request.snapshot.length > 0) query.set('snapshot', request.snapshot.join(','));
  return query;
}

/** The address and the headers of a request to the hub. */
export function httpRequest(
  settings: Settings,
  token: string | null,
  headers: Record<string, string> = {},
): RequestInit {
  return {
    cache: 'no-store',
    credentials: settings.credentials,
    headers: {
      ...settings.headers,
      ...(token === null ? {} : { authorization: `Bearer ${token}` }),
      ...headers,
    },
  };
}
