/**
 * The weight of each entry as a page pays for it: bundled, minified, gzipped. The first number is
 * what is loaded before a client can connect; the second has the parts that it loads afterwards.
 */
import { build } from 'esbuild';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';

const root = fileURLToPath(new URL('..', import.meta.url));
const BUDGETS = [
  {
    entry: 'index',
    code: "export { createRealtimeClient } from './src/index.ts'",
    first: 8_192,
    all: 18_048,
  },
  {
    entry: 'outbox',
    code: "export { createOutbox } from './src/outbox/index.ts'",
    first: 2_048,
    all: 2_048,
  },
];

async function bundle(code, plugins) {
  const { outputFiles } = await build({
    stdin: { contents: code, resolveDir: root, loader: 'ts' },
    bundle: true,
    minify: true,
    format: 'esm',
    target: 'es2022',
    write: false,
    legalComments: 'none',
    plugins,
  });
  return gzipSync(outputFiles[0].contents, { level: 9 }).length;
}

/** Leaves out what is loaded by `import()`. */
const withoutLater = {
  name: 'without-later',
  setup({ onResolve }) {
    onResolve({ filter: /^\./ }, ({ kind, path }) =>
      kind === 'dynamic-import' ? { path, external: true } : undefined,
    );
  },
};

let over = false;
for (const budget of BUDGETS) {
  const first = await bundle(budget.code, [withoutLater]);
  const all = await bundle(budget.code, []);
  const fits = first <= budget.first && all <= budget.all;
  over ||= !fits;
  console.info(
    `${fits ? 'fits ' : 'OVER '} ${budget.entry}: ${first} of ${budget.first} bytes, ${all} of ${budget.all} with what it loads later`,
  );
}
process.exitCode = over ? 1 : 0;
