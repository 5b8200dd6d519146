/** One connection of a case, read through a transport of the client. */
import WebSocket from 'ws';
import type { TransportName } from '../../src/machine/types.js';
import { settingsOf } from '../../src/settings.js';
import { loadTransport } from '../../src/transport/load.js';
import type { Answer, End, Transport } from '../../src/transport/transport.js';
import type { Frame } from '../../src/wire.js';

/** One thing that came out of a connection. */
export interface Item {
  kind: string;
  json: any;
  id: string | undefined;
}

/** What there is over long poll. */
const POLLED = ['event', 'gap', 'snapshot', 'redelivery'];

const PATIENCE_MS = 10_000;

/** A WebSocket whose handshake has these headers, which those of browsers cannot have. */
function socketWith(headers: Record<string, string>): typeof globalThis.WebSocket {
  return class extends WebSocket {
    constructor(url: string, protocol: string) {
      super(url, protocol, { headers });
    }
  } as unknown as typeof globalThis.WebSocket;
}

export class CaseConnection {
  readonly #items: Item[] = [];
  #wake: () => void = () => {};
  #end: End | undefined;
  #transport: Transport | undefined;
  #isOpen = false;
  #newest = 0;
  readonly #ids = new Set<string>();
  /** The kinds that this transport has; undefined for all. */
  readonly kinds: readonly string[] | undefined;

  private constructor(kinds: readonly string[] | undefined) {
    this.kinds = kinds;
  }

  /** Opens it; resolves when it has said something, or was refused. */
  static async open(
    transport: TransportName,
    base: string,
    query: Record<string, string>,
    headers: Record<string, string>,
  ): Promise<CaseConnection> {
    const { channels = 'main', types = '*', userId, sessionId, snapshot, ...start } = query;
    const { 'Last-Event-ID': place, ...others } = headers;
    const settings = settingsOf({
      headers: others,
      WebSocket: socketWith(others),
      ...(userId && { userId }),
      ...(sessionId && { sessionId }),
    });
    const connection = new CaseConnection(transport === 'polling' ? POLLED : undefined);
    const Client = await loadTransport(transport, settings);
    const sink = {
      bytes: () => {},
      frame: (frame: Frame) => connection.#take(frame),
      end: (end: End) => connection.#finish(end),
    };
    const request = {
      base,
      channels: channels.split(','),
      types: types.split(','),
      start,
      snapshot: snapshot?.split(',') ?? [],
      token: null,
      clientId: settings.clientId,
    };
    connection.#transport = new Client({ ...request, cursor: place || null }, sink, settings);
    await connection.#until(() => connection.#isOpen);
    return connection;
  }

  /** The refusal, if there was one. */
  get refusal(): { status: number | undefined; body: any } | undefined {
    const error = this.#items[0]?.kind === 'end' ? this.#end?.error : undefined;
    return error && { status: error.status, body: error.problem };
  }

  async next(): Promise<Item> {
    await this.#until(() => this.#items.length > 0);
    return this.#items.shift() as Item;
  }

  /** Does an operation on the stream itself; undefined where that is not possible. */
  ask(operation: object): Promise<Answer> | undefined {
    return this.#transport?.ask?.(operation);
  }

  close(): void {
    this.#transport?.close();
  }

  #take({ name, data, cursor }: Frame): void {
    this.#check(name, data, cursor);
    this.#isOpen = true;
    if (!this.kinds || this.kinds.includes(name)) {
      this.#items.push({ kind: name, json: data, id: cursor });
    }
    this.#wake();
  }

  #finish(end: End): void {
    this.#end = end;
    this.#isOpen = true;
    this.#items.push({ kind: 'end', json: null, id: undefined });
    this.#wake();
  }

  /** What always holds. */
  #check(name: string, data: any, cursor: string | undefined): void {
    if (name !== 'event') return;
    if (cursor !== data.cursor)
      throw new Error(`an event at ${data.cursor} was given the place ${cursor}`);
    if (data.offset !== undefined && data.offset <= this.#newest)
      throw new Error(`offset ${data.offset} after ${this.#newest}`);
    if (this.#ids.has(data.eventId)) throw new Error(`${data.eventId} came twice`);
    this.#newest = data.offset ?? this.#newest;
    this.#ids.add(data.eventId);
  }

  #until(condition: () => boolean): Promise<void> {
    return new Promise((resolve, reject) => {
      if (condition()) return resolve();
      const deadline = setTimeout(() => reject(new Error('nothing more came')), PATIENCE_MS);
      this.#wake = () => {
        if (!condition()) return;
        clearTimeout(deadline);
        resolve();
      };
    });
  }
}
