/** A client's seat among the tabs: alone, waiting for a word of the leader, or led by it. */
import type { Host } from './host.js';
import { BY_LEADER } from './status.js';
import type { Tabs } from './tabs.js';
import type { ConnectionState } from './types.js';

export interface TabSeat {
  tabs: Tabs | undefined;
  /** The leader's state, null before it is known; undefined while this tab has its own connection. */
  led: ConnectionState | null | undefined;
  /** Shares a connection with other tabs, if the application wants. */
  take(): void;
  /** Goes back to a connection of its own. */
  leave(): void;
}

export function createSeat(host: Host): TabSeat {
  /** Counts how often it was taken or left, so that who has left does not join late. */
  let round = 0;
  const seat: TabSeat = {
    tabs: undefined,
    led: undefined,
    take() {
      const { getToken, share = !getToken && 'document' in globalThis } = host.options;
      if (!share || seat.tabs || seat.led === null) return;
      const began = (round += 1);
      seat.led = null;
      host.connection.send({ type: 'pause', reason: BY_LEADER });
      import('./sharing.js')
        .then(({ createSharing }) => {
          if (began === round) seat.tabs = createSharing(host);
        })
        .catch(() => {})
        .then(() => began === round && !seat.tabs && seat.leave());
    },
    leave() {
      const { tabs } = seat;
      round += 1;
      seat.tabs = seat.led = undefined;
      tabs?.stop();
      host.connection.send({ type: 'resume', reason: BY_LEADER });
    },
  };
  return seat;
}
