/** Time as the client sees it. Passed in, so that tests and simulations own it. */
export interface Clock {
  /** Milliseconds since 1970, by the wall: it goes on while a machine sleeps. */
  now(): number;
  setTimeout(callback: () => void, ms: number): unknown;
  clearTimeout(timer: unknown): void;
}

/** The clock of the machine. */
export const systemClock: Clock = {
  now: () => Date.now(),
  setTimeout: (callback, ms) => setTimeout(callback, ms),
  clearTimeout: (timer) => clearTimeout(timer as ReturnType<typeof setTimeout>),
};

/** One timer that can be set again and again; setting it anew forgets what it was set to. */
export class Timer {
  #timer: unknown;
  readonly #clock: Clock;
  readonly #fire: () => void;

  constructor(clock: Clock, fire: () => void) {
    this.#clock = clock;
    this.#fire = fire;
  }

  /** Fires once after this many milliseconds. */
  set(ms: number): void {
    this.clear();
    this.#timer = this.#clock.setTimeout(() => {
      this.#timer = undefined;
      this.#fire();
    }, ms);
  }

  /** Sets it unless it is set already. */
  ensure(ms: number): void {
    if (this.#timer === undefined) this.set(ms);
  }

  clear(): void {
    if (this.#timer !== undefined) this.#clock.clearTimeout(this.#timer);
    this.#timer = undefined;
  }
}
