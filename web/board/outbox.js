/**
 * What this window has published and not yet seen come back on the stream.
 *
 * @typedef {{eventId: string, eventType: string, eventData: any, channel: string}} Draft
 * @typedef {import('./hub.js').Problem} Problem
 */

/**
 * Creates an outbox. Drafts about one card are sent one after the other, because the hub orders
 * them by arrival; when one is refused, those that waited behind it are taken back with it.
 * @param {object} options
 * @param {(draft: Draft) => Promise<Problem | undefined>} options.send
 * @param {() => void} options.onChange
 * @param {(draft: Draft, problem: Problem) => void} options.onRefused
 * @param {() => number} [options.now] milliseconds
 * @returns {{submit: (draft: Draft) => Promise<boolean>,
 *   confirm: (eventId: string) => number | undefined, pending: () => Draft[]}}
 */
export function createOutbox({ send, onChange, onRefused, now = () => performance.now() }) {
  /** @type {Map<string, {draft: Draft, sentAt?: number}>} in the order submitted */
  const entries = new Map();
  /** @type {Map<string, Promise<boolean>>} per card: whether all that came before was accepted */
  const tails = new Map();

  function submit(draft) {
    const { cardId } = draft.eventData;
    entries.set(draft.eventId, { draft });
    onChange();
    const before = tails.get(cardId) ?? Promise.resolve(true);
    const tail = before.then((accepted) => (accepted ? deliver(draft) : takeBack(draft)));
    tails.set(cardId, tail);
    return tail.finally(() => {
      if (tails.get(cardId) === tail) tails.delete(cardId);
    });
  }

  async function deliver(draft) {
    entries.get(draft.eventId).sentAt = now();
    const problem = await send(draft);
    if (!problem) return true;
    // The answer may be lost and the event still have arrived: what the stream shows wins.
    if (!entries.has(draft.eventId)) return true;
    takeBack(draft);
    onRefused(draft, problem);
    return false;
  }

  function takeBack(draft) {
    entries.delete(draft.eventId);
    onChange();
    return false;
  }

  /** The event came back: answers how long that took, or undefined if it is not from here. */
  function confirm(eventId) {
    const entry = entries.get(eventId);
    if (!entry) return undefined;
    entries.delete(eventId);
    return entry.sentAt === undefined ? undefined : now() - entry.sentAt;
  }

  return { submit, confirm, pending: () => [...entries.values()].map((entry) => entry.draft) };
}
