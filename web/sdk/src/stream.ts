import type { Chat } from './chat.js';
import { makeEmitter, type Emitter } from './emitter.js';
import type { CarillonError } from './errors.js';
import { makeOrdering, type Deliver, type Ordering } from './ordering.js';
import type { ChatStatus, Delivery, HistoryTarget, Message, MissingNumber } from './types.js';

const waitingLimit = 10_000;

/** One target's messages: what was seen of it, and what waits. */
export interface TargetStream {
  target: HistoryTarget;
  listeners: Emitter<[Message, Delivery]>;
  missing: Emitter<[MissingNumber[]]>;
  statuses: Emitter<[ChatStatus]>;
  status: ChatStatus;
  error?: CarillonError;
  chat?: Chat;
  /** Wanted without listeners. */
  pinned?: boolean;
  /** The server sends it, or was asked to. */
  subscribed?: boolean;
  /** How many of the newest messages to show at first. */
  history: number;
  /** Everything published before (server's clock) was seen; undefined: nothing was. */
  since?: number;
  /** What it needs before live messages may pass: the server's answer to the frame that names these, its newest messages, or those missed. */
  task?: TargetStream[] | 'history' | 'recover';
  /** The recovery under way. */
  job?: object;
  /** More came than may wait: what follows is in the history. */
  overflowed?: boolean;
  ordering: Ordering;
  /** Its listeners changed. */
  changed(): void;
  wanted(): boolean;
  setStatus(status: ChatStatus, error?: CarillonError): void;
  /** Forgets everything seen. */
  reset(): void;
  /** The server is being asked for it, with others: what comes waits. */
  join(asked: TargetStream[]): void;
  /** It is in force since `now` (server's clock). */
  begin(now: number): void;
  /** The server sends it no more: the connection is lost, or it was left or taken away. */
  end(status: ChatStatus, error?: CarillonError): void;
  receive(message: Message): void;
  /** Live messages pass again, those that waited first. */
  finish(): void;
}

export function makeStream(target: HistoryTarget, pass: Deliver, report: (cause: unknown) => void): TargetStream {
  let waiting: Message[] = [];

  /** Nothing is under way. */
  const rest = () => {
    stream.task = stream.job = undefined;
    waiting = [];
    stream.overflowed = false;
  };

  const stream = {
    target,
    listeners: makeEmitter<[Message, Delivery]>(report),
    missing: makeEmitter<[MissingNumber[]]>(report),
    statuses: makeEmitter<[ChatStatus]>(report),
    status: 'idle',
    history: 0,

    wanted: () => stream.pinned || stream.listeners.size() > 0,

    setStatus(status, error) {
      const isSame = status === stream.status;
      stream.status = status;
      stream.error = error;
      if (!isSame) stream.statuses.emit(status);
    },

    reset() {
      rest();
      stream.since = undefined;
      stream.ordering = makeOrdering((message, delivery) => {
        // What was never stored says nothing about how far the history was seen.
        if (message.messageType !== 'ephemeral') stream.since = Math.max(stream.since ?? 0, +message.publishTimestamp || 0);
        stream.listeners.emit(message, delivery);
        pass(message, delivery);
      });
    },

    join(asked) {
      stream.subscribed = true;
      stream.task = asked;
      stream.setStatus('joining');
    },

    begin(now) {
      const isNew = stream.since === undefined;
      stream.task = isNew && stream.history ? 'history' : 'recover';
      if (isNew && !stream.history) {
        stream.since = now;
        if (!stream.overflowed) return stream.finish();
      }
      stream.setStatus('recovering');
    },

    end(status, error) {
      rest();
      stream.subscribed = false;
      stream.setStatus(status, error);
    },

    receive(message) {
      if (!stream.task || message.messageType === 'ephemeral') return stream.ordering.accept(message, 'live');
      waiting.push(message);
      if (waiting.length <= waitingLimit) return;
      waiting = [];
      stream.overflowed = true;
    },

    finish() {
      const waited = waiting;
      const { job } = stream;
      rest();
      stream.job = job;
      for (const message of waited) stream.ordering.accept(message, 'live');
      if (stream.subscribed) stream.setStatus('joined');
    },
  } as TargetStream;
  stream.reset();
  return stream;
}
