/** The numbers that people expect: defaults, waits, and how good a connection is. */
import { expect, test } from 'vitest';
import { backoffMs, DEFAULT_BACKOFF } from '../../src/backoff.js';
import { pollingIntervalOf } from '../../src/polling-interval.js';
import { Measure } from '../../src/quality.js';
import { settingsOf } from '../../src/settings.js';
import { seeded } from '../random.js';

test('options have the defaults that are documented, also where they are undefined', () => {
  const defaults = {
    transports: ['sse', 'websocket', 'polling'],
    maxReconnectAttempts: 3,
    enablePollingFallback: true,
    heartbeatTimeout: 60_000,
    backoff: { minMs: 1_000, maxMs: 30_000 },
    nativeEventSource: false,
    credentials: 'same-origin',
  };
  expect(settingsOf({})).toMatchObject(defaults);
  const nothing = Object.fromEntries(Object.keys(defaults).map((name) => [name, undefined]));
  expect(settingsOf(nothing)).toMatchObject(defaults);
  expect(settingsOf({ heartbeatTimeout: 5, paths: { sse: '/x' } })).toMatchObject({
    heartbeatTimeout: 5,
    paths: { sse: '/x' },
  });
  expect(settingsOf({}).paths.sse).toBe('/api/sse/events');
  expect(pollingIntervalOf(settingsOf({ pollingInterval: undefined }))).toBe(30_000);
  expect(pollingIntervalOf(settingsOf({ pollingInterval: 5 }))).toBe(5);
});

test.each([
  ['https://hub.example.com', 'https://hub.example.com'],
  ['https://hub.example.com//', 'https://hub.example.com'],
  ['https://hub.example.com/radial/?a=b#c', 'https://hub.example.com/radial'],
])('the address %s is %s', async (url, base) => {
  expect(await settingsOf({ url }).baseUrl()).toBe(base);
  expect(await settingsOf({ url: async () => url }).baseUrl()).toBe(base);
});

test('an address that is none says so', async () => {
  await expect(settingsOf({ url: 'http://' }).baseUrl()).rejects.toMatchObject({
    code: 'invalid-url',
  });
});

test('waits are a random part of 1, 2, 4, 8, 16 and 30 seconds', () => {
  const random = seeded();
  const caps = [1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000];
  caps.forEach((cap, attempt) => {
    const waits = Array.from({ length: 2_000 }, () =>
      backoffMs(attempt, 0, DEFAULT_BACKOFF, random),
    );
    const where = `seed ${random.seed}, attempt ${attempt}`;
    expect(Math.max(...waits), where).toBeLessThanOrEqual(cap);
    expect(Math.max(...waits), where).toBeGreaterThan(cap * 0.95);
    expect(Math.min(...waits), where).toBeGreaterThanOrEqual(100);
    expect(Math.min(...waits), where).toBeLessThan(100 + cap * 0.05);
  });
});

test('what the hub asks for is a floor, and clients that share it are spread behind it', () => {
  const random = seeded();
  const waits = Array.from({ length: 1_000 }, () => backoffMs(3, 20_000, DEFAULT_BACKOFF, random));
  expect(Math.min(...waits)).toBeGreaterThanOrEqual(20_000);
  expect(Math.max(...waits)).toBeLessThanOrEqual(24_000);
  expect(new Set(waits.map(Math.round)).size).toBeGreaterThan(500);
});

test('latency is that of 95 of 100 frames, whatever the clocks say', () => {
  const measure = new Measure();
  expect(measure.latencyMs).toBeNull();
  for (let one = 0; one < 60; one += 1) measure.add(1_000_000 + one * 10 + 20, one * 10);
  expect(measure.latencyMs).toBe(0);
  expect(measure.skewMs).toBe(1_000_020);
  for (let one = 0; one < 4; one += 1) measure.add(1_000_000 + 420, 0);
  expect(measure.latencyMs).toBe(400);
});

test.each([
  [0, 0, 'excellent'],
  [99, 0, 'excellent'],
  [100, 0, 'good'],
  [299, 0, 'good'],
  [300, 0, 'fair'],
  [999, 0, 'fair'],
  [1_000, 0, 'poor'],
  [0, 1, 'fair'],
  [0, 2, 'poor'],
])('a latency of %d ms with %d missed heartbeats is %s', (latencyMs, missed, quality) => {
  const measure = new Measure();
  measure.add(0, 0);
  for (let one = 0; one < 20; one += 1) measure.add(latencyMs, 0);
  expect(measure.quality(missed)).toBe(quality);
});
