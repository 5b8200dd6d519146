/** The types of events, as an application declares them. Types only: nothing here runs. */
import type { WireEvent } from './wire.js';

/**
 * Augment this to type every client of an application:
 *
 * ```ts
 * declare module '@radial/client' {
 *   interface Register { events: { 'card.moved': { cardId: string; zone: string } } }
 * }
 * ```
 */
export interface Register {}

/** The registered event types with their data; anything if nothing is registered. */
export type RegisteredEvents = Register extends { events: infer E } ? E : Record<string, any>;

/** A name of an event type of `E`. */
export type EventType<E> = Extract<keyof E, string>;

/** What `subscribe` takes: a name, a prefix that ends in `*`, or `*`. */
export type EventPattern<E> = EventType<E> | `${string}*`;

/** The event types of `E` that a pattern fits. */
export type Matching<E, P> =
  string extends EventType<E>
    ? string
    : P extends `${infer Prefix}*`
      ? Extract<EventType<E>, `${Prefix}${string}`>
      : Extract<EventType<E>, P>;

/** An event as handlers get it: what the hub delivered, with two short names. */
export interface HubEvent<T extends string = string, D = any> extends WireEvent {
  eventType: T;
  eventData: D;
  /** The same as `eventType`. */
  type: T;
  /** The same as `eventData`. */
  data: D;
  /** It is an older value from the browser's own store, shown while there is no stream. */
  restored?: boolean;
}

/** The union of the events of the types `T`, so that a check of `type` narrows `data`. */
export type EventOf<E, T extends EventType<E> = EventType<E>> = {
  [K in T]: HubEvent<K, E[K]>;
}[T];

/** What `publish` takes: the envelope, or its two short names. */
export type Outgoing<E = RegisteredEvents> = {
  [T in EventType<E>]: ({ eventType: T; eventData: E[T] } | { type: T; data: E[T] }) &
    EnvelopeFields;
}[EventType<E>];

/** The fields of the envelope besides the type and the data. */
export interface EnvelopeFields {
  /** The idempotency key; made by the client where it is left out. */
  eventId?: string;
  channel?: string;
  version?: string;
  userId?: string;
  sessionId?: string;
  tenantId?: string;
  /** The publisher's own time in milliseconds. */
  timestamp?: number;
  correlationId?: string;
  causationId?: string;
  /** Where the event belongs in a distributed trace (W3C Trace Context). */
  traceparent?: string;
  expectedVersion?: number;
  audience?: { users?: string[]; sessions?: string[]; roles?: string[] };
  priority?: 'critical' | 'high' | 'normal' | 'low';
  ttlMs?: number;
  broadcast?: boolean;
  routes?: string[];
}

/** The hub's answer to an accepted event. */
export interface Published {
  eventId: string;
  /** Absent for events of class `live`. */
  cursor?: string;
  offset?: number;
  entityVersion?: number;
  /** The hub knew this `eventId` already; nothing was added. */
  duplicate: boolean;
  persistence: 'durable' | 'recent' | 'live';
}

/** The interface of zod, valibot, arktype and others, as far as it is used here. */
export interface StandardSchema<Output = unknown> {
  readonly '~standard': {
    readonly version: 1;
    readonly vendor: string;
    readonly validate: (value: unknown) => SchemaResult<Output> | Promise<SchemaResult<Output>>;
  };
}

export type SchemaResult<Output> =
  | { readonly value: Output; readonly issues?: undefined }
  | { readonly issues: readonly { readonly message: string }[] };
