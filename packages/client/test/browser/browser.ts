/** Chromium with pages that hold a client, served beside a hub by a proxy. */
import { build } from 'esbuild';
import { chromium, type Browser, type BrowserContext, type Page } from 'playwright-core';
import { fileURLToPath } from 'node:url';
import type { ClientOptions } from '../../src/index.js';
import { startProxy, type Proxy, type ProxyFile } from '../proxy.js';

const FLAGS = [
  '--headless',
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];
const HTML =
  '<!doctype html><meta charset="utf-8"><title>client</title><script type="module" src="/page.js"></script>';
const AWAY = '<!doctype html><title>away</title>';

export interface World {
  readonly proxy: Proxy;
  readonly context: BrowserContext;
  /** Opens a page with a client. */
  open(options?: ClientOptions<any>): Promise<Page>;
  close(): Promise<void>;
}

let files: Promise<ReadonlyMap<string, ProxyFile>> | undefined;

async function bundle(): Promise<ReadonlyMap<string, ProxyFile>> {
  const { outputFiles } = await build({
    entryPoints: [fileURLToPath(new URL('page.ts', import.meta.url))],
    bundle: true,
    splitting: true,
    format: 'esm',
    target: 'es2022',
    outdir: '/',
    write: false,
  });
  const scripts = outputFiles.map(({ path, contents }): [string, ProxyFile] => [
    `/${path.split('/').at(-1)}`,
    { type: 'text/javascript', body: contents },
  ]);
  return new Map([
    ...scripts,
    ['/', { type: 'text/html', body: HTML }],
    ['/away', { type: 'text/html', body: AWAY }],
  ]);
}

export async function launch(): Promise<Browser> {
  return chromium.launch({
    executablePath: process.env['CHROMIUM'] ?? '/usr/bin/chromium',
    args: FLAGS,
    ignoreDefaultArgs: ['--disable-back-forward-cache'],
  });
}

/** A proxy before the hub, and a browser profile of its own. */
export async function createWorld(browser: Browser, target: string): Promise<World> {
  const proxy = await startProxy(target, await (files ??= bundle()));
  const context = await browser.newContext();
  return {
    proxy,
    context,
    async open(options = {}) {
      const page = await context.newPage();
      await page.goto(proxy.url);
      await page.waitForFunction('globalThis.radial !== undefined');
      await page.evaluate((wanted) => (globalThis as any).radial.open(wanted), options as any);
      return page;
    },
    async close() {
      await context.close();
      await proxy.close();
    },
  };
}

/** Waits until an expression holds in the page. */
export const holds = (page: Page, expression: string) =>
  page.waitForFunction(expression, undefined, { timeout: 30_000, polling: 20 });
export const idsOf = (page: Page): Promise<string[]> =>
  page.evaluate('radial.ids') as Promise<string[]>;
export const stateOf = (page: Page): Promise<any> =>
  page.evaluate('client.getState()') as Promise<any>;
