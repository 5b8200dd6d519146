/** What `radial registry types` wrote, compiled strictly and used by a client. */
import { readFileSync } from 'node:fs';
import ts from 'typescript';
import { describe, expect, expectTypeOf, test } from 'vitest';
import { createRealtimeClient } from '../../src/index.js';
import type { EventTypes as Builtin } from '../generated/builtin-events.js';
import type { EventTypes as Example } from '../generated/example-events.js';

/** Never called: what counts is whether it compiles. */
function compiles(): void {
  const client = createRealtimeClient<Builtin>();
  client.subscribe('card.moved', (event) => {
    expectTypeOf(event.data.zone).toEqualTypeOf<string>();
    expectTypeOf(event.data.position?.x).toEqualTypeOf<number | undefined>();
    // @ts-expect-error: a misspelt field
    void event.data.zonne;
  });
  client.subscribe('card.*', (event) => {
    if (event.type === 'card.created')
      expectTypeOf(event.data.zone).toEqualTypeOf<string | undefined>();
  });
  client.subscribe('activity:new', (event) => {
    expectTypeOf(event.data.createdAt).toEqualTypeOf<string | number | undefined>();
  });
  // @ts-expect-error: no such type
  client.subscribe('card.mowed', () => {});
  // @ts-expect-error: zone is required
  void client.publish({ type: 'card.moved', data: { cardId: 'c' } });

  const shop = createRealtimeClient<Example>();
  shop.subscribe('order.placed', ({ data }) => {
    expectTypeOf(data.state).toEqualTypeOf<'new' | 'paid'>();
    expectTypeOf(data.note).toEqualTypeOf<string | null | undefined>();
    expectTypeOf(data.size).toEqualTypeOf<[number, number] | undefined>();
    expectTypeOf(data.lines[0]?.parts?.[0]?.sku).toEqualTypeOf<string | undefined>();
    expectTypeOf(data.labels?.['a']).toEqualTypeOf<string | undefined>();
    if (data.buyer.kind === 'company') expectTypeOf(data.buyer.vat).toEqualTypeOf<string>();
  });
  shop.subscribe('order:placed', ({ data }) => {
    expectTypeOf(data).toEqualTypeOf<(string | number)[]>();
  });
  shop.subscribe('tree.grown', ({ data }) => {
    expectTypeOf(data.children?.['a']?.children).toEqualTypeOf<typeof data.children>();
  });
  shop.subscribe('anything.goes', ({ data }) => expectTypeOf(data).toBeUnknown());
}

describe('types of a registry', () => {
  test('give a client its events', () => {
    expectTypeOf(compiles).toBeFunction();
  });

  test('and how they are used here compile strictly', () => {
    const options = ts.getParsedCommandLineOfConfigFile(
      'tsconfig.json',
      {},
      {
        ...ts.sys,
        onUnRecoverableConfigFileDiagnostic: (diagnostic) => {
          throw new Error(String(diagnostic.messageText));
        },
      },
    )!.options;
    expect(options.strict).toBe(true);
    const program = ts.createProgram(['test/unit/registry-types.test.ts'], options);
    const messages = ts
      .getPreEmitDiagnostics(program)
      .map((found) => ts.flattenDiagnosticMessageText(found.messageText, '\n'));
    expect(messages).toEqual([]);
    expect(readFileSync('test/generated/builtin-events.ts', 'utf8')).toContain('EventTypes');
  }, 120_000);
});
