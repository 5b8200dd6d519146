/**
 * What happens to the page that the client lives in. In Node there is no page, and nothing happens.
 * Loaded on demand.
 */
import type { Host } from './host.js';
import { sendLate } from './probe.js';
import { isOnline } from './status.js';

/** @returns the function that stops listening */
export function watchPage({ connection, seat }: Host): () => void {
  const { window, document } = globalThis;
  if (!window?.addEventListener || !document) return () => {};
  const stop = new AbortController();
  const listen = (target: EventTarget, type: string, callback: () => void) =>
    target.addEventListener(type, callback, { signal: stop.signal });
  const wake = () => {
    seat.tabs?.check();
    sendLate(connection, { type: 'wake' });
  };
  // Connections and locks must be let go at once.
  const away = (reason: string) => () => {
    connection.send({ type: 'pause', reason });
    seat.leave();
  };
  const back = (reason: string) => () => {
    seat.take();
    connection.send({ type: 'resume', reason });
  };
  const network = () => {
    const type = isOnline() ? 'online' : 'offline';
    if (isOnline() !== connection.machine.online) sendLate(connection, { type });
  };
  listen(window, 'online', network);
  listen(window, 'offline', network);
  listen(window, 'focus', wake);
  listen(window, 'pagehide', away('pagehide'));
  listen(window, 'pageshow', back('pagehide'));
  listen(document, 'freeze', away('frozen'));
  listen(document, 'resume', back('frozen'));
  listen(document, 'visibilitychange', () => {
    if (document.visibilityState === 'visible') wake();
  });
  // It may have changed while this was loaded.
  network();
  return () => stop.abort();
}
