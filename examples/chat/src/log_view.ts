import type { Delivery, Message } from '@carillon/client';
import { find, textElement } from './dom.js';

/** A message that is under way. */
export interface Pending {
  /** It is durable; when it is shown already, this is taken away. */
  sent(messageId: string): void;
  failed(why: string, again: () => void): void;
}

const CLOCK = new Intl.DateTimeFormat(undefined, { timeStyle: 'short' });
const DAY_AND_CLOCK = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'short' });
const NEAR_END_PX = 60;

function timeOf(message: Message): HTMLTimeElement {
  const at = new Date(message.publishTimestamp);
  const isToday = at.toDateString() === new Date().toDateString();
  const time = textElement('time', '', (isToday ? CLOCK : DAY_AND_CLOCK).format(at));
  time.dateTime = message.timestamp;
  return time;
}

/** What somebody wrote may be anything, as anybody can publish. */
function textOfContent(message: Message): string {
  const { content } = message.payload;
  return typeof content === 'string' ? content : JSON.stringify(content);
}

/** The messages of one person, each once, the oldest first. */
export class LogView {
  readonly #box: HTMLElement;
  readonly #list: HTMLOListElement;
  readonly #empty: HTMLElement;
  readonly #me: string;
  readonly #items = new Map<string, HTMLLIElement>();
  readonly #pending = new Map<string, HTMLLIElement>();
  #recovered: { note: HTMLLIElement; count: number } | undefined;

  constructor(box: HTMLElement, me: string) {
    this.#box = box;
    this.#list = find<HTMLOListElement>(box, 'ol');
    this.#empty = find(box, '.empty');
    this.#me = me;
    find(box, '.said').setAttribute('aria-label', `Messages as ${me} sees them`);
    box.setAttribute('role', 'group');
    box.setAttribute('aria-label', `Messages of ${me}, scrollable`);
  }

  get size(): number {
    return this.#items.size;
  }

  /** ISO 8601; of the oldest message that came in its turn: everything since then is here. */
  get oldest(): string | undefined {
    return this.#list.querySelector<HTMLTimeElement>('.message:not([data-late]) time')?.dateTime;
  }

  add(message: Message, { via, late }: Delivery, latencyMs: number): void {
    if (this.#items.has(message.messageId)) return;
    const item = this.#messageItem(message, via === 'live' ? `${Math.max(0, Math.round(latencyMs))} ms` : via === 'recovered' ? 'recovered' : '');
    if (late) item.dataset.late = message.timestamp;
    this.#keepingEnd(() => {
      // One's own, sent the moment one was back, may come that way too; nobody missed it.
      if (via === 'recovered' && message.userId !== this.#me) this.#countRecovered();
      this.#list.insertBefore(item, late ? this.#placeOf(message) : this.#firstPending());
      this.#pending.get(message.messageId)?.remove();
      this.#pending.delete(message.messageId);
    });
  }

  /** A page of the history, the newest first; what is looked at stays where it is. */
  addOlder(page: readonly Message[]): void {
    const fromEnd = this.#box.scrollHeight - this.#box.scrollTop;
    for (const message of page) {
      if (!this.#items.has(message.messageId)) this.#list.insertBefore(this.#messageItem(message, ''), this.#placeAmongLate(message));
    }
    this.#box.scrollTop = this.#box.scrollHeight - fromEnd;
  }

  note(text: string): HTMLLIElement {
    const item = textElement('li', 'note', text);
    this.#keepingEnd(() => this.#list.insertBefore(item, this.#firstPending()));
    return item;
  }

  /** What is recovered from now on is counted anew. */
  beginRecovery(): void {
    this.#recovered = undefined;
  }

  addPending(text: string): Pending {
    const item = textElement('li', 'message mine pending', '');
    const meta = textElement('p', 'meta', 'sending…');
    item.append(this.#bubble(text), meta);
    this.#keepingEnd(() => this.#list.append(item), true);
    return {
      sent: (messageId) => {
        if (this.#items.has(messageId)) item.remove();
        else this.#pending.set(messageId, item);
        meta.textContent = 'sent';
      },
      failed: (why, again) => {
        const button = textElement('button', '', 'Send again');
        button.type = 'button';
        button.onclick = () => {
          item.remove();
          again();
        };
        meta.replaceChildren(`not sent: ${why} `, button);
        item.classList.add('failed');
      },
    };
  }

  clear(): void {
    this.#items.clear();
    this.#list.replaceChildren();
    this.#recovered = undefined;
  }

  #countRecovered(): void {
    this.#recovered ??= { note: this.note(''), count: 0 };
    this.#recovered.count += 1;
    const { note, count } = this.#recovered;
    note.textContent = count === 1 ? '1 message recovered' : `${count} messages recovered`;
  }

  #bubble(text: string): HTMLElement {
    const bubble = textElement('p', 'bubble', text);
    bubble.dir = 'auto';
    return bubble;
  }

  #messageItem(message: Message, how: string): HTMLLIElement {
    const item = document.createElement('li');
    item.className = message.userId === this.#me ? 'message mine' : 'message';
    const meta = textElement('p', 'meta', '');
    if (message.userId !== this.#me) meta.append(textElement('b', '', message.userId), ' ');
    meta.append(timeOf(message));
    if (message.sequenceNumber !== undefined) {
      item.dataset.sequence = String(message.sequenceNumber);
      const number = textElement('span', 'number', `#${message.sequenceNumber}`);
      number.title = 'Its number in this chat';
      meta.append(' ', number);
    }
    if (how) meta.append(' ', textElement('span', 'how', how));
    item.append(this.#bubble(textOfContent(message)), meta);
    this.#items.set(message.messageId, item);
    this.#empty.hidden = true;
    return item;
  }

  #firstPending(): Element | null {
    return this.#list.querySelector('.pending');
  }

  /** The first message behind it: by number, as the chat has it. */
  #placeOf({ sequenceNumber = 0 }: Message): Element | null {
    const behind = [...this.#list.querySelectorAll<HTMLLIElement>('[data-sequence]')].find((each) => Number(each.dataset.sequence) > sequenceNumber);
    return behind ?? this.#firstPending();
  }

  /** The first that is not older: only late ones can be older than a page of the history. */
  #placeAmongLate({ sequenceNumber, timestamp }: Message): Element | null {
    const isOlder = ({ dataset }: HTMLLIElement): boolean =>
      sequenceNumber === undefined ? dataset.late! < timestamp : Number(dataset.sequence) < sequenceNumber;
    return [...this.#list.querySelectorAll<HTMLLIElement>(':scope > li')].find((each) => each.dataset.late === undefined || !isOlder(each)) ?? null;
  }

  /** Whoever reads the newest goes on reading the newest. */
  #keepingEnd(change: () => void, always = false): void {
    const { scrollHeight, scrollTop, clientHeight } = this.#box;
    const atEnd = always || scrollHeight - scrollTop - clientHeight < NEAR_END_PX;
    this.#empty.hidden = true;
    change();
    if (atEnd) this.#box.scrollTop = this.#box.scrollHeight;
  }
}
