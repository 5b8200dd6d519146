/** Tells the hub how its clients fare: `client.report`, at most one a minute, only if there is news. */
import { createTimer, type Clock, type Timer } from './clock.js';

export interface Report {
  fallbacks: { from: string; to: string; reason: string }[];
  handlerErrors: number;
  gaps: number;
  overflows: number;
}

const INTERVAL_MS = 60_000;
const MAX_FALLBACKS = 20;
const nothing = (): Report => ({ fallbacks: [], handlerErrors: 0, gaps: 0, overflows: 0 });

export class Reporter {
  #report = nothing();
  #lastAt = -Infinity;
  #stopped = false;
  readonly #timer: Timer;
  readonly #clock: Clock;
  readonly #send: (report: Report) => Promise<unknown>;

  /** A `send` that fails ends the reporting: a hub that does not want reports is not asked again. */
  constructor(clock: Clock, send: (report: Report) => Promise<unknown>) {
    this.#clock = clock;
    this.#send = send;
    this.#timer = createTimer(clock, () => this.#flush());
  }

  fallback(from: string, to: string, reason: string): void {
    if (this.#report.fallbacks.length < MAX_FALLBACKS)
      this.#report.fallbacks.push({ from, to, reason });
    this.#soon();
  }

  count(what: 'handlerErrors' | 'gaps' | 'overflows'): void {
    this.#report[what] += 1;
    this.#soon();
  }

  #soon(): void {
    if (!this.#stopped)
      this.#timer.ensure(Math.max(1_000, this.#lastAt + INTERVAL_MS - this.#clock.now()));
  }

  #flush(): void {
    const report = this.#report;
    this.#report = nothing();
    this.#lastAt = this.#clock.now();
    this.#send(report).catch(() => this.stop());
  }

  stop(): void {
    this.#stopped = true;
    this.#timer.clear();
  }

  start(): void {
    this.#stopped = false;
  }
}
