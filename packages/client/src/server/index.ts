/**
 * For application servers on Node: publishes for many tenants with one key, and calls back for the
 * events of a tenant. Events are batched while a request is under way, and sent again by `eventId`.
 */
import { createRealtimeClient } from '../client.js';
import { RadialError } from '../errors.js';
import type { EventOf, EventType, Outgoing, Published, RegisteredEvents } from '../events.js';
import { envelopeOf, Publisher, type Envelope } from '../publisher.js';
import { settingsOf, type ConnectionOptions } from '../settings.js';
import type { RealtimeClient } from '../types.js';

export interface ServerEmitterOptions extends Pick<
  ConnectionOptions,
  'fetch' | 'clock' | 'random' | 'backoff' | 'transports' | 'WebSocket'
> {
  /** Where the hub is, such as `http://127.0.0.1:7070`. */
  url: string;
  /** An API key. `radial dev` needs none. */
  apiKey?: string;
  /** How often a lost or busy request is made again. Default 8. */
  retries?: number;
  /** A subscription failed for good, or a callback threw. Default: the error is logged. */
  onError?: (error: unknown, tenantId: string) => void;
}

export interface ServerEmitter<E> {
  /** Publishes one event. Resolves when the hub has it; rejects with what the hub said. */
  emit(tenantId: string, event: Outgoing<E>): Promise<Published>;
  /** Calls back for every event of the tenant, from now on. Returns what stops it. */
  subscribe(tenantId: string, callback: (event: EventOf<E, EventType<E>>) => unknown): () => void;
  /** How many callbacks this process has for the tenant. */
  getSubscriberCount(tenantId: string): number;
  /** Waits for what is being sent, and closes all subscriptions. */
  close(): Promise<void>;
}

interface Waiting {
  event: Envelope;
  /** How long it is as JSON. */
  chars: number;
  resolve(answer: Published): void;
  reject(error: unknown): void;
}

/** The hub's own limits of a batch, with room to spare. */
const BATCH_EVENTS = 500;
const BATCH_CHARS = 1_000_000;

/**
 * Creates an emitter.
 *
 * ```ts
 * const hub = createServerEmitter({ url: process.env.RADIAL_URL, apiKey: process.env.RADIAL_KEY });
 * await hub.emit('acme', { type: 'activity:new', data: { id, description } });
 * ```
 */
export function createServerEmitter<E = RegisteredEvents>(
  options: ServerEmitterOptions,
): ServerEmitter<E> {
  const { apiKey = null, retries = 8, onError = (error) => console.error(error) } = options;
  const base = { ...options, getToken: () => apiKey, share: false, report: false } as const;
  const queues = new Map<string, Waiting[]>();
  const sending = new Map<string, Promise<void>>();
  const subscribers = new Map<string, { client: RealtimeClient<any>; count: number }>();

  function emit(tenantId: string, event: Outgoing<E>): Promise<Published> {
    return new Promise((resolve, reject) => {
      const envelope = envelopeOf(event);
      // What is no JSON is refused here, alone.
      const chars = JSON.stringify(envelope).length;
      const queue = queues.get(tenantId) ?? [];
      queues.set(tenantId, queue);
      queue.push({ event: envelope, chars, resolve, reject });
      if (!sending.has(tenantId)) sending.set(tenantId, drain(tenantId));
    });
  }

  /** Sends batch after batch: what comes while one is under way goes with the next. */
  async function drain(tenantId: string): Promise<void> {
    const publisher = new Publisher(settingsOf({ ...base, tenant: tenantId }), async () => apiKey);
    // What is emitted in the same turn goes together.
    await Promise.resolve();
    for (;;) {
      const batch = takeBatch(queues.get(tenantId) ?? []);
      if (batch.length === 0) break;
      await send(publisher, batch);
    }
    // At once, or what is emitted now would wait for a drain that is over.
    queues.delete(tenantId);
    sending.delete(tenantId);
  }

  async function send(publisher: Publisher, batch: Waiting[]): Promise<void> {
    const [only] = batch;
    try {
      if (batch.length === 1 && only) {
        return only.resolve(await publisher.publish(only.event, { retries }));
      }
      const answers: any[] = await publisher.post(
        '/api/sse/events',
        batch.map(({ event }) => event),
        { retries },
      );
      batch.forEach(({ resolve, reject }, index) => settle(answers[index], resolve, reject));
    } catch (error) {
      batch.forEach(({ reject }) => reject(error));
    }
  }

  function subscribe(tenantId: string, callback: (event: any) => unknown): () => void {
    const tenant = subscribers.get(tenantId) ?? { client: open(tenantId), count: 0 };
    subscribers.set(tenantId, tenant);
    tenant.count += 1;
    const stop = tenant.client.subscribe('*', callback);
    let stopped = false;
    return () => {
      if (stopped) return;
      stopped = true;
      stop();
      tenant.count -= 1;
      if (tenant.count > 0 || subscribers.get(tenantId) !== tenant) return;
      subscribers.delete(tenantId);
      tenant.client.disconnect();
    };
  }

  function open(tenantId: string): RealtimeClient<any> {
    const failed = (error: unknown) => onError(error, tenantId);
    const client = createRealtimeClient<any>({
      ...base,
      tenant: tenantId,
      channels: ['*'],
      onHandlerError: failed,
    });
    client.on('state', ({ status, error }) => {
      if (status === 'failed') failed(error);
    });
    void client.connect();
    return client;
  }

  return {
    emit,
    subscribe,
    getSubscriberCount: (tenantId) => subscribers.get(tenantId)?.count ?? 0,
    async close() {
      for (const { client } of subscribers.values()) client.disconnect();
      subscribers.clear();
      await Promise.all(sending.values());
    },
  };
}

function takeBatch(queue: Waiting[]): Waiting[] {
  let chars = 0;
  let count = 0;
  for (const waiting of queue) {
    chars += waiting.chars;
    if (count > 0 && (count >= BATCH_EVENTS || chars > BATCH_CHARS)) break;
    count += 1;
  }
  return queue.splice(0, count);
}

/** One item of the answer to a batch: an answer of its own, or a problem. */
function settle(answer: any, resolve: Waiting['resolve'], reject: Waiting['reject']): void {
  if (answer?.eventId !== undefined) return resolve(answer);
  const {
    code = 'no-answer',
    detail = 'The hub did not answer this event.',
    status,
  } = answer ?? {};
  reject(new RadialError(code, detail, { status, problem: answer }));
}
