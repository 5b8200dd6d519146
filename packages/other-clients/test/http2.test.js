/** Many streams on one connection of HTTP/2, as a browser opens them for all its tabs. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { numbers, openHub } from '../testing/hub.js';
import { session, stream } from '../testing/http2.js';

let hub;
before(async () => {
  hub = await openHub();
});
after(() => hub?.remove());

test('one connection carries more than a hundred streams', async () => {
  const { connection, settings } = await session(hub);
  assert.equal(settings.maxConcurrentStreams, 256);
  const opening = Array.from({ length: 150 }, () => stream(connection, 'many'));
  const streams = await Promise.all(opening);
  for (const open of streams) open.read();
  await hub.publish('many', 1, 2);
  await Promise.all(streams.map(({ received }) => received.atLeast(2)));
  for (const { received } of streams) assert.deepEqual(received.ids, numbers(1, 2));
  connection.destroy();
});

test('a stream that nobody reads holds back no other on its connection', async () => {
  const { connection } = await session(hub);
  const stalled = await stream(connection, 'flood');
  const reader = await stream(connection, 'flood');
  reader.read();
  // Far more than the window of a stream, and than what is buffered for it.
  for (let first = 1; first <= 4_000; first += 500) await hub.publish('flood', first, 500);
  await reader.received.atLeast(4_000);
  assert.deepEqual(reader.received.ids, numbers(1, 4_000));
  // Once it reads, it gets all that it had not taken.
  assert.deepEqual(stalled.received.ids, []);
  stalled.read();
  await stalled.received.atLeast(4_000);
  assert.deepEqual(stalled.received.ids, numbers(1, 4_000));
  connection.destroy();
});
