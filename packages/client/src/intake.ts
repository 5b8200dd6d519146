/**
 * Everything that was received goes through here once: it keeps the place in the log, leaves out
 * what came before, and counts. Several links may feed it at the same time, because each of them
 * began at a place that this had reached.
 */
import { newCounters, type Counters } from './status.js';
import { offsetOf, type Frame, type WireEvent } from './wire.js';

/** How many events without a place are remembered, to leave out what comes twice. */
const REMEMBERED = 512;

export interface Intake {
  /** Where the next connection goes on; null before there is a place. */
  cursor: string | null;
  /** The highest offset that was taken, -1 before there is one. */
  offset: number;
  readonly counters: Counters;
  /**
   * Takes a frame in.
   * @param main whether it comes from the connection in use; a probe's own place moves nothing
   * @returns whether the frame goes on to the application
   */
  take(frame: Frame, main: boolean): boolean;
}

export function createIntake(cursor: string | null): Intake {
  const recent = new Set<string>();
  const counters = newCounters();
  const intake: Intake = {
    cursor,
    offset: -1,
    counters,
    take({ name, data, cursor }, main) {
      if (name === 'event') return takeEvent(data, cursor ?? data.cursor);
      if (name === 'gap') {
        const { to, reason, scope } = data;
        if (to !== null && to === intake.cursor && !main) return false;
        counters.gaps += 1;
        if (reason === 'epoch' || reason === 'ahead') intake.offset = -1;
        intake.cursor = to ?? intake.cursor;
        // Offsets of another history say nothing about this one.
        if (scope !== 'recent' && reason !== 'retention') recent.clear();
        return true;
      }
      if (name === 'dropped') counters.dropped += data.count;
      else if (main && cursor !== undefined && (offsetOf(cursor) ?? Infinity) >= intake.offset)
        intake.cursor = cursor;
      return main || name === 'dropped';
    },
  };
  return intake;

  function takeEvent({ offset, eventId }: WireEvent, cursor: string | undefined): boolean {
    counters.received += 1;
    const isNew = offset === undefined ? !recent.has(eventId) : offset > intake.offset;
    if (isNew) {
      intake.cursor = cursor ?? intake.cursor;
      if (offset === undefined) {
        recent.add(eventId);
        const [oldest] = recent;
        if (recent.size > REMEMBERED) recent.delete(oldest as string);
      } else intake.offset = offset;
    } else counters.duplicates += 1;
    return isNew;
  }
}
