/**
 * The board as a pure fold of events. No DOM, no clock, no network.
 *
 * Every field of a card is a register that remembers the offset that wrote it, and a deletion is a
 * tombstone with an offset. The fold therefore gives the same board for any order of arrival and
 * any number of repeats, which is what a reader that resumes, retries and predicts needs.
 *
 * @typedef {object} CardEvent a delivered event, or a prediction in its shape
 * @property {string} eventType
 * @property {any} eventData
 * @property {number} offset
 * @property {{version?: number}} [entity]
 *
 * @typedef {{value: any, offset: number}} Register
 * @typedef {{createdAt: number, deletedAt: number, fields: Record<string, Register>}} CardRecord
 * @typedef {{records: Map<string, CardRecord>, head: number}} Board `head`: highest offset folded
 *
 * @typedef {object} Card as it is drawn
 * @property {string} id
 * @property {string} title
 * @property {string} color
 * @property {string} zone
 * @property {number} y
 * @property {number} [version]
 */

/** The columns, left to right. */
export const ZONES = Object.freeze(['todo', 'doing', 'done']);

/** The only colour names that a card can have; others show as the first. */
export const COLORS = Object.freeze(['indigo', 'teal', 'amber', 'rose', 'sky']);

const CARD_EVENTS = new Set(['card.created', 'card.updated', 'card.moved', 'card.deleted']);
const NEVER = -1;
const NEW_RECORD = Object.freeze({ createdAt: NEVER, deletedAt: NEVER, fields: Object.freeze({}) });

/**
 * A board without cards.
 * @returns {Board}
 */
export function emptyBoard() {
  return { records: new Map(), head: NEVER };
}

/**
 * The board after some more events. Events that are not about cards, or malformed, change nothing.
 * @param {Board} board
 * @param {Iterable<CardEvent>} events
 * @returns {Board}
 */
export function foldEvents(board, events) {
  const records = new Map(board.records);
  let { head } = board;
  for (const event of events) {
    if (!isCardEvent(event)) continue;
    const { cardId } = event.eventData;
    records.set(cardId, foldRecord(records.get(cardId) ?? NEW_RECORD, event));
    head = Math.max(head, event.offset);
  }
  return { records, head };
}

/**
 * The board as it will be once the hub has accepted what is still under way, in the order sent.
 * @param {Board} board
 * @param {{eventType: string, eventData: any}[]} pending
 * @returns {Board}
 */
export function withPending(board, pending) {
  return foldEvents(
    board,
    pending.map((event, index) => ({
      eventType: event.eventType,
      eventData: event.eventData,
      offset: board.head + 1 + index,
    })),
  );
}

/**
 * The living cards of each column, from top to bottom. A card in an unknown zone is in the first.
 * @param {Board} board
 * @returns {Record<string, Card[]>}
 */
export function columnsOf(board) {
  const columns = Object.fromEntries(ZONES.map((zone) => [zone, []]));
  for (const [id, record] of board.records) {
    if (!isAlive(record)) continue;
    const { title, color, zone, y, version } = record.fields;
    columns[oneOf(ZONES, zone?.value)].push({
      id,
      title: title?.value || 'Untitled',
      color: oneOf(COLORS, color?.value),
      zone: oneOf(ZONES, zone?.value),
      y: y?.value ?? 0,
      version: version?.value,
      placedAt: y?.offset ?? NEVER,
    });
  }
  for (const cards of Object.values(columns)) {
    cards.sort((a, b) => a.y - b.y || a.placedAt - b.placedAt || (a.id < b.id ? -1 : 1));
  }
  return columns;
}

/**
 * One living card, or undefined.
 * @param {Board} board
 * @param {string} cardId
 * @returns {Card | undefined}
 */
export function cardOf(board, cardId) {
  return Object.values(columnsOf(board))
    .flat()
    .find((card) => card.id === cardId);
}

/**
 * The `position.y` that puts a card at `index` among the others of a column without moving them.
 * @param {Card[]} others the cards of the column without the one being placed
 * @param {number} index
 * @returns {number}
 */
export function placeAt(others, index) {
  const before = others[index - 1]?.y;
  const after = others[index]?.y;
  if (before === undefined && after === undefined) return 0;
  if (before === undefined) return after - 1;
  if (after === undefined) return before + 1;
  return (before + after) / 2;
}

function isCardEvent(event) {
  return (
    CARD_EVENTS.has(event?.eventType) &&
    Number.isSafeInteger(event.offset) &&
    isObject(event.eventData) &&
    typeof event.eventData.cardId === 'string'
  );
}

function foldRecord(record, event) {
  const { eventType, offset } = event;
  const createdAt =
    eventType === 'card.created' ? Math.max(record.createdAt, offset) : record.createdAt;
  const deletedAt =
    eventType === 'card.deleted' ? Math.max(record.deletedAt, offset) : record.deletedAt;
  // A creation replaces, a deletion ends: nothing written before either is left.
  const floor = Math.max(createdAt, deletedAt);
  const fields = Object.fromEntries(
    Object.entries(record.fields).filter(([, register]) => register.offset >= floor),
  );
  if (offset >= floor && eventType !== 'card.deleted') {
    for (const [name, value] of writes(event)) {
      if (!(fields[name]?.offset >= offset)) fields[name] = { value, offset };
    }
  }
  return { createdAt, deletedAt, fields };
}

/** What an event writes; an absent field writes nothing, and a null or ill-typed one clears. */
function* writes({ eventData, entity }) {
  const { cardData, zone, position } = eventData;
  if (isObject(cardData)) {
    for (const name of ['title', 'color']) {
      if (Object.hasOwn(cardData, name)) yield [name, textOrNothing(cardData[name])];
    }
  }
  if (zone !== undefined) yield ['zone', textOrNothing(zone)];
  if (Number.isFinite(position?.y)) yield ['y', position.y];
  if (Number.isSafeInteger(entity?.version)) yield ['version', entity.version];
}

/** The first event on an unknown card creates it; after a deletion only a creation does. */
function isAlive({ createdAt, deletedAt }) {
  return deletedAt === NEVER || createdAt > deletedAt;
}

function isObject(value) {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function textOrNothing(value) {
  return typeof value === 'string' ? value : undefined;
}

function oneOf(allowed, value) {
  return allowed.includes(value) ? value : allowed[0];
}
