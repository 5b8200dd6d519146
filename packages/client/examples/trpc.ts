/** A tRPC mutation that stores a row, and then tells everybody of it. */
import { initTRPC } from '@trpc/server';
import type { ServerEmitter } from '@radial/client/server';

/** What each request of the application has. */
export interface Context {
  tenantId: string;
  db: { insertActivity(description: string): Promise<{ id: string; createdAt: number }> };
  hub: ServerEmitter<any>;
}

const t = initTRPC.context<Context>().create();

function description(input: unknown): string {
  if (typeof input === 'string' && input.length > 0) return input;
  throw new TypeError('the description of an activity is a text');
}

export const router = t.router({
  addActivity: t.procedure.input(description).mutation(async ({ ctx, input }) => {
    const row = await ctx.db.insertActivity(input);
    // The id comes from the row: a mutation that is made again emits once.
    await ctx.hub.emit(ctx.tenantId, {
      type: 'activity:new',
      data: { id: row.id, description: input, createdAt: row.createdAt },
      eventId: `activity-${row.id}`,
    });
    return row;
  }),
});

export const createCaller = t.createCallerFactory(router);
