/** The stream over a WebSocket: the same frames as objects, and operations in the other direction. */
import { RadialError } from '../errors.js';
import type { Settings } from '../settings.js';
import { parseJson, placeOf, type Frame, type FrameName } from '../wire.js';
import { endOf, type End, type Sink, type StreamRequest, type Transport } from './transport.js';

const OPEN = 1;
const SUBSCRIBE_ID = 'subscribe';
/** The hub's wish where a close code cannot carry it. */
const RATE_LIMITED_FLOOR_MS = 5_000;
const CLOSE_WORDS: Record<number, string> = {
  4501: 'unauthorized',
  4503: 'forbidden',
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
  if (code === 4029) return { type: 'lost', cause: 'busy', floorMs: RATE_LIMITED_FLOOR_MS, error };
  const cause = code >= 4000 && code <= 4499 ? 'goodbye' : 'cut';
  return { type: 'lost', cause, poll: code === 4053, error };
}

/** A stream over a WebSocket. */
export class WebSocketClient implements Transport {
  #socket: WebSocket | undefined;
  #closed = false;

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
    const Socket = settings.WebSocket;
    if (!Socket) {
      return end({
        type: 'missing',
        error: new RadialError('not-found', 'There is no WebSocket here.'),
      });
    }
    const query = new URLSearchParams({ clientId: settings.clientId });
    const url = `${request.base.replace(/^http/, 'ws')}${settings.paths.websocket}?${query}`;
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
      if (request.token !== null) this.send({ op: 'token', token: request.token });
      const { channels, types, snapshot, cursor, start } = request;
      const place = cursor === null ? start : { lastEventId: cursor };
      this.send({
        op: 'subscribe',
        id: SUBSCRIBE_ID,
        channels,
        types,
        ...settings.identity,
        ...place,
        ...(snapshot.length > 0 ? { snapshot } : {}),
      });
    };
    socket.onmessage = ({ data }) => {
      if (this.#closed) return;
      sink.bytes();
      const { op, ...message } = parseJson(data) ?? { op: 'nothing' };
      if (op === 'error' && message.id === SUBSCRIBE_ID) {
        const { code, detail, status } = message;
        return end(
          endOf(new RadialError(String(code), String(detail), { status, problem: message })),
        );
      }
      if (op === 'ok' || op === 'error' || op === 'pong' || op === 'nothing') return;
      if (op === 'replay') {
        for (const data of message.events ?? []) sink.frame({ name: 'event', data });
        return;
      }
      const frame = { name: (op ?? 'event') as FrameName, data: message } as Frame;
      // A beginning is a place, unless something that has none yet comes before the events.
      const begins = op === 'hello' && message.resumed?.complete && request.snapshot.length === 0;
      sink.frame({ ...frame, cursor: begins ? message.cursor : placeOf(frame) });
    };
    // Whatever it is, the close follows; without this, Node's `ws` would end the process.
    socket.onerror = () => {};
    socket.onclose = ({ code, reason }) => end(endOfClose(code, reason));
  }

  send(operation: Record<string, unknown>): boolean {
    if (this.#socket?.readyState !== OPEN) return false;
    this.#socket.send(JSON.stringify(operation));
    return true;
  }

  ping(): void {
    this.send({ op: 'ping' });
  }

  close(): void {
    this.#closed = true;
    this.#socket?.close(1000);
  }
}
