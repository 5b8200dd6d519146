/** Draws the state machine in docs/states.md by trying every event in every state; `--check` only compares. */
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { reduceAny, WHOLE } from '../dist/machine/late.js';
import { COLUMNS } from '../dist/machine/table.js';
import { initialMachine } from '../dist/machine/types.js';

const page = fileURLToPath(new URL('../docs/states.md', import.meta.url));
const transports = ['sse', 'websocket', 'polling'];
const settings = { transports, maxReconnectAttempts: 3, enablePollingFallback: true };
const error = new Error();

/** Everything of a machine that decides where an event leads. */
const VARIANTS = [
  { wanted: true },
  { wanted: true, renewed: true },
  { wanted: true, waiting: true },
  { wanted: true, waiting: true, paused: ['user'] },
  { wanted: true, paused: ['user'] },
  { wanted: true, missing: ['sse', 'websocket'] },
].flatMap((variant) =>
  transports.flatMap((transport) => [
    { ...variant, transport },
    ...transports
      .slice(0, transports.indexOf(transport))
      .map((probing) => ({ ...variant, transport, probing })),
  ]),
);
const FIELDS = { lost: { cause: 'cut' }, pause: { reason: 'user' }, resume: { reason: 'user' } };
const events = Object.keys(WHOLE).flatMap((type) =>
  type === 'fallback'
    ? ['on', 'off', 'force'].map((mode) => ({ type, mode }))
    : [{ type, error, ...FIELDS[type] }],
);

/** What may be in use in a state: a stream is not polling, and polling is no stream. */
const fits = (status, { transport }) =>
  status === 'connected'
    ? transport !== 'polling'
    : status === 'polling'
      ? transport === 'polling'
      : true;

const arrows = new Map();
for (const status of Object.keys(COLUMNS)) {
  for (const variant of VARIANTS.filter((one) => fits(status, one))) {
    for (const event of events) {
      const machine = { ...initialMachine(settings, true), status, ...variant };
      const next = reduceAny(machine, event)[0].status;
      if (next === status) continue;
      const arrow = `${status} --> ${next}`;
      arrows.set(arrow, (arrows.get(arrow) ?? new Set()).add(event.type));
    }
  }
}
const drawn = [...arrows].map(([arrow, types]) => `    ${arrow}: ${[...types].join(', ')}`);
const diagram = ['```mermaid', 'stateDiagram-v2', '    [*] --> disconnected', ...drawn, '```'].join(
  '\n',
);

const before = readFileSync(page, 'utf8');
const after = before.replace(/```mermaid\n[^]*?```/, diagram);
if (!process.argv.includes('--check')) {
  writeFileSync(page, after);
} else if (after !== before) {
  console.error('docs/states.md is not what the table says: run npm run docs');
  process.exitCode = 1;
}
