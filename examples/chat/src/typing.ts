import type { Chat } from '@carillon/client';

const REPEAT_MS = 3000;
const FORGET_MS = 7000;
const EVENT = 'typing';

interface Content {
  typing?: boolean;
}

/** Says that somebody types, now and then while it lasts, and shows who else does. Nothing of it is kept. */
export class Typing {
  readonly #chat: Chat;
  readonly #show: (user: string | undefined) => void;
  #saidAt = -Infinity;
  #forget: ReturnType<typeof setTimeout> | undefined;

  constructor(chat: Chat, show: (user: string | undefined) => void) {
    this.#chat = chat;
    this.#show = show;
  }

  /** The field has another text now. */
  changed(text: string): void {
    const now = performance.now();
    if (text !== '' && now - this.#saidAt < REPEAT_MS) return;
    this.#saidAt = text === '' ? -Infinity : now;
    this.#say(text !== '');
  }

  /** A message went out, which says it too. */
  sent(): void {
    this.#saidAt = -Infinity;
  }

  /** Answers whether the message was about typing. */
  heard(user: string, eventType: string, content: unknown): boolean {
    const isTyping = eventType === EVENT && (content as Content | null)?.typing === true;
    clearTimeout(this.#forget);
    if (isTyping) this.#forget = setTimeout(() => this.#show(undefined), FORGET_MS);
    this.#show(isTyping ? user : undefined);
    return eventType === EVENT;
  }

  #say(typing: boolean): void {
    // Whether it arrives is no matter.
    this.#chat.publish({ typing }, { type: 'ephemeral', eventType: EVENT, excludeSender: true }, { timeoutMs: 1000 }).catch(() => {});
  }
}
