// What a page shows of a chat: its messages in order, who types, what is missing. No React: `useChat` reads it.
import type { CarillonClient, Chat, Delivery, Message, MissingNumber, Publication, PublishOptions, Receipt, Unsubscribe } from '@carillon/client';
import { MessageList } from './message_list.js';
import { Typing } from './typing.js';

export interface ChatSnapshot<Content = unknown> {
  /** The oldest first. */
  messages: readonly Message<Content>[];
  status: Chat['status'];
  error?: Error | undefined;
  /** Who else types at the moment. */
  typingUsers: readonly string[];
  /** Whether `loadOlder()` may find something. */
  hasOlder: boolean;
  /** Numbers that nobody has any more. */
  missing: readonly MissingNumber[];
}

export const NO_CHAT: ChatSnapshot<never> = Object.freeze({ messages: [], status: 'idle', typingUsers: [], hasOlder: false, missing: [] });

const TYPING = 'typing';
/** A page of older messages may hold only what is shown already: so many pages are read for one call. */
const MOST_PAGES = 10;
/** What one page can hold. */
const PAGE_LIMIT = 1000;

/** It joins the chat with the first listener and leaves it with the last. Messages that are not kept (`ephemeral`) are not
 *  among those shown. */
export class ChatView<Content = unknown> {
  readonly #client: CarillonClient;
  readonly #chatId: string;
  /** How many of the newest messages to begin with: the most that one of the listeners wants. */
  #history = 0;
  #list = new MessageList<Content>();
  #missing: MissingNumber[] = [];
  #error: Error | undefined;
  /** Whether there are messages older than those shown. */
  #older: 'unknown' | 'maybe' | 'none' = 'unknown';
  /** Where reading of older messages goes on. */
  #walk: { to?: string; startKey?: string } | undefined;
  #loading: Promise<void> | undefined;
  /** What was read before it is of another store. */
  #generation = 0;
  /** How many of the newest messages the chat delivers by itself when it is joined. */
  #promised = 0;
  /** It did. */
  #delivered = false;
  /** It is joined, and what it did not deliver was asked for. */
  #begun = false;
  #snapshot: ChatSnapshot<Content> = NO_CHAT;
  #stale = false;
  readonly #listeners = new Map<object, () => void>();
  #joined: Chat | undefined;
  #leave: Unsubscribe | undefined;
  readonly #typing: Typing;

  constructor(client: CarillonClient, chatId: string) {
    this.#client = client;
    this.#chatId = chatId;
    this.#typing = new Typing((on) => this.#tell(on), () => this.#changed());
  }

  /** `history`: how many of the newest messages to begin with. */
  readonly subscribe = (listener: () => void, history: number): Unsubscribe => {
    const key = {};
    this.#listeners.set(key, listener);
    if (!this.#leave) this.#join(history);
    else if (history > this.#history) this.#want(history);
    return () => {
      this.#listeners.delete(key);
      // Not at once: React's strict mode rehearses leaving, and comes back.
      queueMicrotask(() => {
        if (this.#listeners.size === 0) this.#leave?.();
      });
    };
  };

  readonly snapshot = (): ChatSnapshot<Content> => this.#snapshot;

  readonly publish = (content: Content, publication?: Omit<Publication, 'chatId' | 'content'>, options?: PublishOptions): Promise<Receipt> => {
    this.#typing.sent();
    return this.#chat().publish(content, publication, options);
  };

  readonly typing = (on = true): void => this.#typing.set(on);

  /** Reads a page of older messages; while one is read, the same. Rejects with why it could not. */
  readonly loadOlder = (): Promise<void> => {
    if (this.#loading) return this.#loading;
    const loading = this.#readOlder().finally(() => {
      if (this.#loading === loading) this.#loading = undefined;
    });
    this.#loading = loading;
    return loading;
  };

  #chat(): Chat {
    return this.#joined ?? this.#client.chat(this.#chatId);
  }

  #join(history: number): void {
    this.#startAfresh();
    const chat = this.#client.chat(this.#chatId);
    this.#joined = chat;
    this.#history = 0;
    this.#promised = 0;
    this.#want(history);
    const left = [
      () => this.#typing.stop(),
      chat.onStatus(() => this.#statusChanged()),
      chat.onMissing((missing) => {
        this.#missing = [...this.#missing, ...missing];
        this.#changed();
      }),
      this.#client.onReset(() => {
        this.#startAfresh();
        this.#changed();
      }),
      chat.subscribe<Content>((message, delivery) => this.#take(message, delivery)),
    ];
    this.#leave = () => {
      for (const each of left) each();
      this.#leave = undefined;
      this.#joined = undefined;
      // Whoever comes back finds nothing old.
      this.#startAfresh();
      this.#snapshot = NO_CHAT;
    };
    this.#statusChanged();
  }

  #want(history: number): void {
    this.#history = history;
    const { status } = this.#joined!;
    // What others have joined already does not deliver it again, to anybody.
    if (status === 'idle' || (status === 'joining' && this.#promised > 0)) {
      this.#promised = history;
      this.#client.chat(this.#chatId, { history });
    }
    if (this.#begun) this.#fill();
  }

  #statusChanged(): void {
    if (this.#joined?.status === 'joined' && !this.#begun) {
      this.#begun = true;
      if (this.#delivered && this.#promised >= this.#history && this.#list.size < this.#history) this.#older = 'none';
      else this.#fill();
    }
    this.#changed();
  }

  /** Reads what is missing of the history to begin with. */
  #fill(): void {
    if (this.#list.size >= this.#history) {
      if (this.#older === 'unknown') this.#older = 'maybe';
      return;
    }
    const generation = this.#generation;
    this.loadOlder().catch(() => {
      // With the next connection again; why it failed is shown.
      if (generation === this.#generation) this.#begun = false;
    });
  }

  #startAfresh(): void {
    this.#generation += 1;
    this.#list = new MessageList();
    this.#missing = [];
    this.#walk = undefined;
    this.#loading = undefined;
    this.#older = 'unknown';
    this.#delivered = false;
    this.#begun = false;
    this.#error = undefined;
    this.#typing.forget();
  }

  #take(message: Message<Content>, delivery: Delivery): void {
    if (message.messageType === 'ephemeral') {
      if (message.eventType === TYPING && message.userId !== this.#client.state.userId) {
        const content: unknown = message.payload.content;
        this.#typing.heard(message.userId, (content as { typing?: unknown } | null)?.typing === true);
      }
      return;
    }
    this.#delivered ||= delivery.via === 'history';
    this.#typing.heard(message.userId, false);
    if (this.#list.add(message, delivery.late)) this.#changed();
  }

  async #readOlder(): Promise<void> {
    const generation = this.#generation;
    try {
      for (let page = 0; page < MOST_PAGES && this.#older !== 'none'; page += 1) {
        const oldest = this.#list.oldest?.timestamp;
        const walk = this.#walk ?? (oldest === undefined ? {} : { to: oldest });
        const limit = Math.min(Math.max(1, this.#history), PAGE_LIMIT);
        const { messages, nextToken } = await this.#client.history({ chatId: this.#chatId }, { limit, ...walk });
        if (generation !== this.#generation) return;
        this.#walk = { ...walk, ...(nextToken !== undefined && { startKey: nextToken }) };
        this.#older = nextToken === undefined ? 'none' : 'maybe';
        this.#error = undefined;
        if (this.#list.addOlder(messages as Message<Content>[]) && this.#list.size >= this.#history) break;
      }
    } catch (thrown) {
      if (generation === this.#generation) {
        this.#error = thrown as Error;
        this.#older = 'maybe';
      }
      throw thrown;
    } finally {
      this.#changed();
    }
  }

  /** Tells the others; that it did not reach them is no matter. */
  #tell(typing: boolean): void {
    if (this.#client.state.status !== 'connected') return;
    this.#chat()
      .publish({ typing }, { type: 'ephemeral', eventType: TYPING, excludeSender: true })
      .catch(() => {});
  }

  #look(): ChatSnapshot<Content> {
    return {
      messages: this.#list.all(),
      status: this.#joined?.status ?? 'idle',
      error: this.#joined?.error ?? this.#error,
      typingUsers: this.#typing.users(),
      hasOlder: this.#older === 'maybe' && this.#joined?.status !== 'denied',
      missing: this.#missing,
    };
  }

  /** One rendering for all that comes in one go. */
  #changed(): void {
    if (this.#stale) return;
    this.#stale = true;
    queueMicrotask(() => {
      this.#stale = false;
      if (!this.#leave) return;
      this.#snapshot = this.#look();
      for (const each of [...this.#listeners.values()]) each();
    });
  }
}

// A view that nobody listens to is empty, and its chat is left.
const views = new WeakMap<CarillonClient, Map<string, ChatView<never>>>();

/** The client's view of a chat: the same one for all who show it. */
export function viewOf<Content>(client: CarillonClient, chatId: string): ChatView<Content> {
  const present = views.get(client) ?? new Map<string, ChatView<never>>();
  views.set(client, present);
  const view = present.get(chatId) ?? new ChatView<never>(client, chatId);
  present.set(chatId, view);
  return view as unknown as ChatView<Content>;
}
