import assert from 'node:assert/strict';
import { test } from 'node:test';
import { publish } from '../hub.js';
import { createOutbox } from '../outbox.js';

const draft = (eventId, cardId = 'c1') => ({
  eventId,
  eventType: 'card.moved',
  eventData: { cardId },
  channel: 'board:demo',
});
const accepted = () => new Response('{}', { status: 201 });
const refusal = { title: 'Refused', detail: 'The zone is missing.', code: 'schema-violation' };

function outboxWith(send) {
  const refused = [];
  let time = 0;
  const outbox = createOutbox({
    send,
    onChange() {},
    onRefused: (event, problem) => refused.push([event.eventId, problem.code]),
    now: () => time,
  });
  return {
    outbox,
    refused,
    advance: (ms) => {
      time += ms;
    },
  };
}

const ids = (outbox) => outbox.pending().map((event) => event.eventId);

test('a_lost_connection_is_tried_again_with_the_same_event_id', async () => {
  const bodies = [];
  const waits = [];
  const problem = await publish(draft('e1'), {
    wait: async (ms) => waits.push(ms),
    fetch: async (url, request) => {
      bodies.push(request.body);
      if (bodies.length < 4) throw new TypeError('network');
      return accepted();
    },
  });
  assert.equal(problem, undefined);
  assert.equal(bodies.length, 4);
  assert.equal(new Set(bodies).size, 1);
  assert.ok(waits[0] < waits[1] && waits[1] < waits[2]);
});

test('after_three_more_tries_the_hub_is_said_to_be_unreachable', async () => {
  let tries = 0;
  const problem = await publish(draft('e1'), {
    wait: async () => {},
    fetch: async () => {
      tries += 1;
      throw new TypeError('network');
    },
  });
  assert.equal(tries, 4);
  assert.equal(problem.code, 'unreachable');
});

test('a_problem_is_final_and_told_in_the_words_of_the_hub', async () => {
  let tries = 0;
  const fetch = async () => {
    tries += 1;
    return new Response(JSON.stringify(refusal), { status: 422 });
  };
  assert.deepEqual(await publish(draft('e1'), { fetch }), refusal);
  assert.equal(tries, 1);
});

test('an_answer_that_is_no_problem_document_still_gives_words', async () => {
  const fetch = async () => new Response('<html>', { status: 502 });
  assert.deepEqual(await publish(draft('e1'), { fetch }), {
    title: 'Not accepted',
    detail: 'The hub answered 502.',
    code: '502',
  });
});

test('a_draft_is_pending_until_its_event_comes_back', async () => {
  const { outbox, advance } = outboxWith(async () => undefined);
  assert.equal(await outbox.submit(draft('e1')), true);
  assert.deepEqual(ids(outbox), ['e1']);
  advance(12);
  assert.equal(outbox.confirm('of another window'), undefined);
  assert.equal(outbox.confirm('e1'), 12);
  assert.deepEqual(ids(outbox), []);
});

test('drafts_about_one_card_are_sent_in_order_and_others_do_not_wait', async () => {
  const sent = [];
  let open;
  const gate = new Promise((resolve) => {
    open = resolve;
  });
  const { outbox } = outboxWith(async (event) => {
    sent.push(event.eventId);
    if (event.eventId === 'e1') await gate;
  });
  const first = outbox.submit(draft('e1'));
  const second = outbox.submit(draft('e2'));
  await outbox.submit(draft('e3', 'c2'));
  assert.deepEqual(sent, ['e1', 'e3']);
  open();
  await Promise.all([first, second]);
  assert.deepEqual(sent, ['e1', 'e3', 'e2']);
});

test('a_refused_draft_takes_back_what_waited_behind_it_and_is_told_once', async () => {
  const sent = [];
  const { outbox, refused } = outboxWith(async (event) => {
    sent.push(event.eventId);
    return refusal;
  });
  assert.deepEqual(await Promise.all([outbox.submit(draft('e1')), outbox.submit(draft('e2'))]), [
    false,
    false,
  ]);
  assert.deepEqual([ids(outbox), sent, refused], [[], ['e1'], [['e1', 'schema-violation']]]);
  await outbox.submit(draft('e3'));
  assert.deepEqual(sent, ['e1', 'e3']);
});

test('an_event_that_arrived_wins_over_a_lost_answer', async () => {
  let outbox;
  const made = outboxWith(async () => {
    outbox.confirm('e1');
    return refusal;
  });
  outbox = made.outbox;
  assert.equal(await outbox.submit(draft('e1')), true);
  assert.deepEqual(made.refused, []);
});
