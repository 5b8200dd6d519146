/** Joins a client with those of other tabs: translates between its parts and `Tabs`. Loaded on demand. */
import type { Host } from './host.js';
import { shows } from './shows.js';
import { BY_LEADER } from './status.js';
import { Tabs } from './tabs.js';
import type { Frame } from './wire.js';

/** Begins to share; undefined where the platform cannot, and then the client is on its own. */
export function createSharing(host: Host): Tabs | undefined {
  const { options, settings, intake, connection } = host;
  const locks = options.locks ?? globalThis.navigator?.locks;
  const Channel = options.BroadcastChannel ?? globalThis.BroadcastChannel;
  if (!locks || !Channel) return undefined;
  const { url, tenant = '', userId = '', share = true, startAt = 'now', snapshot = [] } = options;
  const name = [typeof url === 'string' ? url : '', tenant, userId, share].join('|');
  /** What other tabs want comes in its turn to a subscription that begins before it. */
  const isWanted = ({ name, data }: Frame) =>
    name !== 'event' ||
    host.additions().length === 0 ||
    shows(host.filter(), { channels: [data.channel], types: [data.eventType] });
  return new Tabs(
    {
      want: () => host.filter(),
      wantsOlder: () => host.additions().length > 0,
      beginsElsewhere: () => startAt !== 'now' || snapshot.length > 0,
      place: () => intake,
      filter: () => connection.main?.request ?? null,
      state: () => host.state(),
      adopt: (cursor, offset) => void Object.assign(intake, { cursor, offset }),
      connect() {
        // At once, or who waits for the connection would see one that nobody wants.
        host.seat.led = undefined;
        host.live = false;
        connection.send({ type: 'resume', reason: BY_LEADER });
      },
      follow(state) {
        host.follow(state);
        connection.send({ type: 'pause', reason: BY_LEADER });
      },
      frame(frame) {
        if (intake.take(frame, true) && isWanted(frame)) host.frame(frame);
      },
      wantsChanged: () => host.refilter(),
    },
    { name, tab: settings.clientId, clock: settings.clock, locks, BroadcastChannel: Channel },
  );
}
