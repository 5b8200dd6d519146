/** A clock that stands still until a test moves it. */
import type { Clock } from '../clock.js';

export interface FakeClock extends Clock {
  /** Moves the time on, fires what is due in between, and lets everything that follows happen. */
  advance(ms: number): Promise<void>;
  /** Jumps like a machine that slept: what was due fires late, all at the new time. */
  jump(ms: number): Promise<void>;
  /** Lets everything happen that needs no time. */
  settle(): Promise<void>;
  /** How many timers are set. */
  readonly timers: number;
}

/** Turns of the event loop that count as "everything": streams and loaded modules need some. */
const TURNS = 8;

export function createFakeClock(startAt = Date.UTC(2026, 0, 1)): FakeClock {
  let now = startAt;
  let next = 0;
  const timers = new Map<number, { at: number; callback: () => void }>();

  const earliest = (until: number) => {
    let found: [number, { at: number; callback: () => void }] | undefined;
    for (const entry of timers) {
      if (entry[1].at <= until && (!found || entry[1].at < found[1].at)) found = entry;
    }
    return found;
  };

  const settle = async () => {
    for (let turn = 0; turn < TURNS; turn += 1) await nextTurn();
  };

  async function run(until: number, timeOf: (at: number) => number): Promise<void> {
    await settle();
    for (let due = earliest(until); due; due = earliest(until)) {
      timers.delete(due[0]);
      now = Math.max(now, timeOf(due[1].at));
      due[1].callback();
      await settle();
    }
    now = until;
    await settle();
  }

  return {
    now: () => now,
    setTimeout(callback, ms) {
      next += 1;
      timers.set(next, { at: now + Math.max(0, ms), callback });
      return next;
    },
    clearTimeout: (timer) => void timers.delete(timer as number),
    advance: (ms) => run(now + ms, (at) => at),
    jump: (ms) => {
      const target = now + ms;
      return run(target, () => target);
    },
    settle,
    get timers() {
      return timers.size;
    },
  };
}

/** One turn of the event loop, by the real one: fake time must not need real time to pass. */
function nextTurn(): Promise<void> {
  return new Promise((resolve) => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => {
      port1.close();
      resolve();
    };
    port2.postMessage(null);
  });
}
