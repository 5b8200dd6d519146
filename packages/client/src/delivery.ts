/** The last stretch of a frame: to the handlers, to who listens, and into the numbers. */
import type { HubEvent } from './events.js';
import type { Extras } from './extras.js';
import type { Host } from './host.js';
import type { Subscription } from './subscription.js';
import type { ClientEvents } from './types.js';
import type { Frame, WireEvent } from './wire.js';

/**
 * Gives an event to who wants it.
 * @param only as in `dispatch`
 * @param use does something with what a client loads on demand
 */
export function deliver(
  wire: WireEvent,
  only: Subscription | undefined,
  host: Host,
  use: (act: (extras: Extras) => void) => void,
) {
  const event = wire as HubEvent;
  const done = host.dispatch(event, only);
  host.emit('event', event);
  // The leader acknowledges for all tabs what it gets for all: they are one session.
  if (!event.ack || host.options.acks === 'manual' || (host.seat.led && !only)) return;
  const acknowledge = () => use((extras) => extras.ack(event.eventId));
  void Promise.resolve(done).then((ok) => ok && acknowledge());
}

/** Does what a frame says. */
export function deliverFrame(
  { name, data }: Frame,
  host: Host,
  use: (act: (extras: Extras) => void) => void,
): void {
  const { settings, intake, connection, measure, failed } = host;
  const { counters } = intake;
  const now = settings.clock.now();
  switch (name) {
    case 'event':
      if (host.live) measure?.add(now, data.receivedAt);
      counters.lastEventAt = now;
      return host.deliver(data);
    case 'redelivery':
      return use((extras) => extras.wasHandled(data.event.eventId) || host.deliver(data.event));
    case 'heartbeat':
      counters.lastHeartbeat = now;
      if (data.now > 0) measure?.add(now, data.now);
      return;
    case 'token':
      return void import('./stream-requests.js')
        .then(({ renew }) => renew(connection, settings))
        .catch(failed);
  }
  if (name === 'live') {
    host.live = true;
    host.refilter();
  }
  host.emit(name as keyof ClientEvents, data as never);
}

/** Shows an error to the page without stopping anything. */
export function showError(error: unknown): void {
  if (globalThis.reportError) globalThis.reportError(error);
  else console.error(error);
}
