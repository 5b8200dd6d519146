/** Server-Sent Events by fetch: unlike EventSource it has headers, a status and every byte. */
import { RadialError } from '../errors.js';
import type { Settings } from '../settings.js';
import { createSseParser, type SseMessage } from '../sse-parser.js';
import { parseJson, type Frame, type FrameName } from '../wire.js';
import {
  accepted,
  endOfRequest,
  type End,
  httpRequest,
  streamQuery,
  type Sink,
  type StreamRequest,
  type Transport,
} from './transport.js';

/** Turns a message of the stream into a frame; undefined for what carries nothing. */
export function frameOf(message: SseMessage): Frame | undefined {
  const data = parseJson(message.data);
  if (data === undefined) {
    if (message.data === '') return undefined;
    throw new RadialError('cut', 'The stream carried something that is no JSON.');
  }
  // An event's own type may be the name of its frame; only objects with an envelope are events.
  const name = data.eventId !== undefined ? 'event' : message.event;
  return { name: name as FrameName, data, cursor: message.id } as Frame;
}

/** A stream read by fetch. */
export class SseClient implements Transport {
  readonly #abort = new AbortController();

  constructor(request: StreamRequest, sink: Sink, settings: Settings) {
    const { signal } = this.#abort;
    this.#run(request, sink, settings)
      .catch(endOfRequest)
      .then((end) => signal.aborted || sink.end(end));
  }

  async #run(request: StreamRequest, sink: Sink, settings: Settings): Promise<End> {
    const { signal } = this.#abort;
    const url = `${request.base}${settings.paths.sse}?${streamQuery(request, settings)}`;
    const init = httpRequest(settings, request.token, { accept: 'text/event-stream' });
    const response = await accepted(await settings.fetch(url, { ...init, signal }));
    if (!response.headers.get('content-type')?.startsWith('text/event-stream') || !response.body) {
      throw new RadialError('wrong-answer', 'It was not the hub that answered.');
    }
    const push = createSseParser((message) => {
      const frame = signal.aborted ? undefined : frameOf(message);
      if (frame) sink.frame(frame);
    });
    const reader = response.body.getReader();
    for (;;) {
      const { done, value } = await reader.read().catch((cause) => {
        throw new RadialError('cut', 'The stream broke.', { cause });
      });
      if (done || signal.aborted) break;
      sink.bytes();
      push(value);
    }
    return { type: 'lost', cause: 'cut', error: new RadialError('cut', 'The stream ended.') };
  }

  close(): void {
    this.#abort.abort();
  }
}
