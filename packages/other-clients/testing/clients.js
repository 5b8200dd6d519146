/**
 * The clients: each opens a stream from the beginning of a channel and fills a `Received`, and goes
 * on by itself where its own way of coming back is what is tried.
 */
import { EventSource } from 'eventsource';
import { chromium } from 'playwright-core';
import { fileURLToPath } from 'node:url';
import { STREAM } from './hub.js';
import { Received, program } from './received.js';

const EVENT = 'activity:new';
const script = (name) => fileURLToPath(new URL(`../python/${name}`, import.meta.url));
const query = (channel, named) =>
  `channels=${channel}&cursor=earliest${named ? '&named=true' : ''}`;

/** How Chromium is started. */
export const CHROME = {
  executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
  args: ['--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run'],
};

/** Reads frames from lines, as far as the tests need them. */
function frames(received, named) {
  let frame = {};
  return (line) => {
    if (line === '') {
      if (frame.data && frame.event === (named ? EVENT : undefined)) {
        received.add({ name: frame.event ?? 'message', ...JSON.parse(frame.data) });
      }
      frame = {};
      return undefined;
    }
    const [, field, value] = /^(\w+): (.*)$/.exec(line);
    frame[field] = value;
    return field === 'id' ? value : undefined;
  };
}

/** `curl`, started again with the last id by whoever uses it. */
const curl = (flags) => (hub, channel, named) => {
  const received = new Received();
  let lastId;
  let running;
  let isOpen = true;
  const start = () => {
    const read = frames(received, named);
    const resume = lastId ? ['-H', `Last-Event-ID: ${lastId}`] : [];
    const url = `${hub.url}${STREAM}?${query(channel, named)}`;
    running = program('curl', ['-sN', ...flags, ...resume, url], (line) => {
      lastId = read(line) ?? lastId;
    });
    void running.ended.then(() => isOpen && setTimeout(start, 100));
  };
  start();
  return {
    received,
    async close() {
      isOpen = false;
      await running.end();
    },
  };
};

const python = (name, words) => (hub, channel, named) => {
  const received = new Received();
  const line = (text) => received.add(JSON.parse(text));
  const running = program('python3', [script(name), ...words(hub, channel, named)], line);
  return { received, close: () => running.end() };
};

function eventsource(hub, channel, named) {
  const received = new Received();
  const source = new EventSource(`${hub.url}${STREAM}?${query(channel, named)}`);
  source.addEventListener(named ? EVENT : 'message', ({ type, data }) =>
    received.add({ name: type, ...JSON.parse(data) }),
  );
  return { received, close: () => source.close() };
}

async function browser(hub, channel, named) {
  const received = new Received();
  const chrome = await chromium.launch(CHROME);
  const page = await chrome.newPage();
  await page.exposeFunction('received', (event) => received.add(event));
  await page.goto(`${hub.url}/healthz`);
  const open = ({ url, type }) => {
    globalThis.source = new EventSource(url);
    globalThis.source.addEventListener(type, ({ data }) =>
      globalThis.received({ name: type, ...JSON.parse(data) }),
    );
  };
  const url = `${STREAM}?${query(channel, named)}`;
  await page.evaluate(open, { url, type: named ? EVENT : 'message' });
  return { received, close: () => chrome.close() };
}

/** By name: how it is opened, and whether it knows names of events. */
export const CLIENTS = {
  curl: { open: curl([]), names: true },
  'curl over HTTP/2': { open: curl(['--http2-prior-knowledge']), names: true },
  "the browser's EventSource": { open: browser, names: true },
  'npm eventsource': { open: eventsource, names: true },
  'Python httpx-sse': {
    open: python('sse.py', (hub, channel, named) => [
      `${hub.url}${STREAM}?${query(channel, named)}`,
      named ? 'named' : 'plain',
    ]),
    names: true,
  },
  'Python websockets': {
    open: python('ws.py', (hub, channel) => [`ws://${hub.host}/api/ws`, channel]),
    names: false,
  },
};
