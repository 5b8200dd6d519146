/** The last stretch of a frame: to the handlers, to who listens, and into the numbers. */
import type { Emitter } from './emitter.js';
import type { HubEvent } from './events.js';
import type { Extras } from './extras.js';
import type { Host } from './host.js';
import type { ClientEvents } from './types.js';
import type { Frame, Gap, WireEvent } from './wire.js';

export class Delivery {
  /** The replay has met the head: what comes now happens now. */
  live = false;
  readonly #host: Host;
  readonly #emitter: Emitter<ClientEvents>;
  readonly #use: (act: (extras: Extras) => void) => void;
  /** Whether another tab acknowledges for this one. */
  readonly #isLed: () => boolean;

  constructor(
    host: Host,
    emitter: Emitter<ClientEvents>,
    use: (act: (extras: Extras) => void) => void,
    isLed: () => boolean,
  ) {
    this.#host = host;
    this.#emitter = emitter;
    this.#use = use;
    this.#isLed = isLed;
  }

  frame(frame: Frame): void {
    const { settings, intake, connection, measure, failed } = this.#host;
    const { counters } = intake;
    const now = settings.clock.now();
    switch (frame.name) {
      case 'event':
        if (this.live) measure?.add(now, frame.data.receivedAt);
        counters.lastEventAt = now;
        return this.#event(frame.data as HubEvent);
      case 'redelivery': {
        const event = frame.data.event as HubEvent;
        return this.#use((extras) => extras.wasHandled(event.eventId) || this.#event(event));
      }
      case 'heartbeat':
        counters.lastHeartbeat = now;
        if (frame.data.now > 0) measure?.add(now, frame.data.now);
        return;
      case 'token':
        return void import('./stream-requests.js')
          .then(({ renew }) => renew(connection))
          .catch(failed);
      case 'live':
        this.live = true;
        break;
      case 'gap': {
        const everything = frame.data.scope === 'all';
        this.#use((extras) => extras.gap(everything));
      }
    }
    this.#emitter.emit(frame.name as keyof ClientEvents, frame.data as never);
  }

  /** What only a newer subscription shows: of an older time, so it says nothing of now. */
  replay(events: readonly WireEvent[], gaps: readonly Gap[] = []): void {
    const { intake } = this.#host;
    for (const data of gaps) {
      intake.counters.gaps += 1;
      this.frame({ name: 'gap', data });
    }
    for (const event of events) {
      intake.replayed(event);
      this.#event(event as HubEvent, true);
    }
  }

  #event(event: HubEvent, isOld = false): void {
    const { dispatcher, options } = this.#host;
    const done = dispatcher.dispatch(event);
    this.#emitter.emit('event', event);
    if (options.fallback && !isOld) this.#use((extras) => extras.keep(event));
    // The leader acknowledges for all tabs: they are one session.
    if (!event.ack || options.acks === 'manual' || this.#isLed()) return;
    const acknowledge = () => this.#use((extras) => extras.ack(event.eventId));
    void Promise.resolve(done).then((ok) => ok && acknowledge());
  }

  /** A handler has failed, which concerns nobody else. */
  handlerFailed(error: unknown, event: HubEvent): void {
    this.#host.intake.counters.handlerErrors += 1;
    this.#use((extras) => extras.reporter.count('handlerErrors'));
    try {
      (this.#host.options.onHandlerError ?? showError)(error, event);
    } catch (second) {
      showError(second);
    }
  }
}

/** Shows an error to the page without stopping anything. */
export function showError(error: unknown): void {
  if (globalThis.reportError) globalThis.reportError(error);
  else console.error(error);
}
