/** The live event feed: newest first, bounded, with pause and filter. */
import { matchesPattern } from './words.js';

/** Older rows leave the page; the hub still has them. */
const ROW_LIMIT = 200;
const KINDS = Object.freeze(['created', 'updated', 'moved', 'deleted']);

/**
 * @typedef {{event?: any, note?: {text: string, tone: string}, at: number, fresh: boolean}} Entry
 * @param {HTMLElement} root
 * @returns {{add: (entries: Entry[]) => void, clear: () => void}}
 *   `add` takes the oldest first; `fresh` ones light up
 */
export function createFeed(root) {
  const document = root.ownerDocument;
  const rows = root.querySelector('#rows');
  const empty = root.querySelector('#rows-empty');
  const count = root.querySelector('#feed-count');
  const pauseButton = root.querySelector('#feed-pause');
  const patternInput = root.querySelector('#feed-pattern');
  const templates = {
    event: document.querySelector('#event-template'),
    note: document.querySelector('#note-template'),
  };
  /** @type {Entry[]} what came while paused, oldest first */
  let held = [];
  let paused = false;

  pauseButton.addEventListener('click', () => {
    paused = !paused;
    if (!paused) {
      insert(held);
      held = [];
    }
    showPause();
  });
  patternInput.addEventListener('input', () => {
    for (const row of rows.children) filter(row);
    showCount();
  });

  function add(entries) {
    if (!paused) return insert(entries);
    held = held.concat(entries).slice(-ROW_LIMIT);
    return showPause();
  }

  function insert(entries) {
    const newest = entries.slice(-ROW_LIMIT).reverse();
    // A reader who has scrolled down keeps their place while rows come in above it.
    const heightBefore = rows.scrollHeight;
    rows.prepend(...newest.map(createRow));
    while (rows.children.length > ROW_LIMIT) rows.lastElementChild.remove();
    if (rows.scrollTop > 0) rows.scrollTop += rows.scrollHeight - heightBefore;
    showCount();
  }

  function createRow(entry) {
    const row = templates[entry.event ? 'event' : 'note'].content.firstElementChild.cloneNode(true);
    const time = row.querySelector('.row-time');
    const at = new Date(entry.at);
    time.textContent = formatTime(at);
    time.dateTime = Number.isNaN(at.getTime()) ? '' : at.toISOString();
    row.classList.toggle('fresh', entry.fresh);
    if (entry.event) fillEvent(row, entry.event);
    else fillNote(row, entry.note);
    filter(row);
    return row;
  }

  function fillEvent(row, event) {
    const kind = String(event.eventType).split(/[.:]/).at(-1);
    row.dataset.type = event.eventType;
    row.dataset.kind = KINDS.includes(kind) ? kind : 'other';
    row.querySelector('.row-name').textContent = event.eventType;
    row.querySelector('.row-channel').textContent = event.channel;
    row.querySelector('.row-cursor').textContent = event.cursor ?? 'no cursor';
    row.querySelector('details').addEventListener('toggle', (toggle) => {
      const json = row.querySelector('.row-json');
      json.textContent = toggle.target.open ? JSON.stringify(event, null, 2) : '';
    });
  }

  function fillNote(row, note) {
    row.dataset.tone = note.tone;
    row.querySelector('.note-text').textContent = note.text;
  }

  /** Notes about the stream itself are never filtered away. */
  function filter(row) {
    row.hidden =
      row.dataset.type !== undefined &&
      !matchesPattern(patternInput.value.trim(), row.dataset.type);
  }

  function showCount() {
    const visible = [...rows.children].filter((row) => !row.hidden);
    const pattern = patternInput.value.trim();
    const events = visible.filter((row) => row.dataset.type !== undefined).length;
    count.textContent = events;
    empty.hidden = events > 0;
    empty.textContent = wordsForNothing(pattern);
  }

  function showPause() {
    pauseButton.setAttribute('aria-pressed', String(paused));
    pauseButton.querySelector('use').setAttribute('href', paused ? '#icon-play' : '#icon-pause');
    pauseButton.querySelector('.button-text').textContent = !paused
      ? 'Pause'
      : held.length === 0
        ? 'Resume'
        : `Resume (${held.length})`;
  }

  function clear() {
    held = [];
    rows.replaceChildren();
    showPause();
    showCount();
  }

  return { add, clear };
}

function wordsForNothing(pattern) {
  if (pattern === '') return 'Events show up here the moment they happen.';
  const hint = pattern.endsWith('*') ? '' : ' End it with * to match every type that begins so.';
  return `No event matches “${pattern}”.${hint}`;
}

function formatTime(at) {
  if (Number.isNaN(at.getTime())) return '';
  const two = (number) => String(number).padStart(2, '0');
  const ms = String(at.getMilliseconds()).padStart(3, '0');
  return `${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}.${ms}`;
}
