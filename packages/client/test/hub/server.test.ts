import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import {
  createServerEmitter,
  type ServerEmitter,
  type ServerEmitterOptions,
} from '../../src/server/index.js';
import { createCaller } from '../../examples/trpc.js';
import { startHub, type HubProcess } from '../hub-process.js';
import { startProxy } from '../proxy.js';

let hub: HubProcess;
const emitters: ServerEmitter<any>[] = [];
beforeAll(async () => {
  hub = await startHub({ 'hub.tenants': ['acme', 'globex'] });
});
afterAll(() => hub.remove());
afterEach(() => Promise.all(emitters.splice(0).map((emitter) => emitter.close())));

function open(options: Partial<ServerEmitterOptions> = {}): ServerEmitter<any> {
  const emitter = createServerEmitter<any>({
    url: hub.url,
    backoff: { minMs: 20, maxMs: 100 },
    ...options,
  });
  emitters.push(emitter);
  return emitter;
}
const activity = (id: string) => ({
  type: 'activity:new',
  data: { id, description: 'did it' },
  eventId: id,
});

test('an event reaches the subscribers of its tenant, and no other', async () => {
  const emitter = open();
  const acme: string[] = [];
  const globex: string[] = [];
  const stop = emitter.subscribe('acme', (event) => acme.push(event.data.id));
  emitter.subscribe('acme', () => {});
  emitter.subscribe('globex', (event) => globex.push(event.data.id));
  expect(emitter.getSubscriberCount('acme')).toBe(2);
  expect(emitter.getSubscriberCount('nobody')).toBe(0);
  // A subscription begins when its stream is there; until then the event is published again.
  for (let round = 0; acme.length === 0 || globex.length === 0; round += 1) {
    await emitter.emit('acme', activity(`acme-${round}`));
    await emitter.emit('globex', activity(`globex-${round}`));
  }
  expect(acme.every((id) => id.startsWith('acme-'))).toBe(true);
  expect(globex.every((id) => id.startsWith('globex-'))).toBe(true);
  stop();
  stop();
  expect(emitter.getSubscriberCount('acme')).toBe(1);
});

test('what is emitted together goes in few requests, and each has its own answer', async () => {
  let requests = 0;
  const emitter = open({
    fetch: (input, init) => {
      requests += 1;
      return fetch(input, init);
    },
  });
  const answers = await Promise.allSettled([
    ...Array.from({ length: 100 }, (_, index) => emitter.emit('acme', activity(`many-${index}`))),
    emitter.emit('acme', { type: 'no.such', data: {} }),
    emitter.emit('acme', {
      eventType: 'activity:new',
      eventData: { id: 'e', description: 'by envelope' },
    }),
  ]);
  expect(requests).toBeLessThan(5);
  expect(answers.slice(0, 100).every((answer) => answer.status === 'fulfilled')).toBe(true);
  const offsets = answers
    .slice(0, 100)
    .map((answer) => (answer as PromiseFulfilledResult<any>).value.offset);
  expect(offsets).toEqual([...offsets].sort((a, b) => a - b));
  expect(answers[100]).toMatchObject({
    status: 'rejected',
    reason: { code: 'unknown-event-type', status: 422 },
  });
  expect(answers[101]).toMatchObject({ status: 'fulfilled' });
});

test('a request that broke is made again with the same ids, and adds nothing twice', async () => {
  const proxy = await startProxy(hub.url);
  let broken = 3;
  const emitter = open({
    url: proxy.url,
    fetch: async (input, init) => {
      const response = await fetch(input, init);
      if (init?.method !== 'POST' || broken <= 0) return response;
      broken -= 1;
      // The hub has it, the answer is lost.
      throw new TypeError('socket hang up');
    },
  });
  const answer = await emitter.emit('acme', activity('again-1'));
  expect(answer).toMatchObject({ eventId: 'again-1', duplicate: true });
  const page = await fetch(`${hub.url}/api/events?types=activity:new&limit=1000`, {
    headers: { 'radial-tenant': 'acme' },
  });
  const { events } = await page.json();
  expect(events.filter((event: any) => event.eventId === 'again-1').length).toBe(1);
  await proxy.close();
});

test('a tenant that is refused is reported, and disturbs nobody', async () => {
  const errors: [string, string][] = [];
  const emitter = open({ onError: (error, tenant) => errors.push([(error as any).code, tenant]) });
  emitter.subscribe('stranger', () => {});
  await expect(emitter.emit('stranger', activity('s'))).rejects.toMatchObject({
    code: 'forbidden',
    status: 403,
  });
  await expect.poll(() => errors).toEqual([['forbidden', 'stranger']]);
  expect(await emitter.emit('acme', activity('fine'))).toMatchObject({ duplicate: false });
});

test('the mutation of the tRPC example stores, emits, and emits once if it is made again', async () => {
  const emitter = open();
  const rows = new Map<string, { id: string; createdAt: number }>();
  const db = {
    async insertActivity(description: string) {
      const row = rows.get(description) ?? { id: `row-${rows.size}`, createdAt: Date.now() };
      rows.set(description, row);
      return row;
    },
  };
  const caller = createCaller({ tenantId: 'acme', db, hub: emitter });
  const row = await caller.addActivity('Ada shipped it');
  expect(await caller.addActivity('Ada shipped it')).toEqual(row);
  await expect(caller.addActivity('')).rejects.toThrow('a text');
  const page = await fetch(`${hub.url}/api/events?types=activity:new&limit=1000`, {
    headers: { 'radial-tenant': 'acme' },
  });
  const { events } = await page.json();
  const emitted = events.filter((event: any) => event.eventId === `activity-${row.id}`);
  expect(emitted).toMatchObject([{ eventData: { id: row.id, description: 'Ada shipped it' } }]);
});
