/**
 * One attempt with one transport: whether it says something in time, whether it still lives, and
 * whether it has proved that it works. It judges by the wall clock, never by the number of ticks.
 */
import { createTimer, type Timer } from './clock.js';
import { RadialError } from './errors.js';
import type { Settings } from './settings.js';
import type { TransportClass } from './transport/load.js';
import type { Answer, End, StreamRequest } from './transport/transport.js';
import type { Frame, Goodbye } from './wire.js';

export interface LinkOwner {
  /** The first frame is there. */
  opened(): void;
  frame(frame: Frame): void;
  /** Data came long enough after the beginning. */
  proved(): void;
  /** Once, and nothing after it. */
  ended(end: End): void;
}

export interface Link {
  readonly request: StreamRequest;
  /** Who is told; a probe that becomes the connection gets another. */
  owner: LinkOwner;
  /** It has said something. */
  isOpen: boolean;
  isProved: boolean;
  hasEnded: boolean;
  /** Names the stream to the hub, where it has said hello. */
  connectionId?: string;
  /** The time between two heartbeats, as the hub said. */
  heartbeatMs: number;
  lastByteAt: number;
  /** Waits before the stream is asked for less; cleared with the link. */
  narrowing?: Timer;
  /** Looks at once whether the connection lives; a doubtful one is given one round of grace. */
  check(): void;
  /** As `Transport.ask`; undefined also when the link has ended. */
  ask(operation: object): Promise<Answer> | undefined;
  close(): void;
}

/** After a late timer or a wake-up: time for what waits in the socket to be read. */
const GRACE_MS = 5_000;
/** A timer this late was throttled, or the machine slept. */
const LATE_MS = 3_000;

/** Opens a stream. */
export function createLink(
  Transport: TransportClass,
  request: StreamRequest,
  owner: LinkOwner,
  settings: Settings,
): Link {
  const now = () => settings.clock.now();
  const began = now();
  const watchdog = createTimer(settings.clock, look);
  let openedAt = 0;
  let dueAt = 0;
  let suspected = false;

  const link: Link = {
    request,
    owner,
    isOpen: false,
    isProved: false,
    hasEnded: false,
    heartbeatMs: 0,
    lastByteAt: began,
    check() {
      if (link.hasEnded) return;
      transport.ping?.();
      // A page that was frozen has not read what arrived meanwhile.
      if (now() >= deadline()) suspect();
      else arm();
    },
    ask: (operation) => (link.hasEnded ? undefined : transport.ask?.(operation)),
    close() {
      link.hasEnded = true;
      watchdog.clear();
      link.narrowing?.clear();
      transport.close();
    },
  };
  const transport = new Transport(request, { bytes, frame, end }, settings);
  arm();
  return link;

  function bytes(): void {
    if (link.hasEnded) return;
    link.lastByteAt = now();
    suspected = false;
    if (link.isProved || !link.isOpen || now() - openedAt < settings.provedAfter) return;
    link.isProved = true;
    link.owner.proved();
  }

  function frame(frame: Frame): void {
    if (link.hasEnded) return;
    if (frame.name === 'hello') {
      link.connectionId = frame.data.connectionId;
      link.heartbeatMs = frame.data.heartbeatMs ?? 0;
    }
    if (!link.isOpen) {
      link.isOpen = true;
      openedAt = now();
      link.owner.opened();
      arm();
    }
    if (!link.hasEnded) link.owner.frame(frame);
    if (frame.name === 'goodbye') end(endOfGoodbye(frame.data));
  }

  function end(how: End): void {
    if (link.hasEnded) return;
    link.close();
    link.owner.ended(how);
  }

  /** When silence becomes death. */
  function deadline(): number {
    if (!link.isOpen) return began + settings.connectTimeout;
    return link.lastByteAt + Math.max(settings.heartbeatTimeout, 2 * link.heartbeatMs);
  }

  function arm(): void {
    if (link.hasEnded) return;
    dueAt = deadline();
    watchdog.set(Math.max(0, dueAt - now()));
  }

  function look(): void {
    if (now() < deadline() && !suspected) return arm();
    if (!suspected && now() - dueAt > LATE_MS) return suspect();
    const error = new RadialError('timeout', 'Nothing came from the hub for too long.');
    end({ type: 'lost', cause: 'silent', error });
  }

  function suspect(): void {
    suspected = true;
    transport.ping?.();
    dueAt = now() + GRACE_MS;
    watchdog.set(GRACE_MS);
  }
}

/** What farewells that coming back as before does not change mean; any other is a loss. */
const FINAL: Record<string, 'unauthorized' | 'refused'> = {
  expired: 'unauthorized',
  revoked: 'refused',
  replaced: 'refused',
};

/** What the hub's own farewell means. */
const endOfGoodbye = ({ reason, retryMs, fallback }: Goodbye): End => ({
  type: FINAL[reason] ?? 'lost',
  cause: 'goodbye',
  floorMs: retryMs,
  poll: fallback === 'poll',
  error: new RadialError(reason, `The hub closed the connection: ${reason}.`),
});
