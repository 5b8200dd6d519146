/**
 * The demo page: events come in from the stream, are folded into a board, and are drawn once a
 * frame. What the user does is drawn at once as a prediction and stands when its event comes back.
 */
import {
  COLORS,
  ZONES,
  cardOf,
  columnsOf,
  emptyBoard,
  foldEvents,
  placeAt,
  withPending,
} from './cards.js';
import { enableDrag } from './drag.js';
import { createFeed } from './feed.js';
import { CHANNEL, createStream, publish } from './hub.js';
import { createNotices } from './notices.js';
import { createOutbox } from './outbox.js';
import { showCommands } from './terminal.js';
import { createView } from './view.js';
import { STATUS_NAMES, describeChange, describeControl, formatRoundTrip } from './words.js';

const element = (id) => document.getElementById(id);
const notices = createNotices(document);
const feed = createFeed(element('feed'));
const view = createView(element('board'), act);
const outbox = createOutbox({ send: publish, onChange: schedule, onRefused: explain });

let board = emptyBoard();
let ready = false;
/** @type {any[]} delivered since the last frame */
let inbox = [];
/** @type {import('./feed.js').Entry[]} for the feed, since the last frame */
let news = [];
/** @type {Set<string>} cards that others changed since the last frame */
let touched = new Set();
let scheduled = false;
let colorIndex = Math.floor(Math.random() * COLORS.length);

const stream = createStream({
  onStatus(status) {
    element('pill').dataset.status = status;
    element('pill-text').textContent = STATUS_NAMES[status];
  },
  onEvent(event) {
    inbox.push(event);
    news.push({ event, at: event.receivedAt, fresh: ready });
    const roundTripMs = outbox.confirm(event.eventId);
    if (roundTripMs !== undefined) showRoundTrip(roundTripMs);
    else if (ready) touched.add(event.eventData?.cardId);
    schedule();
  },
  onControl(name, data, resumed) {
    const note = describeControl(name, data, resumed);
    if (note) news.push({ note, at: Date.now(), fresh: false });
    if (name === 'live') ready = true;
    schedule();
  },
  onRestart() {
    board = emptyBoard();
    inbox = [];
    news = [];
    ready = false;
    feed.clear();
  },
});

/** Draws in the next frame, however much happens until then. Hidden pages get no frames. */
function schedule() {
  if (scheduled) return;
  scheduled = true;
  if (document.hidden) setTimeout(draw);
  else requestAnimationFrame(draw);
}

function draw() {
  scheduled = false;
  const before = board;
  board = foldEvents(board, inbox);
  inbox = [];
  const latest = news.findLast((entry) => entry.event && entry.fresh);
  if (latest) announce(latest.event, before);
  if (news.length > 0) feed.add(news);
  news = [];
  const drafts = outbox.pending();
  const pending = new Set(drafts.map((draft) => draft.eventData.cardId));
  view.render(columnsOf(withPending(board, drafts)), { ready, pending, touched });
  touched = new Set();
}

function announce(event, before) {
  const cardId = event.eventData?.cardId;
  const text = describeChange(event, cardOf(board, cardId) ?? cardOf(before, cardId));
  if (text) notices.announce(text);
}

function showRoundTrip(ms) {
  element('trip').hidden = false;
  element('trip-value').textContent = formatRoundTrip(ms);
}

function explain(draft, problem) {
  const what = draft.eventType.split('.')[1].replace('created', 'added');
  notices.refused(`The card was not ${what}`, problem);
}

function send(eventType, eventData) {
  outbox.submit({ eventType, eventData, eventId: crypto.randomUUID(), channel: CHANNEL });
}

/** What the user sees, predictions included. */
function predicted() {
  return withPending(board, outbox.pending());
}

function addCard(title) {
  const cards = columnsOf(predicted())[ZONES[0]];
  colorIndex = (colorIndex + 1) % COLORS.length;
  send('card.created', {
    cardId: crypto.randomUUID(),
    cardData: { title, color: COLORS[colorIndex] },
    zone: ZONES[0],
    position: { x: 0, y: placeAt(cards, cards.length) },
  });
}

/** To the end of the column unless told where. */
function moveCard(cardId, zone, index) {
  const card = cardOf(predicted(), cardId);
  if (!card) return;
  const others = columnsOf(predicted())[zone].filter((other) => other.id !== cardId);
  const y = placeAt(others, index ?? others.length);
  if (card.zone === zone && card.y === y) return;
  send('card.moved', { cardId, zone, position: { x: 0, y } });
}

function act(name, cardId) {
  const card = cardOf(predicted(), cardId);
  if (!card) return;
  if (name === 'delete') return void send('card.deleted', { cardId });
  const column = columnsOf(predicted())[card.zone];
  const index = column.findIndex((other) => other.id === cardId);
  const rise = { up: -1, down: 1 }[name];
  if (rise) {
    if (column[index + rise]) moveCard(cardId, card.zone, index + rise);
    return;
  }
  const zone = ZONES[ZONES.indexOf(card.zone) + (name === 'left' ? -1 : 1)];
  if (zone) moveCard(cardId, zone);
}

enableDrag(element('board'), (cardId, zone, index, from) => {
  const column = columnsOf(predicted())[zone];
  if (column.findIndex((card) => card.id === cardId) === index) return;
  view.startFrom(cardId, from);
  moveCard(cardId, zone, index);
});

element('composer').addEventListener('submit', (submit) => {
  submit.preventDefault();
  const input = element('title-input');
  const title = input.value.trim();
  input.value = '';
  input.focus();
  if (title) addCard(title);
});

element('sample').addEventListener('click', () => {
  addCard('Drag me to Done in one window, watch the other');
  element('title-input').focus();
});

element('open-window').addEventListener('click', () => {
  const width = Math.max(420, Math.floor(screen.availWidth / 2));
  window.open(
    location.href,
    '_blank',
    `popup,width=${width},height=${screen.availHeight},left=${screen.availWidth - width},top=0`,
  );
});

addEventListener('pagehide', () => stream.close());
addEventListener('pageshow', (show) => {
  if (show.persisted) stream.open();
});

showCommands(element('commands'), location.origin);
schedule();
stream.open();
