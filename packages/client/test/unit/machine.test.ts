import { describe, expect, test } from 'vitest';
import { RadialError } from '../../src/errors.js';
import { reduceAny as reduce, WHOLE } from '../../src/machine/late.js';
import { COLUMNS } from '../../src/machine/table.js';
import {
  initialMachine,
  ladder,
  type Effect,
  type Machine,
  type MachineEvent,
  type MachineEventName,
  type Status,
} from '../../src/machine/types.js';
import { pick, seeded } from '../random.js';

const error = new RadialError('forbidden', 'no');
const start = initialMachine(
  {
    transports: ['sse', 'websocket', 'polling'],
    maxReconnectAttempts: 3,
    enablePollingFallback: true,
  },
  true,
);

/** One machine for each state, such as it is there. */
const MACHINES: Record<Status, Machine> = {
  disconnected: start,
  connecting: { ...start, status: 'connecting', wanted: true },
  connected: { ...start, status: 'connected', wanted: true, transport: 'websocket' },
  reconnecting: { ...start, status: 'reconnecting', wanted: true, waiting: true, attempt: 1 },
  polling: { ...start, status: 'polling', wanted: true, transport: 'polling', probing: 'sse' },
  failed: { ...start, status: 'failed', wanted: true, error },
};

const EVENTS: { [E in MachineEventName]: MachineEvent & { type: E } } = {
  connect: { type: 'connect' },
  disconnect: { type: 'disconnect' },
  reconnect: { type: 'reconnect' },
  opened: { type: 'opened' },
  proved: { type: 'proved' },
  lost: { type: 'lost', cause: 'cut' },
  unauthorized: { type: 'unauthorized', error },
  missing: { type: 'missing', error },
  refused: { type: 'refused', error },
  due: { type: 'due' },
  probeDue: { type: 'probeDue' },
  probeProved: { type: 'probeProved' },
  probeLost: { type: 'probeLost' },
  online: { type: 'online' },
  offline: { type: 'offline' },
  wake: { type: 'wake' },
  pause: { type: 'pause', reason: 'user' },
  resume: { type: 'resume', reason: 'user' },
  fallback: { type: 'fallback', mode: 'off' },
};

/** What becomes of each machine by each event: the next state, and the names of the effects. */
const EXPECTED: Record<Status, Record<MachineEventName, string>> = {
  disconnected: {
    connect: 'connecting: open',
    disconnect: 'disconnected: close',
    reconnect: 'connecting: open',
    opened: 'disconnected:',
    proved: 'disconnected:',
    lost: 'disconnected:',
    unauthorized: 'disconnected:',
    missing: 'disconnected:',
    refused: 'disconnected:',
    due: 'disconnected:',
    probeDue: 'disconnected:',
    probeProved: 'disconnected:',
    probeLost: 'disconnected:',
    online: 'disconnected:',
    offline: 'disconnected:',
    wake: 'disconnected:',
    pause: 'disconnected:',
    resume: 'disconnected:',
    fallback: 'disconnected:',
  },
  connecting: {
    connect: 'connecting:',
    disconnect: 'disconnected: close',
    reconnect: 'reconnecting: close open',
    opened: 'connected:',
    proved: 'connecting:',
    lost: 'reconnecting: close wait',
    unauthorized: 'connecting: close open',
    missing: 'reconnecting: close wait',
    refused: 'failed: close',
    due: 'connecting:',
    probeDue: 'connecting:',
    probeProved: 'connecting:',
    probeLost: 'connecting:',
    online: 'connecting:',
    offline: 'connecting:',
    wake: 'connecting:',
    pause: 'disconnected: close',
    resume: 'connecting:',
    fallback: 'connecting:',
  },
  connected: {
    connect: 'connected:',
    disconnect: 'disconnected: close',
    reconnect: 'reconnecting: close open',
    opened: 'connected:',
    proved: 'connected:',
    lost: 'reconnecting: close wait',
    unauthorized: 'reconnecting: close open',
    missing: 'reconnecting: close wait',
    refused: 'failed: close',
    due: 'connected:',
    probeDue: 'connected: probe',
    probeProved: 'connected:',
    probeLost: 'connected:',
    online: 'connected: check probeLater',
    offline: 'connected:',
    wake: 'connected: check probeLater',
    pause: 'disconnected: close',
    resume: 'connected:',
    fallback: 'connected:',
  },
  reconnecting: {
    connect: 'reconnecting:',
    disconnect: 'disconnected: close',
    reconnect: 'reconnecting: close open',
    opened: 'connected:',
    proved: 'reconnecting:',
    lost: 'reconnecting: close wait',
    unauthorized: 'reconnecting: close open',
    missing: 'reconnecting: close wait',
    refused: 'failed: close',
    due: 'reconnecting: open',
    probeDue: 'reconnecting:',
    probeProved: 'reconnecting:',
    probeLost: 'reconnecting:',
    online: 'reconnecting: open',
    offline: 'reconnecting:',
    wake: 'reconnecting: open',
    pause: 'disconnected: close',
    resume: 'reconnecting:',
    fallback: 'reconnecting:',
  },
  polling: {
    connect: 'polling:',
    disconnect: 'disconnected: close',
    reconnect: 'reconnecting: close open',
    opened: 'polling:',
    proved: 'polling:',
    lost: 'reconnecting: close wait',
    unauthorized: 'reconnecting: close open',
    missing: 'reconnecting: close wait',
    refused: 'failed: close',
    due: 'polling:',
    probeDue: 'polling:',
    probeProved: 'connected: adopt',
    probeLost: 'polling: probeLater',
    online: 'polling: check',
    offline: 'polling:',
    wake: 'polling: check',
    pause: 'disconnected: close',
    resume: 'polling:',
    fallback: 'reconnecting: close open',
  },
  failed: {
    connect: 'connecting: open',
    disconnect: 'disconnected: close',
    reconnect: 'connecting: open',
    opened: 'failed:',
    proved: 'failed:',
    lost: 'failed:',
    unauthorized: 'failed:',
    missing: 'failed:',
    refused: 'failed:',
    due: 'failed:',
    probeDue: 'failed:',
    probeProved: 'failed:',
    probeLost: 'failed:',
    online: 'failed:',
    offline: 'failed:',
    wake: 'failed:',
    pause: 'failed:',
    resume: 'failed:',
    fallback: 'failed:',
  },
};

const show = (machine: Machine, effects: readonly Effect[]) =>
  [`${machine.status}:`, ...effects.map((effect) => effect.do)].join(' ');

describe('the table', () => {
  for (const status of Object.keys(EXPECTED) as Status[]) {
    for (const name of Object.keys(EXPECTED[status]) as MachineEventName[]) {
      test(`${status} × ${name}`, () => {
        expect(show(...reduce(MACHINES[status], EVENTS[name]))).toBe(EXPECTED[status][name]);
      });
    }
  }

  test('every state and every event has a cell, and no more', () => {
    expect(Object.keys(COLUMNS).sort()).toEqual(Object.keys(EXPECTED).sort());
    expect(Object.keys(WHOLE).sort()).toEqual(Object.keys(EVENTS).sort());
    for (const row of Object.values(WHOLE)) expect(row).toHaveLength(3);
  });
});

/** Sends events one after the other; gives the machine and the last effects. */
function after(machine: Machine, ...events: MachineEvent[]): [Machine, readonly Effect[]] {
  let effects: readonly Effect[] = [];
  for (const event of events) [machine, effects] = reduce(machine, event);
  return [machine, effects];
}
const { connect, opened, proved, lost, due } = EVENTS;

describe('reconnecting', () => {
  test('the back-off grows by one at each loss, and begins anew only after a proof', () => {
    const [first, effects] = after(start, connect, opened, lost);
    expect(effects).toContainEqual({ do: 'wait', attempt: 0, floorMs: 0 });
    const [second, more] = after(first, due, opened, lost);
    expect(more).toContainEqual({ do: 'wait', attempt: 1, floorMs: 0 });
    const [, less] = after(second, due, opened, proved, lost);
    expect(less).toContainEqual({ do: 'wait', attempt: 0, floorMs: 0 });
  });

  test('three failures lead to the next transport, and after the last to the first', () => {
    const failures = (machine: Machine) => after(machine, lost, due, lost, due, lost, due)[0];
    const websocket = failures(after(start, connect)[0]);
    expect(websocket.transport).toBe('websocket');
    const polling = failures(websocket);
    expect(polling.transport).toBe('polling');
    expect(failures(polling).transport).toBe('sse');
  });

  test('what the hub announces, or what happens offline, speaks against no transport', () => {
    let [machine] = after(start, connect);
    for (let round = 0; round < 20; round += 1) {
      [machine] = after(machine, { type: 'lost', cause: 'goodbye', floorMs: 500 }, due, opened);
      [machine] = after(machine, { type: 'lost', cause: 'busy', floorMs: 500 }, due, opened);
      [machine] = after(machine, { type: 'offline' }, lost, due, { type: 'online' }, opened);
    }
    expect(machine.transport).toBe('sse');
  });

  test('a wait that the hub asked for is not cut short; our own is', () => {
    const [held] = after(start, connect, { type: 'lost', cause: 'busy', floorMs: 5_000 });
    expect(after(held, { type: 'wake' }, { type: 'online' })[1]).toEqual([]);
    const [waiting] = after(start, connect, lost);
    expect(after(waiting, { type: 'online' })[1]).toEqual([{ do: 'open', renew: false }]);
  });

  test('a hub that is switched off is polled meanwhile', () => {
    const goodbye: MachineEvent = { type: 'lost', cause: 'goodbye', floorMs: 30_000, poll: true };
    const [machine, effects] = after(start, connect, opened, goodbye);
    expect(machine.transport).toBe('polling');
    expect(effects).toContainEqual({ do: 'wait', attempt: 0, floorMs: 0 });
  });
});

describe('refusals', () => {
  test('401 is answered with a new credential once, and the second time with failed', () => {
    const [machine, effects] = after(start, connect, EVENTS.unauthorized);
    expect(machine.status).toBe('connecting');
    expect(effects).toContainEqual({ do: 'open', renew: true });
    const [failed] = after(machine, EVENTS.unauthorized);
    expect(failed.status).toBe('failed');
    expect(failed.error).toBe(error);
    expect(after(machine, opened, proved, EVENTS.unauthorized)[0].status).toBe('reconnecting');
    expect(after(machine, opened, EVENTS.unauthorized)[0].status).toBe('failed');
  });

  test('a transport that the hub lacks is left out until the application connects anew', () => {
    const [polling] = after(start, connect, EVENTS.missing, due, EVENTS.missing, due);
    expect(polling.transport).toBe('polling');
    expect(ladder(polling)).toEqual(['polling']);
    const [failed] = after(polling, EVENTS.missing);
    expect(failed.status).toBe('failed');
    expect(ladder(after(failed, connect)[0])).toEqual(['sse', 'websocket', 'polling']);
  });
});

test('better transports are probed in turn, and the one that proves itself is adopted', () => {
  const polling: Machine = { ...MACHINES.polling, probing: null };
  const [first, effects] = after(polling, EVENTS.probeDue);
  expect(effects).toEqual([{ do: 'probe', transport: 'sse' }]);
  const [second, more] = after(first, EVENTS.probeLost, EVENTS.probeDue);
  expect(more).toEqual([{ do: 'probe', transport: 'websocket' }]);
  const [adopted, last] = after(second, EVENTS.probeProved);
  expect(adopted).toMatchObject({ status: 'connected', transport: 'websocket', probing: null });
  expect(last).toEqual([{ do: 'adopt' }, { do: 'probeLater', soon: false }]);
});

test('pauses are a set: the last one that is lifted connects again', () => {
  const [paused] = after(
    start,
    connect,
    { type: 'pause', reason: 'user' },
    { type: 'pause', reason: 'hidden' },
  );
  expect(paused.status).toBe('disconnected');
  const [still] = after(paused, { type: 'resume', reason: 'user' });
  expect(still.status).toBe('disconnected');
  expect(after(still, { type: 'resume', reason: 'hidden' })[0].status).toBe('connecting');
  const [unwanted] = after(paused, EVENTS.disconnect, { type: 'resume', reason: 'user' });
  expect(after(unwanted, { type: 'resume', reason: 'hidden' })[0].status).toBe('disconnected');
});

describe('random walks', () => {
  /** The surroundings as the effects make them: at most one connection, one wait and one probe. */
  function surroundings() {
    let connection = false;
    let wait = false;
    let probe = false;
    return {
      view: () => ({ connection, wait, probe }),
      end: (type: MachineEventName) => {
        if (['lost', 'unauthorized', 'missing', 'refused'].includes(type)) connection = false;
        if (type === 'due') wait = false;
        if (type === 'probeLost') probe = false;
      },
      perform: (effect: Effect) => {
        if (effect.do === 'close') connection = wait = probe = false;
        if (effect.do === 'open') [connection, wait] = [true, false];
        if (effect.do === 'wait') wait = true;
        if (effect.do === 'probe') probe = true;
        if (effect.do === 'adopt') [connection, probe] = [probe, false];
      },
    };
  }

  /** Only what can happen now: a connection that does not exist cannot be lost. */
  function possible(
    name: MachineEventName,
    m: Machine,
    view: { connection: boolean; wait: boolean; probe: boolean },
  ) {
    if (['opened', 'lost', 'unauthorized', 'missing', 'refused', 'proved'].includes(name))
      return view.connection;
    if (name === 'due') return view.wait;
    if (name === 'probeProved' || name === 'probeLost') return view.probe && m.probing !== null;
    return true;
  }

  test('there is exactly one loop: one connection or one wait while a connection is wanted', () => {
    const random = seeded();
    const names = Object.keys(EVENTS) as MachineEventName[];
    for (let walk = 0; walk < 60; walk += 1) {
      const world = surroundings();
      let machine = start;
      for (let step = 0; step < 200; step += 1) {
        const name = pick(random, names);
        if (!possible(name, machine, world.view())) continue;
        let event: MachineEvent = EVENTS[name];
        if (name === 'lost') {
          const cause = pick(random, ['cut', 'silent', 'unreachable', 'busy', 'goodbye'] as const);
          event = { type: 'lost', cause, poll: random() < 0.1, floorMs: pick(random, [0, 1_000]) };
        }
        if (name === 'fallback')
          event = { type: 'fallback', mode: pick(random, ['on', 'off', 'force'] as const) };
        if (name === 'pause' || name === 'resume') {
          event = { type: name, reason: pick(random, ['user', 'hidden', 'pagehide']) };
        }
        world.end(name);
        const [next, effects] = reduce(machine, event);
        effects.forEach(world.perform);
        machine = next;
        const where = `seed ${random.seed}, walk ${walk}, step ${step}, ${name} -> ${JSON.stringify(machine)}`;
        const view = world.view();
        const active = machine.status !== 'disconnected' && machine.status !== 'failed';
        expect(Number(view.connection) + Number(view.wait), where).toBe(active ? 1 : 0);
        expect(view.wait, where).toBe(machine.waiting);
        expect(view.probe, where).toBe(machine.probing !== null);
        if (machine.probing) {
          const rungs = ladder(machine);
          expect(rungs.indexOf(machine.probing), where).toBeLessThan(
            rungs.indexOf(machine.transport),
          );
          expect(['connected', 'polling'], where).toContain(machine.status);
        }
        if (active) expect(ladder(machine), where).toContain(machine.transport);
        if (machine.status === 'polling') expect(machine.transport, where).toBe('polling');
        if (machine.status === 'failed') expect(machine.error, where).not.toBeNull();
        if (machine.status === 'disconnected')
          expect(!machine.wanted || machine.paused.length > 0, where).toBe(true);
      }
    }
  });
});
