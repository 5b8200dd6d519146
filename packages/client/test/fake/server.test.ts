import { expect, test } from 'vitest';
import { createServerEmitter } from '../../src/server/index.js';
import { createFakeHub } from '../../src/testing/index.js';

function emitterOf(hub: ReturnType<typeof createFakeHub>) {
  const { fetch, clock, random } = hub.options;
  return createServerEmitter<any>({ url: 'http://hub.test', apiKey: 'k', fetch, clock, random });
}

test('each emit is sent, however soon it comes after the one before', async () => {
  const hub = createFakeHub();
  const emitter = emitterOf(hub);
  const expected: string[] = [];
  for (let turns = 0; turns < 20; turns += 1) {
    expected.push(`first-${turns}`, `second-${turns}`);
    await emitter.emit('acme', { type: 'a.b', data: {}, eventId: `first-${turns}` });
    // As far from the answer as functions that wait for functions are.
    for (let turn = 0; turn < turns; turn += 1) await null;
    await emitter.emit('acme', { type: 'a.b', data: {}, eventId: `second-${turns}` });
  }
  expect(hub.published.map(({ eventId }) => eventId)).toEqual(expected);
});

test('an event that is no JSON is refused alone', async () => {
  const hub = createFakeHub();
  const emitter = emitterOf(hub);
  const data: Record<string, unknown> = {};
  data['itself'] = data;
  const [bad, good] = await Promise.allSettled([
    emitter.emit('acme', { type: 'a.b', data, eventId: 'bad' }),
    emitter.emit('acme', { type: 'a.b', data: {}, eventId: 'good' }),
  ]);
  expect([bad.status, good.status]).toEqual(['rejected', 'fulfilled']);
  expect(hub.published.map(({ eventId }) => eventId)).toEqual(['good']);
});
