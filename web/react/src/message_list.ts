import type { Message } from '@carillon/client';

const ownNumber = (message: Message): number | undefined => (message.sequenceSource === 'client' ? undefined : message.sequenceNumber);

/** Whether `a` belongs before `b`: by the chat's numbers where both have one, by time otherwise. */
function isBefore(a: Message, b: Message): boolean {
  const [left, right] = [ownNumber(a), ownNumber(b)];
  if (left !== undefined && right !== undefined) return left < right;
  return a.publishTimestamp < b.publishTimestamp;
}

/** The messages of a chat, each once, the oldest first. */
export class MessageList<Content = unknown> {
  #messages: Message<Content>[] = [];
  #seen = new Set<string>();
  #shown: readonly Message<Content>[] | undefined;

  get size(): number {
    return this.#messages.length;
  }

  get oldest(): Message<Content> | undefined {
    return this.#messages[0];
  }

  /** Answers whether it is new. A late one is put in its place; the others come in order. */
  add(message: Message<Content>, late: boolean): boolean {
    if (this.#seen.has(message.messageId)) return false;
    this.#seen.add(message.messageId);
    let place = this.#messages.length;
    while (late && place > 0 && isBefore(message, this.#messages[place - 1]!)) place -= 1;
    this.#messages.splice(place, 0, message);
    this.#shown = undefined;
    return true;
  }

  /** A page of the history, the newest first; answers whether any of it is new. */
  addOlder(page: readonly Message<Content>[]): boolean {
    const fresh = page.filter(({ messageId }) => !this.#seen.has(messageId)).reverse();
    for (const { messageId } of fresh) this.#seen.add(messageId);
    if (fresh.length === 0) return false;
    this.#messages = [...fresh, ...this.#messages];
    this.#shown = undefined;
    return true;
  }

  /** The same array until something is added. */
  all(): readonly Message<Content>[] {
    this.#shown ??= [...this.#messages];
    return this.#shown;
  }
}
