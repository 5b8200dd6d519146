import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { chromium } from 'playwright-core';
import { startHub } from '../testing/hub-process.js';

const FLAGS = [
  '--headless',
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];
const NETWORK_ERROR = /net::ERR_/;

let data, hub, browser, context, left, right;
/** What a page said that it should not have said. */
const complaints = [];
let hubIsDown = false;

before(async () => {
  data = await mkdtemp(join(tmpdir(), 'radial-board-'));
  hub = await startHub({ listen: '127.0.0.1:0', data });
  browser = await chromium.launch({
    executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
    args: FLAGS,
  });
  context = await browser.newContext();
  await context.exposeFunction('reportViolation', (text) => complaints.push(`CSP: ${text}`));
  await context.addInitScript(() => {
    addEventListener('securitypolicyviolation', (violation) => {
      globalThis.reportViolation(`${violation.violatedDirective} ${violation.blockedURI}`);
    });
  });
  [left, right] = await Promise.all([openBoard(), openBoard()]);
});

after(async () => {
  await browser?.close();
  await hub?.kill();
  if (data) await rm(data, { recursive: true, force: true });
});

async function openBoard() {
  const page = await context.newPage();
  page.on('pageerror', (error) => complaints.push(`exception: ${error.message}`));
  page.on('console', (message) => {
    if (message.type() !== 'error' && message.type() !== 'warning') return;
    if (hubIsDown && NETWORK_ERROR.test(message.text())) return;
    complaints.push(`console: ${message.text()}`);
  });
  const response = await page.goto(hub.url);
  assert.match(response.headers()['content-security-policy'] ?? '', /default-src 'self'/);
  await live(page);
  return page;
}

const live = (page) => page.waitForSelector('#pill[data-status="live"]');
const card = (page, title, zone) =>
  page.locator(`${zone ? `[data-zone="${zone}"] ` : ''}.card`, { hasText: title });

async function add(page, title) {
  await page.fill('#title-input', title);
  await page.press('#title-input', 'Enter');
}

/** The columns with their cards, as a reader sees them. */
const boardOf = (page) =>
  page.evaluate(() =>
    [...document.querySelectorAll('.column')].map((column) => [
      column.dataset.zone,
      [...column.querySelectorAll('.card-title')].map((title) => title.textContent),
    ]),
  );

async function shows(page, expected) {
  await page
    .waitForFunction((wanted) => {
      const columns = [...document.querySelectorAll('.column')].map((column) => [
        column.dataset.zone,
        [...column.querySelectorAll('.card-title')].map((title) => title.textContent),
      ]);
      return JSON.stringify(columns) === wanted && !document.querySelector('.card[data-pending]');
    }, JSON.stringify(expected))
    .catch(async (error) => {
      assert.deepEqual(await boardOf(page), expected);
      throw error;
    });
}

test('a_card_added_moved_and_deleted_shows_in_both_windows', async () => {
  await left.waitForSelector('#invite:not([hidden])');
  await add(left, 'Ship it');
  await card(right, 'Ship it', 'todo').waitFor();

  await card(right, 'Ship it').locator('[data-act="right"]').click();
  await card(left, 'Ship it', 'doing').waitFor();

  await card(left, 'Ship it').locator('[data-act="delete"]').click();
  await card(right, 'Ship it').waitFor({ state: 'detached' });
  await right.waitForSelector('#invite:not([hidden])');

  await left.waitForSelector('#trip:not([hidden])');
  const types = await right.locator('.row .row-name').allTextContents();
  assert.deepEqual(types, ['card.deleted', 'card.moved', 'card.created']);
});

test('cards_move_by_keyboard_and_by_dragging', async () => {
  await add(left, 'First');
  await add(left, 'Second');
  await shows(right, [
    ['todo', ['First', 'Second']],
    ['doing', []],
    ['done', []],
  ]);

  await card(left, 'Second').focus();
  await left.keyboard.press('ArrowUp');
  await shows(right, [
    ['todo', ['Second', 'First']],
    ['doing', []],
    ['done', []],
  ]);
  await left.keyboard.press('ArrowRight');
  await shows(right, [
    ['todo', ['First']],
    ['doing', ['Second']],
    ['done', []],
  ]);
  assert.equal(
    await left.evaluate(() => document.activeElement.querySelector('.card-title')?.textContent),
    'Second',
  );

  await card(right, 'First').locator('.card-title').hover();
  await right.mouse.down();
  const target = await right.locator('[data-zone="done"] .cards').boundingBox();
  await right.mouse.move(target.x + target.width / 2, target.y + 20, { steps: 5 });
  await right.mouse.up();
  await shows(left, [
    ['todo', []],
    ['doing', ['Second']],
    ['done', ['First']],
  ]);
});

test('text_of_events_is_only_ever_text', async () => {
  const title = '<img src=x onerror="document.title=1"> & <b>bold</b>';
  await add(left, title);
  await card(right, title).waitFor();
  await right.locator('.row summary').first().click();
  await right.locator('.row-json', { hasText: 'onerror' }).waitFor();
  assert.equal(await right.locator('.card img, .card b, .row img, .row b').count(), 0);
  await card(right, title).locator('[data-act="delete"]').click();
  await card(left, title).waitFor({ state: 'detached' });
});

test('the_feed_filters_by_pattern_and_pauses', async () => {
  const visible = () => left.locator('.row:visible .row-name').allTextContents();
  await left.fill('#feed-pattern', 'card.moved');
  assert.deepEqual(new Set(await visible()), new Set(['card.moved']));
  await left.fill('#feed-pattern', 'card.');
  await left.waitForSelector('#rows-empty:not([hidden])');
  await left.fill('#feed-pattern', '');

  await left.click('#feed-pause');
  const rows = (await visible()).length;
  await card(right, 'First').locator('[data-act="left"]').click();
  await left.locator('#feed-pause', { hasText: 'Resume (1)' }).waitFor();
  assert.equal((await visible()).length, rows);
  await left.click('#feed-pause');
  await left.waitForFunction(
    (count) => document.querySelectorAll('.row:not([hidden]) .row-name').length === count,
    rows + 1,
  );
});

test('a_refused_change_is_taken_back_and_explained', async () => {
  const refuse = (route) =>
    route.request().method() !== 'POST'
      ? route.fallback()
      : route.fulfill({
          status: 422,
          contentType: 'application/problem+json',
          body: JSON.stringify({
            title: 'Refused',
            status: 422,
            detail: 'The title is too bold.',
            code: 'schema-violation',
          }),
        });
  const said = complaints.length;
  await left.route('**/api/sse/events', refuse);
  await add(left, 'Too bold');
  const notice = left.locator('.notice');
  await notice.waitFor();
  assert.match(await notice.textContent(), /The title is too bold\..*schema-violation/s);
  await card(left, 'Too bold').waitFor({ state: 'detached' });
  await left.unroute('**/api/sse/events', refuse);
  await notice.getByRole('button', { name: 'Dismiss' }).click();
  // Chromium itself reports an answer of 422 on the console.
  assert.ok(complaints.splice(said).every((text) => text.includes('422')));
});

test('after_a_kill_the_board_resumes_with_nothing_lost_or_doubled', async () => {
  const before = [
    ['todo', []],
    ['doing', ['Second', 'First']],
    ['done', []],
  ];
  await shows(left, before);
  await shows(right, before);
  const rowsBefore = await left.locator('.row .row-name').count();

  hubIsDown = true;
  await hub.kill();
  for (const page of [left, right]) await page.waitForSelector('#pill[data-status="reconnecting"]');
  await shows(left, before);
  hub = await startHub({ listen: hub.host, data });
  await Promise.all([live(left), live(right)]);
  hubIsDown = false;

  await shows(left, before);
  await shows(right, before);
  assert.equal(await left.locator('.row .row-name').count(), rowsBefore);

  await add(right, 'Third');
  await shows(left, [['todo', ['Third']], ...before.slice(1)]);
  assert.equal(await left.locator('.row .row-name').count(), rowsBefore + 1);

  const third = await openBoard();
  await shows(third, [['todo', ['Third']], ...before.slice(1)]);
});

test('no_page_complained', () => {
  assert.deepEqual(complaints, []);
});
