/** The stream over a WebSocket: the same frames as objects, and operations in the other direction. */
import { RadialError } from '../errors.js';
import type { Settings } from '../settings.js';
import { parseJson, placeOf, type Frame, type FrameName } from '../wire.js';
import {
  endOfRequest,
  type Answer,
  type End,
  type Sink,
  type StreamRequest,
  type Transport,
} from './transport.js';

const OPEN = 1;
/** Longer messages could be more than the hub takes, and then it would close the socket. */
const LONGEST_CHARS = 256 * 1024;
/** The pause after a refusal for being too fast: an answer on a socket has no header to say it. */
const RATE_LIMITED_FLOOR_MS = 5_000;
const ANSWERS = ['ok', 'error', 'pong', 'nothing'];
const CLOSE_WORDS: Record<number, string> = {
  4501: 'unauthorized',
  4504: 'revoked',
  4509: 'replaced',
};

/** What a close code tells the client to do. */
export function endOfClose(code: number, reason: string): End {
  const word = CLOSE_WORDS[code] ?? 'cut';
  const error = new RadialError(word, reason || `The connection was closed (${code}).`, {
    status: code,
  });
  if (code === 4501) return { type: 'unauthorized', error };
  if (code >= 4500 && code <= 4999) return { type: 'refused', error };
  const cause = code >= 4000 && code <= 4499 ? 'goodbye' : 'cut';
  return { type: 'lost', cause, poll: code === 4053, error };
}

/** Who waits for the answer to an operation. */
interface Waiting {
  resolve(answer: Answer): void;
  reject(error: RadialError): void;
}

/** A stream over a WebSocket. */
export class WebSocketClient implements Transport {
  #socket: WebSocket | undefined;
  #closed = false;
  #asked = 0;
  /** The operations that were not answered yet. */
  readonly #waiting = new Map<number, Waiting>();

  constructor(request: StreamRequest, sink: Sink, settings: Settings) {
    // Nothing is reported before the caller has the object in hand.
    queueMicrotask(() => this.#open(request, sink, settings));
  }

  #open(request: StreamRequest, sink: Sink, settings: Settings): void {
    if (this.#closed) return;
    const end = (how: End) => {
      if (this.#closed) return;
      this.close();
      sink.end(how);
    };
    const Socket = settings.WebSocket ?? globalThis.WebSocket;
    // A socket has no header that could say which of a credential's tenants is meant.
    if (!Socket || 'radial-tenant' in settings.headers) {
      const error = new RadialError('not-found', 'There is no WebSocket, or none for a tenant.');
      return end({ type: 'missing', error });
    }
    const query = new URLSearchParams({ clientId: request.clientId });
    const url = `${request.base.replace(/^http/, 'ws')}${settings.paths.websocket ?? '/api/ws'}?${query}`;
    let socket: WebSocket;
    try {
      socket = this.#socket = new Socket(url, 'radial.v1');
    } catch (cause) {
      // A page with a strict policy, for one, is not let through here.
      return end({
        type: 'missing',
        error: new RadialError('unreachable', 'The WebSocket was refused.', { cause }),
      });
    }
    socket.onopen = () => {
      sink.bytes();
      // What a refused token means is said by the close that follows.
      if (request.token !== null) void this.ask({ op: 'token', token: request.token });
      const { channels, types, snapshot, cursor, start } = request;
      const place = cursor === null ? start : { lastEventId: cursor };
      this.ask({
        op: 'subscribe',
        channels,
        types,
        ...settings.identity,
        ...place,
        ...(snapshot.length > 0 ? { snapshot } : {}),
      })?.catch(async (error) => end(await endOfRequest(error)));
    };
    socket.onmessage = ({ data }) => {
      if (this.#closed) return;
      sink.bytes();
      const { op, ...message } = parseJson(data) ?? { op: 'nothing' };
      if (ANSWERS.includes(op)) return this.#answer(op, message);
      const frame = { name: (op ?? 'event') as FrameName, data: message } as Frame;
      // A beginning is a place, unless something that has none yet comes before the events.
      const begins = op === 'hello' && message.resumed?.complete && request.snapshot.length === 0;
      sink.frame({ ...frame, cursor: begins ? message.cursor : placeOf(frame) });
    };
    // Whatever it is, the close follows; without this, Node's `ws` would end the process.
    socket.onerror = () => {};
    socket.onclose = ({ code, reason }) => end(endOfClose(code, reason));
  }

  ask(operation: object): Promise<Answer> | undefined {
    const id = (this.#asked += 1);
    const text = JSON.stringify({ ...operation, id });
    if (this.#socket?.readyState !== OPEN || text.length > LONGEST_CHARS) return undefined;
    const answer = new Promise<Answer>((resolve, reject) =>
      this.#waiting.set(id, { resolve, reject }),
    );
    this.#socket.send(text);
    // Who does not wait for the answer is not told of a refusal by the page either.
    answer.catch(() => {});
    return answer;
  }

  #answer(op: string, { id, ...message }: any): void {
    const waiting = this.#waiting.get(id);
    if (!waiting) return;
    this.#waiting.delete(id);
    if (op !== 'error') return waiting.resolve(message);
    const { code, detail, status } = message;
    const retryAfterMs = status === 429 ? RATE_LIMITED_FLOOR_MS : undefined;
    waiting.reject(new RadialError(code, detail, { status, retryAfterMs, problem: message }));
  }

  ping(): void {
    void this.ask({ op: 'ping' });
  }

  close(): void {
    this.#closed = true;
    this.#socket?.close(1000);
    const error = new RadialError('cut', 'The WebSocket was closed.');
    this.#waiting.forEach(({ reject }) => reject(error));
    this.#waiting.clear();
  }
}
