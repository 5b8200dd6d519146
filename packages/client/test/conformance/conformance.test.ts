import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import type { TransportName } from '../../src/index.js';
import { isExpressible, runCase, type Case } from './runner.js';

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

test('a client can do the steps of most cases', () => {
  expect(cases.filter(isExpressible).length).toBeGreaterThan(40);
});

describe.each(TRANSPORTS)('every case holds over %s', (transport) => {
  for (const one of cases) {
    const applies = !one.transports || one.transports.includes(WORDS[transport]);
    test.runIf(applies && isExpressible(one))(one.name, () => runCase(one, transport));
  }
});
