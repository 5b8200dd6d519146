/**
 * The event stream format, as the HTML standard defines it. Bytes in, messages out; it knows no
 * names of events, no JSON and no connection.
 */

export interface SseMessage {
  /** The `event:` line, or an empty text. */
  event: string;
  data: string;
  /** The `id:` line of this block; undefined if it had none. */
  id: string | undefined;
}

/** A block that grows beyond this is no event of a hub, whose limit is far below. */
const MAX_BLOCK_CHARS = 16 * 1024 * 1024;

/**
 * Creates a parser for one response. Unlike the standard's, it also reports a block that has an
 * `id:` and no data, and the `id` of a message is only its own. It passes over `retry:`, because
 * how long to wait is the connection's to decide.
 * @returns a function that takes the next bytes; with none it ends the stream, and a block that
 *   was not finished is dropped, because a cut inside a frame must not look like a frame.
 */
export function createSseParser(
  onMessage: (message: SseMessage) => void,
): (chunk: Uint8Array) => void {
  // The decoder drops a byte order mark at the beginning, as the standard asks.
  const decoder = new TextDecoder();
  let rest = '';
  let sawCarriageReturn = false;
  let event = '';
  let id: string | undefined;
  let data: string[] = [];
  let size = 0;

  function line(text: string): void {
    // A line that begins with a colon is a comment: a field without a name.
    const [, field, value = ''] = /^([^:]*):? ?(.*)$/s.exec(text) ?? [];
    if (text === '') {
      if (data.length > 0 || id !== undefined) onMessage({ event, data: data.join('\n'), id });
      event = '';
      id = undefined;
      data = [];
      size = 0;
    } else if (field === 'data') data.push(value);
    else if (field === 'event') event = value;
    else if (field === 'id' && !value.includes('\0')) id = value;
  }

  return (chunk) => {
    let text = decoder.decode(chunk, { stream: true });
    if (text === '') return;
    // A line feed that follows a carriage return of the chunk before ends the same line.
    if (sawCarriageReturn && text.startsWith('\n')) text = text.slice(1);
    sawCarriageReturn = text.endsWith('\r');
    size += text.length;
    // Only the new text is searched, so that one long line in many chunks stays linear.
    const lines = text.split(/\r\n?|\n/);
    lines[0] = rest + lines[0];
    rest = lines.pop() as string;
    lines.forEach(line);
    if (size > MAX_BLOCK_CHARS) throw new RangeError('an event of the stream is too large');
  };
}
