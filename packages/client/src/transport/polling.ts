/** Long polling: the same events and places as a stream, one answer after the other. */
import { RadialError } from '../errors.js';
import { createTimer, type Timer } from '../clock.js';
import { pollingIntervalOf } from '../polling-interval.js';
import type { Settings } from '../settings.js';
import type { Frame, Gap, PollingPolicy, SnapshotPart, WireEvent } from '../wire.js';
import {
  accepted,
  endOfRequest,
  httpRequest,
  streamQuery,
  type Sink,
  type StreamRequest,
  type Transport,
} from './transport.js';

/** One answer of the hub. */
export interface PollAnswer {
  events?: WireEvent[];
  cursor: string;
  gap?: Gap;
  snapshot?: SnapshotPart[];
  redeliveries?: { attempt: number; event: WireEvent }[];
  flags?: Record<string, unknown>;
  polling?: PollingPolicy;
}

/** How long the hub may keep a poll; below the minute after which proxies cut. */
const LONG_WAIT_S = 25;
/** A request that broke sooner than this was not cut for being long. */
const CUT_AFTER_MS = 3_000;

/** Asks once; the hub answers as soon as there is something, or when the wait ends. */
export async function poll(
  request: StreamRequest,
  waitSeconds: number,
  signal: AbortSignal,
  settings: Settings,
): Promise<PollAnswer> {
  const query = streamQuery(request, settings);
  query.set('wait', `${waitSeconds}s`);
  const init = httpRequest(settings, request.token, { accept: 'application/json' });
  const url = `${request.base}${settings.paths.poll ?? '/api/poll'}?${query}`;
  const response = await accepted(await settings.fetch(url, { ...init, signal }));
  const answer = await response.json().catch(() => undefined);
  if (typeof answer?.cursor !== 'string') {
    throw new RadialError('wrong-answer', 'Something other than the hub answered the poll.');
  }
  return answer;
}

/** What an answer says of the log, as a stream would say it. */
export const framesOf = ({ events = [], snapshot = [], cursor, gap }: PollAnswer): Frame[] => [
  ...(gap ? [{ name: 'gap', data: gap, cursor: gap.to ?? undefined } as const] : []),
  ...snapshot.map(
    (data) => ({ name: 'snapshot', data, cursor: data.done ? cursor : undefined }) as const,
  ),
  ...events.map((data) => ({ name: 'event', data, cursor: data.cursor }) as const),
];

/** A loop of polls, never two at a time. */
export class PollingClient implements Transport {
  readonly #abort = new AbortController();
  readonly #request: StreamRequest;
  readonly #sink: Sink;
  readonly #settings: Settings;
  readonly #pause: Timer;
  #cursor: string | null;
  #resume: () => void = () => {};
  #policy = '';

  constructor(request: StreamRequest, sink: Sink, settings: Settings) {
    this.#request = request;
    this.#sink = sink;
    this.#settings = settings;
    this.#cursor = request.cursor;
    this.#pause = createTimer(settings.clock, () => this.#resume());
    this.#run()
      .catch(endOfRequest)
      .then((end) => end && !this.#abort.signal.aborted && sink.end(end));
  }

  async #run(): Promise<void> {
    const { clock } = this.#settings;
    // The first answer comes at once, so that it is known soon whether polling works.
    let waitSeconds = 0;
    let short = false;
    for (let first = true; ; first = false) {
      this.#sink.bytes();
      const began = clock.now();
      try {
        const answer = await this.#poll(waitSeconds);
        if (this.#abort.signal.aborted) return;
        this.#sink.bytes();
        this.#take(answer, first);
        waitSeconds = short ? 0 : LONG_WAIT_S;
        if (short && (answer.events ?? []).length === 0)
          await this.#wait(answer.polling?.intervalMs ?? pollingIntervalOf(this.#settings));
      } catch (error) {
        // Something between here and the hub does not let a request last: ask, but do not wait.
        const cut = waitSeconds > 0 && clock.now() - began >= CUT_AFTER_MS;
        const refused =
          error instanceof RadialError && error.status !== 502 && error.status !== 504;
        if (!cut || refused || this.#abort.signal.aborted) throw error;
        short = true;
        waitSeconds = 0;
      }
      if (this.#abort.signal.aborted) return;
    }
  }

  #poll(waitSeconds: number): Promise<PollAnswer> {
    const request = { ...this.#request, cursor: this.#cursor };
    return poll(request, waitSeconds, this.#abort.signal, this.#settings);
  }

  #take(answer: PollAnswer, first: boolean): void {
    const { events = [], redeliveries = [], cursor, flags, polling } = answer;
    const sink = this.#sink;
    this.#cursor = cursor;
    framesOf(answer).forEach((frame) => sink.frame(frame));
    for (const data of redeliveries) sink.frame({ name: 'redelivery', data });
    const policy = JSON.stringify([flags, polling]);
    if (policy !== this.#policy && (flags || polling)) {
      this.#policy = policy;
      sink.frame({
        name: 'config',
        data: { ...(flags && { flags }), ...(polling && { polling }) },
      });
    }
    if (first) sink.frame({ name: 'live', data: { cursor, replayed: events.length }, cursor });
    else sink.frame({ name: 'heartbeat', data: { cursor, now: 0 }, cursor });
  }

  #wait(ms: number): Promise<void> {
    return new Promise((resolve) => {
      this.#resume = resolve;
      this.#pause.set(ms);
    });
  }

  /** Asks at once instead of at the end of a pause. */
  ping(): void {
    this.#resume();
  }

  close(): void {
    this.#abort.abort();
    this.#pause.clear();
    this.#resume();
  }
}
