import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import WebSocket from 'ws';
import {
  createRealtimeClient,
  type ClientOptions,
  type RealtimeClient,
  type TransportName,
} from '../../src/index.js';
import { createServerEmitter } from '../../src/server/index.js';
import { startContractServer, type ContractServer } from '../contract-server.js';
import { startProxy } from '../proxy.js';
import { witness } from '../witness.js';

let server: ContractServer;
const clients: RealtimeClient<any>[] = [];
beforeAll(async () => {
  server = await startContractServer({ heartbeatMs: 100 });
});
afterAll(() => server.close());
afterEach(() => {
  clients.splice(0).forEach((client) => client.disconnect());
  server.hub.refuse();
});

function open(options: ClientOptions<any>): RealtimeClient<any> {
  const client = createRealtimeClient<any>({
    url: server.url,
    WebSocket: WebSocket as unknown as typeof globalThis.WebSocket,
    backoff: { minMs: 20, maxMs: 100 },
    report: false,
    ...options,
  });
  clients.push(client);
  return client;
}
const publish = (client: RealtimeClient<any>, eventId: string) =>
  client.publish({ type: 'a.b', data: { n: 1 }, eventId });

test('a server emits over connections that are kept alive', async () => {
  let sockets = 0;
  const proxy = createServer(async (incoming, outgoing) => {
    const parts = [];
    for await (const part of incoming) parts.push(part);
    const { eventId } = JSON.parse(Buffer.concat(parts).toString());
    outgoing.setHeader('content-type', 'application/json').end(JSON.stringify({ eventId }));
  });
  proxy.on('connection', () => (sockets += 1));
  await new Promise<void>((listening) => proxy.listen(0, '127.0.0.1', listening));
  const { port } = proxy.address() as AddressInfo;
  const emitter = createServerEmitter<any>({ url: `http://127.0.0.1:${port}`, apiKey: 'k' });
  for (let one = 0; one < 20; one += 1)
    await emitter.emit(`tenant-${one % 3}`, { type: 'a.b', data: {} });
  // One may not be free yet when the next request begins.
  expect(sockets).toBeLessThanOrEqual(2);
  await emitter.close();
  proxy.closeAllConnections();
  proxy.close();
});

describe.each(['sse', 'websocket', 'polling'] as TransportName[])(
  'over %s on real sockets',
  (transport) => {
    test('events come once and in order, while sockets are cut', async () => {
      const client = open({ transports: [transport] });
      const seen = witness(client);
      await client.connect();
      const expected: string[] = [];
      for (let round = 0; round < 5; round += 1) {
        for (let one = 0; one < 20; one += 1) {
          expected.push(`${transport}-${expected.length}`);
          await publish(client, expected.at(-1) as string);
        }
        server.cut();
      }
      await seen.until(() => seen.ids.length >= expected.length);
      expect(seen.ids).toEqual(expected);
      expect(seen.gaps).toEqual([]);
    });

    test('a credential is sent as each transport can, and refused as each can', async () => {
      const client = open({ transports: [transport], getToken: () => 'secret' });
      await client.connect();
      expect(server.hub.tokens).toContain('secret');
      server.hub.refuse({ status: 401, code: 'unauthorized' });
      client.reconnect();
      await expect(client.ready()).rejects.toMatchObject({ code: 'unauthorized' });
    });
  },
);

test('a hub that goes from streams to polls and back loses and doubles nothing', async () => {
  const proxy = await startProxy(server.url);
  try {
    const client = open({
      url: proxy.url,
      transports: ['sse', 'polling'],
      connectTimeout: 200,
      provedAfter: 150,
      probeInterval: 200,
    });
    const seen = witness(client);
    await client.connect();
    proxy.buffer(true);
    await seen.until(() => client.getState().status === 'polling');
    const publisher = open({});
    await publish(publisher, 'p-1');
    await seen.until(() => seen.ids.length === 1);
    proxy.buffer(false);
    await publish(publisher, 'p-2');
    await seen.until(
      () => client.getState().status === 'connected' && client.getState().transport === 'sse',
    );
    await publish(publisher, 'p-3');
    await seen.until(() => seen.ids.length === 3);
    expect(seen.ids).toEqual(['p-1', 'p-2', 'p-3']);
  } finally {
    await proxy.close();
  }
});

test('a proxy that cuts every connection early costs nothing but time', async () => {
  const proxy = await startProxy(server.url);
  try {
    const client = open({ url: proxy.url, transports: ['sse', 'polling'], provedAfter: 1_000 });
    const seen = witness(client);
    await client.connect();
    proxy.cutAfter(100);
    const publisher = open({});
    const expected: string[] = [];
    for (let one = 0; one < 60; one += 1) {
      expected.push(`c-${one}`);
      await publish(publisher, expected.at(-1) as string);
      await seen.until(() => seen.ids.length === expected.length);
    }
    expect(seen.ids).toEqual(expected);
  } finally {
    await proxy.close();
  }
});
