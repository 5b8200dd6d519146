import assert from 'node:assert/strict';
import { test } from 'node:test';
import { describeChange, describeControl, formatRoundTrip, matchesPattern } from '../words.js';

test('a_pattern_is_a_name_a_prefix_with_a_star_or_nothing', () => {
  const matching = (pattern) =>
    ['card.moved', 'card.created', 'activity:new'].filter((name) => matchesPattern(pattern, name));
  assert.deepEqual(matching(''), matching('*'));
  assert.deepEqual(matching('card.*'), ['card.moved', 'card.created']);
  assert.deepEqual(matching('card.moved'), ['card.moved']);
  assert.deepEqual(matching('card'), []);
});

test('what_went_wrong_on_the_stream_is_said_in_plain_words', () => {
  const text = (name, data) => describeControl(name, data)?.text;
  assert.equal(
    text('gap', { reason: 'retention', scope: 'all' }),
    'Events are missing here: they are older than what the hub keeps.',
  );
  assert.equal(
    text('gap', { reason: 'restart', scope: 'recent' }),
    'Some short-lived events are missing: the hub restarted before they were stored.',
  );
  assert.equal(
    text('dropped', { count: 1 }),
    '1 short-lived event left out because this page was behind.',
  );
  assert.equal(
    text('goodbye', { reason: 'disabled' }),
    'The hub was switched off. This page comes back by itself.',
  );
  assert.equal(
    text('goodbye', { reason: 'of the future' }),
    'The hub closed the connection. This page comes back by itself.',
  );
  assert.equal(text('heartbeat', {}), undefined);
});

test('a_change_is_told_with_the_title_of_the_card', () => {
  assert.equal(
    describeChange({ eventType: 'card.moved' }, { title: 'Ship it', zone: 'done' }),
    'Ship it moved to Done.',
  );
  assert.equal(describeChange({ eventType: 'card.deleted' }, undefined), 'A card deleted.');
  assert.equal(describeChange({ eventType: 'activity:new' }, undefined), undefined);
});

test('round_trips_are_readable_at_every_size', () => {
  assert.deepEqual([0.4, 12.6, 1_540].map(formatRoundTrip), ['<1 ms', '13 ms', '1.5 s']);
});
