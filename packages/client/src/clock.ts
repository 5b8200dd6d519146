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
export interface Timer {
  /** Fires once after this many milliseconds. */
  set(ms: number): void;
  /** Sets it unless it is set already. */
  ensure(ms: number): void;
  clear(): void;
}

export function createTimer(clock: Clock, fire: () => void): Timer {
  let timer: unknown;
  const clear = () => {
    if (timer !== undefined) clock.clearTimeout(timer);
    timer = undefined;
  };
  const set = (ms: number) => {
    clear();
    timer = clock.setTimeout(() => {
      timer = undefined;
      fire();
    }, ms);
  };
  return { set, clear, ensure: (ms) => void (timer === undefined && set(ms)) };
}
