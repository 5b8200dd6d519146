/**
 * Finds the code of a transport. Server-Sent Events are part of the core; the others are loaded as
 * soon as a client connects, so that they are there before they are needed.
 */
import type { TransportName } from '../machine/types.js';
import type { Settings } from '../settings.js';
import { SseClient } from './sse.js';
import type { Sink, StreamRequest, Transport } from './transport.js';

export type TransportClass = new (
  request: StreamRequest,
  sink: Sink,
  settings: Settings,
) => Transport;

export async function loadTransport(
  name: TransportName,
  settings: Settings,
): Promise<TransportClass> {
  if (name === 'polling') return (await import('./polling.js')).PollingClient;
  if (name === 'websocket') return (await import('./websocket.js')).WebSocketClient;
  if (settings.nativeEventSource) return (await import('./event-source.js')).EventSourceClient;
  return SseClient;
}
