/** What happens to the page that the client lives in. In Node there is no page, and nothing happens. */
export interface PageOwner {
  online(): void;
  offline(): void;
  /** The page is looked at again. */
  wake(): void;
  /** The page is put away or frozen: connections and locks must be let go now. */
  away(reason: 'pagehide' | 'frozen'): void;
  back(reason: 'pagehide' | 'frozen'): void;
}

export const isOnline = (): boolean => globalThis.navigator?.onLine !== false;

/** @returns the function that stops listening */
export function watchPage(owner: PageOwner): () => void {
  const { window, document } = globalThis;
  if (!window?.addEventListener || !document) return () => {};
  const stop = new AbortController();
  const listen = (target: EventTarget, type: string, callback: () => void) =>
    target.addEventListener(type, callback, { signal: stop.signal });
  listen(window, 'online', () => owner.online());
  listen(window, 'offline', () => owner.offline());
  listen(window, 'focus', () => owner.wake());
  listen(window, 'pagehide', () => owner.away('pagehide'));
  listen(window, 'pageshow', () => owner.back('pagehide'));
  listen(document, 'freeze', () => owner.away('frozen'));
  listen(document, 'resume', () => owner.back('frozen'));
  listen(document, 'visibilitychange', () => {
    if (document.visibilityState === 'visible') owner.wake();
  });
  return () => stop.abort();
}
