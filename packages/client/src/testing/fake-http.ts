/** The HTTP face of a fake hub: answers requests as docs/protocol.md says. */
import type { Frame } from '../wire.js';
import type { FakeHubCore } from './fake-hub.js';
import { admits } from './fake-log.js';

const json = (status: number, body: unknown, headers: Record<string, string> = {}): Response =>
  new Response(JSON.stringify(body), {
    status,
    headers: { 'content-type': 'application/json', ...headers },
  });

/** A refusal as the hub makes it. */
export function problem(
  status: number,
  code: string,
  headers: Record<string, string> = {},
): Response {
  const body = {
    type: `urn:radial:problem:${code}`,
    title: code,
    status,
    detail: `The fake hub says ${code}.`,
    code,
  };
  return json(status, body, { 'content-type': 'application/problem+json', ...headers });
}

/** Answers one request; rejects like fetch where nobody can be reached. */
export async function answer(
  hub: FakeHubCore,
  request: Request,
  signal: AbortSignal,
): Promise<Response> {
  const url = new URL(request.url);
  if (hub.isDown) throw new TypeError('fetch failed');
  const token = /^Bearer (.+)$/.exec(request.headers.get('authorization') ?? '')?.[1] ?? null;
  const refusal = hub.refusal(url.pathname, token);
  if (refusal) return refusal;
  switch (`${request.method} ${url.pathname}`) {
    case 'GET /api/sse/events':
      return stream(hub, signal, url, token);
    case 'GET /api/poll':
      return poll(hub, signal, url);
    case 'POST /api/sse/events':
      return publish(hub, await body(request));
    case 'POST /api/sse/acks': {
      const { eventIds } = (await body(request)) as { eventIds: string[] };
      hub.acks.push(...eventIds);
      return json(200, {});
    }
    case 'POST /api/sse/subscriptions': {
      const { connectionId, add, remove = [] } = (await body(request)) as any;
      const stream = hub.stream(connectionId);
      if (!stream) return problem(404, 'not-found');
      return stream.change(add, remove)
        ? json(200, { filter: stream.filter })
        : problem(400, 'invalid-parameter');
    }
    case 'POST /api/auth/renew': {
      const { connectionId } = (await body(request)) as any;
      return hub.renew(connectionId, token) ? json(200, {}) : problem(404, 'not-found');
    }
    case 'POST /api/auth/tickets':
      return json(200, { ticket: `ticket-of-${token}` });
    case 'GET /api/registry':
      return json(200, { types: hub.registry });
    default:
      return problem(404, 'not-found');
  }
}

async function body(request: Request): Promise<any> {
  const coded = request.headers.get('content-encoding') === 'gzip';
  if (!coded) return request.json();
  const stream = (request.body as ReadableStream).pipeThrough(new DecompressionStream('gzip'));
  return new Response(stream).json();
}

const list = (url: URL, name: string, absent: string): string[] =>
  (url.searchParams.get(name) ?? absent).split(',');
const cursorOf = (url: URL) =>
  url.searchParams.get('lastEventId') ?? url.searchParams.get('cursor');
const filterOf = (url: URL) => ({
  channels: list(url, 'channels', 'main'),
  types: list(url, 'types', '*'),
});

/** One frame as the bytes of the event stream format. */
function frameBytes({ name, data, cursor }: Frame): Uint8Array {
  const lines = [
    cursor && `id: ${cursor}`,
    name !== 'event' && `event: ${name}`,
    `data: ${JSON.stringify(data)}`,
  ];
  return new TextEncoder().encode(`${lines.filter(Boolean).join('\n')}\n\n`);
}

function stream(hub: FakeHubCore, signal: AbortSignal, url: URL, token: string | null): Response {
  let close = () => {};
  const body = new ReadableStream<Uint8Array>({
    start(controller) {
      let over = false;
      const finish = (how: () => void) => {
        if (!over) how();
        over = true;
      };
      controller.enqueue(new TextEncoder().encode('retry: 1000\n\n'));
      const opened = hub.open(
        { filter: filterOf(url), cursor: cursorOf(url), token },
        {
          write: (frame) => void (over || controller.enqueue(frameBytes(frame))),
          end: () => finish(() => controller.close()),
          cut: () => finish(() => controller.error(new TypeError('network error'))),
        },
      );
      close = () => {
        over = true;
        opened.close();
      };
      signal.addEventListener('abort', () => {
        finish(() => controller.error(signal.reason));
        opened.close();
      });
    },
    cancel: () => close(),
  });
  return new Response(body, { headers: { 'content-type': 'text/event-stream' } });
}

async function poll(hub: FakeHubCore, signal: AbortSignal, url: URL): Promise<Response> {
  const { log } = hub;
  const filter = filterOf(url);
  const due = () =>
    log.since(log.place(cursorOf(url)).offset).filter((event) => admits(filter, event));
  const hasGap = () => log.place(cursorOf(url)).gap !== undefined;
  const wait = Number.parseFloat(url.searchParams.get('wait') ?? '0') * 1000;
  if (!hasGap() && due().length === 0 && wait > 0) await hub.waitForEvent(wait, signal);
  if (hub.isDown || signal.aborted) throw new TypeError('fetch failed');
  // What happened during the wait counts: the log may have lost what the client had not yet.
  const { gap } = log.place(cursorOf(url));
  const cursor = log.cursorAt(log.head);
  return json(
    200,
    { events: due(), cursor, ...(gap && { gap }), flags: {}, polling: hub.polling },
    { 'radial-cursor': cursor },
  );
}

function publish(hub: FakeHubCore, value: any): Response {
  const one = (event: any) => {
    if (!event?.eventType)
      return { status: 400, ...{ code: 'invalid-envelope', title: 'invalid-envelope' } };
    return { status: 201, ...hub.accept(event) };
  };
  if (!Array.isArray(value)) {
    const { status, ...answer } = one(value);
    return status === 201 ? json(201, answer) : problem(status, 'invalid-envelope');
  }
  return json(
    207,
    value.map((event) => ({ ...one(event) })),
  );
}
