/** Chromium over TLS and HTTP/2: more streams on one origin than HTTP/1.1 has connections for. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { CHROME } from '../testing/clients.js';
import { STREAM, numbers } from '../testing/hub.js';
import { cookie, openSecureHub } from '../testing/secure.js';
import { chromium } from 'playwright-core';

const STREAMS = 120;

let hub;
let chrome;
before(async () => {
  hub = await openSecureHub();
  chrome = await chromium.launch(CHROME);
});
after(async () => {
  await chrome?.close();
  await hub?.remove();
});

/** In the page: opens streams, each from where it was when the page was left. */
function openStreams({ path, count }) {
  const places = JSON.parse(sessionStorage.getItem('places') ?? '{}');
  globalThis.received = Array.from({ length: count }, () => []);
  globalThis.sources = globalThis.received.map((ids, index) => {
    const source = new EventSource(`${path}&cursor=${places[index] ?? 'earliest'}`);
    source.onmessage = ({ data, lastEventId }) => {
      ids.push(JSON.parse(data).eventData.id);
      places[index] = lastEventId;
    };
    return source;
  });
  addEventListener('pagehide', () => sessionStorage.setItem('places', JSON.stringify(places)));
}

/** In the page: publishes so many events, the first of which has this number. */
async function publish({ path, channel, first, count }) {
  const events = Array.from({ length: count }, (_, index) => ({
    eventType: 'activity:new',
    channel,
    eventData: { id: `${first + index}`, description: 'said' },
  }));
  const headers = { 'content-type': 'application/json' };
  const answer = await fetch(path, { method: 'POST', headers, body: JSON.stringify(events) });
  return answer.status;
}

/** A page of the hub's origin, and how each of its streams came. */
async function openPage() {
  const context = await chrome.newContext({ ignoreHTTPSErrors: true });
  await context.addCookies([cookie(hub)]);
  const page = await context.newPage();
  const protocol = await context.newCDPSession(page);
  const streams = [];
  protocol.on('Network.responseReceived', ({ type, response }) => {
    if (type === 'EventSource') streams.push(response);
  });
  await protocol.send('Network.enable');
  await page.goto(`${hub.url}/healthz`);
  return { page, streams };
}

const open = (page, channel, count) =>
  page.evaluate(openStreams, { path: `${STREAM}?channels=${channel}`, count });

async function say(page, channel, first, count) {
  const status = await page.evaluate(publish, { path: STREAM, channel, first, count });
  assert.equal(status, 207);
}

/** Waits until each stream has so many events, and gives them. */
async function each(page, count) {
  const have = (count) => globalThis.received.every((ids) => ids.length >= count);
  await page.waitForFunction(have, count);
  return page.evaluate(() => globalThis.received);
}

test('a browser opens 120 streams on one connection, and a reload resumes them all', async () => {
  const { page, streams } = await openPage();
  const navigation = () => performance.getEntriesByType('navigation')[0].nextHopProtocol;
  assert.equal(await page.evaluate(navigation), 'h2');

  await open(page, 'many', STREAMS);
  await say(page, 'many', 1, 3);
  for (const ids of await each(page, 3)) assert.deepEqual(ids, numbers(1, 3));
  assert.equal(streams.length, STREAMS);
  assert.ok(streams.every(({ protocol }) => protocol === 'h2'));
  assert.equal(new Set(streams.map(({ connectionId }) => connectionId)).size, 1);

  // What is published while the page is away comes to each, once, when it is back.
  await page.reload();
  await say(page, 'many', 4, 3);
  await open(page, 'many', STREAMS);
  await say(page, 'many', 7, 1);
  for (const ids of await each(page, 4)) assert.deepEqual(ids, numbers(4, 4));
  assert.ok(streams.every(({ protocol }) => protocol === 'h2'));
  await page.context().close();
});

test('streams over HTTP/2 come back by themselves after a kill of the hub', async () => {
  const { page } = await openPage();
  await open(page, 'killed', 20);
  await say(page, 'killed', 1, 3);
  await each(page, 3);
  await hub.killAndStart();
  await say(page, 'killed', 4, 3);
  for (const ids of await each(page, 6)) assert.deepEqual(ids, numbers(1, 6));
  await page.context().close();
});
