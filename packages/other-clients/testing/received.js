/** What a client was given, and waiting for more of it. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';

const PATIENCE_MS = 30_000;

export class Received {
  /** The delivered events, with the name that the client saw as `name`. */
  events = [];
  #waiting = [];

  add(event) {
    this.events.push(event);
    this.#waiting = this.#waiting.filter((look) => !look());
  }

  get ids() {
    return this.events.map((event) => event.eventData.id);
  }

  /** Waits until there are so many. */
  async atLeast(count) {
    if (this.events.length >= count) return;
    let timer;
    const late = new Promise((_, fail) => {
      const say = () => fail(new Error(`${this.events.length} of ${count} events came`));
      timer = setTimeout(say, PATIENCE_MS);
    });
    const enough = new Promise((done) => {
      this.#waiting.push(() => this.events.length >= count && (done(), true));
    });
    await Promise.race([enough, late]).finally(() => clearTimeout(timer));
  }
}

/** Starts a program, whose lines are read by `onLine`; `end` ends it and waits until it has. */
export function program(command, words, onLine) {
  const child = spawn(command, words, { stdio: ['ignore', 'pipe', 'inherit'] });
  const ended = once(child, 'exit');
  createInterface({ input: child.stdout }).on('line', onLine);
  return {
    ended,
    async end() {
      child.kill('SIGKILL');
      await ended;
    },
  };
}
