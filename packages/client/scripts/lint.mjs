/** Everything that is checked without running a test: types, format, package, size. */
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const CHECKS = [
  ['tsc'],
  ['prettier', '--check', '--log-level', 'warn', '.'],
  ['node', 'scripts/build.mjs'],
  ['node', 'scripts/size.mjs'],
  ['node', 'scripts/api-page.mjs', '--check'],
  ['node', 'scripts/states-page.mjs', '--check'],
  ['publint', '--strict'],
  ['attw', '--pack', '--profile', 'esm-only', '--no-color', '--format', 'ascii'],
];

const failed = CHECKS.filter(([program, ...parameters]) => {
  console.info(`--> ${program} ${parameters.join(' ')}`);
  const path = program === 'node' ? process.execPath : `node_modules/.bin/${program}`;
  return spawnSync(path, parameters, { cwd: root, stdio: 'inherit' }).status !== 0;
});
if (failed.length > 0) {
  console.error(`failed: ${failed.map((check) => check.join(' ')).join(', ')}`);
  process.exitCode = 1;
}
