/**
 * One connection for all tabs of a browser. A queued Web Lock elects the leader; it alone has a
 * connection and passes every frame on by a BroadcastChannel. A tab that begins at a place of its
 * own reads up to the leader's by itself first. Whoever takes over goes on at its own place, so
 * that nothing is lost between two leaders; the intake leaves out what comes twice.
 */
import { createTimer, type Clock, type Timer } from './clock.js';
import { RadialError } from './errors.js';
import type { Filter } from './pattern.js';
import { shows } from './shows.js';
import { isOpen } from './status.js';
import type { ConnectionState } from './types.js';
import { offsetOf, type Frame } from './wire.js';

/** What the leader is at. */
interface Here {
  kind: 'here';
  tab: string;
  state: ConnectionState;
  error: { code: string; message: string; status: number | undefined } | null;
  cursor: string | null;
  offset: number;
  filter: Filter | null;
}

type Message =
  | Here
  | { kind: 'want'; tab: string; filter: Filter }
  | { kind: 'bye'; tab: string }
  | { kind: 'frame'; tab: string; frame: Frame };

export interface TabsOwner {
  /** What this tab wants. */
  want(): Filter;
  /** Whether this tab begins at a place, or with a state, that the leader cannot give. */
  beginsElsewhere(): boolean;
  place(): { cursor: string | null; offset: number };
  /** The filter of the open connection; null while there is none. */
  filter(): Filter | null;
  state(): ConnectionState;
  /** Begins where the leader is. */
  adopt(cursor: string | null, offset: number): void;
  /** Opens a connection of its own: as the leader, or to catch up. */
  connect(): void;
  /** Closes the connection of its own, and shows the leader's state. */
  follow(state: ConnectionState): void;
  frame(frame: Frame): void;
  /** The other tabs want something else now. */
  wantsChanged(): void;
}

export interface TabsPlatform {
  name: string;
  tab: string;
  clock: Clock;
  locks: LockManager;
  BroadcastChannel: typeof BroadcastChannel;
}

const LOOK_MS = 1_000;
/** A leader that was silent this long is asked for a sign of life. */
const ASK_AFTER_MS = 2_000;
/** And one that does not answer is no leader any more. */
const STEAL_AFTER_MS = 3_500;
const MAX_HELD = 5_000;
const SHARED = ['event', 'redelivery', 'gap', 'dropped', 'heartbeat', 'config'];

const isVisible = () => (globalThis.document?.visibilityState ?? 'visible') === 'visible';

export class Tabs {
  role: 'joining' | 'leader' | 'follower' | 'catching-up' = 'joining';
  readonly #owner: TabsOwner;
  readonly #platform: TabsPlatform;
  readonly #channel: BroadcastChannel;
  readonly #look: Timer;
  readonly #wants = new Map<string, Filter>();
  /** Whose frames continue what this tab has. */
  #leader = '';
  /** Who was told what this tab wants. */
  #told = '';
  #queue = new AbortController();
  #release: () => void = () => {};
  #stopped = false;
  #heardAt: number;
  /** Frames of the leader, while this tab reads up to where they begin. */
  #held: { leader: string; from: number; state: ConnectionState; frames: Frame[] } | undefined;

  constructor(owner: TabsOwner, platform: TabsPlatform) {
    this.#owner = owner;
    this.#platform = platform;
    this.#heardAt = platform.clock.now();
    this.#channel = new platform.BroadcastChannel(`radial:${platform.name}`);
    this.#channel.onmessage = ({ data }: MessageEvent<Message>) => this.#receive(data);
    this.#look = createTimer(platform.clock, () => this.check());
    this.#queueUp({ signal: this.#queue.signal });
    this.want();
    this.#look.set(LOOK_MS);
  }

  /** Tells the leader what this tab wants. */
  want(): void {
    if (this.role !== 'leader')
      this.#post({ kind: 'want', tab: this.#platform.tab, filter: this.#owner.want() });
  }

  /** What the other tabs want of the leader. */
  wants(): Filter[] {
    return this.role === 'leader' ? [...this.#wants.values()] : [];
  }

  /** A frame of this tab's own connection, the first time that it came. */
  passOn(frame: Frame): void {
    if (this.role === 'leader' && this.#wants.size > 0 && SHARED.includes(frame.name)) {
      this.#post({ kind: 'frame', tab: this.#platform.tab, frame });
    } else if (this.role === 'catching-up') this.#tryToFollow();
  }

  /** The leader's state changed. */
  announce(): void {
    if (this.role !== 'leader') return;
    const { cursor, offset } = this.#owner.place();
    const state = this.#owner.state();
    const { error } = state;
    this.#post({
      kind: 'here',
      tab: this.#platform.tab,
      // An error does not survive the way to another tab; what it says does.
      state: { ...state, error: null },
      error: error && { code: error.code, message: error.message, status: error.status },
      cursor,
      offset,
      filter: this.#owner.filter(),
    });
  }

  /** Looks whether the leader lives; a tab that nobody looks at only waits in the queue. */
  check(): void {
    if (this.#stopped || this.role === 'leader') return;
    this.#look.set(LOOK_MS);
    const silentMs = this.#platform.clock.now() - this.#heardAt;
    if (!isVisible() || silentMs < ASK_AFTER_MS) return;
    if (silentMs < STEAL_AFTER_MS) return this.want();
    // Asked at least once before, unless this tab itself slept: then it asks now.
    if (silentMs > STEAL_AFTER_MS + 2 * LOOK_MS) {
      this.#heardAt = this.#platform.clock.now() - ASK_AFTER_MS;
      return this.want();
    }
    this.#queue.abort();
    this.#queue = new AbortController();
    this.#queueUp({ steal: true });
  }

  /** Leaves: the next tab in the queue takes over at once. */
  stop(): void {
    if (this.#stopped) return;
    this.#post({ kind: 'bye', tab: this.#platform.tab });
    this.#stopped = true;
    this.#look.clear();
    this.#queue.abort();
    this.#release();
    this.#channel.close();
  }

  #queueUp(options: LockOptions): void {
    const { locks, name } = this.#platform;
    const held = locks.request(`radial:${name}`, options, () => {
      if (this.#stopped) return undefined;
      this.#lead();
      return new Promise<void>((release) => {
        this.#release = release;
      });
    });
    held.catch(() => {
      // Either the wait was given up here, or another tab took the lock because this one was silent.
      if (this.#stopped || this.role !== 'leader') return;
      this.role = 'joining';
      this.#leader = '';
      this.#heardAt = this.#platform.clock.now();
      this.#queueUp({ signal: this.#queue.signal });
      this.want();
      this.check();
    });
  }

  #lead(): void {
    const caughtUp = this.role === 'catching-up';
    this.role = 'leader';
    this.#held = undefined;
    this.#look.clear();
    // Followers of the one before say what they want when they hear of the new one.
    this.announce();
    if (!caughtUp) this.#owner.connect();
  }

  #receive(message: Message): void {
    if (this.#stopped) return;
    if (this.role === 'leader') return this.#serve(message);
    if (message.kind === 'here') this.#hear(message);
    if (message.kind !== 'frame') return;
    this.#heardAt = this.#platform.clock.now();
    if (this.role === 'follower' && message.tab === this.#leader) this.#owner.frame(message.frame);
    const held = this.#held;
    if (held?.leader === message.tab && held.frames.push(message.frame) > MAX_HELD)
      this.#held = undefined;
  }

  #serve(message: Message): void {
    if (message.kind === 'bye' && this.#wants.delete(message.tab)) this.#owner.wantsChanged();
    if (message.kind !== 'want') return;
    this.#wants.set(message.tab, message.filter);
    this.#owner.wantsChanged();
    this.announce();
  }

  #hear(here: Here): void {
    this.#heardAt = this.#platform.clock.now();
    const { tab, cursor, offset, filter, error } = here;
    const state = {
      ...here.state,
      error: error && new RadialError(error.code, error.message, error),
    };
    const covered = filter !== null && shows(filter, this.#owner.want());
    if (!covered && filter !== null && this.#told !== tab) {
      this.#told = tab;
      this.want();
    }
    const from = reached({ cursor, offset });
    if (this.role !== 'catching-up' && tab !== this.#leader && !this.#join(here, from)) return;
    if (this.role === 'follower') return this.#owner.follow(state);
    if (this.#held?.leader !== tab) this.#held = undefined;
    if (covered && cursor !== null) this.#held ??= { leader: tab, from, state, frames: [] };
    if (this.#held) this.#held.state = state;
    this.#tryToFollow();
  }

  /** Decides how to go on with a leader that is new to this tab; false if that is not known yet. */
  #join({ tab, cursor, offset }: Here, from: number): boolean {
    const place = this.#owner.place();
    const fromNow = place.cursor === null && !this.#owner.beginsElsewhere();
    // A leader without a place begins somewhere: only then it is clear whether something is between.
    if (cursor === null) return false;
    if (fromNow) this.#owner.adopt(cursor, offset);
    if (fromNow || reached(place) >= from) {
      this.role = 'follower';
      this.#leader = tab;
    } else {
      this.role = 'catching-up';
      this.#leader = '';
      this.#owner.connect();
    }
    this.want();
    return true;
  }

  /** Follows as soon as its own stream has come to where the held frames begin. */
  #tryToFollow(): void {
    const held = this.#held;
    if (!held || !isOpen(this.#owner.state())) return;
    if (reached(this.#owner.place()) < held.from) return;
    this.role = 'follower';
    this.#leader = held.leader;
    this.#held = undefined;
    this.#owner.follow(held.state);
    for (const frame of held.frames) this.#owner.frame(frame);
  }

  #post(message: Message): void {
    this.#channel.postMessage(message);
  }
}

/** How far a place is, as a number; where that cannot be told, a tab keeps its own stream. */
const reached = ({ cursor, offset }: { cursor: string | null; offset: number }): number =>
  Math.max(offset, offsetOf(cursor) ?? (cursor === null ? -1 : Infinity));
