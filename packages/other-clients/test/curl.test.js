/** `curl` is a whole client: it publishes, polls and reads, over HTTP/1.1 and HTTP/2. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { after, before, test } from 'node:test';
import { promisify } from 'node:util';
import { STREAM, openHub } from '../testing/hub.js';

const run = promisify(execFile);
let hub;
before(async () => {
  hub = await openHub();
});
after(() => hub?.remove());

/** The version of HTTP, the status and the body. */
async function curl(...words) {
  const form = '\n%{http_version} %{http_code}';
  const { stdout } = await run('curl', ['-s', '-w', form, ...words]);
  const end = stdout.lastIndexOf('\n');
  const [version, status] = stdout.slice(end + 1).split(' ');
  return { version, status, json: JSON.parse(stdout.slice(0, end)) };
}

for (const [version, flags] of [
  ['1.1', []],
  ['2', ['--http2-prior-knowledge']],
]) {
  test(`publishing and polling over HTTP/${version}`, async () => {
    const data = { cardId: 'c1', zone: 'todo' };
    const event = { eventType: 'card.created', channel: `v${version}`, eventData: data };
    const json = ['-H', 'content-type: application/json', '-d', JSON.stringify(event)];
    const published = await curl(...flags, ...json, `${hub.url}${STREAM}`);
    assert.deepEqual([published.version, published.status], [version, '201']);
    const poll = `${hub.url}/api/poll?channels=v${version}&cursor=`;
    const polled = await curl(...flags, `${poll}earliest`);
    assert.deepEqual([polled.version, polled.status], [version, '200']);
    assert.deepEqual(
      polled.json.events.map((found) => [found.eventData, found.cursor]),
      [[data, published.json.cursor]],
    );
    const next = await curl(...flags, `${poll}${polled.json.cursor}&wait=0s`);
    assert.deepEqual(next.json.events, []);
  });
}
