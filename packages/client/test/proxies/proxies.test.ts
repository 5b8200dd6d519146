/** What docs/proxies.md says, with the programs themselves. Those that are not installed are left out. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { transform } from 'esbuild';
import { once } from 'node:events';
import { createServer, get, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import WebSocket from 'ws';
import { createRealtimeClient, type TransportName } from '../../src/index.js';
import { startHub, type HubProcess } from '../hub-process.js';
import { witness } from '../witness.js';
import {
  isInstalled,
  PROGRAMS,
  settings,
  startProgram,
  type ProgramName,
  type Running,
} from './programs.js';

let hub: HubProcess;
beforeAll(async () => {
  hub = await startHub();
});
afterAll(() => hub?.remove());

/** How many streams the hub has open. */
async function connections(): Promise<string | undefined> {
  const metrics = await (await fetch(`${hub.url}/metrics`)).text();
  return /^radial_connections (\d+)$/m.exec(metrics)?.[1];
}

/** Follows a channel through a proxy: each event must come before the next is published. */
async function follow(
  proxy: Running,
  transport: TransportName,
  publishTo = proxy.url,
): Promise<void> {
  const channel = `${transport}:${crypto.randomUUID()}`;
  const publisher = createRealtimeClient<any>({ url: publishTo, report: false });
  const client = createRealtimeClient<any>({
    url: proxy.url,
    transports: [transport],
    channels: [channel],
    WebSocket: WebSocket as unknown as typeof globalThis.WebSocket,
    report: false,
  });
  const seen = witness(client);
  try {
    await client.connect();
    for (let one = 1; one <= 5; one += 1) {
      const data = { userId: 'u', note: 'compressible '.repeat(200) };
      await publisher.publish({
        type: 'user.updated',
        data,
        channel,
        eventId: `${channel}-${one}`,
      });
      await seen.until(() => seen.ids.length === one);
    }
    expect(seen.ids).toEqual([1, 2, 3, 4, 5].map((one) => `${channel}-${one}`));
    expect(seen.states.at(-1)).toBe(transport === 'polling' ? 'polling' : 'connected');
    expect(client.getStats().reconnects).toBe(0);
  } finally {
    client.disconnect();
  }
}

describe.each(Object.keys(PROGRAMS) as ProgramName[])('%s', (name) => {
  test.skipIf(!isInstalled(name))('lets every transport through at once', async () => {
    const proxy = await startProgram(name, hub.url);
    try {
      for (const transport of ['sse', 'websocket', 'polling'] as const)
        await follow(proxy, transport);
      // Who goes leaves nothing behind at the hub.
      await expect.poll(connections, { timeout: 5_000 }).toBe('0');
    } finally {
      await proxy.close();
    }
  });
});

test.skipIf(!isInstalled('nginx'))('nginx obeys X-Accel-Buffering by itself', async () => {
  const proxy = await startProgram('nginx', hub.url, /proxy_buffering off;/);
  try {
    await follow(proxy, 'sse');
  } finally {
    await proxy.close();
  }
});

test.skipIf(!isInstalled('traefik'))(
  'Traefik, which asks for gzip by itself, passes each piece of a stream on at once',
  async () => {
    const proxy = await startProgram('traefik', hub.url);
    try {
      // Unlike fetch, it says nothing of codings, and then Go's library asks for one and unpacks it.
      const channel = `unpacked:${crypto.randomUUID()}`;
      const request = get(`${proxy.url}/api/sse/events?channels=${channel}`);
      const [answer] = (await once(request, 'response')) as [IncomingMessage];
      let text = '';
      answer.setEncoding('utf8').on('data', (part) => (text += part));
      await expect.poll(() => text, { timeout: 5_000 }).toContain('event: live');
      const publisher = createRealtimeClient<any>({ url: hub.url, report: false });
      for (const size of [1, 3_000]) {
        const data = { userId: 'u', note: 'x'.repeat(size) };
        await publisher.publish({ type: 'user.updated', data, channel });
        await expect.poll(() => text, { timeout: 5_000 }).toContain(`"note":"${data.note}"`);
      }
      request.destroy();
    } finally {
      await proxy.close();
    }
  },
);

test('the route handler for Next.js passes each event on, and ends with the page', async () => {
  const { code } = await transform(settings('ts'), { loader: 'ts' });
  const { GET } = await import(`data:text/javascript,${encodeURIComponent(code)}`);
  process.env['RADIAL_URL'] = hub.url;
  // What Next.js does around it: a Request that ends with its socket, and a body passed on as it comes.
  const server = createServer((incoming, outgoing) => {
    const gone = new AbortController();
    outgoing.on('close', () => gone.abort());
    const headers = new Headers(incoming.headers as Record<string, string>);
    const request = new Request(`http://page.test${incoming.url}`, {
      headers,
      signal: gone.signal,
    });
    const answer = async () => {
      const response: Response = await GET(request);
      outgoing.writeHead(response.status, Object.fromEntries(response.headers));
      outgoing.flushHeaders();
      await pipeline(Readable.fromWeb(response.body as any), outgoing);
    };
    answer().catch(() => outgoing.destroy());
  });
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  const { port } = server.address() as AddressInfo;
  const closed = () => new Promise<void>((done) => server.close(() => done()));
  try {
    await follow({ url: `http://127.0.0.1:${port}`, close: closed }, 'sse', hub.url);
    await expect.poll(connections, { timeout: 5_000 }).toBe('0');
  } finally {
    server.closeAllConnections();
    await closed();
    delete process.env['RADIAL_URL'];
  }
});
