export { createRealtimeClient } from './client.js';
export { RadialError, type ErrorCode } from './errors.js';
export { systemClock, type Clock } from './clock.js';
export type {
  ClientEvents,
  ClientOptions,
  ConnectionState,
  FallbackOptions,
  FallbackPolicy,
  RealtimeClient,
  StartAt,
  Stats,
  SubscribeOptions,
} from './types.js';
export type {
  EventOf,
  EventPattern,
  EventType,
  HubEvent,
  Matching,
  Outgoing,
  Published,
  Register,
  RegisteredEvents,
  StandardSchema,
} from './events.js';
export type { Backoff } from './backoff.js';
export type { PauseReason, Status, TransportName } from './machine/types.js';
export type { PublishOptions } from './publisher.js';
export type { Quality } from './quality.js';
export type { ConnectionOptions, Paths, TokenReason, TokenRequest } from './settings.js';
export type { BatchOptions } from './subscription.js';
export type {
  Dropped,
  Gap,
  Goodbye,
  Hello,
  PollingPolicy,
  SnapshotPart,
  WireEvent,
} from './wire.js';
