/** The log of a fake hub: what happened, in order, and who may still read it. */
import { anyCovers, type Filter } from '../pattern.js';
import type { Gap, WireEvent } from '../wire.js';

export const admits = (filter: Filter, event: WireEvent): boolean =>
  anyCovers(filter.channels, event.channel) && anyCovers(filter.types, event.eventType);

/** Where a reader begins, and what it must be told of that. */
export interface Place {
  offset: number;
  gap: Gap | undefined;
}

export class FakeLog {
  readonly events: WireEvent[] = [];
  #epoch = 1;
  #head = 0;
  /** The newest offset that is no longer kept. */
  #forgotten = 0;

  get head(): number {
    return this.#head;
  }

  cursorAt(offset: number): string {
    return `epoch${this.#epoch}.${offset}`;
  }

  /** Gives an event the next place. */
  append(event: WireEvent): WireEvent {
    this.#head += 1;
    const placed = { cursor: this.cursorAt(this.#head), offset: this.#head, ...event };
    this.events.push(placed);
    return placed;
  }

  find(eventId: string): WireEvent | undefined {
    return this.events.find((event) => event.eventId === eventId);
  }

  /** Drops everything, as retention would. */
  forget(): void {
    this.#forgotten = this.#head;
    this.events.length = 0;
  }

  /** Begins another history: no cursor from before means anything any more. */
  newEpoch(): void {
    this.#epoch += 1;
    this.#head = 0;
    this.#forgotten = 0;
    this.events.length = 0;
  }

  since(offset: number): WireEvent[] {
    return this.events.filter((event) => (event.offset ?? 0) > offset);
  }

  /** Understands a cursor as the hub does. */
  place(cursor: string | null): Place {
    if (cursor === null) return { offset: this.#head, gap: undefined };
    if (cursor === 'earliest') return { offset: this.#forgotten, gap: undefined };
    const [, epoch, digits] = /^epoch(\d+)\.(\d+)$/.exec(cursor) ?? [];
    const offset = Number(digits);
    const gap = (reason: string, to: number): Place => ({
      offset: to,
      gap: { reason, scope: 'all', from: cursor, to: this.cursorAt(to) },
    });
    if (Number(epoch) !== this.#epoch) return gap('epoch', this.#head);
    if (offset > this.#head) return gap('ahead', this.#head);
    if (offset < this.#forgotten) return gap('retention', this.#forgotten);
    return { offset, gap: undefined };
  }
}
