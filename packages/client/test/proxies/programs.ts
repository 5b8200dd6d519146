/** Real proxies before a hub, with the settings that docs/proxies.md gives for them. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, vi } from 'vitest';

const PAGE = readFileSync(new URL('../../docs/proxies.md', import.meta.url), 'utf8');

/** The settings of the page, by the language of their block. */
export function settings(language: string): string {
  const block = new RegExp(`\`\`\`${language}\n([^]*?)\`\`\``).exec(PAGE)?.[1];
  if (!block) throw new Error(`docs/proxies.md has no settings in ${language}`);
  return block;
}

/** Where the tests have put programs that they bring along. */
const OWN_PROGRAMS = process.env['RADIAL_PROXIES'] ?? '';

/** A program that the tests have brought along, or else the machine's. */
const found = (name: string, folder: string): string =>
  [join(OWN_PROGRAMS, name), join(folder, name)].find(existsSync) ?? join(folder, name);

interface Program {
  path: string;
  /** How its configuration is called, where that matters. */
  file?: string;
  /** The whole configuration: the page's settings, and what a test needs around them. */
  config(hub: string, port: number, folder: string): string;
  parameters(config: string, folder: string): string[];
}

export const PROGRAMS = {
  nginx: {
    path: found('nginx', '/usr/sbin'),
    config: (hub, port, folder) => `
      worker_processes 1;
      pid ${folder}/pid;
      error_log stderr;
      events {}
      http {
        access_log off;
        gzip on;
        gzip_types *;
        ${['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((name) => `${name}_temp_path ${folder}/${name};`).join('\n')}
        map $http_upgrade $connection_upgrade { default upgrade; '' ''; }
        server {
          listen 127.0.0.1:${port};
          ${settings('nginx').replace('127.0.0.1:7070', hub)}
        }
      }`,
    parameters: (config, folder) => ['-p', folder, '-c', config, '-g', 'daemon off;'],
  },
  caddy: {
    path: found('caddy', '/usr/bin'),
    config: (hub, port) =>
      `{\nadmin off\ndefault_bind 127.0.0.1\n}\n${settings('caddyfile').replace('example.com', `http://127.0.0.1:${port}`).replace('127.0.0.1:7070', hub)}`,
    parameters: (config) => ['run', '--config', config, '--adapter', 'caddyfile'],
  },
  traefik: {
    path: found('traefik', '/usr/bin'),
    // It knows the language of a file by its name.
    file: 'config.yaml',
    config: (hub, port, folder) => {
      const routes = join(folder, 'routes.yaml');
      writeFileSync(routes, settings('yaml').replace('127.0.0.1:7070', hub));
      const all = settings('yml').replace(':80', `127.0.0.1:${port}`);
      return all.replace('/etc/traefik/routes.yaml', routes);
    },
    parameters: (config) => [`--configFile=${config}`],
  },
  haproxy: {
    path: found('haproxy', '/usr/sbin'),
    config: (hub, port) =>
      settings('haproxy').replace(':80', `127.0.0.1:${port}`).replace('127.0.0.1:7070', hub),
    parameters: (config) => ['-db', '-f', config],
  },
} satisfies Record<string, Program>;

export type ProgramName = keyof typeof PROGRAMS;

export const isInstalled = (name: ProgramName): boolean => existsSync(PROGRAMS[name].path);

export interface Running {
  readonly url: string;
  close(): Promise<void>;
}

/** Starts a proxy before a hub; `without` takes something out of the page's settings. */
export async function startProgram(
  name: ProgramName,
  hubUrl: string,
  without?: RegExp,
): Promise<Running> {
  const program: Program = PROGRAMS[name];
  const folder = await mkdtemp(join(tmpdir(), 'radial-proxy-'));
  const config = join(folder, program.file ?? 'config');
  const env = { ...process.env, HOME: folder, XDG_DATA_HOME: folder, XDG_CONFIG_HOME: folder };
  const errors: string[] = [];
  for (let tries = 0; tries < 5; tries += 1) {
    const port = await freePort();
    const text = program.config(new URL(hubUrl).host, port, folder);
    if (without && !without.test(text)) throw new Error(`${name} has no ${without}`);
    await writeFile(config, without ? text.replace(without, '') : text);
    const parameters = program.parameters(config, folder);
    const child = spawn(program.path, parameters, { stdio: ['ignore', 'ignore', 'pipe'], env });
    child.stderr?.setEncoding('utf8').on('data', (part) => errors.push(part));
    // Somebody else may have taken the port meanwhile: then it ends, and another is tried.
    if (!(await isListening(child, port))) continue;
    const url = `http://127.0.0.1:${port}`;
    // Traefik listens before it knows its routes.
    await vi.waitFor(async () => expect((await fetch(`${url}/api/events?limit=1`)).ok).toBe(true), {
      timeout: 15_000,
      interval: 20,
    });
    return {
      url,
      async close() {
        child.kill();
        if (child.exitCode === null) await once(child, 'exit');
        await rm(folder, { recursive: true, force: true });
      },
    };
  }
  throw new Error(`${name} did not start:\n${errors.join('')}`);
}

/** A port that nothing listens at, outside of those that connections are given. */
async function freePort(): Promise<number> {
  for (;;) {
    const port = 20_000 + Math.floor(Math.random() * 10_000);
    const server = createServer().listen(port, '127.0.0.1');
    const isFree = await once(server, 'listening').then(
      () => true,
      () => false,
    );
    if (!isFree) continue;
    server.close();
    await once(server, 'close');
    return port;
  }
}

/** Waits until something listens there; false if the process has ended. */
async function isListening(child: ChildProcess, port: number): Promise<boolean> {
  const answers = async () => {
    const socket = connect(port, '127.0.0.1');
    await once(socket, 'connect').finally(() => socket.destroy());
  };
  const ended = once(child, 'exit');
  await Promise.race([ended, vi.waitFor(answers, { timeout: 15_000, interval: 20 })]);
  return child.exitCode === null;
}
