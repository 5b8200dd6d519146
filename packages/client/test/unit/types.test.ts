import { describe, expectTypeOf, test } from 'vitest';
import { createRealtimeClient, type HubEvent, type Outgoing } from '../../src/index.js';

interface Board {
  'card.created': { cardId: string };
  'card.moved': { cardId: string; zone: string };
  'user.updated': { userId: string };
}

/** Never called: what counts is whether it compiles. */
function compiles(): void {
  const client = createRealtimeClient<Board>();
  client.subscribe('card.moved', (event) => {
    expectTypeOf(event.data).toEqualTypeOf<{ cardId: string; zone: string }>();
    expectTypeOf(event.type).toEqualTypeOf<'card.moved'>();
  });
  client.subscribe('card.*', (event) => {
    expectTypeOf(event.type).toEqualTypeOf<'card.created' | 'card.moved'>();
    if (event.type === 'card.moved') expectTypeOf(event.data.zone).toEqualTypeOf<string>();
  });
  client.subscribe(['card.created', 'user.updated'], (event) => {
    expectTypeOf(event.type).toEqualTypeOf<'card.created' | 'user.updated'>();
  });
  client.subscribe(
    'card.moved',
    (events) => expectTypeOf(events[0]?.data.zone).toEqualTypeOf<string | undefined>(),
    { batch: true },
  );
  // @ts-expect-error: no such type
  client.subscribe('card.mowed', () => {});
  void client.publish({ type: 'card.moved', data: { cardId: 'c', zone: 'z' } });
  void client.publish({
    eventType: 'card.moved',
    eventData: { cardId: 'c', zone: 'z' },
    expectedVersion: 3,
  });
  // @ts-expect-error: the data of another type
  void client.publish({ type: 'card.moved', data: { userId: 'u' } });
  createRealtimeClient().subscribe('anything', (event) => expectTypeOf(event).toExtend<HubEvent>());
  expectTypeOf<Outgoing>().toBeObject();
}

describe('types', () => {
  test('infer the data of an event from its type', () => {
    expectTypeOf(compiles).toBeFunction();
  });
});
