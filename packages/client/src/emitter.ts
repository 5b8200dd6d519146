/** Named callbacks. */
export interface Emitter<Events extends object> {
  /** @returns the function that takes the callback away again */
  on<N extends keyof Events>(name: N, callback: (value: Events[N]) => void): () => void;
  emit<N extends keyof Events>(name: N, value: Events[N]): void;
  /** How many callbacks there are, for the test that none is left behind. */
  size(): number;
}

/** `failed` gets what a callback throws; the others are called all the same. */
export function createEmitter<Events extends object>(
  failed: (error: unknown) => void,
): Emitter<Events> {
  const listeners = new Set<{ name: keyof Events; callback: (value: any) => void }>();
  return {
    on(name, callback) {
      const listener = { name, callback };
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
    emit(name, value) {
      // Who begins to listen meanwhile hears of the next one first.
      for (const listener of [...listeners]) {
        try {
          if (listener.name === name) listener.callback(value);
        } catch (error) {
          failed(error);
        }
      }
    },
    size: () => listeners.size,
  };
}
