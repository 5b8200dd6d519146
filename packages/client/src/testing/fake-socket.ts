/** The WebSocket face of a fake hub: a class that stands in for the browser's. */
import type { FakeHubCore } from './fake-hub.js';
import type { Filter } from '../pattern.js';
import type { FakeStream } from './fake-stream.js';

const CLOSE_CODES: Record<string, number> = {
  drain: 4000,
  slow: 4001,
  age: 4002,
  disabled: 4053,
  expired: 4501,
  revoked: 4504,
  replaced: 4509,
};

/** Where the answers of a socket go: a fake WebSocket, or a real one of a test server. */
export interface SocketCarrier {
  send(text: string): void;
  close(code: number, reason: string): void;
  /** Breaks it as a network would. */
  cut(): void;
}

/** One socket of the hub: gets the client's operations. */
export function acceptSocket(
  hub: FakeHubCore,
  carrier: SocketCarrier,
): { receive(text: string): void; closed(): void } {
  let stream: FakeStream | undefined;
  let token: string | null = null;
  const accept = (event: Record<string, unknown>) => hub.accept(event);
  const reply = (message: Record<string, unknown>) => carrier.send(JSON.stringify(message));
  return {
    receive(text) {
      const { op, id, ...fields } = JSON.parse(text);
      if (op === 'ping' && !stream?.muted) reply({ op: 'pong', id });
      if (op === 'token') token = fields.token;
      if (op === 'token' && stream) stream.token = token;
      if (op === 'token') reply({ op: 'ok', id });
      if (op === 'ack') {
        hub.acks.push(...fields.eventIds);
        reply({ op: 'ok', id });
      }
      if (op === 'publish') {
        const result = fields.event ? hub.accept(fields.event) : fields.events.map(accept);
        reply({ op: 'ok', id, result });
      }
      if (op === 'unsubscribe') {
        const isDone = stream?.change(undefined, [fields as Filter]);
        const problem = { code: 'invalid-parameter', status: 400, detail: 'There is none.' };
        reply(isDone ? { op: 'ok', id } : { op: 'error', id, ...problem });
      }
      if (op !== 'subscribe') return;
      const refusal = hub.refusal('/api/ws', token);
      if (refusal) {
        const { status } = refusal;
        const code = status === 401 ? 'unauthorized' : `status-${status}`;
        reply({ op: 'error', id, status, code, detail: 'The fake hub refuses.' });
        return status === 401 ? carrier.close(4501, 'refused') : undefined;
      }
      if (stream) {
        stream.change(fields, []);
        return reply({ op: 'ok', id });
      }
      const filter = { channels: fields.channels, types: fields.types };
      stream = hub.open(
        { filter, cursor: fields.lastEventId ?? fields.cursor ?? null, token },
        {
          write: ({ name, data }) => reply(name === 'event' ? { ...data } : { op: name, ...data }),
          end: (reason) => carrier.close(CLOSE_CODES[reason] ?? 1000, reason),
          cut: () => carrier.cut(),
        },
      );
      reply({ op: 'ok', id });
    },
    closed: () => stream?.close(),
  };
}

/** A class like `WebSocket` whose other end is the fake hub. */
export function createSocketClass(hub: FakeHubCore): typeof WebSocket {
  return class FakeWebSocket {
    readyState = 0;
    onopen: (() => void) | null = null;
    onmessage: ((message: { data: string }) => void) | null = null;
    onclose: ((close: { code: number; reason: string }) => void) | null = null;
    #end: ReturnType<typeof acceptSocket> | undefined;

    constructor() {
      queueMicrotask(() => {
        if (hub.isDown || !hub.supports.websocket) return this.#close(1006, '');
        this.#end = acceptSocket(hub, {
          send: (data) => queueMicrotask(() => this.readyState === 1 && this.onmessage?.({ data })),
          close: (code, reason) => queueMicrotask(() => this.#close(code, reason)),
          cut: () => this.#close(1006, ''),
        });
        this.readyState = 1;
        this.onopen?.();
      });
    }

    send(text: string): void {
      this.#end?.receive(text);
    }

    close(): void {
      this.#close(1000, '');
    }

    #close(code: number, reason: string): void {
      if (this.readyState === 3) return;
      this.readyState = 3;
      this.#end?.closed();
      this.onclose?.({ code, reason });
    }
  } as unknown as typeof WebSocket;
}
