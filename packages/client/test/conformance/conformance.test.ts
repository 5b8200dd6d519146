import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import type { TransportName } from '../../src/index.js';
import { runCase, type Case } from './runner.js';

const FOLDER = new URL('../../../../conformance/cases/', import.meta.url);
const TRANSPORTS: TransportName[] = ['sse', 'websocket', 'polling'];
/** What a case is called there. */
const WORDS: Record<TransportName, string> = {
  sse: 'sse',
  websocket: 'websocket',
  polling: 'poll',
};

const cases = readdirSync(FOLDER)
  .filter((file) => file.endsWith('.yaml'))
  .map((file): Case => parse(readFileSync(new URL(file, FOLDER), 'utf8')));

test('there are cases', () => {
  expect(cases.length).toBeGreaterThan(40);
});

describe.each(TRANSPORTS)('every case holds over %s', (transport) => {
  for (const one of cases) {
    // A case that names transports is about something that the others do not have.
    const applies = !one.transports || one.transports.includes(WORDS[transport]);
    if (applies) test(one.name, () => runCase(one, transport));
  }
});
