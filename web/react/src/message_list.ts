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
  #late = new Set<string>();
  #shown: readonly Message<Content>[] | undefined;

  get size(): number {
    return this.#messages.length;
  }

  /** Everything since then is here, as far as it was asked for: the oldest that came in its turn. */
  get oldest(): Message<Content> | undefined {
    return this.#messages.find(({ messageId }) => !this.#late.has(messageId));
  }

  /** Answers whether it is new. A late one is put in its place; the others come in order. */
  add(message: Message<Content>, late: boolean): boolean {
    if (this.#seen.has(message.messageId)) return false;
    this.#seen.add(message.messageId);
    if (late) this.#late.add(message.messageId);
    let place = this.#messages.length;
    while (late && place > 0 && isBefore(message, this.#messages[place - 1]!)) place -= 1;
    this.#messages.splice(place, 0, message);
    this.#shown = undefined;
    return true;
  }

  /** A page of the history, the newest first; answers whether any of it is new. */
  addOlder(page: readonly Message<Content>[]): boolean {
    const fresh = page.filter(({ messageId }) => !this.#seen.has(messageId));
    if (fresh.length === 0) return false;
    // Only late ones can be older than these.
    const late: Message<Content>[] = [];
    while (this.#late.has(this.#messages[late.length]?.messageId ?? '')) late.push(this.#messages[late.length]!);
    const rest = this.#messages.slice(late.length);
    const older: Message<Content>[] = [];
    for (const message of fresh) {
      while (late.length > 0 && !isBefore(late.at(-1)!, message)) older.push(late.pop()!);
      older.push(message);
      this.#seen.add(message.messageId);
    }
    this.#messages = [...late, ...older.reverse(), ...rest];
    this.#shown = undefined;
    return true;
  }

  /** The same array until something is added. */
  all(): readonly Message<Content>[] {
    this.#shown ??= [...this.#messages];
    return this.#shown;
  }
}
