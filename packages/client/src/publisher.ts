/**
 * Publishing and acknowledging: on the open stream where it takes operations, else by a POST,
 * whatever transport the events come by.
 */
import { backoffMs } from './backoff.js';
import { createTimer } from './clock.js';
import { RadialError, unreachable } from './errors.js';
import type { Published } from './events.js';
import { newId, type Settings, type TokenReason } from './settings.js';
import { accepted, httpRequest, type Answer } from './transport/transport.js';

export interface PublishOptions {
  signal?: AbortSignal;
  /** How often a lost or busy attempt is made again, with the same `eventId`. Default 4. */
  retries?: number;
}

/** An event as it goes over the wire. */
export type Envelope = Record<string, unknown> & { eventType: string; eventId: string };

const RETRIES = 4;
const TIMEOUT_MS = 15_000;
/** Smaller bodies are not worth a coding. */
const GZIP_FROM_BYTES = 1_024;
/** And neither are those that hardly shrink. */
const GZIP_PAYS_BELOW = 0.9;

/** Accepts the short names too, and gives the event its idempotency key. */
export function envelopeOf(event: Record<string, any>): Envelope {
  const { type, data, ...rest } = event;
  return {
    eventId: newId(),
    ...(type === undefined ? {} : { eventType: type, eventData: data }),
    ...rest,
  } as Envelope;
}

/** gzip where it pays and where the platform can. */
export async function encodeBody(
  text: string,
): Promise<{ body: string | Uint8Array<ArrayBuffer>; headers: Record<string, string> }> {
  const plain = { body: text, headers: { 'content-type': 'application/json' } };
  if (text.length < GZIP_FROM_BYTES || typeof CompressionStream === 'undefined') return plain;
  const stream = new Blob([text]).stream().pipeThrough(new CompressionStream('gzip'));
  const body = new Uint8Array(await new Response(stream).arrayBuffer());
  if (body.length > text.length * GZIP_PAYS_BELOW) return plain;
  return { body, headers: { ...plain.headers, 'content-encoding': 'gzip' } };
}

/** Does an operation on the open stream; undefined where there is none, or none that takes any. */
type Ask = (operation: object) => Promise<Answer> | undefined;

export class Publisher {
  readonly #settings: Settings;
  readonly #token: (reason: TokenReason, signal: AbortSignal) => Promise<string | null>;
  readonly #ask: Ask;

  constructor(
    settings: Settings,
    token: (reason: TokenReason, signal: AbortSignal) => Promise<string | null>,
    ask: Ask = () => undefined,
  ) {
    this.#settings = settings;
    this.#token = token;
    this.#ask = ask;
  }

  /** Publishes one event, again and again until the hub has answered or the tries are used up. */
  async publish(event: Record<string, any>, options: PublishOptions = {}): Promise<Published> {
    const envelope = envelopeOf(event);
    const done = await this.#onStream({ op: 'publish', event: envelope }, options.signal);
    return (
      done?.result ??
      this.post(this.#settings.paths.publish ?? '/api/sse/events', envelope, options)
    );
  }

  async acknowledge(eventIds: readonly string[]): Promise<void> {
    if (!(await this.#onStream({ op: 'ack', eventIds }))) {
      await this.post('/api/sse/acks', { eventIds, ...this.#settings.identity });
    }
  }

  /** Does it on the stream; undefined if that did not work, and a request may. */
  async #onStream(operation: object, signal?: AbortSignal): Promise<Answer | undefined> {
    try {
      return await this.#limited(signal, (limit) => {
        const given = new Promise<never>((_, reject) =>
          limit.addEventListener('abort', () => reject(limit.reason)),
        );
        const asked = this.#ask(operation);
        return asked && Promise.race([asked, given]);
      });
    } catch (error) {
      const { status = 401, code, retryable } = error as RadialError;
      // The socket has ended or is older than the credential, or the hub does not know this there.
      if (status === 401 || retryable || code === 'invalid-parameter') return undefined;
      throw error;
    }
  }

  /** Posts JSON; a lost or busy attempt is made again, a refused credential is replaced once. */
  async post(
    path: string,
    value: unknown,
    { signal, retries = RETRIES }: PublishOptions = {},
  ): Promise<any> {
    const { backoff, random } = this.#settings;
    const encoded = await encodeBody(JSON.stringify(value));
    let reason: TokenReason = 'publish';
    for (let attempt = 0; ;) {
      try {
        return await this.#limited(signal, (limit) => this.#request(path, encoded, reason, limit));
      } catch (cause) {
        if (signal?.aborted)
          throw new RadialError('aborted', 'The request was given up.', { cause });
        const error = unreachable(cause);
        if (error.status === 401 && reason === 'publish' && this.#settings.getToken)
          reason = 'rejected';
        else if (!error.retryable || attempt >= retries) throw error;
        else
          await this.#pause(backoffMs(attempt++, error.retryAfterMs ?? 0, backoff, random), signal);
      }
    }
  }

  async #request(
    path: string,
    { body, headers }: Awaited<ReturnType<typeof encodeBody>>,
    reason: TokenReason,
    signal: AbortSignal,
  ): Promise<unknown> {
    const settings = this.#settings;
    const token = await this.#token(reason, signal);
    const init = httpRequest(settings, token, headers);
    const url = (await settings.baseUrl()) + path;
    const response = await accepted(
      await settings.fetch(url, { ...init, method: 'POST', body, signal }),
    );
    const text = await response.text();
    return text ? JSON.parse(text) : undefined;
  }

  /** Gives an attempt a limited time; the caller may end it earlier. */
  async #limited<T>(
    outer: AbortSignal | undefined,
    act: (limit: AbortSignal) => Promise<T> | undefined,
  ): Promise<T | undefined> {
    const abort = new AbortController();
    const stop = () => abort.abort(outer?.reason);
    outer?.addEventListener('abort', stop);
    if (outer?.aborted) stop();
    const timer = createTimer(this.#settings.clock, () =>
      abort.abort(new RadialError('timeout', 'The hub did not answer in time.')),
    );
    timer.set(TIMEOUT_MS);
    try {
      return await act(abort.signal);
    } catch (error) {
      throw abort.signal.aborted && abort.signal.reason instanceof RadialError
        ? abort.signal.reason
        : error;
    } finally {
      timer.clear();
      outer?.removeEventListener('abort', stop);
    }
  }

  #pause(ms: number, signal: AbortSignal | undefined): Promise<void> {
    return new Promise((resolve) => {
      const finish = () => {
        timer.clear();
        signal?.removeEventListener('abort', finish);
        resolve();
      };
      const timer = createTimer(this.#settings.clock, finish);
      timer.set(ms);
      signal?.addEventListener('abort', finish);
    });
  }
}
