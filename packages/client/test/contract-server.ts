/** The fake hub behind real sockets: what speaks the contract before the hub itself does. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { Readable } from 'node:stream';
import { WebSocketServer } from 'ws';
import { systemClock } from '../src/clock.js';
import { createFakeHub, type FakeHub } from '../src/testing/index.js';
import { acceptSocket } from '../src/testing/fake-socket.js';

export interface ContractServer {
  readonly url: string;
  readonly hub: ReturnType<typeof createFakeHub>;
  /** Cuts every socket. */
  cut(): void;
  close(): Promise<void>;
}

export async function startContractServer(
  options: { heartbeatMs?: number } = {},
): Promise<ContractServer> {
  const hub = createFakeHub({ clock: systemClock, ...options });
  const sockets = new Set<Socket>();
  const server = createServer((request, response) => {
    answer(hub, request, response).catch(() => response.destroy());
  });
  server.on('connection', (socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
  });
  const webSockets = new WebSocketServer({
    noServer: true,
    handleProtocols: (protocols) => (protocols.has('radial.v1') ? 'radial.v1' : false),
  });
  server.on('upgrade', (request, socket, head) => {
    if (!hub.supports.websocket) return socket.destroy();
    webSockets.handleUpgrade(request, socket, head, (webSocket) => {
      const end = acceptSocket(hub.core, {
        send: (text) => webSocket.send(text),
        close: (code, reason) => webSocket.close(code, reason),
        cut: () => webSocket.terminate(),
      });
      webSocket.on('message', (data) => end.receive(String(data)));
      webSocket.on('close', () => end.closed());
    });
  });
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  const { port } = server.address() as AddressInfo;
  const cut = () => sockets.forEach((socket) => socket.destroy());
  return {
    url: `http://127.0.0.1:${port}`,
    hub,
    cut,
    close: () =>
      new Promise((closed) => {
        server.close(() => closed());
        cut();
      }),
  };
}

async function answer(
  hub: FakeHub,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const gone = new AbortController();
  response.on('close', () => gone.abort());
  const { method = 'GET', headers, url } = request;
  const answered = await hub.fetch(`http://hub.test${url}`, {
    method,
    headers: headers as Record<string, string>,
    signal: gone.signal,
    ...(method === 'POST' ? { body: Readable.toWeb(request) as ReadableStream } : {}),
  });
  response.writeHead(answered.status, Object.fromEntries(answered.headers));
  response.flushHeaders();
  const reader = answered.body?.getReader();
  for (;;) {
    const part = await reader?.read();
    if (!part || part.done) break;
    response.write(part.value);
  }
  response.end();
}
