/**
 * Does what the state machine asks: opens and closes links, waits, probes, gets credentials. It
 * decides nothing about states and knows no handlers and no tabs.
 */
import { backoffMs } from './backoff.js';
import { Timer } from './clock.js';
import { RadialError } from './errors.js';
import type { Intake } from './intake.js';
import { Link, type LinkOwner } from './link.js';
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
import { loadTransport, type TransportClass } from './transport/load.js';
import type { End, StreamRequest } from './transport/transport.js';
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

/** A token that is not there after this time is not waited for. */
const TOKEN_TIMEOUT_MS = 30_000;
/** A narrower filter waits this long, in milliseconds: what went often comes back. */
const NARROW_AFTER_MS = 10_000;
/** A probe after something changed for the better comes this soon, in milliseconds. */
const SOON_MS = 1_000;

const loadRequests = () => import('./stream-requests.js');

export class Connection implements LinkOwner {
  machine: Machine;
  /** When the next attempt begins, by the clock; null while there is none to wait for. */
  nextRetryAt: number | null = null;
  main: Link | null = null;
  #probe: Link | null = null;
  #clientId = newId();
  #opening = new AbortController();
  #probing = new AbortController();
  readonly #settings: Settings;
  readonly #intake: Intake;
  readonly #owner: ConnectionOwner;
  readonly #wait: Timer;
  readonly #probeWait: Timer;
  readonly #narrowing: Timer;

  constructor(settings: Settings, intake: Intake, owner: ConnectionOwner, online: boolean) {
    this.#settings = settings;
    this.#intake = intake;
    this.#owner = owner;
    this.#wait = new Timer(settings.clock, () => this.send({ type: 'due' }));
    this.#probeWait = new Timer(settings.clock, () => this.send({ type: 'probeDue' }));
    this.#narrowing = new Timer(settings.clock, () => this.#refit());
    this.machine = initialMachine({
      order: settings.transports,
      maxStrikes: settings.maxReconnectAttempts,
      polling: settings.enablePollingFallback,
      online,
    });
  }

  /** Makes one step of the machine and does what it asks. */
  send(event: MachineEvent): void {
    const before = this.machine;
    const [machine, effects] = reduce(before, event);
    this.machine = machine;
    for (const effect of effects) this.#perform(effect);
    if (machine !== before) this.#owner.changed(before, event);
  }

  /** Has the code of every transport at hand before it is needed. */
  preload(): void {
    for (const transport of this.#settings.transports) {
      // What does not load now is loaded when it is needed, and then its failure counts.
      loadTransport(transport, this.#settings).catch(() => {});
    }
  }

  /** Makes the connection show what the application wants: more at once, less after a while. */
  refilter(): void {
    const main = this.main;
    // An attempt that is only being prepared asks for the wish itself.
    if (!main) return;
    for (const one of this.#owner.additions()) {
      if (one.asked === main || !main.isOpen) continue;
      one.asked = main;
      loadRequests()
        .then(({ addFrom }) => addFrom(one, main, this.#owner, this.#settings))
        .then((isKnown) => {
          if (isKnown) this.refilter();
          else if (main === this.main) void this.#open(false);
        })
        .catch(() => (one.asked = undefined));
    }
    const wish = this.#owner.wish();
    if (!shows(main.request, wish)) this.#refit();
    else if (!shows(wish, main.request)) this.#narrowing.ensure(NARROW_AFTER_MS);
    else this.#narrowing.clear();
  }

  /** Changes the filter of the open stream, or opens one with the other filter. */
  #refit(): void {
    this.#narrowing.clear();
    const main = this.main;
    if (!main) return;
    if (this.#probe) this.#endProbe({ type: 'probeLost' });
    if (main.connectionId === undefined) return void this.#open(false);
    const { channels, types } = this.#owner.wish();
    loadRequests()
      .then(({ refit }) => refit(main, { channels, types }, this.#settings))
      .then(
        () => {
          Object.assign(main.request, { channels, types });
          this.#owner.refitted();
          this.refilter();
        },
        () => void (main === this.main && this.#open(false)),
      );
  }

  /** Gives an open stream a newer credential. */
  async renew(): Promise<void> {
    const main = this.main;
    if (!main || !this.#settings.getToken) return;
    const token = await this.token('expiring', this.#opening.signal);
    const { renew } = await loadRequests();
    if (main === this.main && token !== null) await renew(main, token, this.#settings);
  }

  /** Asks the application for its credential, for a limited time. */
  async token(reason: TokenReason, signal: AbortSignal): Promise<string | null> {
    const { getToken, clock } = this.#settings;
    if (!getToken) return null;
    return new Promise((resolve, reject) => {
      const timer = new Timer(clock, () =>
        reject(new RadialError('token', 'No token came in time.')),
      );
      timer.set(TOKEN_TIMEOUT_MS);
      Promise.resolve()
        .then(() => getToken({ reason, signal }))
        .then(resolve, reject)
        .finally(() => timer.clear());
    });
  }

  opened(link: Link): void {
    if (link !== this.main) return;
    this.send({ type: 'opened' });
    this.refilter();
  }

  proved(link: Link): void {
    if (link === this.main) this.send({ type: 'proved' });
    else if (link === this.#probe) this.send({ type: 'probeProved' });
  }

  frame(frame: Frame, link: Link): void {
    if (this.#intake.take(frame, link === this.main)) this.#owner.frame(frame);
  }

  ended(end: End, link: Link): void {
    if (link === this.#probe) {
      this.#endProbe({ type: 'probeLost', missing: end.type === 'missing' });
    } else if (link === this.main) {
      this.main = null;
      this.send(end);
    }
  }

  #endProbe(event: MachineEvent): void {
    this.#closeProbe();
    this.send(event);
  }

  #perform(effect: Effect): void {
    const { clock, backoff, random, probeIntervalMs } = this.#settings;
    switch (effect.do) {
      case 'open':
        return void this.#open(effect.renew);
      case 'close':
        return this.#close();
      case 'wait': {
        const ms = backoffMs(effect.attempt, effect.floorMs, backoff, random);
        this.nextRetryAt = clock.now() + ms;
        return this.#wait.set(ms);
      }
      case 'probeLater': {
        const spread = (2 / 3 + (random() * 2) / 3) * probeIntervalMs;
        return this.#probeWait.set(effect.soon ? Math.min(SOON_MS, spread) : spread);
      }
      case 'probe':
        return void this.#openProbe(effect.transport);
      case 'adopt':
        this.main?.close();
        this.main = this.#probe;
        if (this.main) this.#clientId = this.main.request.clientId;
        this.#probe = null;
        return this.refilter();
      case 'check':
        this.main?.check();
    }
  }

  #close(): void {
    this.#opening.abort();
    this.#wait.clear();
    this.nextRetryAt = null;
    this.main?.close();
    this.main = null;
    this.#probeWait.clear();
    this.#narrowing.clear();
    this.#closeProbe();
  }

  #closeProbe(): void {
    this.#probing.abort();
    this.#probe?.close();
    this.#probe = null;
  }

  async #open(renew: boolean): Promise<void> {
    this.#wait.clear();
    this.nextRetryAt = null;
    this.#opening.abort();
    const { signal } = (this.#opening = new AbortController());
    this.main?.close();
    this.main = null;
    try {
      const [transport, request] = await this.#prepare(
        this.machine.transport,
        renew ? 'rejected' : 'connect',
        signal,
      );
      if (!signal.aborted) this.main = new Link(transport, request, this, this.#settings);
    } catch (error) {
      if (!signal.aborted) this.send(endOfPreparation(error));
    }
  }

  async #openProbe(transport: TransportName): Promise<void> {
    const { signal } = (this.#probing = new AbortController());
    try {
      const [code, request] = await this.#prepare(transport, 'connect', signal);
      if (signal.aborted) return;
      // Without a place a second connection could not tell what the first one has had.
      if (request.cursor === null) return this.send({ type: 'probeLost' });
      // By another name, so that the hub does not take it for a newer one of the same.
      const other = { ...request, snapshot: [], clientId: newId() };
      this.#probe = new Link(code, other, this, this.#settings);
    } catch {
      if (!signal.aborted) this.send({ type: 'probeLost' });
    }
  }

  async #prepare(
    transport: TransportName,
    reason: TokenReason,
    signal: AbortSignal,
  ): Promise<[TransportClass, StreamRequest]> {
    const [code, base, token] = await Promise.all([
      loadTransport(transport, this.#settings),
      this.#settings.baseUrl(),
      this.token(reason, signal),
    ]);
    const { cursor } = this.#intake;
    return [code, { base, token, cursor, clientId: this.#clientId, ...this.#owner.wish() }];
  }
}

/** What it means that an attempt could not even begin. */
function endOfPreparation(cause: unknown): End {
  const error =
    cause instanceof RadialError
      ? cause
      : new RadialError('token', 'The attempt could not begin.', { cause });
  const final = ['unauthorized', 'forbidden', 'invalid-url'].includes(error.code);
  return final ? { type: 'refused', error } : { type: 'lost', cause: 'busy', error };
}
