/**
 * Everything that was received goes through here once: it keeps the place in the log, leaves out
 * what came before, and counts. Several links may feed it at the same time, because each of them
 * began at a place that this had reached.
 */
import type { Counters } from './status.js';
import { offsetOf, type Frame, type WireEvent } from './wire.js';

/** How many events without a place are remembered, to leave out what comes twice. */
const REMEMBERED = 512;

export class Intake {
  /** Where the next connection goes on; null before there is a place. */
  cursor: string | null;
  readonly counters: Counters;
  /** The highest offset that was taken, -1 before there is one. */
  offset = -1;
  readonly #recent = new Set<string>();
  /** Offsets beyond the highest that a replay has shown; the next connection may bring them again. */
  readonly #ahead = new Set<number>();

  constructor(cursor: string | null, counters: Counters) {
    this.cursor = cursor;
    this.counters = counters;
  }

  /**
   * Takes a frame in.
   * @param main whether it comes from the connection in use; a probe's own place moves nothing
   * @returns whether the frame goes on to the application
   */
  take(frame: Frame, main: boolean): boolean {
    switch (frame.name) {
      case 'event':
        return this.#event(frame.data, frame.cursor);
      case 'gap': {
        const { to, reason, scope } = frame.data;
        if (to !== null && to === this.cursor && !main) return false;
        this.counters.gaps += 1;
        if (reason === 'epoch' || reason === 'ahead') {
          this.offset = -1;
          this.#ahead.clear();
        }
        if (to !== null) this.cursor = to;
        // Offsets of another history say nothing about this one.
        if (scope !== 'recent' && reason !== 'retention') this.#recent.clear();
        return true;
      }
      case 'dropped':
        this.counters.dropped += frame.data.count;
        return true;
      case 'hello':
      case 'heartbeat':
      case 'live':
      case 'snapshot':
        if (main) this.#advance(frame.cursor);
        return main;
      default:
        return main;
    }
  }

  /** Takes an event from before the place of its connection, which it does not move. */
  replayed({ offset = -1 }: WireEvent): void {
    this.counters.received += 1;
    if (offset > this.offset) this.#ahead.add(offset);
  }

  #event(event: WireEvent, cursor: string | undefined): boolean {
    this.counters.received += 1;
    const { offset } = event;
    if (offset === undefined ? this.#seen(event.eventId) : offset <= this.offset) {
      this.counters.duplicates += 1;
      return false;
    }
    this.cursor = cursor ?? event.cursor ?? this.cursor;
    if (offset === undefined) return true;
    this.offset = offset;
    const isNew = !this.#ahead.has(offset);
    this.#ahead.forEach((one) => one <= offset && this.#ahead.delete(one));
    if (!isNew) this.counters.duplicates += 1;
    return isNew;
  }

  #advance(cursor: string | undefined): void {
    if (cursor === undefined) return;
    const offset = offsetOf(cursor);
    if (offset !== undefined && offset < this.offset) return;
    this.cursor = cursor;
  }

  #seen(eventId: string): boolean {
    if (this.#recent.has(eventId)) return true;
    this.#recent.add(eventId);
    if (this.#recent.size > REMEMBERED) {
      const [oldest] = this.#recent;
      this.#recent.delete(oldest as string);
    }
    return false;
  }
}
