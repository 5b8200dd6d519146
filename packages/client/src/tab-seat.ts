/** A client's seat among the tabs: alone, waiting for a word of the leader, or led by it. */
import type { Host } from './host.js';
import { BY_LEADER } from './status.js';
import type { Tabs } from './tabs.js';
import type { ConnectionState } from './types.js';

export class TabSeat {
  tabs: Tabs | undefined;
  /** The leader's state, null before it is known; undefined while this tab has its own connection. */
  led: ConnectionState | null | undefined;
  /** Counts how often it was taken or left, so that who has left does not join late. */
  #round = 0;
  readonly #host: () => Host;

  constructor(host: () => Host) {
    this.#host = host;
  }

  /** Shares a connection with other tabs, if the application wants. */
  take(): void {
    const { options, connection } = this.#host();
    const { getToken, share = !getToken && 'document' in globalThis } = options;
    if (!share || this.tabs || this.led === null) return;
    const round = (this.#round += 1);
    this.led = null;
    connection.send({ type: 'pause', reason: BY_LEADER });
    const join = async () => {
      const { createSharing } = await import('./sharing.js');
      if (round !== this.#round) return;
      this.tabs = createSharing(this.#host());
      if (!this.tabs) this.leave();
    };
    join().catch(() => round === this.#round && this.leave());
  }

  /** Goes back to a connection of its own. */
  leave(): void {
    const { tabs } = this;
    this.#round += 1;
    this.tabs = undefined;
    this.led = undefined;
    tabs?.stop();
    this.#host().connection.send({ type: 'resume', reason: BY_LEADER });
  }
}
