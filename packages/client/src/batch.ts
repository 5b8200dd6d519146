/** Collects events for a handler that takes lists. Loaded on demand. */
import { createTimer, type Clock, type Timer } from './clock.js';
import type { HubEvent } from './events.js';
import type { BatchOptions, Validity } from './subscription.js';

const DELAY_MS = 50;
const SIZE = 500;

/** Runs the handler with a list; says whether it succeeded. */
type Run = (events: HubEvent[]) => boolean | Promise<boolean>;

export class Batch {
  #busy = false;
  /** What was given up, counted so that it is not collected later. */
  #round = 0;
  /** The event that was taken last: events are collected in their order. */
  #taken: Promise<unknown> = Promise.resolve();
  #collected: { event: HubEvent; done: (ok: boolean) => void }[] = [];
  readonly #run: Run;
  readonly #options: BatchOptions;
  readonly #timer: Timer;

  constructor(run: Run, options: BatchOptions, clock: Clock) {
    this.#run = run;
    this.#options = options;
    this.#timer = createTimer(clock, () => this.#flush());
  }

  /**
   * Takes an event, if it is valid, after those before it.
   * @returns whether the handler has succeeded with it
   */
  take(event: HubEvent, valid: Validity): Promise<boolean> {
    const round = this.#round;
    return new Promise((done) => {
      this.#taken = this.#taken.then(async () => {
        if ((await valid) === false || round !== this.#round) done(true);
        else this.#add(event, done);
      });
    });
  }

  #add(event: HubEvent, done: (ok: boolean) => void): void {
    const { maxDelay = DELAY_MS, maxSize = SIZE } = this.#options;
    this.#collected.push({ event, done });
    if (this.#collected.length >= maxSize) return this.#flush();
    // A hidden page is not painted, so there a frame would never come.
    const painted = maxDelay === 'frame' && globalThis.document?.visibilityState === 'visible';
    if (painted && this.#collected.length === 1) requestAnimationFrame(() => this.#flush());
    this.#timer.ensure(typeof maxDelay === 'number' ? maxDelay : DELAY_MS);
  }

  /** Forgets what was collected; nobody is told that it was handled. */
  clear(): void {
    this.#round += 1;
    this.#collected = [];
    this.#timer.clear();
  }

  /** Gives what was collected to the handler, unless it still works on what it got before. */
  #flush(): void {
    this.#timer.clear();
    if (this.#busy || this.#collected.length === 0) return;
    const collected = this.#collected;
    this.#collected = [];
    const finish = (ok: boolean) => collected.forEach(({ done }) => done(ok));
    const ok = this.#run(collected.map(({ event }) => event));
    if (!(ok instanceof Promise)) return finish(ok);
    this.#busy = true;
    void ok.then((result) => {
      this.#busy = false;
      finish(result);
      this.#flush();
    });
  }
}
