/** The real hub as a child process. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

export interface HubProcess {
  readonly url: string;
  /** Ends it without a farewell. */
  kill(): Promise<void>;
  /** Ends it as an operator would. */
  stop(): Promise<void>;
  /** Starts it again with the same data and address, after it has ended. */
  start(): Promise<void>;
  /** Ends it and removes its data. */
  remove(): Promise<void>;
}

/**
 * Starts a hub like `radial dev`, with the built-in event types and these settings.
 * @param config a configuration file; with it the hub asks for credentials, like `radial serve`
 */
export async function startHub(
  settings: Record<string, unknown> = {},
  config?: string,
): Promise<HubProcess> {
  const binary = process.env['RADIAL_BIN'];
  if (!binary)
    throw new Error('Set RADIAL_BIN to the radial binary, for example ../../target/debug/radial.');
  const folder = await mkdtemp(join(tmpdir(), 'radial-client-'));
  const mode = config === undefined ? ['dev'] : ['serve', '--config', join(folder, 'radial.toml')];
  if (config !== undefined) await writeFile(join(folder, 'radial.toml'), config);
  let listen = '127.0.0.1:0';
  let child: ReturnType<typeof spawn>;
  let ended: Promise<unknown>;

  async function start(): Promise<void> {
    const data = join(folder, 'data');
    child = spawn(binary as string, [...mode, '--listen', listen, '--data', data], {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, ...variables(settings) },
    });
    const errors: string[] = [];
    child.stderr?.setEncoding('utf8').on('data', (text) => errors.push(text));
    ended = once(child, 'exit');
    const failed = ended.then(() => {
      throw new Error(`the hub ended before it listened:\n${errors.join('')}`);
    });
    failed.catch(() => {});
    const lines = createInterface({ input: child.stdout as NodeJS.ReadableStream });
    const [line] = await Promise.race([once(lines, 'line'), failed]);
    const address = /^listening on http:\/\/(\S+)$/.exec(line)?.[1];
    if (!address) throw new Error(`the first line of the hub was “${line}”`);
    listen = address;
    child.stdout?.resume();
  }

  async function end(signal: NodeJS.Signals): Promise<void> {
    if (child.exitCode === null && child.signalCode === null) child.kill(signal);
    await ended;
  }

  await start();
  return {
    get url() {
      return `http://${listen}`;
    },
    kill: () => end('SIGKILL'),
    stop: () => end('SIGTERM'),
    start,
    async remove() {
      await end('SIGKILL');
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** The settings as the hub's environment variables. */
function variables(settings: Record<string, unknown>): Record<string, string> {
  const entries = Object.entries(settings).map(([name, value]) => [
    `RADIAL__${name.toUpperCase().replace('.', '__')}`,
    Array.isArray(value) ? value.join(',') : String(value),
  ]);
  return Object.fromEntries(entries);
}
