// Written by `radial registry types`. Do not edit it: change the registry and write it again.
// Of a type with several versions this is the newest, which is what `publish` sends.

/**
 * Every event type with its data.
 *
 * ```ts
 * createRealtimeClient<EventTypes>();
 * ```
 */
export interface EventTypes {
  /** No schema says anything. */
  "anything.goes": AnythingGoes;
  /** A customer bought something. */
  "order.placed": OrderPlaced;
  /** The same name but for its separator. */
  "order:placed": OrderPlaced2;
  /** It refers to itself. */
  "tree.grown": TreeGrown;
}

/** `eventData` of `anything.goes`, version 1. */
export type AnythingGoes = unknown;

/** `eventData` of `order.placed`, version 1. */
export type OrderPlaced = {
  buyer: OrderPlacedPerson | OrderPlacedCompany;
  labels?: { [more: string]: string };
  lines: OrderPlacedLine[];
  /** What the customer wrote. */
  note?: string | null;
  /** @deprecated */
  oldId?: number;
  orderId: string;
  /** Format: date-time. */
  placedAt?: string;
  size?: [number, number];
  state: "new" | "paid";
};

export type OrderPlacedPerson = {
  kind: "person";
  name: string;
};

export type OrderPlacedCompany = {
  kind: "company";
  vat: string;
};

export type OrderPlacedLine = {
  count: number;
  parts?: OrderPlacedLine[];
  sku: string;
};

/** `eventData` of `order:placed`, version 2. */
export type OrderPlaced2 = (string | number)[];

/** `eventData` of `tree.grown`, version 1. */
export type TreeGrown = { children?: { [more: string]: TreeGrown } };
