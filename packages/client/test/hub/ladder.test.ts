/** The ladder of transports against the real hub, behind a network that takes and gives them. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import WebSocket from 'ws';
import { createRealtimeClient } from '../../src/index.js';
import { startHub, type HubProcess } from '../hub-process.js';
import { pick, seeded } from '../random.js';
import { witness } from '../witness.js';

let hub: HubProcess;
beforeAll(async () => {
  hub = await startHub({ 'stream.heartbeat': '100ms' });
});
afterAll(() => hub?.remove());

/** What the network lets through; what it takes away also breaks what is open. */
class Network {
  readonly #blocked = new Set<string>();
  readonly #open = new Set<() => void>();

  block(transport: 'sse' | 'websocket', isBlocked: boolean): void {
    if (isBlocked) this.#blocked.add(transport);
    else this.#blocked.delete(transport);
    if (isBlocked) for (const cut of [...this.#open]) cut();
  }

  readonly fetch: typeof fetch = async (input, init) => {
    const isStream = String(input).includes('/api/sse/events') && init?.method !== 'POST';
    if (!isStream) return fetch(input, init);
    if (this.#blocked.has('sse')) throw new TypeError('blocked');
    const abort = new AbortController();
    const cut = () => abort.abort();
    init?.signal?.addEventListener('abort', cut);
    this.#open.add(cut);
    return fetch(input, { ...init, signal: abort.signal });
  };

  readonly WebSocket = ((network: Network) =>
    class extends WebSocket {
      constructor(url: string, protocol: string) {
        super(url, protocol);
        const cut = () => this.terminate();
        if (network.#blocked.has('websocket')) queueMicrotask(cut);
        network.#open.add(cut);
        this.on('close', () => network.#open.delete(cut));
      }
    } as unknown as typeof globalThis.WebSocket)(this);
}

test('down the ladder and up again, while the hub is killed: nothing is lost or doubled', async () => {
  const random = seeded();
  const network = new Network();
  const used = new Set<string | null>();
  const client = createRealtimeClient<any>({
    url: () => hub.url,
    fetch: network.fetch,
    WebSocket: network.WebSocket,
    backoff: { minMs: 10, maxMs: 50 },
    maxReconnectAttempts: 2,
    provedAfter: 100,
    probeInterval: 100,
    report: false,
    random,
  });
  const publisher = createRealtimeClient<any>({
    url: () => hub.url,
    backoff: { minMs: 10, maxMs: 50 },
  });
  const seen = witness(client);
  client.on('state', ({ transport }) => used.add(transport));
  const expected: string[] = [];
  const publish = async () => {
    expected.push(`ladder-${expected.length}`);
    const data = { userId: 'u' };
    await publisher.publish({ type: 'user.updated', data, eventId: expected.at(-1) });
  };
  const settlesOn = (transport: string) =>
    seen.until(
      () => client.isConnected() && client.getState().transport === transport,
      `seed ${random.seed}, on ${transport}`,
    );
  try {
    await client.connect();
    for (let round = 0; round < 4; round += 1) {
      const where = `seed ${random.seed}, round ${round}`;
      for (const [sse, websocket, transport] of [
        [true, false, 'websocket'],
        [true, true, 'polling'],
        pick(random, [
          [true, false, 'websocket'],
          [false, true, 'sse'],
        ] as const),
        [false, false, 'sse'],
      ] as const) {
        network.block('sse', sse);
        network.block('websocket', websocket);
        await publish();
        if (random() < 0.4) {
          await hub[pick(random, ['kill', 'stop'] as const)]();
          await hub.start();
        }
        await publish();
        await settlesOn(transport);
        await publish();
        await seen.until(() => seen.ids.length >= expected.length, where);
        expect(seen.ids, where).toEqual(expected);
      }
    }
    expect(seen.gaps).toEqual([]);
    expect([...used]).toEqual(expect.arrayContaining(['sse', 'websocket', 'polling']));
  } finally {
    client.disconnect();
  }
}, 120_000);
