/**
 * Tries a better transport beside the one in use, and puts it in its place once it has proved
 * itself. Loaded on demand: who has the best transport needs none of it.
 */
import { createTimer } from './clock.js';
import type { Connection, ConnectionOwner } from './connection.js';
import { createLink, type Link, type LinkOwner } from './link.js';
import { reduceAny } from './machine/late.js';
import type { Effect, LateEventName, MachineEvent, TransportName } from './machine/types.js';
import { newId } from './settings.js';

/** A probe after something changed for the better comes this soon, in milliseconds. */
const SOON_MS = 1_000;

/** Makes a step of the machine by an event that the core does not know. */
export const sendLate = (connection: Connection, event: MachineEvent<LateEventName>): void =>
  connection.step(reduceAny(connection.machine, event), event);

/** @returns the function that does the effects about probes, and ends them at `close` */
export function createProbe(
  connection: Connection,
  { settings, intake, received }: ConnectionOwner,
): (effect: Effect) => void {
  const { clock, random } = settings;
  let link: Link | null = null;
  let attempt = new AbortController();
  const send = (event: MachineEvent<LateEventName>) => sendLate(connection, event);
  const wait = createTimer(clock, () => send({ type: 'probeDue' }));
  const owner: LinkOwner = {
    opened() {},
    proved: () => send({ type: 'probeProved' }),
    frame(frame) {
      if (intake.take(frame, false)) received(frame);
    },
    ended(end) {
      link = null;
      send({ type: 'probeLost', missing: end.type === 'missing' });
    },
  };

  function leave(): void {
    attempt.abort();
    link?.close();
    link = null;
  }

  async function open(transport: TransportName): Promise<void> {
    leave();
    const { signal } = (attempt = new AbortController());
    try {
      const [code, request] = await connection.prepare(transport, 'connect', signal);
      if (signal.aborted) return;
      // Without a place a second connection could not tell what the first one has had.
      if (request.cursor === null) return send({ type: 'probeLost' });
      // By another name, so that the hub does not take a probe for a newer one of the same.
      const own = { ...request, snapshot: [], clientId: newId() };
      link = createLink(code, own, owner, settings);
    } catch {
      if (!signal.aborted) send({ type: 'probeLost' });
    }
  }

  return (effect) => {
    switch (effect.do) {
      case 'probeLater': {
        const spread = (2 / 3 + (random() * 2) / 3) * settings.probeInterval;
        return wait.set(effect.soon ? Math.min(SOON_MS, spread) : spread);
      }
      case 'probe':
        return void open(effect.transport);
      case 'close':
        wait.clear();
        return leave();
      case 'adopt':
        if (!link) return;
        connection.main?.close();
        link.owner = connection.linkOwner;
        connection.main = link;
        connection.clientId = link.request.clientId;
        link = null;
        connection.refilter();
    }
  };
}
