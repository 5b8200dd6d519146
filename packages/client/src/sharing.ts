/** Joins a client with those of other tabs: translates between its parts and `Tabs`. Loaded on demand. */
import type { Host } from './host.js';
import { readUp } from './older.js';
import { shows } from './shows.js';
import { BY_LEADER, isOpen } from './status.js';
import { Tabs } from './tabs.js';

/** Begins to share; undefined where the platform cannot, and then the client is on its own. */
export function createSharing(host: Host): Tabs | undefined {
  const { options, settings, intake, connection } = host;
  const locks = options.locks ?? globalThis.navigator?.locks;
  const Channel = options.BroadcastChannel ?? globalThis.BroadcastChannel;
  if (!locks || !Channel) return undefined;
  const { url, tenant = '', userId = '', share = true, startAt = 'now', snapshot = [] } = options;
  const name = [typeof url === 'string' ? url : '', tenant, userId, share].join('|');
  return new Tabs(
    {
      want: () => host.filter(),
      beginsElsewhere: () => startAt !== 'now' || snapshot.length > 0,
      place: () => intake,
      shows: (filter) =>
        connection.main !== null &&
        intake.cursor !== null &&
        shows(connection.main.request, filter),
      state: () => host.state(),
      adopt: (cursor, offset) => void Object.assign(intake, { cursor, offset }),
      connect() {
        // At once, or who waits for the connection would see one that nobody wants.
        host.seat.led = undefined;
        host.live &&= isOpen(connection.machine);
        connection.send({ type: 'resume', reason: BY_LEADER });
      },
      follow(state, isWhole) {
        host.follow(state, isWhole);
        connection.send({ type: 'pause', reason: BY_LEADER });
      },
      readUp: (signal) => readUp(host, signal),
      shown: () => void (host.older().length > 0 && host.shown()),
      frame(frame) {
        if (intake.take(frame, true)) host.frame(frame);
      },
      wantsChanged: () => host.refilter(),
    },
    { name, tab: settings.clientId, clock: settings.clock, locks, BroadcastChannel: Channel },
  );
}
