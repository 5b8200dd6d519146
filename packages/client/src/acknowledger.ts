/** Collects acknowledgements, sends them together, and knows what was handled already. */
import { createTimer, type Clock, type Timer } from './clock.js';

const DELAY_MS = 50;
const BATCH = 500;
const REMEMBERED = 1_000;

export class Acknowledger {
  /** Acknowledged events; one that comes again was handled, only its acknowledgement got lost. */
  readonly #done = new Set<string>();
  #waiting: string[] = [];
  readonly #timer: Timer;

  constructor(
    clock: Clock,
    send: (eventIds: string[]) => Promise<unknown>,
    failed: (error: unknown) => void,
  ) {
    this.#timer = createTimer(clock, () => {
      const batch = this.#waiting.splice(0, BATCH);
      // What fails is not kept here: the hub sends the event again.
      send(batch).catch(failed);
      if (this.#waiting.length > 0) this.#timer.set(DELAY_MS);
    });
  }

  has(eventId: string): boolean {
    return this.#done.has(eventId);
  }

  add(eventId: string): void {
    this.#done.add(eventId);
    if (this.#done.size > REMEMBERED) {
      const [oldest] = this.#done;
      this.#done.delete(oldest as string);
    }
    this.#waiting.push(eventId);
    this.#timer.ensure(DELAY_MS);
  }
}
