/** The real hub as a child process, for the end-to-end test. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';

/**
 * Starts `radial dev`, or `radial serve` with a configuration, and waits until it listens.
 * @param {{listen: string, data: string, config?: string}} options
 * @returns {Promise<{url: string, host: string, kill: () => Promise<void>}>}
 */
export async function startHub({ listen, data, config }) {
  const binary = process.env.RADIAL_BIN;
  assert.ok(
    binary,
    'Set RADIAL_BIN to the radial binary, e.g. RADIAL_BIN=../../target/debug/radial',
  );
  const mode = config ? ['serve', '--config', config] : ['dev'];
  const child = spawn(binary, [...mode, '--listen', listen, '--data', data], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const errors = [];
  child.stderr.setEncoding('utf8').on('data', (text) => errors.push(text));
  const ended = once(child, 'exit');
  const failed = ended.then(([code]) => {
    throw new Error(`the hub ended with status ${code} before it listened:\n${errors.join('')}`);
  });
  const [line] = await Promise.race([
    once(createInterface({ input: child.stdout }), 'line'),
    failed,
  ]);
  const url = /^listening on (https?:\/\/\S+)$/.exec(line)?.[1];
  assert.ok(url, `the first line of the hub was “${line}”, not “listening on http://…”`);
  // The rest of its output is of no interest, but a full pipe would stop it.
  child.stdout.resume();
  failed.catch(() => {});
  return {
    url,
    host: new URL(url).host,
    async kill() {
      if (child.exitCode === null && child.signalCode === null) child.kill('SIGKILL');
      await ended;
    },
  };
}
