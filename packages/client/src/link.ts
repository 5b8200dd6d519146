/**
 * One attempt with one transport: whether it says something in time, whether it still lives, and
 * whether it has proved that it works. It judges by the wall clock, never by the number of ticks.
 */
import { Timer } from './clock.js';
import { RadialError } from './errors.js';
import type { Settings } from './settings.js';
import type { TransportClass } from './transport/load.js';
import type { Answer, End, StreamRequest, Transport } from './transport/transport.js';
import type { Frame, Goodbye, Hello, Replay } from './wire.js';

export interface LinkOwner {
  /** The first frame is there. */
  opened(link: Link): void;
  frame(frame: Frame, link: Link): void;
  /** Data came long enough after the beginning. */
  proved(link: Link): void;
  /** Once, and nothing after it. */
  ended(end: End, link: Link): void;
}

/** After a late timer or a wake-up: time for what waits in the socket to be read. */
const GRACE_MS = 5_000;
/** A timer this late was throttled, or the machine slept. */
const LATE_MS = 3_000;

export class Link {
  readonly request: StreamRequest;
  /** Names the stream to the hub, where it has said hello. */
  connectionId: string | undefined;
  /** The time between two heartbeats, as the hub said. */
  heartbeatMs = 0;
  lastByteAt: number;
  isProved = false;
  hasEnded = false;
  /** Takes what an addition shows from before this stream's place. */
  onReplay: ((page: Replay) => void) | undefined;
  #openedAt = 0;
  #dueAt = 0;
  #suspected = false;
  readonly #began: number;
  readonly #owner: LinkOwner;
  readonly #settings: Settings;
  readonly #watchdog: Timer;
  readonly #transport: Transport;

  constructor(
    Transport: TransportClass,
    request: StreamRequest,
    owner: LinkOwner,
    settings: Settings,
  ) {
    this.request = request;
    this.#owner = owner;
    this.#settings = settings;
    this.#began = this.lastByteAt = settings.clock.now();
    this.#watchdog = new Timer(settings.clock, () => this.#look());
    const sink = {
      bytes: () => this.#bytes(),
      frame: (frame: Frame) => this.#frame(frame),
      end: (end: End) => this.#end(end),
    };
    this.#transport = new Transport(request, sink, settings);
    this.#arm();
  }

  /** Whether it has said something. */
  get isOpen(): boolean {
    return this.#openedAt > 0;
  }

  /** Looks at once whether the connection lives; a doubtful one is given one round of grace. */
  check(): void {
    if (this.hasEnded) return;
    this.#transport.ping?.();
    const { clock } = this.#settings;
    // A page that was frozen has not read what arrived meanwhile.
    if (clock.now() >= this.#deadline()) this.#suspect();
    else this.#arm();
  }

  /** As `Transport.ask`; undefined also when the link has ended. */
  ask(operation: object): Promise<Answer> | undefined {
    return this.hasEnded ? undefined : this.#transport.ask?.(operation);
  }

  close(): void {
    this.hasEnded = true;
    this.#watchdog.clear();
    this.#transport.close();
  }

  #bytes(): void {
    if (this.hasEnded) return;
    const now = (this.lastByteAt = this.#settings.clock.now());
    this.#suspected = false;
    if (
      !this.isProved &&
      this.#openedAt > 0 &&
      now - this.#openedAt >= this.#settings.provedAfterMs
    ) {
      this.isProved = true;
      this.#owner.proved(this);
    }
  }

  #frame(frame: Frame): void {
    if (this.hasEnded) return;
    if (frame.name === 'replay') return this.onReplay?.(frame.data);
    if (frame.name === 'hello') this.#hello(frame.data);
    if (this.#openedAt === 0) {
      this.#openedAt = this.#settings.clock.now();
      this.#owner.opened(this);
      this.#arm();
    }
    if (!this.hasEnded) this.#owner.frame(frame, this);
    if (frame.name === 'goodbye') this.#end(endOfGoodbye(frame.data));
  }

  #hello(hello: Hello): void {
    this.connectionId = hello.connectionId;
    this.heartbeatMs = hello.heartbeatMs ?? 0;
  }

  #end(end: End): void {
    if (this.hasEnded) return;
    this.close();
    this.#owner.ended(end, this);
  }

  /** When silence becomes death. */
  #deadline(): number {
    const { heartbeatTimeoutMs, connectTimeoutMs } = this.#settings;
    if (this.#openedAt === 0) return this.#began + connectTimeoutMs;
    return this.lastByteAt + Math.max(heartbeatTimeoutMs, 2 * this.heartbeatMs);
  }

  #arm(): void {
    if (this.hasEnded) return;
    this.#dueAt = this.#deadline();
    this.#watchdog.set(Math.max(0, this.#dueAt - this.#settings.clock.now()));
  }

  #look(): void {
    const now = this.#settings.clock.now();
    if (now < this.#deadline() && !this.#suspected) return this.#arm();
    if (!this.#suspected && now - this.#dueAt > LATE_MS) return this.#suspect();
    const error = new RadialError('timeout', 'Nothing came from the hub for too long.');
    this.#end({ type: 'lost', cause: 'silent', error });
  }

  #suspect(): void {
    this.#suspected = true;
    this.#transport.ping?.();
    this.#dueAt = this.#settings.clock.now() + GRACE_MS;
    this.#watchdog.set(GRACE_MS);
  }
}

/** What the hub's own farewell means. */
function endOfGoodbye({ reason, retryMs, fallback }: Goodbye): End {
  const error = new RadialError(reason, `The hub closed the connection: ${reason}.`);
  if (reason === 'expired') return { type: 'unauthorized', error };
  if (reason === 'revoked' || reason === 'replaced') return { type: 'refused', error };
  return { type: 'lost', cause: 'goodbye', floorMs: retryMs, poll: fallback === 'poll', error };
}
