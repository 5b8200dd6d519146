/** One connection of HTTP/2 without TLS, as Node speaks it. */
import { once } from 'node:events';
import { connect } from 'node:http2';
import { STREAM } from './hub.js';
import { Received } from './received.js';

/** Connects, and gives what the hub allows. */
export async function session(hub) {
  const connection = connect(hub.url);
  const [settings] = await once(connection, 'remoteSettings');
  return { connection, settings };
}

/** Opens a stream of a channel from its beginning; nothing is read until `read` is called. */
export async function stream(connection, channel) {
  const request = connection.request({ ':path': `${STREAM}?channels=${channel}&cursor=earliest` });
  const received = new Received();
  await once(request, 'response');
  let rest = '';
  const take = (part) => {
    const frames = (rest + part).split('\n\n');
    rest = frames.pop();
    for (const frame of frames) {
      const data = /^data: (.*)$/m.exec(frame)?.[1];
      if (data && !frame.includes('event: ')) received.add(JSON.parse(data));
    }
  };
  return { received, read: () => request.setEncoding('utf8').on('data', take) };
}
