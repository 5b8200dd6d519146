/** A proxy that does to streams what bad proxies do. */
import { createServer, request as httpRequest, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface Proxy {
  readonly url: string;
  /** Points to another hub, or to the same one at another address. */
  target(url: string): void;
  /** Keeps what streams say until they end. Also cuts the streams that are open. */
  buffer(on: boolean): void;
  /** Cuts every answer after this many milliseconds; 0 lets them be. */
  cutAfter(ms: number): void;
  /** Answers every request for a stream or a poll itself; undefined lets them through. */
  answerWith(answer: { status: number; headers?: Record<string, string> } | undefined): void;
  close(): Promise<void>;
}

/** A file that the proxy serves by itself. */
export interface ProxyFile {
  type: string;
  body: string | Uint8Array;
}

export async function startProxy(
  first: string,
  files: ReadonlyMap<string, ProxyFile> = new Map(),
): Promise<Proxy> {
  let target = first;
  let buffering = false;
  let cutMs = 0;
  let answer: { status: number; headers?: Record<string, string> } | undefined;
  const open = new Set<ServerResponse>();
  const server = createServer((incoming, outgoing) => {
    const path = incoming.url ?? '/';
    const isStream =
      incoming.method === 'GET' && (path.startsWith('/api/sse/') || path.startsWith('/api/poll'));
    const file = files.get(path.split('?')[0] ?? '');
    if (file) {
      outgoing.writeHead(200, { 'content-type': file.type });
      return void outgoing.end(file.body);
    }
    if (answer && isStream) {
      outgoing.writeHead(answer.status, answer.headers);
      return void outgoing.end();
    }
    open.add(outgoing);
    outgoing.on('close', () => {
      open.delete(outgoing);
      upstream.destroy();
      clearTimeout(cut);
    });
    const cut = cutMs > 0 && isStream ? setTimeout(() => outgoing.destroy(), cutMs) : undefined;
    const { host: _host, ...headers } = incoming.headers;
    const upstream = httpRequest(
      new URL(path, target),
      { method: incoming.method, headers },
      (answered) => {
        outgoing.writeHead(answered.statusCode ?? 502, answered.headers);
        const held: Buffer[] = [];
        const keep = buffering && path.startsWith('/api/sse/');
        answered.on('data', (part: Buffer) => void (keep ? held.push(part) : outgoing.write(part)));
        answered.on('end', () => outgoing.end(Buffer.concat(held)));
        answered.on('error', () => outgoing.destroy());
        if (!keep) outgoing.flushHeaders();
      },
    );
    upstream.on('error', () => outgoing.destroy());
    incoming.pipe(upstream);
  });
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  const { port } = server.address() as AddressInfo;
  const cutAll = () => [...open].forEach((response) => response.destroy());
  return {
    url: `http://127.0.0.1:${port}`,
    target(url) {
      target = url;
    },
    buffer(on) {
      buffering = on;
      cutAll();
    },
    cutAfter(ms) {
      cutMs = ms;
      cutAll();
    },
    answerWith(next) {
      answer = next;
      cutAll();
    },
    close: () =>
      new Promise((closed) => {
        server.close(() => closed());
        server.closeAllConnections();
      }),
  };
}
