/** Writes docs/api.md from the built declarations and their comments; `--check` only compares. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';

const root = fileURLToPath(new URL('..', import.meta.url));
const page = `${root}docs/api.md`;
const ENTRIES = [
  ['@radial/client', 'dist/index.d.ts'],
  ['@radial/client/outbox', 'dist/outbox/index.d.ts'],
  ['@radial/client/server', 'dist/server/index.d.ts'],
  ['@radial/client/testing', 'dist/testing/index.d.ts'],
];

const files = ENTRIES.map(([, path]) => root + path);
const missing = files.find((path) => !existsSync(path));
if (missing) throw new Error(`${missing} is not built: run npm run build`);
const program = ts.createProgram(files, {
  target: ts.ScriptTarget.ES2022,
  module: ts.ModuleKind.NodeNext,
  moduleResolution: ts.ModuleResolutionKind.NodeNext,
  types: [],
});
const checker = program.getTypeChecker();

/** The first sentence belongs to the text, the rest to the code. */
function describe(symbol) {
  const target = symbol.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(symbol) : symbol;
  const [declaration] = target.declarations ?? [];
  if (!declaration) return undefined;
  const node = ts.isVariableDeclaration(declaration) ? declaration.parent.parent : declaration;
  const comment = ts.displayPartsToString(target.getDocumentationComment(checker));
  const code = node.getText().replace(/^export (declare )?/, '');
  return `### ${symbol.name}\n\n${comment ? `${comment}\n\n` : ''}\`\`\`ts\n${code}\n\`\`\`\n`;
}

const parts = ENTRIES.map(([name, path]) => {
  const source = program.getSourceFile(root + path);
  const exported = checker.getExportsOfModule(checker.getSymbolAtLocation(source));
  const sorted = exported.sort((a, b) => (a.name < b.name ? -1 : 1));
  return `## ${name}\n\n${sorted.map(describe).filter(Boolean).join('\n')}`;
});
const text =
  `# API\n\n<!-- Written by scripts/api-page.mjs from the comments in src/. -->\n\n${parts.join('\n')}`
    .replaceAll(/[ \t]+$/gm, '')
    .replaceAll('\t', '  ');

if (!process.argv.includes('--check')) {
  writeFileSync(page, text);
} else if (!existsSync(page) || readFileSync(page, 'utf8') !== text) {
  console.error('docs/api.md is not up to date: run npm run docs');
  process.exitCode = 1;
}
