import { expect, test } from 'vitest';
import { createSseParser, type SseMessage } from '../../src/sse-parser.js';
import { seeded } from '../random.js';

const encode = (text: string) => new TextEncoder().encode(text);

function parse(...chunks: (string | Uint8Array)[]): SseMessage[] {
  const messages: SseMessage[] = [];
  const push = createSseParser((message) => messages.push(message));
  for (const chunk of chunks) push(typeof chunk === 'string' ? encode(chunk) : chunk);
  return messages;
}

const message = (data: string, id?: string, event = '') => ({ event, data, id });

test('lines may end in any of three ways', () => {
  const expected = [message('one\ntwo', '7', 'live'), message('three')];
  for (const end of ['\n', '\r', '\r\n']) {
    const lines = ['event: live', 'id: 7', 'data: one', 'data:two', '', 'data: three', '', ''];
    expect(parse(lines.join(end))).toEqual(expected);
  }
});

test('a stream cut anywhere into chunks gives the same messages', () => {
  const text =
    '\uFEFFretry: 50\r\n\r\n: comment\r\nid: ä.1\r\ndata: {"a":"ü€𝄞"}\r\r\nevent: x\ndata\n\n';
  const bytes = encode(text);
  const whole = parse(bytes);
  expect(whole).toEqual([message('{"a":"ü€𝄞"}', 'ä.1'), message('', undefined, 'x')]);
  const random = seeded();
  for (let round = 0; round < 300; round += 1) {
    const chunks: Uint8Array[] = [];
    for (let at = 0; at < bytes.length;) {
      const end = at + 1 + Math.floor(random() * 5);
      chunks.push(bytes.slice(at, end));
      at = end;
    }
    expect(parse(...chunks), `seed ${random.seed}, round ${round}`).toEqual(whole);
  }
});

test('a frame that was cut is no frame', () => {
  expect(parse('id: 1\ndata: {"half":')).toEqual([]);
  expect(parse('id: 1\ndata: {"whole":1}\n')).toEqual([]);
});

test('an id belongs to its own block, and one without data is reported', () => {
  expect(parse('id: 1\n\ndata: x\n\n')).toEqual([message('', '1'), message('x')]);
});

test('an id with a NUL, an unknown field and a comment change nothing', () => {
  expect(parse('id: a\0b\nfoo: bar\n:hi\ndata: x\n\n')).toEqual([message('x')]);
});

test('a block without end is refused instead of kept', () => {
  const push = createSseParser(() => {});
  const chunk = encode('x'.repeat(1024 * 1024));
  expect(() => {
    for (let part = 0; part < 20; part += 1) push(chunk);
  }).toThrow(RangeError);
});

test('a long line in many chunks is read once', () => {
  const part = 'y'.repeat(1000);
  const messages = parse('data: ', ...Array.from({ length: 2000 }, () => part), '\n\n');
  expect(messages[0]?.data.length).toBe(2_000_000);
});
