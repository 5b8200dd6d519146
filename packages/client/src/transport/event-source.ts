/**
 * Server-Sent Events by the browser's own EventSource, for pages that want it: it has no headers,
 * so a token becomes a ticket, and it hides statuses, so every failure looks the same.
 */
import { RadialError } from '../errors.js';
import type { Settings } from '../settings.js';
import { frameOf } from './sse.js';
import {
  accepted,
  endOfRequest,
  httpRequest,
  streamQuery,
  type Sink,
  type StreamRequest,
  type Transport,
} from './transport.js';

const CONTROL =
  'hello snapshot live heartbeat gap dropped redelivery replay config token goodbye'.split(' ');

/** A stream read by EventSource; its own reconnecting is never used. */
export class EventSourceClient implements Transport {
  #source: EventSource | undefined;
  #closed = false;

  constructor(request: StreamRequest, sink: Sink, settings: Settings) {
    this.#open(request, sink, settings)
      .catch(endOfRequest)
      .then((end) => end && !this.#closed && sink.end(end));
  }

  async #open(request: StreamRequest, sink: Sink, settings: Settings): Promise<void> {
    const query = streamQuery(request, settings);
    if (request.token !== null) query.set('ticket', await ticket(request, settings));
    if (this.#closed) return;
    const Source = settings.EventSource ?? globalThis.EventSource;
    if (!Source) throw new RadialError('unreachable', 'There is no EventSource here.');
    const source = new Source(`${request.base}${settings.paths.sse}?${query}`, {
      withCredentials: settings.credentials === 'include',
    });
    this.#source = source;
    const take = (event: string) => (message: MessageEvent<string>) => {
      sink.bytes();
      const frame = frameOf({ event, data: message.data, id: message.lastEventId || undefined });
      // EventSource repeats the last id on frames that have none of their own.
      if (frame && !['event', 'heartbeat', 'gap', 'snapshot', 'hello'].includes(frame.name))
        frame.cursor = undefined;
      if (frame && !this.#closed) sink.frame(frame);
    };
    source.onmessage = take('');
    for (const name of CONTROL) source.addEventListener(name, take(name));
    source.onerror = () => {
      if (this.#closed) return;
      this.close();
      sink.end({ type: 'lost', cause: 'cut', error: new RadialError('cut', 'The stream broke.') });
    };
  }

  close(): void {
    this.#closed = true;
    this.#source?.close();
  }
}

async function ticket(request: StreamRequest, settings: Settings): Promise<string> {
  const init = { ...httpRequest(settings, request.token), method: 'POST' };
  const response = await settings.fetch(`${request.base}/api/auth/tickets`, init);
  return String((await (await accepted(response)).json()).ticket);
}
