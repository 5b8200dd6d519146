/** How good a connection is, by the same table as the hub: latency and missed heartbeats. */
export type Quality = 'excellent' | 'good' | 'fair' | 'poor';

const SAMPLES = 64;
const EXCELLENT_MS = 100;
const GOOD_MS = 300;
const FAIR_MS = 1_000;

/** Measures how late frames come, against the quickest one that ever came. Loaded on demand. */
export class Measure {
  /** The smallest difference between our clock and the hub's: skew and the shortest way together. */
  #base = Infinity;
  readonly #samples: number[] = [];

  /** A frame with the hub's own time arrived. Both times in milliseconds. */
  add(receivedAt: number, sentAt: number): void {
    const difference = receivedAt - sentAt;
    this.#base = Math.min(this.#base, difference);
    this.#samples.push(difference);
    if (this.#samples.length > SAMPLES) this.#samples.shift();
  }

  /** By how much our clock is ahead of the hub's, as far as that can be told. */
  get skewMs(): number {
    return this.#base === Infinity ? 0 : this.#base;
  }

  /** The latency that 95 of 100 frames stay under, in milliseconds; null before there is one. */
  get latencyMs(): number | null {
    const sorted = [...this.#samples].sort((a, b) => a - b);
    const worst = sorted[Math.ceil(sorted.length * 0.95) - 1];
    return worst === undefined ? null : worst - this.#base;
  }

  /** How good an open connection is that has missed so many heartbeats. */
  quality(missedHeartbeats: number): Quality {
    const latency = this.latencyMs ?? 0;
    if (missedHeartbeats > 1 || latency >= FAIR_MS) return 'poor';
    if (missedHeartbeats > 0 || latency >= GOOD_MS) return 'fair';
    return latency >= EXCELLENT_MS ? 'good' : 'excellent';
  }
}
