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
  /** Somebody did something that belongs in the activity feed. */
  "activity:new": ActivityNew;
  /** A card was put on the board. */
  "card.created": CardCreated;
  /** A card was taken off the board. */
  "card.deleted": CardDeleted;
  /** A card changed its zone or its position in it. */
  "card.moved": CardMoved;
  /** Fields of a card changed. */
  "card.updated": CardUpdated;
  /** A client reports on its connection or an error. */
  "client.report": ClientReport;
  /** Somebody wrote in a conversation. */
  "conversation.message": ConversationMessage;
  /** Something a user should notice. */
  "notification:new": NotificationNew;
  /** A user changed a preference. */
  "preference.changed": PreferenceChanged;
  /** A user did something; for statistics, not for other users. */
  "session.activity": SessionActivity;
  /** A user's session ended. */
  "session.ended": SessionEnded;
  /** A user's session began. */
  "session.started": SessionStarted;
  /** An event for trying out; it is delivered and forgotten. */
  "test:event": TestEvent;
  /** A user clicked a button. */
  "ui.buttonClick": UiButtonClick;
  /** A user opened a dialog. */
  "ui.dialogOpen": UiDialogOpen;
  /** A user chose another theme. */
  "ui.themeChanged": UiThemeChanged;
  /** A user opened a tray. */
  "ui.trayOpen": UiTrayOpen;
  /** A user's profile changed. */
  "user.updated": UserUpdated;
}

/** `eventData` of `activity:new`, version 1. */
export type ActivityNew = {
  action?: string;
  /** An ISO 8601 time, or milliseconds since 1970. */
  createdAt?: string | number;
  description: string;
  entityId?: string;
  entityType?: string;
  id: string;
  userName?: string;
};

/** `eventData` of `card.created`, version 1. */
export type CardCreated = {
  cardData?: { [more: string]: unknown };
  cardId: string;
  conversationId?: string;
  position?: {
    x: number;
    y: number;
  };
  zone?: string;
};

/** `eventData` of `card.deleted`, version 1. */
export type CardDeleted = {
  cardData?: { [more: string]: unknown };
  cardId: string;
  conversationId?: string;
  position?: {
    x: number;
    y: number;
  };
  zone?: string;
};

/** `eventData` of `card.moved`, version 1. */
export type CardMoved = {
  cardData?: { [more: string]: unknown };
  cardId: string;
  conversationId?: string;
  position?: {
    x: number;
    y: number;
  };
  zone: string;
};

/** `eventData` of `card.updated`, version 1. */
export type CardUpdated = {
  cardData?: { [more: string]: unknown };
  cardId: string;
  conversationId?: string;
  position?: {
    x: number;
    y: number;
  };
  zone?: string;
};

/** `eventData` of `client.report`, version 1. */
export type ClientReport = unknown;

/** `eventData` of `conversation.message`, version 1. */
export type ConversationMessage = {
  conversationId: string;
  message?: string | { [more: string]: unknown };
};

/** `eventData` of `notification:new`, version 1. */
export type NotificationNew = {
  actionUrl?: string;
  groupKey?: string;
  id: string;
  message?: string;
  title: string;
  /** info, urgent, or the application's own. */
  type?: string;
};

/** `eventData` of `preference.changed`, version 1. */
export type PreferenceChanged = {
  key: string;
  value?: unknown;
};

/** `eventData` of `session.activity`, version 1. */
export type SessionActivity = {
  activityType?: string;
  metadata?: { [more: string]: unknown };
  sessionId?: string;
  userId?: string;
};

/** `eventData` of `session.ended`, version 1. */
export type SessionEnded = {
  activityType?: string;
  metadata?: { [more: string]: unknown };
  sessionId?: string;
  userId?: string;
};

/** `eventData` of `session.started`, version 1. */
export type SessionStarted = {
  activityType?: string;
  metadata?: { [more: string]: unknown };
  sessionId?: string;
  userId?: string;
};

/** `eventData` of `test:event`, version 1. */
export type TestEvent = unknown;

/** `eventData` of `ui.buttonClick`, version 1. */
export type UiButtonClick = { buttonId?: string };

/** `eventData` of `ui.dialogOpen`, version 1. */
export type UiDialogOpen = { dialogType?: string };

/** `eventData` of `ui.themeChanged`, version 1. */
export type UiThemeChanged = { theme?: string };

/** `eventData` of `ui.trayOpen`, version 1. */
export type UiTrayOpen = { trayType?: string };

/** `eventData` of `user.updated`, version 1. */
export type UserUpdated = { userId: string };
