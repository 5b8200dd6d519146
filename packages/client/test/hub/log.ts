/** The hub's log, from outside: what is published to it, and how far it is. */
import { expect } from 'vitest';

const BATCH = 500;

export function logOf(url: () => string) {
  /** Publishes to a channel in order; the ids say which it was. */
  async function publish(to: string, from: number, count: number): Promise<string[]> {
    const ids = Array.from({ length: count }, (_, one) => `${to}-${from + one}`);
    const events = ids.map((eventId) => ({
      eventType: 'user.updated',
      eventData: { userId: 'u' },
      eventId,
      channel: to,
    }));
    for (let first = 0; first < count; first += BATCH) {
      const answer = await fetch(`${url()}/api/sse/events`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(events.slice(first, first + BATCH)),
      });
      expect(answer.status).toBe(207);
      expect((await answer.json()).filter((item: any) => item.code)).toEqual([]);
    }
    return ids;
  }

  /** The place of the hub's log now. */
  async function place(): Promise<string> {
    const answer = await fetch(`${url()}/api/poll?channels=nothing&wait=0s`);
    return (await answer.json()).cursor;
  }

  return { publish, place };
}
