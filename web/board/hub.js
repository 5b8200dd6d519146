/**
 * The two things that the page asks of the hub: a stream of events, and to publish one.
 *
 * @typedef {{title: string, detail: string, code: string}} Problem
 * @typedef {'connecting' | 'live' | 'reconnecting' | 'off'} Status
 * @typedef {object} StreamHandlers
 * @property {(status: Status) => void} onStatus
 * @property {(event: any) => void} onEvent a delivered event
 * @property {(name: string, data: any, resumed: boolean) => void} onControl
 *   a control event other than the heartbeat; `resumed`: it goes on where one before ended
 * @property {() => void} onRestart what was folded no longer stands: all that is kept follows anew
 */

/** The channel that this page lives on. */
export const CHANNEL = 'board:demo';

const EVENTS_URL = '/api/sse/events';
const CONTROL_EVENTS = [
  'hello',
  'live',
  'heartbeat',
  'gap',
  'dropped',
  'goodbye',
  'config',
  'token',
];
const RETRY_DELAYS_MS = [400, 1_200, 3_000];
const PUBLISH_TIMEOUT_MS = 10_000;
const REOPEN_MIN_MS = 1_000;
const REOPEN_MAX_MS = 15_000;
/** Missing this many heartbeats in a row means a connection that died without saying so. */
const MISSED_HEARTBEATS = 2.5;

/**
 * Keeps a stream open for as long as the page lives. EventSource resumes by itself after a broken
 * connection but gives up for good after an answer other than 200: then this opens a new one where
 * the last ended.
 * @param {StreamHandlers} handlers
 * @returns {{close: () => void, open: () => void}}
 */
export function createStream(handlers) {
  let source, watchdog, reopening;
  let cursor = '';
  let heartbeatMs = 30_000;
  let failures = 0;
  let resumed = false;
  let off = false;

  function open() {
    close();
    const connection = new EventSource(streamUrl(cursor));
    source = connection;
    connection.onmessage = (message) => {
      seen(message);
      const event = parse(message.data);
      if (event) handlers.onEvent(event);
    };
    for (const name of CONTROL_EVENTS) {
      connection.addEventListener(name, (message) => control(name, message));
    }
    connection.onerror = () => {
      if (!off) handlers.onStatus('reconnecting');
      if (connection.readyState === EventSource.CLOSED) reopenLater();
    };
    watch();
  }

  function control(name, message) {
    if (name === 'hello') resumed = cursor !== '';
    seen(message);
    const data = parse(message.data) ?? {};
    if (name === 'hello') {
      failures = 0;
      off = false;
      heartbeatMs = data.heartbeatMs || heartbeatMs;
    }
    if (name === 'live') handlers.onStatus('live');
    if (name === 'goodbye' && data.reason === 'disabled') switchedOff();
    // A board folded across a hole is wrong in ways nobody can see: it is folded again from scratch.
    if (name === 'gap' && data.scope !== 'recent' && resumed) restart();
    if (name !== 'heartbeat') handlers.onControl(name, data, resumed);
  }

  function restart() {
    cursor = '';
    handlers.onRestart();
    handlers.onStatus('reconnecting');
    open();
  }

  function switchedOff() {
    off = true;
    handlers.onStatus('off');
  }

  function seen(message) {
    cursor = message.lastEventId || cursor;
    watch();
  }

  function watch() {
    clearTimeout(watchdog);
    watchdog = setTimeout(() => {
      handlers.onStatus('reconnecting');
      open();
    }, heartbeatMs * MISSED_HEARTBEATS);
  }

  async function reopenLater() {
    close();
    const delay = Math.min(REOPEN_MIN_MS * 2 ** failures, REOPEN_MAX_MS);
    failures += 1;
    reopening = setTimeout(open, delay * (0.5 + Math.random()));
    if (await isSwitchedOff(streamUrl(cursor))) switchedOff();
  }

  function close() {
    source?.close();
    clearTimeout(watchdog);
    clearTimeout(reopening);
  }

  return { open, close };
}

/**
 * Publishes one event. A lost connection is tried again with the same `eventId`, so that it is
 * never added twice; an answer of the hub is final.
 * @param {{eventId: string}} event
 * @param {{fetch?: typeof fetch, wait?: (ms: number) => Promise<void>}} [seams] for tests
 * @returns {Promise<Problem | undefined>} undefined when accepted
 */
export async function publish(event, { fetch = globalThis.fetch, wait = pause } = {}) {
  const request = {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(event),
  };
  for (let attempt = 0; ; attempt += 1) {
    try {
      const signal = AbortSignal.timeout(PUBLISH_TIMEOUT_MS);
      const response = await fetch(EVENTS_URL, { ...request, signal });
      return response.ok ? undefined : await problemOf(response);
    } catch {
      if (attempt === RETRY_DELAYS_MS.length) return UNREACHABLE;
      await wait(RETRY_DELAYS_MS[attempt] * (0.75 + Math.random() / 2));
    }
  }
}

const UNREACHABLE = Object.freeze({
  title: 'Hub not reachable',
  detail: 'The hub did not answer after several tries.',
  code: 'unreachable',
});

async function problemOf(response) {
  const problem = parse(await response.text()) ?? {};
  return {
    title: String(problem.title ?? 'Not accepted'),
    detail: String(problem.detail ?? `The hub answered ${response.status}.`),
    code: String(problem.code ?? response.status),
  };
}

/** EventSource hides the answer that ended it, so the same question is asked once more by fetch. */
async function isSwitchedOff(url) {
  const asking = new AbortController();
  try {
    const response = await fetch(url, { signal: asking.signal });
    return response.status === 503 && (await problemOf(response)).code === 'hub-disabled';
  } catch {
    return false;
  } finally {
    asking.abort();
  }
}

function streamUrl(cursor) {
  const from = encodeURIComponent(cursor || 'earliest');
  return `${EVENTS_URL}?channels=${CHANNEL}&types=*&cursor=${from}`;
}

function parse(text) {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function pause(ms) {
  return new Promise((resolve) => {
    setTimeout(resolve, ms);
  });
}
