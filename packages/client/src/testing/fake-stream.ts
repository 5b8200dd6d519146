/** One open stream of a fake hub, whatever carries it. */
import type { Clock } from '../clock.js';
import type { Frame, FrameData, FrameName, Goodbye, WireEvent } from '../wire.js';
import { simplify, type Filter } from '../pattern.js';
import { admits, type FakeLog } from './fake-log.js';

/** Writes frames to whatever carries the stream. */
export interface Carrier {
  write(frame: Frame): void;
  /** Ends the stream as a hub would. */
  end(reason: string): void;
  /** Breaks it as a network would. */
  cut(): void;
}

export interface StreamOptions {
  log: FakeLog;
  clock: Clock;
  filter: Filter;
  cursor: string | null;
  token: string | null;
  heartbeatMs: number;
  onClose(stream: FakeStream): void;
}

let connections = 0;

export class FakeStream {
  readonly connectionId = `connection-${(connections += 1)}`;
  /** The subscriptions that it was asked for: what any of them shows is sent. */
  readonly selections: Filter[];
  token: string | null;
  #muted: boolean;
  /** What a proxy that buffers holds back. */
  #held: Frame[] = [];
  #offset: number;
  #closed = false;
  #heartbeat: unknown;
  readonly #carrier: Carrier;
  readonly #options: StreamOptions;

  constructor(options: StreamOptions, carrier: Carrier, muted: boolean) {
    this.#options = options;
    this.#carrier = carrier;
    this.#muted = muted;
    this.token = options.token;
    this.selections = [options.filter];
    const { log, clock, cursor } = options;
    const { offset, gap } = log.place(cursor);
    this.#offset = offset;
    const place = log.cursorAt(offset);
    this.send(
      'hello',
      {
        connectionId: this.connectionId,
        cursor: place,
        resumed: { from: cursor === 'earliest' ? null : cursor, complete: !gap },
        filter: this.filter,
        heartbeatMs: options.heartbeatMs,
        retryMs: 1_000,
        maxAgeMs: 3_600_000,
        tokenExpiresInMs: null,
        now: clock.now(),
        node: 'fake',
        flags: {},
        polling: {},
        protocol: 1,
      },
      gap ? undefined : place,
    );
    if (gap) this.send('gap', gap, gap.to ?? undefined);
    const replayed = this.catchUp();
    this.send('live', { cursor: log.cursorAt(this.#offset), replayed });
    this.#beat();
  }

  /** Sends what the log has beyond this stream's place. */
  catchUp(): number {
    const { log } = this.#options;
    let sent = 0;
    for (const event of log.since(this.#offset)) {
      this.#offset = event.offset as number;
      if (!this.#admits(event)) continue;
      this.send('event', event, event.cursor);
      sent += 1;
    }
    return sent;
  }

  /** Sends an event that has no place. */
  live(event: WireEvent): void {
    if (this.#admits(event)) this.send('event', event);
  }

  #admits(event: WireEvent): boolean {
    return this.selections.some((selection) => admits(selection, event));
  }

  /** What it shows, as the hub says it. */
  get filter(): { channels: string[]; types: string[] } {
    return {
      channels: simplify(this.selections.flatMap(({ channels }) => channels)),
      types: simplify(this.selections.flatMap(({ types }) => types)),
    };
  }

  /**
   * Takes subscriptions away, named as they were made, and adds one from this stream's place on.
   * @returns whether there was what is to be taken away
   */
  change(add: Filter | undefined, remove: readonly Filter[]): boolean {
    const words = ({ channels, types }: Filter) => JSON.stringify([channels, types]);
    for (const one of remove) {
      const index = this.selections.findIndex((selection) => words(selection) === words(one));
      if (index < 0) return false;
      this.selections.splice(index, 1);
    }
    if (!add) return true;
    const { channels, types } = add;
    this.selections.push({ channels, types });
    return true;
  }

  send<N extends FrameName>(name: N, data: FrameData[N], cursor?: string): void {
    const frame = { name, data, cursor } as Frame;
    if (this.#muted) this.#held.push(frame);
    else if (!this.#closed) this.#carrier.write(frame);
  }

  get muted(): boolean {
    return this.#muted;
  }

  /** Nothing reaches the client, as behind a proxy that buffers; afterwards all of it at once. */
  mute(muted: boolean): void {
    this.#muted = muted;
    if (muted) return;
    for (const frame of this.#held.splice(0)) if (!this.#closed) this.#carrier.write(frame);
  }

  heartbeat(): void {
    const { log, clock } = this.#options;
    const cursor = log.cursorAt(this.#offset);
    this.send('heartbeat', { now: clock.now(), cursor }, cursor);
  }

  goodbye(goodbye: Goodbye): void {
    this.send('goodbye', goodbye);
    this.#carrier.end(goodbye.reason);
    this.close();
  }

  cut(): void {
    this.#carrier.cut();
    this.close();
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#options.clock.clearTimeout(this.#heartbeat);
    this.#options.onClose(this);
  }

  #beat(): void {
    this.#heartbeat = this.#options.clock.setTimeout(() => {
      this.heartbeat();
      this.#beat();
    }, this.#options.heartbeatMs);
  }
}
