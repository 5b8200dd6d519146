/** Runs in the page: what the tests ask of a client there. */
import { createOutbox } from '../../src/outbox/index.js';
import { createRealtimeClient, type ClientOptions } from '../../src/index.js';

const ids: string[] = [];
const gaps: unknown[] = [];
const states: string[] = [];
const shows: boolean[] = [];
addEventListener('pageshow', ({ persisted }) => shows.push(persisted));

/** Connects a client; `subscribe` with `*` on the channel `main`. */
function open(options: ClientOptions<any>) {
  const client = createRealtimeClient<any>({ report: false, ...options });
  client.subscribe('*', (event) => ids.push(event.eventId));
  client.on('gap', (gap) => gaps.push(gap));
  client.on('state', ({ status }) => states.at(-1) === status || states.push(status));
  void client.connect();
  Object.assign(globalThis, { client });
}

const outbox = () =>
  Object.assign(globalThis, {
    box: createOutbox({ client: (globalThis as any).client, retryMs: 200 }),
  });

Object.assign(globalThis, { radial: { open, outbox, ids, gaps, states, shows } });
