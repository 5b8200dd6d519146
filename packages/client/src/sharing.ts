/** Joins a client with those of other tabs: translates between its parts and `Tabs`. Loaded on demand. */
import type { Host } from './host.js';
import { BY_LEADER } from './status.js';
import { skip } from './stream-requests.js';
import { Tabs } from './tabs.js';

/** Begins to share; undefined where the platform cannot, and then the client is on its own. */
export function createSharing(host: Host): Tabs | undefined {
  const { options, settings, intake, connection } = host;
  const locks = options.locks ?? globalThis.navigator?.locks;
  const Channel = options.BroadcastChannel ?? globalThis.BroadcastChannel;
  if (!locks || !Channel) return undefined;
  const { url, tenant = '', userId = '', share = true, startAt = 'now', snapshot = [] } = options;
  const name = [typeof url === 'string' ? url : '', tenant, userId, share].join('|');
  const own = () => {
    isFollower = false;
    // At once, or who waits for the connection would see one that nobody wants.
    host.seat.led = undefined;
    host.live = false;
    connection.send({ type: 'resume', reason: BY_LEADER });
  };
  let isFollower = false;
  return new Tabs(
    {
      want() {
        // The connection of another tab cannot give what only this one asks for.
        if (isFollower) host.additions().forEach((one) => skip(one, 'shared', host));
        return host.filter();
      },
      beginsElsewhere: () => startAt !== 'now' || snapshot.length > 0,
      place: () => intake,
      filter: () => connection.main?.request ?? null,
      state: () => host.state(),
      adopt: (cursor, offset) => void Object.assign(intake, { cursor, offset }),
      connect: own,
      follow(state) {
        host.follow(state);
        isFollower = true;
        if (host.additions().length > 0) host.refilter();
        connection.send({ type: 'pause', reason: BY_LEADER });
      },
      frame(frame) {
        if (intake.take(frame, true)) host.frame(frame);
      },
      wantsChanged: () => host.refilter(),
    },
    { name, tab: settings.clientId, clock: settings.clock, locks, BroadcastChannel: Channel },
  );
}
