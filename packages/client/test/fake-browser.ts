/** The parts of a browser that tabs share: Web Locks and channels, in one process. */

interface Request {
  callback: () => unknown;
  steal: boolean;
  resolve(value: unknown): void;
  reject(error: unknown): void;
}

/** Web Locks as far as the client uses them: a queue, `signal` and `steal`. */
export function createFakeLocks(): LockManager {
  const held = new Map<string, Request>();
  const queues = new Map<string, Request[]>();
  const abortError = () => new DOMException('aborted', 'AbortError');

  function grant(name: string, request: Request): void {
    held.set(name, request);
    queueMicrotask(() => {
      Promise.resolve(request.callback()).then((value) => {
        request.resolve(value);
        if (held.get(name) !== request) return;
        held.delete(name);
        const next = queues.get(name)?.shift();
        if (next) grant(name, next);
      }, request.reject);
    });
  }

  return {
    request(name: string, ...rest: [LockOptions, () => unknown] | [() => unknown]) {
      const callback = rest.at(-1) as () => unknown;
      const options: LockOptions = typeof rest[0] === 'object' ? rest[0] : {};
      return new Promise((resolve, reject) => {
        const request: Request = { callback, steal: options.steal ?? false, resolve, reject };
        const holder = held.get(name);
        if (holder && request.steal) {
          holder.reject(abortError());
          return grant(name, request);
        }
        if (!holder) return grant(name, request);
        const queue = queues.get(name) ?? [];
        queues.set(name, queue);
        queue.push(request);
        options.signal?.addEventListener('abort', () => {
          const index = queue.indexOf(request);
          if (index < 0) return;
          queue.splice(index, 1);
          reject(abortError());
        });
      });
    },
  } as unknown as LockManager;
}

/** A BroadcastChannel class whose channels can be made deaf, as those of a tab that hangs. */
export function createFakeChannels() {
  const open = new Set<FakeChannel>();
  class FakeChannel {
    onmessage: ((message: { data: unknown }) => void) | null = null;
    deaf = false;
    readonly name: string;
    constructor(name: string) {
      this.name = name;
      open.add(this);
    }
    postMessage(data: unknown): void {
      if (this.deaf) return;
      const copy = structuredClone(data);
      for (const other of open) {
        if (other === this || other.name !== this.name) continue;
        queueMicrotask(() => open.has(other) && !other.deaf && other.onmessage?.({ data: copy }));
      }
    }
    close(): void {
      open.delete(this);
    }
  }
  return { BroadcastChannel: FakeChannel as unknown as typeof BroadcastChannel, open };
}
