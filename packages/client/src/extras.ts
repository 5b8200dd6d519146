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

export class Extras {
  readonly reporter: Reporter;
  readonly #publisher: Publisher;
  readonly #acks: Acknowledger;
  readonly #host: Host;
  #fallback: Fallback | undefined;
  #stopWatching: (() => void) | undefined;

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

  start(): void {
    const { options } = this.#host;
    if (this.#stopWatching) return;
    this.#stopWatching = watchPage(this.#host);
    // Until it is there, a refusal would count as a hub that cannot be reached.
    import('./transport/refusal.js').catch(() => {});
    if (options.report !== false) this.reporter.start();
    if (!options.fallback) return;
    if (this.#fallback) this.#fallback.start();
    else void this.#createFallback().catch(this.#host.failed);
  }

  stop(): void {
    this.#stopWatching?.();
    this.#stopWatching = undefined;
    this.reporter.stop();
    this.#fallback?.stop();
  }

  async #createFallback(): Promise<void> {
    const { options, settings, connection, dispatcher, failed } = this.#host;
    const { Fallback } = await import('./fallback.js');
    const isConnected = () => ['connected', 'polling'].includes(this.#host.state().status);
    this.#fallback = new Fallback({
      settings,
      options: options.fallback ?? {},
      user: [options.tenant, options.userId ?? options.share].join(':'),
      token: () => connection.token('connect', new AbortController().signal),
      deliver: (event) => void dispatcher.dispatch(event),
      isConnected,
      failed,
    });
    this.#fallback.start();
  }

  publish(event: Record<string, any>, options?: PublishOptions): Promise<any> {
    this.#fallback?.keep(event);
    return this.#publisher.publish(event, options);
  }

  /** The connection has changed. */
  changed(): void {
    this.#fallback?.changed();
  }

  /** An event was received. */
  keep(event: HubEvent): void {
    this.#fallback?.keep(event);
  }

  gap(everything: boolean): void {
    this.reporter.count('gaps');
    if (everything) this.#fallback?.gap();
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
