/** Watches a client: what came, in order, and waiting for it without sleeping. */
import type { Gap, HubEvent, RealtimeClient, Status, SubscribeOptions } from '../src/index.js';

export interface Witness {
  readonly ids: string[];
  readonly events: HubEvent[];
  readonly gaps: Gap[];
  readonly states: Status[];
  /** Resolves when the condition holds; it is looked at after everything that happens. */
  until(condition: () => boolean, what?: string): Promise<void>;
}

const PATIENCE_MS = 15_000;

export function witness(
  client: RealtimeClient<any>,
  options: Omit<SubscribeOptions, 'batch'> = {},
  types = '*',
): Witness {
  const ids: string[] = [];
  const events: HubEvent[] = [];
  const gaps: Gap[] = [];
  const states: Status[] = [];
  const waiting = new Set<() => void>();
  const look = () => waiting.forEach((check) => check());
  client.subscribe(
    types,
    (event: HubEvent) => {
      ids.push(event.eventId);
      events.push(event);
      look();
    },
    options,
  );
  client.on('gap', (gap) => {
    gaps.push(gap);
    look();
  });
  client.on('state', ({ status }) => {
    if (states.at(-1) !== status) states.push(status);
    look();
  });
  client.on('live', look);
  return {
    ids,
    events,
    gaps,
    states,
    until(condition, what = String(condition)) {
      return new Promise((resolve, reject) => {
        const deadline = setTimeout(() => {
          waiting.delete(check);
          reject(
            new Error(
              `not within ${PATIENCE_MS} ms: ${what}; ${JSON.stringify({ ids, states, gaps, state: client.getState() })}`,
            ),
          );
        }, PATIENCE_MS);
        const check = () => {
          if (!condition()) return;
          clearTimeout(deadline);
          waiting.delete(check);
          resolve();
        };
        waiting.add(check);
        check();
      });
    },
  };
}
