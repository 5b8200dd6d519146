/** Measures a connection for `getStats`. Loaded on demand. */
import type { Link } from './link.js';
import type { Stats } from './types.js';

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

  /** What the application sees of an open connection. */
  stats(link: Link | null, now: number): Pick<Stats, 'latencyMs' | 'clockSkewMs' | 'quality'> {
    const { lastByteAt = now, heartbeatMs = 0 } = link ?? {};
    // Half a beat late is the network; more is a beat that was missed.
    const beats = heartbeatMs > 0 ? Math.round((now - lastByteAt) / heartbeatMs) : 0;
    return {
      latencyMs: this.latencyMs,
      clockSkewMs: this.skewMs,
      quality: this.quality(Math.max(0, beats - 1)),
    };
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
