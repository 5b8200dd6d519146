/** A hub that is killed and started again at the same address, and what is published to it. */
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startHub } from '../../../web/board/testing/hub-process.js';

// Clients that wait as long as the hub asks them to are back soon.
process.env.RADIAL__STREAM__RETRY = '200ms';

export const STREAM = '/api/sse/events';

export async function openHub() {
  const data = await mkdtemp(join(tmpdir(), 'radial-others-'));
  let hub = await startHub({ listen: '127.0.0.1:0', data });
  return {
    url: hub.url,
    host: hub.host,
    /** Ends it without a farewell and starts it again. */
    async killAndStart() {
      await hub.kill();
      hub = await startHub({ listen: hub.host, data });
    },
    /** Publishes so many events to a channel; the first one has this number. */
    async publish(channel, first, count) {
      const events = Array.from({ length: count }, (_, index) => ({
        eventType: 'activity:new',
        channel,
        eventData: { id: `${first + index}`, description: 'ünïcode "quoted"\nand a second line' },
      }));
      const answer = await fetch(`${hub.url}${STREAM}`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(events),
      });
      assert.equal(answer.status, 207);
    },
    async remove() {
      await hub.kill();
      await rm(data, { recursive: true, force: true });
    },
  };
}

/** The ids of the events with these numbers. */
export const numbers = (first, count) =>
  Array.from({ length: count }, (_, index) => `${first + index}`);
