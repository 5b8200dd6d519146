/** Runs one case of conformance/cases against a real hub, through a transport of the client. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'vitest';
import type { TransportName } from '../../src/machine/types.js';
import { startHub, type HubProcess } from '../hub-process.js';
import { CaseConnection, type Item } from './connection.js';
import { mismatch, Variables } from './pattern.js';

interface ExpectedAnswer {
  status?: number;
  headers?: Record<string, any>;
  body?: any;
}

export interface Case {
  name: string;
  proves: string;
  transports?: string[];
  settings?: Record<string, unknown>;
  /** Event types beside the built-in ones. */
  registry?: unknown;
  steps: any[];
}

/** The fields of each step. Another is an error, so that no step is done by half. */
const FIELDS: Record<string, readonly string[]> = {
  publish: ['atomic', 'query', 'headers', 'expect', 'save'],
  open: ['query', 'headers', 'expect'],
  read: ['expect', 'skip'],
  ack: ['on', 'session', 'expect'],
  close: [],
  get: ['query', 'headers', 'expect', 'save'],
  restart: [],
};

/** What the step does; throws if it is none that this runner can do. */
function kindOf(step: any): string {
  const kind = Object.keys(FIELDS).find((name) => name in step);
  const unknown = Object.keys(step).filter(
    (key) => key !== kind && !(kind && FIELDS[kind]?.includes(key)),
  );
  if (!kind || unknown.length > 0)
    throw new Error(`a step that this runner does not know: ${unknown.join(', ')}`);
  return kind;
}

const HEARTBEATS_MAX = 200;
/** The code of a socket that ended without a word, or never opened. */
const CLOSE_ABNORMAL = 1006;

/** Runs the steps in order; throws with the number of the one that failed. */
export async function runCase(one: Case, transport: TransportName): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'radial-case-'));
  await writeFile(join(folder, 'case.json'), JSON.stringify(one.registry ?? {}));
  const registry = one.registry ? { 'hub.registry': folder } : {};
  const hub = await startHub({ ...one.settings, ...registry });
  const run = new Run(hub, transport);
  try {
    for (const [index, step] of one.steps.entries()) {
      await run.step(step).catch((error: Error) => {
        error.message = `step ${index + 1}, ${JSON.stringify(step)}: ${error.message}`;
        throw error;
      });
    }
  } finally {
    run.close();
    await hub.remove();
    await rm(folder, { recursive: true });
  }
}

class Run {
  readonly #hub: HubProcess;
  readonly #transport: TransportName;
  readonly #variables = new Variables();
  readonly #connections = new Map<string, CaseConnection>();

  constructor(hub: HubProcess, transport: TransportName) {
    this.#hub = hub;
    this.#transport = transport;
  }

  async step(step: any): Promise<void> {
    switch (kindOf(step)) {
      case 'publish':
        return this.#publish(step);
      case 'open':
        return this.#open(step);
      case 'read':
        return this.#read(step);
      case 'ack':
        return this.#acknowledge(step);
      case 'get':
        return this.#get(step);
      case 'close':
        return this.#connection(step.close).close();
    }
    expect(step.restart).toBe('clean');
    await this.#hub.stop();
    await this.#hub.start();
  }

  close(): void {
    for (const connection of this.#connections.values()) connection.close();
  }

  #connection(name: string): CaseConnection {
    const connection = this.#connections.get(name);
    if (!connection) throw new Error(`no step has opened ${name}`);
    return connection;
  }

  async #publish(step: any): Promise<void> {
    const query = new URLSearchParams({
      ...this.#variables.fields(step.query),
      ...(step.atomic ? { atomic: 'true' } : {}),
    });
    const body = this.#variables.fill(step.publish);
    const status = Array.isArray(body) && !step.atomic ? 207 : 201;
    const response = await fetch(`${this.#hub.url}/api/sse/events?${query}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...this.#variables.fields(step.headers) },
      body: JSON.stringify(body),
    });
    this.#variables.save(step.save, await this.#answer(response, step.expect, status));
  }

  /** Over a socket as its operation, otherwise by a request for the session. */
  async #acknowledge(step: any): Promise<void> {
    const eventIds = this.#variables.fill(step.ack);
    const asked = this.#connection(step.on).ask({ op: 'ack', eventIds });
    if (asked) {
      const { result } = await asked;
      return expect(mismatch(this.#variables.fill(step.expect?.body ?? {}), result)).toBe(
        undefined,
      );
    }
    const response = await fetch(`${this.#hub.url}/api/sse/acks`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ eventIds, sessionId: this.#variables.fill(step.session) }),
    });
    await this.#answer(response, step.expect, 200);
  }

  async #get(step: any): Promise<void> {
    const query = new URLSearchParams(this.#variables.fields(step.query));
    const headers = this.#variables.fields(step.headers);
    const response = await fetch(`${this.#hub.url}${step.get}?${query}`, { headers });
    this.#variables.save(step.save, await this.#answer(response, step.expect, 200));
  }

  async #answer(response: Response, expected: ExpectedAnswer = {}, status: number): Promise<any> {
    const text = await response.text();
    const body =
      text && response.headers.get('content-type')?.includes('json') ? JSON.parse(text) : undefined;
    expect(response.status, text).toBe(expected.status ?? status);
    for (const [name, pattern] of Object.entries(expected.headers ?? {})) {
      expect(
        mismatch(this.#variables.fill(pattern), response.headers.get(name) ?? undefined),
      ).toBeUndefined();
    }
    if (expected.body !== undefined) {
      expect(mismatch(this.#variables.fill(expected.body), body)).toBeUndefined();
    }
    return body;
  }

  async #open(step: any): Promise<void> {
    const query = this.#variables.fields(step.query);
    const headers = this.#variables.fields(step.headers);
    const connection = await CaseConnection.open(this.#transport, this.#hub.url, query, headers);
    const { refusal } = connection;
    const status = step.expect?.status ?? 200;
    // What a handshake was answered is not told to whoever has a WebSocket.
    const isMute = this.#transport === 'websocket' && refusal?.status === CLOSE_ABNORMAL;
    if (isMute) expect(status).toBeGreaterThanOrEqual(400);
    else expect(refusal?.status ?? 200).toBe(status);
    if (refusal && !isMute && step.expect?.body) {
      expect(mismatch(this.#variables.fill(step.expect.body), refusal.body)).toBeUndefined();
    }
    this.#connections.set(step.open, connection);
  }

  async #read(step: any): Promise<void> {
    const connection = this.#connection(step.read);
    const skip: string[] = step.skip ?? [];
    for (const expected of step.expect) {
      const { save, ...rest } = expected;
      const [kind, raw] = Object.entries(rest)[0] as [string, any];
      if (connection.kinds && !connection.kinds.includes(kind)) continue;
      const pattern = this.#variables.fill(raw);
      let item: Item;
      for (let heartbeats = 0; ;) {
        item = await connection.next();
        if (item.kind !== kind && skip.includes(item.kind)) continue;
        // An expected heartbeat is the next one that fits.
        const early = kind === 'heartbeat' && item.kind === kind && mismatch(pattern, item.json);
        if (!early || (heartbeats += 1) > HEARTBEATS_MAX) break;
      }
      expect(item.kind, JSON.stringify(item)).toBe(kind);
      if (kind !== 'end') expect(mismatch(pattern, item.json)).toBeUndefined();
      this.#variables.save(save, item.json, item.id);
    }
  }
}
