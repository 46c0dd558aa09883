/** A JSON value, as `content` and broadcasts carry it. */
export type Json = null | boolean | number | string | Json[] | { [name: string]: Json };

export type MessageType = 'standard' | 'fifo' | 'ephemeral';
export type TargetClass = 'user' | 'org' | 'hub' | 'project' | 'chat' | 'all';
/** Ends a subscription; calling it again does nothing. */
export type Unsubscribe = () => void;

/** The publisher's own object, as it came. */
export interface Payload<Content = unknown> {
  chatId?: string;
  targetClass?: TargetClass;
  targetId?: string;
  eventType: string;
  content: Content;
  [name: string]: unknown;
}

/** A message as subscribers and readers of the history get it. */
export interface Message<Content = unknown> {
  type: 'message';
  messageId: string;
  chatId?: string;
  targetClass: TargetClass;
  targetId?: string;
  messageType: MessageType;
  messageGroupId?: string;
  /** Consecutive per chat from 1; of fifo messages to a chat. */
  sequenceNumber?: number;
  /** `client`: the number is the sender's own and promises nothing. */
  sequenceSource?: 'client';
  queueSequenceNumber?: string;
  eventType: string;
  payload: Payload<Content>;
  /** The sender. */
  userId: string;
  /** ISO 8601, when it was published. */
  timestamp: string;
  /** The same in epoch milliseconds. */
  publishTimestamp: number;
  /** Only of messages that came over the socket. */
  processorTimestamp?: number;
  targetChannel: string;
  correlationId?: string;
  traceparent?: string;
}

/** How a message reached its listener. */
export interface Delivery {
  /** `live`: pushed over the socket; `recovered`: read from the history after a gap or a reconnect;
   *  `history`: read because the chat was opened with `history`. */
  via: 'live' | 'recovered' | 'history';
  /** A message that is older than what was shown already (a redriven dead letter): put it in its place. */
  late: boolean;
}

export type MessageListener<Content = unknown> = (message: Message<Content>, delivery: Delivery) => void;

/** An object that a backend broadcast, or any other frame with a `type`. */
export interface TypedFrame<Data = unknown> {
  type: string;
  data?: Data;
  timestamp?: string;
  [name: string]: unknown;
}

/** What to publish. The target is `chatId`, or `targetClass` with `targetId`, or `targetClass: 'all'`. */
export interface Publication {
  chatId?: string;
  targetClass?: TargetClass;
  targetId?: string;
  content: unknown;
  /** Default `message`. */
  eventType?: string;
  /** Default `standard`; of `Chat.publish()`: `fifo`. */
  type?: MessageType;
  groupId?: string;
  /** One per logical send; made when absent. The same id within five minutes is the same message. */
  deduplicationId?: string;
  generateSequence?: boolean;
  customSequence?: number;
  correlationId?: string;
  excludeSender?: boolean;
  attributes?: Record<string, string | number | string[]>;
  /** Default `WebSocket`. */
  channel?: string;
  /** Further members of the payload. */
  payload?: Record<string, unknown>;
}

export interface PublishOptions {
  /** Default: the client's `publishVia`. */
  via?: 'socket' | 'http';
  /** How long to try, in milliseconds; default: the client's `publishTimeoutMs`. */
  timeoutMs?: number;
  signal?: AbortSignal;
}

/** The answer to a publish: the message is durable. */
export interface Receipt {
  message: string;
  messageId: string;
  messageType: MessageType;
  targetChannel: string;
  messageGroupId?: string;
  timestamp: string;
  sequenceNumber?: number;
  deduplicated?: boolean;
}

export interface HistoryTarget {
  chatId?: string;
  targetClass?: TargetClass;
  targetId?: string;
}

export interface HistoryOptions {
  /** 1 to 1000; default 50. */
  limit?: number;
  /** Default `desc`: newest first. */
  order?: 'asc' | 'desc';
  from?: Date | string | number;
  to?: Date | string | number;
  /** `nextToken` of the page before. */
  startKey?: string;
  signal?: AbortSignal;
}

export interface HistoryPage {
  messages: Message[];
  count: number;
  nextToken?: string;
}

/** A number that the history does not have (any more, or yet). */
export interface MissingNumber {
  sequenceNumber: number;
  reason: 'expired' | 'not_issued' | 'pending';
}

export interface PresentUser {
  userId: string;
  connections: number;
}

export type ConnectionStatus =
  /** Not started, or ended by `close()`. */
  | 'idle'
  | 'connecting'
  | 'connected'
  /** Lost; the next attempt is at `retryAt`. */
  | 'waiting'
  /** Lost; offline or hidden, and so not trying. */
  | 'paused'
  /** Ended for good: see `error`. */
  | 'stopped';

export interface ConnectionState {
  status: ConnectionStatus;
  /** Failed attempts since the last time it was connected. */
  attempts: number;
  /** Epoch milliseconds. */
  retryAt?: number;
  /** Why it is not connected. */
  error?: Error;
  connectionId?: string;
  userId?: string;
}

export interface ReconnectOptions {
  /** Of the exponential backoff, in milliseconds; default 500. */
  baseMs?: number;
  /** Default 30000. */
  maxMs?: number;
  /** Each delay is drawn from 0 to the backoff (`full`), or is it exactly (`none`). Default `full`. */
  jitter?: 'full' | 'none';
  /** Failed attempts in a row before it stops; default unlimited. */
  maxAttempts?: number;
}

export type Token = string | (() => string | Promise<string>);

export interface ClientOptions {
  /** `http(s)://` or `ws(s)://`, with the stage or any prefix in the path. */
  url: string;
  /** A token, or a function that gives a fresh one; asked at the start, before expiry and after a 401. */
  token: Token;
  /** `subprotocol` (default): the token goes beside `carillon.v1`. `ticket`: every connection buys a ticket
   *  first, so that proxies see no long-lived token. After a refused upgrade a ticket is bought either way. */
  authentication?: 'subprotocol' | 'ticket';
  /** `'*'`: every chat that the user has an entry for. Chats can also be opened later with `chat()`. */
  chatIds?: string[] | '*';
  orgId?: string;
  hubId?: string;
  projectId?: string;
  /** `false`: never. */
  reconnect?: ReconnectOptions | false;
  /** Default true: no attempts while the browser is offline. */
  pauseWhenOffline?: boolean;
  /** Default true: no attempts while the page is hidden. A connection that is there is kept. */
  pauseWhenHidden?: boolean;
  /** Default 15000; a ping that is not answered within as much again is a lost connection. */
  pingIntervalMs?: number;
  /** How long an upgrade, any request, and the token provider may take; default 10000. */
  timeoutMs?: number;
  /** Default 30000; at most 240000, as the server remembers ids for five minutes. */
  publishTimeoutMs?: number;
  /** Default `socket`. */
  publishVia?: 'socket' | 'http';
  /** Default 262144: what is larger is refused before it is sent. */
  maxMessageBytes?: number;
  /** Default true: what was measured goes to `POST /metrics` every 10 s. */
  metrics?: boolean;
  /** Default: the platform's. In Node 20: that of the package `ws`. */
  WebSocket?: WebSocketConstructor;
  /** Default: the platform's. */
  fetch?: typeof fetch;
  /** For tests: clock, timers, randomness and page state. */
  environment?: Partial<Environment>;
}

/** The part of the WebSocket API that is used. */
export interface WebSocketLike {
  readonly readyState: number;
  readonly bufferedAmount: number;
  binaryType: string;
  onopen: ((event: any) => void) | null;
  onmessage: ((event: any) => void) | null;
  onclose: ((event: any) => void) | null;
  onerror: ((event: any) => void) | null;
  send(data: string): void;
  close(code?: number, reason?: string): void;
}
export type WebSocketConstructor = new (url: string, protocols?: string[]) => WebSocketLike;

/** Everything from outside that decides what happens when. */
export interface Environment {
  /** Epoch milliseconds. */
  now(): number;
  /** Milliseconds that never step. */
  monotonic(): number;
  setTimeout(task: () => void, ms: number): unknown;
  clearTimeout(timer: unknown): void;
  /** 0 ≤ n < 1. */
  random(): number;
  /** For deduplication ids. */
  uuid(): string;
  online(): boolean;
  hidden(): boolean;
  /** Calls `changed` whenever `online()` or `hidden()` may have changed. */
  watch(changed: () => void): Unsubscribe;
}

/** What was measured of the connection and the messages. */
export interface Latency {
  /** The server's clock minus ours, in milliseconds; undefined before the first pong. */
  clockOffsetMs?: number;
  /** Of the last ping. */
  roundTripMs?: number;
  /** Of the last live message. */
  endToEndMs?: number;
  networkMs?: number;
  /** Mean deviation of the network latency (RFC 3550 §6.4.1). */
  jitterMs?: number;
}

export interface ChatOptions {
  /** Show this many of the newest messages first, then what comes; default 0. */
  history?: number;
}

export type ChatStatus =
  /** Without listeners, or without a connection that is wanted. */
  | 'idle'
  | 'joining'
  | 'joined'
  /** Joined; what was missed is being read, and live messages wait for it. */
  | 'recovering'
  /** Not allowed, or not any more: see `error`. Asked for again with the next connection or listener. */
  | 'denied';
