/**
 * One connection for all tabs of a browser. A queued Web Lock elects the leader; it alone has a
 * connection and passes every frame on by a BroadcastChannel. It says whose wants its stream shows;
 * a tab that has a place reads up to there by itself first, and keeps what comes meanwhile. Whoever
 * takes over goes on at its own place, so that nothing is lost between two leaders; the intake
 * leaves out what comes twice. `docs/older.md` says why that is exact.
 */
import { createTimer, type Clock, type Timer } from './clock.js';
import { RadialError } from './errors.js';
import { words, type Filter } from './pattern.js';
import { newId } from './settings.js';
import type { ConnectionState } from './types.js';
import type { Frame } from './wire.js';

/** What the leader is at. */
interface Here {
  kind: 'here';
  /** Names the time that this tab leads; who leads again begins another one. */
  reign: string;
  /** How many frames it has passed on. */
  count: number;
  state: ConnectionState;
  error: { code: string; message: string; status: number | undefined } | null;
  cursor: string | null;
  offset: number;
  /** The tabs whose wants the stream shows, with the words of what each of them wants. */
  serves: Readonly<Record<string, string>>;
}

type Message =
  | Here
  | { kind: 'want'; tab: string; filter: Filter }
  | { kind: 'bye'; tab: string }
  | { kind: 'frame'; reign: string; count: number; frame: Frame };

export interface TabsOwner {
  /** What this tab wants. */
  want(): Filter;
  /** Whether this tab begins at a place, or with a state, that the leader cannot give. */
  beginsElsewhere(): boolean;
  place(): { cursor: string | null; offset: number };
  /** Whether the connection of its own shows this, from a place that is known. */
  shows(filter: Filter): boolean;
  state(): ConnectionState;
  /** Begins where the leader is. */
  adopt(cursor: string | null, offset: number): void;
  /** Opens a connection of its own, as the leader. */
  connect(): void;
  /** Closes the connection of its own, and shows the leader's state. */
  follow(state: ConnectionState, isWhole: boolean): void;
  /** Reads from its own place up to the frames that come now. */
  readUp(signal: AbortSignal): Promise<void>;
  /** The frames that come now show all that this tab wants. */
  shown(): void;
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
  /** A tab that follows nobody yet is still alone. */
  role: ConnectionState['role'] = 'solo';
  /** Whether the leader's stream shows all that this tab wants now, and nothing is between. */
  isServed = false;
  readonly #owner: TabsOwner;
  readonly #platform: TabsPlatform;
  readonly #channel: BroadcastChannel;
  readonly #look: Timer;
  readonly #wants = new Map<string, Filter>();
  /** Whose frames this tab listens to, or by which it leads itself. */
  #reign = '';
  /** The frames of it that were passed on, or that this tab has heard. */
  #count = 0;
  #queue = new AbortController();
  #release: () => void = () => {};
  #stopped = false;
  #heardAt: number;
  /** Frames of the leader, while this tab reads up to them. */
  #reading: { frames: Frame[]; stop: AbortController } | undefined;

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
    this.isServed = false;
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
      const count = (this.#count += 1);
      this.#post({ kind: 'frame', reign: this.#reign, count, frame });
    }
    // It has a place now, so that others can go on from there.
    if (frame.name === 'hello' || frame.name === 'live') this.announce();
  }

  /** The leader's state changed. */
  announce(): void {
    if (this.role !== 'leader') return;
    const { cursor, offset } = this.#owner.place();
    const state = this.#owner.state();
    const { error } = state;
    const served = [...this.#wants].filter(([, filter]) => this.#owner.shows(filter));
    this.#post({
      kind: 'here',
      reign: this.#reign,
      count: this.#count,
      // An error does not survive the way to another tab; what it says does.
      state: { ...state, error: null },
      error: error && { code: error.code, message: error.message, status: error.status },
      cursor,
      offset,
      serves: Object.fromEntries(served.map(([tab, filter]) => [tab, words(filter)])),
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
    this.#stopReading();
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
      this.role = 'solo';
      this.#reign = '';
      this.#heardAt = this.#platform.clock.now();
      this.#queueUp({ signal: this.#queue.signal });
      this.want();
      this.check();
    });
  }

  #lead(): void {
    this.#stopReading();
    this.role = 'leader';
    this.#reign = newId();
    this.#count = 0;
    this.#wants.clear();
    this.#look.clear();
    // Followers of the one before say what they want when they hear of the new one.
    this.announce();
    this.#owner.connect();
  }

  #receive(message: Message): void {
    if (this.#stopped) return;
    if (this.role === 'leader') return this.#serve(message);
    if (message.kind === 'here') this.#hear(message);
    if (message.kind !== 'frame') return;
    this.#heardAt = this.#platform.clock.now();
    const reading = this.#reading;
    if (message.reign !== this.#reign || (this.role === 'solo' && !reading)) return;
    const isNext = message.count === (this.#count += 1);
    if (isNext && !reading) return this.#owner.frame(message.frame);
    // What was not heard, or does not fit, is read.
    if (!isNext || (reading && reading.frames.push(message.frame) > MAX_HELD)) this.#beginAgain();
  }

  /** Joins its leader anew, with the leader's next word. */
  #beginAgain(): void {
    this.#stopReading();
    this.role = 'solo';
    this.want();
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
    if (here.reign !== this.#reign) {
      this.#reign = here.reign;
      this.#beginAgain();
    } else if ((this.role === 'follower' || this.#reading) && here.count !== this.#count) {
      this.#beginAgain();
    }
    this.isServed = here.serves[this.#platform.tab] === words(this.#owner.want());
    if (this.role === 'solo' && this.isServed && !this.#reading) this.#join(here);
    this.#show(here);
  }

  /** Shows the leader's state, and whether all that this tab wants comes from it. */
  #show({ state, error }: Here): void {
    const isWhole = this.role === 'follower';
    const shown = error && new RadialError(error.code, error.message, error);
    this.#owner.follow({ ...state, error: shown }, isWhole);
    this.isServed &&= isWhole;
    if (this.isServed) this.#owner.shown();
  }

  /** Follows a leader whose frames show from now on what this tab wants. */
  #join(here: Here): void {
    const { cursor, offset, count } = here;
    this.#count = count;
    if (this.#owner.place().cursor === null && !this.#owner.beginsElsewhere()) {
      this.role = 'follower';
      return this.#owner.adopt(cursor, offset);
    }
    const reading = (this.#reading = { frames: [] as Frame[], stop: new AbortController() });
    // Its own connection moves its place no more.
    this.#show(here);
    void this.#owner.readUp(reading.stop.signal).then(() => {
      if (this.#reading !== reading) return;
      this.#reading = undefined;
      this.role = 'follower';
      for (const frame of reading.frames) this.#owner.frame(frame);
      // The leader says where it is, which may have changed.
      this.want();
    });
  }

  #stopReading(): void {
    this.#reading?.stop.abort();
    this.#reading = undefined;
  }

  #post(message: Message): void {
    this.#channel.postMessage(message);
  }
}
