import type { Browser } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test, vi } from 'vitest';
import { startContractServer } from '../contract-server.js';
import { startHub, type HubProcess } from '../hub-process.js';
import { createWorld, holds, idsOf, launch, stateOf, type World } from './browser.js';

// Seven pages of a browser on a machine that does other things too.
vi.setConfig({ testTimeout: 120_000 });

let browser: Browser;
let hub: HubProcess;
let world: World;
let count = 0;

beforeAll(async () => {
  [browser, hub] = await Promise.all([launch(), startHub({ 'stream.heartbeat': '500ms' })]);
});
afterAll(async () => {
  await browser?.close();
  await hub?.remove();
});
beforeEach(async () => {
  world = await createWorld(browser, hub.url);
});
afterEach(() => world.close());

/** Publishes an event from outside of the browser. */
async function publish(url = hub.url): Promise<string> {
  const eventId = `e-${(count += 1)}`;
  const body = JSON.stringify({ eventType: 'user.updated', eventData: { userId: 'u' }, eventId });
  const response = await fetch(`${url}/api/sse/events`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body,
  });
  expect(response.status).toBe(201);
  return eventId;
}
const QUICK = { backoff: { minMs: 50, maxMs: 300 } };
const CONNECTED = 'client.getState().status === "connected"';

test('a hub that is killed and started again costs no event and doubles none', async () => {
  const page = await world.open({ ...QUICK, transports: ['sse'] });
  await holds(page, CONNECTED);
  const expected = [await publish()];
  await holds(page, 'radial.ids.length === 1');
  await hub.kill();
  await holds(page, 'client.getState().status === "reconnecting"');
  await hub.start();
  expected.push(await publish());
  await holds(page, 'radial.ids.length === 2');
  expect(await idsOf(page)).toEqual(expected);
  expect(await page.evaluate('radial.gaps')).toEqual([]);
});

test('a page that was offline gets what it missed, and sends what it kept', async () => {
  const page = await world.open({ ...QUICK, transports: ['sse'] });
  await holds(page, CONNECTED);
  await page.evaluate('radial.outbox()');
  await world.context.setOffline(true);
  // The emulation leaves open streams alone; a network that is gone does not.
  world.proxy.cutAfter(0);
  await holds(page, 'client.getState().status === "reconnecting" && !client.getState().online');
  await page.evaluate(
    'box.publish({ type: "user.updated", data: { userId: "mine" }, eventId: "kept" })',
  );
  const missed = await publish();
  await world.context.setOffline(false);
  await holds(page, 'radial.ids.length === 2 && box.counts().waiting === 0');
  expect(await idsOf(page)).toEqual([missed, 'kept']);
});

test('seven tabs on HTTP/1.1 share one connection, and one takes over within a second', async () => {
  const pages = [];
  for (let tab = 0; tab < 7; tab += 1)
    pages.push(await world.open({ ...QUICK, transports: ['sse'] }));
  for (const page of pages) await holds(page, CONNECTED);
  const roles = await Promise.all(pages.map(async (page) => (await stateOf(page)).role));
  expect(roles.sort()).toEqual([...Array.from({ length: 6 }, () => 'follower'), 'leader']);
  const expected = [await publish(), await publish()];
  for (const page of pages) await holds(page, 'radial.ids.length === 2');
  const metrics = await (await fetch(`${hub.url}/metrics`)).text();
  expect(metrics).toMatch(/^radial_connections 1$/m);

  const [leader] = pages.splice(0, 1);
  await leader?.close();
  const closed = Date.now();
  await Promise.race(
    pages.map((page) => holds(page, `client.getState().role === 'leader' && ${CONNECTED}`)),
  );
  expect(Date.now() - closed).toBeLessThan(1_000);
  expected.push(await publish());
  for (const page of pages) await holds(page, 'radial.ids.length === 3');
  for (const page of pages) expect(await idsOf(page)).toEqual(expected);
});

test('a leader that is put away lets another lead, and comes back to what it missed', async () => {
  const leader = await world.open({ ...QUICK, transports: ['sse'] });
  await holds(leader, CONNECTED);
  const other = await world.open({ ...QUICK, transports: ['sse'] });
  await holds(other, CONNECTED);
  const expected = [await publish()];
  await holds(leader, 'radial.ids.length === 1');
  await leader.goto(`${world.proxy.url}/away`);
  await holds(
    other,
    'client.getState().role === "leader" && client.getState().status === "connected"',
  );
  expected.push(await publish());
  await holds(other, 'radial.ids.length === 2');
  await leader.goBack({ waitUntil: 'commit' });
  const restored = await leader.evaluate('globalThis.radial?.shows.at(-1) === true');
  if (!restored)
    await leader.evaluate(
      `new Promise((resolve) => { const look = () => globalThis.radial ? resolve() : requestAnimationFrame(look); look(); })`,
    );
  expect(await leader.evaluate('radial.shows.at(-1)')).toBe(true);
  await holds(leader, 'radial.ids.length === 2');
  expected.push(await publish());
  await holds(leader, 'radial.ids.length === 3');
  expect(await idsOf(leader)).toEqual(expected);
  expect((await stateOf(leader)).role).toBe('follower');
});

/** A page that leads, another that follows, and an event that both have had. */
async function openTwo() {
  const leader = await world.open({ ...QUICK, transports: ['sse'] });
  await holds(leader, CONNECTED);
  const other = await world.open({ ...QUICK, transports: ['sse'] });
  await holds(other, CONNECTED);
  const expected = [await publish()];
  for (const page of [leader, other]) await holds(page, 'radial.ids.length === 1');
  return { leader, other, expected };
}
const LEADS = `client.getState().role === 'leader' && ${CONNECTED}`;

test('a leader that is frozen lets another lead within a second, and follows when it thaws', async () => {
  const { leader, other, expected } = await openTwo();
  // The browser's own freezing cannot be had on command while a page is visible.
  await leader.evaluate('document.dispatchEvent(new Event("freeze"))');
  const frozen = Date.now();
  await holds(other, LEADS);
  expect(Date.now() - frozen).toBeLessThan(1_000);
  expected.push(await publish());
  await holds(other, 'radial.ids.length === 2');
  await leader.evaluate('document.dispatchEvent(new Event("resume"))');
  await holds(leader, 'client.getState().role === "follower" && radial.ids.length === 2');
  expected.push(await publish());
  for (const page of [leader, other]) await holds(page, 'radial.ids.length === 3');
  for (const page of [leader, other]) expect(await idsOf(page)).toEqual(expected);
  expect(await leader.evaluate('radial.gaps')).toEqual([]);
});

test('a leader that hangs is replaced, and steps back when it goes on', async () => {
  const { leader, other, expected } = await openTwo();
  const devtools = await world.context.newCDPSession(leader);
  await devtools.send('Debugger.enable');
  await devtools.send('Debugger.pause');
  await holds(other, LEADS);
  expected.push(await publish());
  await holds(other, 'radial.ids.length === 2');
  await devtools.send('Debugger.disable');
  await holds(leader, `client.getState().role === 'follower' && radial.ids.length === 2`);
  expected.push(await publish());
  for (const page of [leader, other]) await holds(page, 'radial.ids.length === 3');
  for (const page of [leader, other]) expect(await idsOf(page)).toEqual(expected);
});

test('a proxy that cuts every three seconds costs no event', async () => {
  const page = await world.open({ ...QUICK, transports: ['sse'], provedAfter: 60_000 });
  await holds(page, CONNECTED);
  world.proxy.cutAfter(3_000);
  const expected: string[] = [];
  const end = Date.now() + 8_000;
  while (Date.now() < end) {
    expected.push(await publish());
    await holds(page, `radial.ids.length === ${expected.length}`);
  }
  expect(await idsOf(page)).toEqual(expected);
  expect(await page.evaluate('client.getStats().reconnects')).toBeGreaterThan(1);
});

test('a proxy that buffers leads to polling, and its end leads back to the stream', async () => {
  const server = await startContractServer({ heartbeatMs: 200 });
  world.proxy.target(server.url);
  try {
    const page = await world.open({
      ...QUICK,
      transports: ['sse', 'polling'],
      connectTimeout: 500,
      provedAfter: 300,
      probeInterval: 500,
    });
    await holds(page, CONNECTED);
    world.proxy.buffer(true);
    await holds(page, 'client.getState().status === "polling"');
    const expected = [await publish(server.url)];
    await holds(page, 'radial.ids.length === 1');
    world.proxy.buffer(false);
    await holds(page, CONNECTED);
    expected.push(await publish(server.url));
    await holds(page, 'radial.ids.length === 2');
    expect(await idsOf(page)).toEqual(expected);
  } finally {
    await server.close();
  }
});

test('401 ends in failed, 429 and 503 are waited for', async () => {
  const page = await world.open({ ...QUICK, transports: ['sse'] });
  await holds(page, CONNECTED);
  for (const status of [429, 503]) {
    world.proxy.answerWith({ status, headers: { 'retry-after': '1' } });
    await holds(page, `client.getState().error?.status === ${status}`);
    expect(await stateOf(page)).toMatchObject({ status: 'reconnecting', transport: 'sse' });
    world.proxy.answerWith(undefined);
    await holds(page, CONNECTED);
  }
  world.proxy.answerWith({ status: 401 });
  await holds(page, 'client.getState().status === "failed"');
  expect(await page.evaluate('client.getState().error.code')).toBe('unauthorized');
});
