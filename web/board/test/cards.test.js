import assert from 'node:assert/strict';
import { test } from 'node:test';
import { cardOf, columnsOf, emptyBoard, foldEvents, placeAt, withPending } from '../cards.js';

const event = (offset, action, cardId, rest = {}) => ({
  eventType: `card.${action}`,
  eventData: { cardId, ...rest },
  offset,
  entity: { type: 'card', id: cardId, version: offset },
});
const created = (offset, id, title = id) =>
  event(offset, 'created', id, {
    cardData: { title, color: 'teal' },
    zone: 'todo',
    position: { x: 0, y: offset },
  });
const moved = (offset, id, zone, y = 0) =>
  event(offset, 'moved', id, { zone, position: { x: 0, y } });
const deleted = (offset, id) => event(offset, 'deleted', id);

const fold = (...events) => foldEvents(emptyBoard(), events);
const titles = (board) =>
  Object.fromEntries(
    Object.entries(columnsOf(board)).map(([zone, cards]) => [
      zone,
      cards.map((card) => card.title),
    ]),
  );

function permutations(items) {
  if (items.length < 2) return [items];
  return items.flatMap((item, index) =>
    permutations(items.toSpliced(index, 1)).map((rest) => [item, ...rest]),
  );
}

test('cards_appear_in_their_columns_from_top_to_bottom', () => {
  const board = fold(
    created(1, 'a'),
    created(2, 'b'),
    created(3, 'c'),
    moved(4, 'b', 'done'),
    moved(5, 'c', 'todo', 0),
  );
  assert.deepEqual(titles(board), { todo: ['c', 'a'], doing: [], done: ['b'] });
});

test('every_order_of_arrival_and_any_repeat_gives_the_same_board', () => {
  const events = [
    created(1, 'a', 'first'),
    moved(2, 'a', 'doing', 4),
    event(3, 'updated', 'a', { cardData: { title: 'renamed' } }),
    deleted(4, 'a'),
    created(5, 'a', 'again'),
    moved(6, 'a', 'done', 2),
  ];
  const expected = columnsOf(fold(...events));
  assert.equal(expected.done[0].title, 'again');
  for (const order of permutations(events)) {
    assert.deepEqual(columnsOf(fold(...order)), expected);
    assert.deepEqual(columnsOf(fold(...order, ...order)), expected);
  }
});

test('an_older_event_never_overwrites_a_newer_one', () => {
  const board = fold(created(1, 'a'), moved(9, 'a', 'done'), moved(4, 'a', 'doing'));
  assert.equal(cardOf(board, 'a').zone, 'done');
  assert.equal(board.head, 9);
});

test('a_late_move_does_not_bring_a_deleted_card_back', () => {
  assert.equal(
    cardOf(fold(created(1, 'a'), deleted(3, 'a'), moved(2, 'a', 'done')), 'a'),
    undefined,
  );
  assert.equal(
    cardOf(fold(created(1, 'a'), deleted(3, 'a'), moved(4, 'a', 'done')), 'a'),
    undefined,
  );
});

test('a_card_created_again_keeps_nothing_of_the_one_deleted', () => {
  const again = event(3, 'created', 'a', { cardData: { title: 'new' } });
  const card = cardOf(fold(created(1, 'a', 'old'), moved(2, 'a', 'done', 7), again), 'a');
  assert.deepEqual([card.title, card.color, card.zone, card.y], ['new', 'indigo', 'todo', 0]);
});

test('an_update_merges_and_null_removes', () => {
  const board = fold(
    created(1, 'a', 'old'),
    event(2, 'updated', 'a', { cardData: { color: 'rose' } }),
  );
  assert.deepEqual([cardOf(board, 'a').title, cardOf(board, 'a').color], ['old', 'rose']);
  const cleared = foldEvents(board, [event(3, 'updated', 'a', { cardData: { title: null } })]);
  assert.equal(cardOf(cleared, 'a').title, 'Untitled');
});

test('the_first_event_on_an_unknown_card_creates_it', () => {
  assert.equal(cardOf(fold(moved(1, 'a', 'doing')), 'a').zone, 'doing');
});

test('unknown_fields_types_zones_and_colours_are_harmless', () => {
  const board = fold(
    event(1, 'created', 'a', {
      cardData: { title: 'a', color: 'url(evil)', __proto__: { x: 1 }, extra: {} },
      zone: 'elsewhere',
      position: { x: 'left', y: 'top' },
      conversationId: 7,
      unknown: [1, 2],
    }),
    { eventType: 'activity:new', eventData: { id: 1 }, offset: 2 },
    { eventType: 'card.archived', eventData: { cardId: 'a' }, offset: 3 },
    { eventType: 'card.deleted', eventData: { cardId: 'a' } },
    { eventType: 'card.deleted', eventData: { cardId: { toString: () => 'a' } }, offset: 4 },
    { eventType: 'card.deleted', eventData: null, offset: 5 },
    null,
    'text',
  );
  const { title, color, zone, y } = cardOf(board, 'a');
  assert.deepEqual({ title, color, zone, y }, { title: 'a', color: 'indigo', zone: 'todo', y: 0 });
});

test('a_card_id_that_names_an_object_property_is_a_card_like_any_other', () => {
  assert.equal(cardOf(fold(created(1, '__proto__', 'fine')), '__proto__').title, 'fine');
});

test('folding_leaves_the_board_it_began_with_alone', () => {
  const before = fold(created(1, 'a'));
  foldEvents(before, [deleted(2, 'a')]);
  assert.equal(cardOf(before, 'a').title, 'a');
});

test('what_is_pending_is_seen_on_top_and_gone_when_taken_back', () => {
  const board = fold(created(1, 'a'));
  const pending = [
    {
      eventType: 'card.moved',
      eventData: { cardId: 'a', zone: 'doing', position: { x: 0, y: 0 } },
    },
    { eventType: 'card.deleted', eventData: { cardId: 'a' } },
  ];
  assert.equal(cardOf(withPending(board, pending.slice(0, 1)), 'a').zone, 'doing');
  assert.equal(cardOf(withPending(board, pending), 'a'), undefined);
  assert.equal(cardOf(withPending(board, []), 'a').zone, 'todo');
});

test('a_place_among_others_is_between_its_neighbours', () => {
  const others = [{ y: 0 }, { y: 1 }, { y: 5 }];
  assert.deepEqual(
    [0, 1, 2, 3].map((index) => placeAt(others, index)),
    [-1, 0.5, 3, 6],
  );
  assert.equal(placeAt([], 0), 0);
});
