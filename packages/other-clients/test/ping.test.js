/** The hub asks a connection of HTTP/2 every 15 s whether it is there, in a file of its own: it waits. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { test } from 'node:test';
import { openHub } from '../testing/hub.js';
import { session, stream } from '../testing/http2.js';

test(
  'a silent connection of HTTP/2 is asked whether it is there',
  { timeout: 40_000 },
  async () => {
    const hub = await openHub();
    try {
      const { connection } = await session(hub);
      await stream(connection, 'silent');
      const [payload] = await once(connection, 'ping');
      assert.equal(payload.length, 8);
      assert.equal(connection.closed, false);
      connection.destroy();
    } finally {
      await hub.remove();
    }
  },
);
