/** Every client gets exactly what was published, through a kill of the hub. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { CLIENTS } from '../testing/clients.js';
import { numbers, openHub } from '../testing/hub.js';

let hub;
before(async () => {
  hub = await openHub();
});
after(() => hub?.remove());

let channels = 0;
for (const [name, { open, names }] of Object.entries(CLIENTS)) {
  test(`${name} resumes after a kill with nothing lost or doubled`, async () => {
    const channel = `c${++channels}`;
    await hub.publish(channel, 1, 20);
    const client = await open(hub, channel, false);
    try {
      await client.received.atLeast(20);
      await hub.publish(channel, 21, 20);
      await hub.killAndStart();
      await hub.publish(channel, 41, 20);
      await client.received.atLeast(60);
      await hub.publish(channel, 61, 1);
      await client.received.atLeast(61);
      assert.deepEqual(client.received.ids, numbers(1, 61));
      assert.match(client.received.events[0].eventData.description, /ünïcode "quoted"\nand/);
      assert.ok(client.received.events.every((event) => event.name === 'message'));
    } finally {
      await client.close();
    }
  });

  if (!names) continue;
  test(`${name} listens to events by their type`, async () => {
    const channel = `c${++channels}`;
    await hub.publish(channel, 1, 3);
    const client = await open(hub, channel, true);
    try {
      await client.received.atLeast(3);
      await hub.publish(channel, 4, 1);
      await client.received.atLeast(4);
      assert.deepEqual(client.received.ids, numbers(1, 4));
      assert.ok(client.received.events.every((event) => event.name === 'activity:new'));
    } finally {
      await client.close();
    }
  });
}
