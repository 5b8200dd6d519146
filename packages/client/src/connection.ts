/**
 * Does what the state machine asks: opens and closes links, waits, gets credentials. It decides
 * nothing about states and knows no handlers and no tabs.
 */
import { backoffMs } from './backoff.js';
import { createTimer } from './clock.js';
import { asError, RadialError } from './errors.js';
import type { Intake } from './intake.js';
import { createLink, type Link, type LinkOwner } from './link.js';
import { reduce } from './machine/table.js';
import {
  initialMachine,
  type EarlyEventName,
  type Effect,
  type Machine,
  type MachineEvent,
  type Step,
  type TransportName,
} from './machine/types.js';
import { words, type Filter } from './pattern.js';
import { newId, type Settings, type TokenReason } from './settings.js';
import { loadTransport, type TransportClass } from './transport/load.js';
import type { End, StreamRequest } from './transport/transport.js';
import type { Frame } from './wire.js';

/** What the application wants to receive. */
export interface Wish extends Filter {
  snapshot: readonly string[];
  start: Readonly<Record<string, string>>;
}

export interface ConnectionOwner {
  readonly settings: Settings;
  readonly intake: Intake;
  /** What the connection asks for. */
  wish(): Wish;
  /** What still wants something from before it was shown. */
  older(): readonly unknown[];
  /** A frame of the connection that came for the first time. */
  received(frame: Frame): void;
  /** The open connection has another filter now. */
  refitted(): void;
  /** The open connection shows all that is wanted. */
  shown(): void;
  /** The machine made a step. */
  changed(before: Machine, event: MachineEvent): void;
}

export interface Connection {
  readonly machine: Machine;
  /** When the next attempt begins, by the clock; null while there is none to wait for. */
  readonly nextRetryAt: number | null;
  /** The open stream, or the attempt to open one. */
  main: Link | null;
  /** Who is told of it. */
  readonly linkOwner: LinkOwner;
  /** Names the connection to the hub. */
  clientId: string;
  /** Does what concerns better transports, once that was needed. */
  readonly probe: ((effect: Effect) => void) | undefined;
  /** Makes one step of the machine and does what it asks. */
  send(event: MachineEvent<EarlyEventName>): void;
  /** Does what a step of the machine asks that an event has made. */
  step(step: Step, event: MachineEvent): void;
  /** Gets everything that an attempt needs. */
  prepare(
    transport: TransportName,
    reason: TokenReason,
    signal: AbortSignal,
  ): Promise<[TransportClass, StreamRequest]>;
  /** Makes the open stream show what the application wants: more at once, less after a while. */
  refilter(): void;
  /** Opens the stream anew at its place, with the filter that is wanted now. */
  open(reason: TokenReason): void;
  /** Asks the application for its credential, for a limited time. */
  token(reason: TokenReason, signal?: AbortSignal): Promise<string | null>;
}

/** A token that is not there after this time is not waited for. */
const TOKEN_TIMEOUT_MS = 30_000;

export function createConnection(host: ConnectionOwner, online: boolean): Connection {
  const { settings, intake } = host;
  const { clock, random } = settings;
  let attempt = new AbortController();
  let probe: ((effect: Effect) => void) | undefined;
  const wait = createTimer(clock, () => send({ type: 'due' }));
  const connection: { -readonly [K in keyof Connection]: Connection[K] } = {
    machine: initialMachine(settings, online),
    nextRetryAt: null,
    main: null,
    linkOwner: {
      opened() {
        send({ type: 'opened' });
        refilter();
      },
      proved: () => send({ type: 'proved' }),
      frame(frame) {
        if (intake.take(frame, true)) host.received(frame);
      },
      ended(end) {
        drop();
        send(end);
      },
    },
    clientId: newId(),
    probe: undefined,
    send,
    step,
    prepare,
    refilter,
    open,
    token,
  };
  return connection;

  function send(event: MachineEvent<EarlyEventName>): void {
    step(reduce(connection.machine, event), event);
  }

  function step([next, effects]: Step, event: MachineEvent): void {
    const before = connection.machine;
    connection.machine = next;
    effects.forEach(perform);
    if (next !== before) host.changed(before, event);
  }

  function perform(effect: Effect): void {
    switch (effect.do) {
      case 'open':
        return void open(effect.renew ? 'rejected' : 'connect');
      case 'close':
        leave();
        return probe?.(effect);
      case 'wait': {
        const ms = backoffMs(effect.attempt, effect.floorMs, settings.backoff, random);
        connection.nextRetryAt = clock.now() + ms;
        return wait.set(ms);
      }
      case 'check':
        return connection.main?.check();
    }
    if (probe) return probe(effect);
    // Where this does not load, the connection stays what it is until something changes.
    import('./probe.js').then(
      ({ createProbe }) => {
        probe = connection.probe ??= createProbe(connection, host);
        probe(effect);
      },
      () => {},
    );
  }

  /** Gives up what is open or was to be; no attempt is waited for any more. */
  function leave(): void {
    wait.clear();
    connection.nextRetryAt = null;
    attempt.abort();
    connection.main?.close();
    drop();
  }

  function drop(): void {
    // What was not answered may reach the hub late, and must not replace what follows it.
    if (connection.main?.isOpen === false) connection.clientId = newId();
    connection.main = null;
  }

  async function prepare(
    transport: TransportName,
    reason: TokenReason,
    signal: AbortSignal,
  ): Promise<[TransportClass, StreamRequest]> {
    const [code, base, credential] = await Promise.all([
      loadTransport(transport, settings),
      settings.baseUrl(),
      token(reason, signal),
    ]);
    const { clientId } = connection;
    return [code, { base, token: credential, cursor: intake.cursor, clientId, ...host.wish() }];
  }

  async function open(reason: TokenReason): Promise<void> {
    leave();
    const { signal } = (attempt = new AbortController());
    try {
      const [code, request] = await prepare(connection.machine.transport, reason, signal);
      if (!signal.aborted)
        connection.main = createLink(code, request, connection.linkOwner, settings);
    } catch (error) {
      if (!signal.aborted) send(endOfPreparation(error));
    }
  }

  function refilter(): void {
    const { main: link } = connection;
    // An attempt that is only being prepared asks for the wish itself.
    if (!link) return;
    const isSame = words(link.request) === words(host.wish());
    if (isSame && host.older().length === 0) return link.narrowing?.clear();
    import('./stream-requests.js').then(
      ({ fit }) => fit(link, connection, host),
      () => void (isSame || open('connect')),
    );
  }

  function token(reason: TokenReason, signal = attempt.signal): Promise<string | null> {
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
  const isFinal = ['unauthorized', 'forbidden', 'invalid-url'].includes(error.code);
  return { type: isFinal ? 'refused' : 'lost', cause: 'busy', error } as End;
}
