/**
 * What a client does besides receiving: publishing, acknowledging, measuring, reporting, watching the
 * page, and what the registry says of times without a stream. Loaded when a client connects or sends for the first time.
 */
import { Acknowledger } from './acknowledger.js';
import type { HubEvent } from './events.js';
import type { Fallback } from './fallback.js';
import type { Host } from './host.js';
import { watchPage } from './page.js';
import { Publisher, type PublishOptions } from './publisher.js';
import { Measure } from './quality.js';
import { Reporter } from './reporter.js';
import { isOpen } from './status.js';
import { loadTransport } from './transport/load.js';
import type { ClientEvents, ConnectionState } from './types.js';
import type { Gap } from './wire.js';

export class Extras {
  readonly reporter: Reporter;
  readonly #publisher: Publisher;
  readonly #acks: Acknowledger;
  readonly #host: Host;
  #fallback: Promise<Fallback> | undefined;
  #stopWatching: (() => void) | undefined;
  /** The transport that was in use or tried last. */
  #transport: ConnectionState['transport'] = null;

  constructor(host: Host) {
    const { settings, connection, options } = host;
    this.#host = host;
    host.measure = new Measure();
    this.#publisher = new Publisher(
      settings,
      (reason, signal) => connection.token(reason, signal),
      (operation) => connection.main?.ask(operation),
    );
    this.#acks = new Acknowledger(
      settings.clock,
      (ids) => this.#publisher.acknowledge(ids),
      host.failed,
    );
    this.reporter = new Reporter(settings.clock, (data) =>
      this.#publisher.publish({ type: 'client.report', data }, { retries: 0 }),
    );
    if (options.report === false) this.reporter.stop();
  }

  /** The client has told who listens of something. */
  saw<N extends keyof ClientEvents>(name: N, value: ClientEvents[N]): void {
    if (name === 'state') return this.#changed(value as ConnectionState);
    if (name === 'event') return this.#keep(value as HubEvent);
    const { reason, scope, from } = value as Gap;
    // An overflow of the client's own begins nowhere.
    this.reporter.count(reason === 'overflow' && from === null ? 'overflows' : 'gaps');
    if (scope === 'all') this.#onFallback((fallback) => fallback.gap());
  }

  #changed({ transport, error }: ConnectionState): void {
    const before = this.#transport;
    this.#transport = transport ?? before;
    const isReal = transport !== null && before !== null && ![transport, before].includes('shared');
    if (error && isReal && transport !== before)
      this.reporter.fallback(before, transport, error.code);
    if (this.#host.connection.machine.wanted) this.#start();
    else this.#stop();
    this.#onFallback((fallback) => fallback.changed());
  }

  #start(): void {
    const { options, settings } = this.#host;
    if (this.#stopWatching) return;
    this.#stopWatching = watchPage(this.#host);
    // What is needed when something goes wrong is loaded while nothing has gone wrong yet. What does
    // not load now is loaded when it is needed, and then its failure counts.
    const parts = [import('./transport/refusal.js'), import('./probe.js')];
    const transports = settings.transports.map((name) => loadTransport(name, settings));
    for (const part of [...parts, ...transports]) part.catch(() => {});
    if (options.report !== false) this.reporter.start();
    if (!options.fallback) return;
    this.#fallback ??= this.#loadFallback();
    this.#onFallback((fallback) => fallback.start());
  }

  #stop(): void {
    this.#stopWatching?.();
    this.#stopWatching = undefined;
    this.reporter.stop();
    this.#onFallback((fallback) => fallback.stop());
  }

  async #loadFallback(): Promise<Fallback> {
    const { options, settings, connection, dispatch, failed } = this.#host;
    const { Fallback } = await import('./fallback.js');
    return new Fallback({
      settings,
      options: options.fallback ?? {},
      user: [options.tenant, options.userId ?? options.share].join(':'),
      token: () => connection.token('connect', new AbortController().signal),
      deliver: (event) => void dispatch(event),
      isConnected: () => isOpen(this.#host.state()),
      failed,
    });
  }

  #onFallback(act: (fallback: Fallback) => void): void {
    this.#fallback?.then(act).catch(this.#host.failed);
  }

  publish(event: Record<string, any>, options?: PublishOptions): Promise<any> {
    this.#keep(event);
    return this.#publisher.publish(event, options);
  }

  /** An event was received, or is published here. */
  #keep(event: Partial<HubEvent>): void {
    this.#onFallback((fallback) => fallback.keep(event));
  }

  ack(eventId: string): void {
    this.#acks.add(eventId);
  }

  /** An event came again; true if it was handled, and only its acknowledgement got lost. */
  wasHandled(eventId: string): boolean {
    const known = this.#acks.has(eventId);
    if (known) this.#acks.add(eventId);
    return known;
  }
}
