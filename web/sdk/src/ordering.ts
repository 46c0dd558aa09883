import type { Delivery, Message } from './types.js';

const rememberedIds = 10_000;
const heldLimit = 10_000;
const askedNumbers = 1000;

export type Deliver = (message: Message, delivery: Delivery) => void;
export type Ordering = ReturnType<typeof makeOrdering>;

/** The chat's own number, or 0; a sender's own promises nothing. */
export const numberOf = ({ messageType, sequenceSource, sequenceNumber }: Message): number =>
  messageType === 'fifo' && !sequenceSource && Number.isSafeInteger(sequenceNumber) ? sequenceNumber! : 0;

/** Passes each message on once, numbered ones by their numbers. Plain: decides, and does nothing else. */
export function makeOrdering(deliver: Deliver) {
  const ids = new Set<string>();
  /** What waits for a smaller number; null: there is no such message any more. */
  const held = new Map<number, [Message, Delivery['via']] | null>();
  let start = 0;
  /** 0: no numbered message was seen yet. */
  let next = 0;
  let highest = 0;

  const give = (message: Message, via: Delivery['via'], late = false) => {
    if (ids.has(message.messageId)) return;
    ids.add(message.messageId);
    if (ids.size > rememberedIds) ids.delete(ids.values().next().value!);
    deliver(message, { via, late });
  };

  const drain = () => {
    for (let waits; (waits = held.get(next)) !== undefined; ) {
      held.delete(next);
      next += 1;
      if (waits) give(...waits);
    }
  };

  /** The numbers, from and to, that are missing before the first that waits. */
  const gap = (): [number, number] | undefined =>
    next && highest >= next ? [next, Math.min(next + askedNumbers, highest + 1, ...held.keys()) - 1] : undefined;

  return {
    gap,

    accept(message: Message, via: Delivery['via']): void {
      const number = numberOf(message);
      if (number <= 0) return give(message, via);
      next ||= start = number;
      // What is older than the first message shown was never asked for.
      if (number < next) return via === 'live' || number >= start ? give(message, via, true) : undefined;
      highest = Math.max(highest, number);
      held.set(number, [message, via]);
      drain();
      // Numbers are enough to read them again.
      if (held.size > heldLimit) held.clear();
    },

    knows: (message: Message): boolean => ids.has(message.messageId) || !!held.get(numberOf(message)),

    /** These numbers will not come. */
    skip(numbers: number[]): void {
      for (const number of numbers) if (number >= next && !held.has(number)) held.set(number, null);
      drain();
    },

    /** Gives up every gap: passes on what is held. */
    release(): void {
      for (next of [...held.keys()].sort((a, b) => a - b)) drain();
      if (next) next = Math.max(next, highest + 1);
    },
  };
}
