// What the simulated server keeps: messages per target, numbers, deduplication, rights.
import type { Clock } from './clock.ts';
import type { Frame } from './server.ts';

export interface Answer extends Frame {
  statusCode?: number;
  error?: string;
}

export interface Stored extends Frame {
  messageId: string;
  position: number;
  publishTimestamp: number;
  sequenceNumber?: number;
}

const WINDOW_MS = 300_000;
const CLASSES = ['user', 'org', 'hub', 'project', 'chat', 'all'];

export const targetKey = (targetClass: string, targetId?: string) => `${targetClass}:${targetId ?? ''}`;

export function errorOf(statusCode: number, error: string, more: object = {}): Answer {
  return { error, statusCode, ...more };
}

/** What lies where a payload says; undefined for none. */
export function targetOf(payload: Frame): { targetClass: string; targetId?: string } | undefined {
  if (typeof payload.chatId === 'string') return { targetClass: 'chat', targetId: payload.chatId };
  if (payload.targetClass === 'all') return { targetClass: 'all' };
  if (!CLASSES.includes(payload.targetClass) || typeof payload.targetId !== 'string') return undefined;
  return { targetClass: payload.targetClass, targetId: payload.targetId };
}

export class Store {
  epoch = 'epoch-1';
  /** Members per target, by `chat:id`, `org:id` … */
  members = new Map<string, Set<string>>();
  /** Numbers per chat that are issued and not readable yet. */
  pending = new Map<string, Set<number>>();
  #messages = new Map<string, Stored[]>();
  #counters = new Map<string, number>();
  #deduplicated = new Map<string, { at: number; answer: Answer }>();
  #position = 0;
  #lastTime = 0;

  constructor(readonly clock: Clock) {}

  grant(user: string, target: string) {
    const all = this.members.get(target) ?? new Set();
    this.members.set(target, all.add(user));
  }

  revoke(user: string, target: string) {
    this.members.get(target)?.delete(user);
  }

  allows(user: string, target: string) {
    return this.members.get(target)?.has(user) ?? false;
  }

  /** All that is kept of a target, oldest first. */
  messages(target: string): Stored[] {
    return this.#messages.get(target) ?? [];
  }

  counter(chatId: string) {
    return this.#counters.get(chatId) ?? 0;
  }

  /** Forgets the messages of a chat up to a number. */
  expire(chatId: string, through: number) {
    const key = targetKey('chat', chatId);
    this.#messages.set(key, this.messages(key).filter(({ sequenceNumber }) => sequenceNumber === undefined || sequenceNumber > through));
  }

  hold(chatId: string, ...numbers: number[]) {
    this.pending.set(chatId, new Set(numbers));
  }

  /** Another store: nothing of the old one is there. */
  replace(epoch: string) {
    this.epoch = epoch;
    this.#messages.clear();
    this.#counters.clear();
    this.#deduplicated.clear();
  }

  /** Validates, deduplicates, numbers and keeps; `message` is there when it must be delivered. */
  publish(sender: string, body: Frame): { answer: Answer; message?: Stored } {
    const refused = validate(body);
    if (refused) return { answer: refused };
    const id = body.messageDeduplicationId;
    const key = id === undefined ? undefined : JSON.stringify([body.messageType === 'fifo', sender, id]);
    const earlier = key === undefined ? undefined : this.#deduplicated.get(key);
    if (earlier && this.clock.time - earlier.at < WINDOW_MS) return { answer: { ...earlier.answer, deduplicated: true } };
    const message = this.#make(sender, body);
    const answer: Answer = {
      message: 'Message sent successfully via WebSocket!',
      messageId: message.messageId,
      messageType: message.messageType,
      targetChannel: 'WebSocket',
      ...(message.messageGroupId !== undefined && { messageGroupId: message.messageGroupId }),
      timestamp: message.timestamp,
      ...(message.sequenceNumber !== undefined && message.sequenceSource === undefined && { sequenceNumber: message.sequenceNumber }),
    };
    if (key !== undefined && message.messageType !== 'ephemeral') this.#deduplicated.set(key, { at: this.clock.time, answer });
    return { answer, message };
  }

  #make(sender: string, body: Frame): Stored {
    const target = targetOf(body.payload)!;
    const type = body.messageType ?? 'standard';
    this.#position += 1;
    this.#lastTime = Math.max(this.#lastTime, this.clock.time);
    const message: Stored = {
      type: 'message',
      messageId: `m-${this.epoch}-${this.#position}`,
      ...(target.targetClass === 'chat' && { chatId: target.targetId }),
      ...target,
      messageType: type,
      eventType: body.payload.eventType,
      payload: body.payload,
      userId: sender,
      timestamp: new Date(this.#lastTime).toISOString(),
      publishTimestamp: this.#lastTime,
      targetChannel: 'WebSocket',
      position: this.#position,
      ...(body.correlationId !== undefined && { correlationId: body.correlationId }),
    };
    if (type === 'fifo') {
      message.messageGroupId = body.messageGroupId ?? target.targetId ?? sender;
      message.queueSequenceNumber = String(this.#position).padStart(20, '0');
      if (body.customSequence !== undefined) Object.assign(message, { sequenceNumber: body.customSequence, sequenceSource: 'client' });
      else if (message.chatId !== undefined && body.generateSequence !== false) message.sequenceNumber = this.#next(message.chatId);
    }
    if (type !== 'ephemeral') {
      const key = targetKey(target.targetClass, target.targetId);
      const kept = this.#messages.get(key) ?? [];
      kept.push(message);
      this.#messages.set(key, kept);
    }
    return message;
  }

  #next(chatId: string) {
    const number = this.counter(chatId) + 1;
    this.#counters.set(chatId, number);
    return number;
  }
}

function validate(body: Frame): Answer | undefined {
  const { payload, messageType = 'standard' } = body;
  if (typeof body.targetChannel !== 'string' || typeof payload !== 'object' || payload === null) {
    return errorOf(400, 'Missing required parameters: targetChannel and payload are required');
  }
  if (!['standard', 'fifo', 'ephemeral'].includes(messageType)) return errorOf(400, 'Invalid messageType. Must be "fifo" or "standard"');
  if (!targetOf(payload)) return errorOf(400, 'Missing required parameters: payload needs chatId or targetClass and targetId');
  if (typeof payload.eventType !== 'string' || payload.content === undefined) {
    return errorOf(400, 'Missing required parameters: payload.eventType and payload.content are required');
  }
  return undefined;
}
