/** Named callbacks, each called once however often it was added under its name. */
export class Emitter<Events extends object> {
  readonly #callbacks = new Map<keyof Events, Set<(value: any) => void>>();
  readonly #failed: (error: unknown) => void;

  /** `failed` gets what a callback throws; the others are called all the same. */
  constructor(failed: (error: unknown) => void) {
    this.#failed = failed;
  }

  /** @returns the function that takes the callback away again */
  on<N extends keyof Events>(name: N, callback: (value: Events[N]) => void): () => void {
    const callbacks = this.#callbacks.get(name) ?? new Set();
    this.#callbacks.set(name, callbacks.add(callback));
    return () => void callbacks.delete(callback);
  }

  emit<N extends keyof Events>(name: N, value: Events[N]): void {
    for (const callback of [...(this.#callbacks.get(name) ?? [])]) {
      try {
        callback(value);
      } catch (error) {
        this.#failed(error);
      }
    }
  }

  /** How many callbacks there are, for the test that none is left behind. */
  get size(): number {
    let size = 0;
    for (const callbacks of this.#callbacks.values()) size += callbacks.size;
    return size;
  }
}
