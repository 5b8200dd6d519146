/**
 * Does what the state machine asks: opens and closes links, waits, probes, gets credentials. It
 * decides nothing about states and knows no handlers and no tabs.
 */
import { backoffMs } from './backoff.js';
import { createTimer } from './clock.js';
import { asError, RadialError } from './errors.js';
import type { Intake } from './intake.js';
import { createLink, type Link, type LinkOwner } from './link.js';
import { reduce } from './machine/table.js';
import {
  initialMachine,
  type Effect,
  type Machine,
  type MachineEvent,
  type TransportName,
} from './machine/types.js';
import { shows, type Filter } from './pattern.js';
import { newId, type Settings, type TokenReason } from './settings.js';
import { loadTransport } from './transport/load.js';
import type { End } from './transport/transport.js';
import type { Frame, Gap, WireEvent } from './wire.js';

/** What the application wants to receive. */
export interface Wish extends Filter {
  snapshot: readonly string[];
  start: Readonly<Record<string, string>>;
}

/** What a subscription adds from a place before the connection's own. */
export interface Addition {
  readonly channels: readonly string[] | undefined;
  readonly types: readonly string[];
  /** Where it goes on, as a query parameter; undefined once it has everything from before. */
  start: Readonly<Record<string, string>> | undefined;
  /** The link that was asked for it. */
  asked?: object | undefined;
  /** How many requests about it brought nothing since one that did. */
  unanswered?: number;
}

export interface ConnectionOwner {
  /** What the connection asks for, without the additions. */
  wish(): Wish;
  additions(): readonly Addition[];
  /** What only an addition shows, from before the connection's place. */
  replay(events: readonly WireEvent[], gaps?: readonly Gap[]): void;
  /** A frame that came for the first time. */
  frame(frame: Frame): void;
  /** The open connection has another filter now. */
  refitted(): void;
  /** The machine made a step. */
  changed(before: Machine, event: MachineEvent): void;
}

export interface Connection {
  readonly owner: ConnectionOwner;
  readonly settings: Settings;
  readonly machine: Machine;
  /** When the next attempt begins, by the clock; null while there is none to wait for. */
  readonly nextRetryAt: number | null;
  /** The open stream, or the attempt to open one. */
  readonly main: Link | null;
  /** Makes one step of the machine and does what it asks. */
  send(event: MachineEvent): void;
  /** Has the code of every transport at hand before it is needed. */
  preload(): void;
  /** Makes the open stream show what the application wants: more at once, less after a while. */
  refilter(): void;
  /** Opens the stream anew at its place, with the filter that is wanted now. */
  reopen(): void;
  /** A probe would begin with a filter of before. */
  endProbe(): void;
  /** Asks the application for its credential, for a limited time. */
  token(reason: TokenReason, signal?: AbortSignal): Promise<string | null>;
}

/** A token that is not there after this time is not waited for. */
const TOKEN_TIMEOUT_MS = 30_000;
/** A probe after something changed for the better comes this soon, in milliseconds. */
const SOON_MS = 1_000;

/** A place for a link, and for the attempt to open it. */
interface Seat {
  link: Link | null;
  attempt: AbortController;
}

const emptySeat = (): Seat => ({ link: null, attempt: new AbortController() });

function leave(seat: Seat): void {
  seat.attempt.abort();
  seat.link?.close();
  seat.link = null;
}

export function createConnection(
  settings: Settings,
  intake: Intake,
  owner: ConnectionOwner,
  online: boolean,
): Connection {
  const { clock, random } = settings;
  let machine = initialMachine(settings, online);
  let nextRetryAt: number | null = null;
  let clientId = newId();
  const main = emptySeat();
  const probe = emptySeat();
  const wait = createTimer(clock, () => send({ type: 'due' }));
  const probeWait = createTimer(clock, () => send({ type: 'probeDue' }));
  const linkOwner: LinkOwner = {
    opened(link) {
      if (link !== main.link) return;
      send({ type: 'opened' });
      refilter();
    },
    proved: (link) => send({ type: link === main.link ? 'proved' : 'probeProved' }),
    frame(frame, link) {
      if (intake.take(frame, link === main.link)) owner.frame(frame);
    },
    ended(end, link) {
      if (link === probe.link) endProbe(end.type === 'missing');
      if (link !== main.link) return;
      main.link = null;
      send(end);
    },
  };

  const connection: Connection = {
    owner,
    settings,
    get machine() {
      return machine;
    },
    get nextRetryAt() {
      return nextRetryAt;
    },
    get main() {
      return main.link;
    },
    send,
    preload() {
      for (const transport of settings.transports) {
        // What does not load now is loaded when it is needed, and then its failure counts.
        loadTransport(transport, settings).catch(() => {});
      }
    },
    refilter,
    reopen: () => openMain('connect'),
    endProbe,
    token,
  };
  return connection;

  function send(event: MachineEvent): void {
    const before = machine;
    const [next, effects] = reduce(before, event);
    machine = next;
    effects.forEach(perform);
    if (next !== before) owner.changed(before, event);
  }

  function perform(effect: Effect): void {
    switch (effect.do) {
      case 'open':
        return openMain(effect.renew ? 'rejected' : 'connect');
      case 'close':
        rest();
        leave(main);
        probeWait.clear();
        return leave(probe);
      case 'wait': {
        const ms = backoffMs(effect.attempt, effect.floorMs, settings.backoff, random);
        nextRetryAt = clock.now() + ms;
        return wait.set(ms);
      }
      case 'probeLater': {
        const spread = (2 / 3 + (random() * 2) / 3) * settings.probeInterval;
        return probeWait.set(effect.soon ? Math.min(SOON_MS, spread) : spread);
      }
      case 'probe':
        return void open(probe, effect.transport, 'connect');
      case 'adopt':
        main.link?.close();
        main.link = probe.link;
        clientId = probe.link?.request.clientId ?? clientId;
        probe.link = null;
        return refilter();
      case 'check':
        main.link?.check();
    }
  }

  /** No attempt is waited for any more. */
  function rest(): void {
    wait.clear();
    nextRetryAt = null;
  }

  function endProbe(missing?: boolean): void {
    if (!probe.link) return;
    leave(probe);
    send({ type: 'probeLost', ...(missing && { missing }) });
  }

  function openMain(reason: TokenReason): void {
    rest();
    void open(main, machine.transport, reason);
  }

  async function open(seat: Seat, transport: TransportName, reason: TokenReason): Promise<void> {
    leave(seat);
    const { signal } = (seat.attempt = new AbortController());
    const isProbe = seat === probe;
    try {
      const [code, base, credential] = await Promise.all([
        loadTransport(transport, settings),
        settings.baseUrl(),
        token(reason, signal),
      ]);
      if (signal.aborted) return;
      const { cursor } = intake;
      // Without a place a second connection could not tell what the first one has had.
      if (isProbe && cursor === null) return send({ type: 'probeLost' });
      const request = { base, token: credential, cursor, clientId, ...owner.wish() };
      // By another name, so that the hub does not take a probe for a newer one of the same.
      if (isProbe) Object.assign(request, { snapshot: [], clientId: newId() });
      seat.link = createLink(code, request, linkOwner, settings);
    } catch (error) {
      if (!signal.aborted) send(isProbe ? { type: 'probeLost' } : endOfPreparation(error));
    }
  }

  function refilter(): void {
    const { link } = main;
    // An attempt that is only being prepared asks for the wish itself.
    if (!link) return;
    const wish = owner.wish();
    const fits = shows(link.request, wish);
    if (fits && shows(wish, link.request) && owner.additions().length === 0)
      return link.narrowing?.clear();
    import('./stream-requests.js').then(
      ({ fit }) => fit(link, connection),
      () => void (fits || connection.reopen()),
    );
  }

  function token(reason: TokenReason, signal = main.attempt.signal): Promise<string | null> {
    const { getToken } = settings;
    return new Promise((resolve, reject) => {
      if (!getToken) return resolve(null);
      const timer = createTimer(clock, () =>
        reject(new RadialError('token', 'No token came in time.')),
      );
      timer.set(TOKEN_TIMEOUT_MS);
      Promise.resolve()
        .then(() => getToken({ reason, signal }))
        .then(resolve, reject)
        .finally(timer.clear);
    });
  }
}

/** What it means that an attempt could not even begin. */
function endOfPreparation(cause: unknown): End {
  const error = asError(cause, 'token', 'The attempt could not begin.');
  const final = ['unauthorized', 'forbidden', 'invalid-url'].includes(error.code);
  return final ? { type: 'refused', error } : { type: 'lost', cause: 'busy', error };
}
