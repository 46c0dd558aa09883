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

/** It joins the chat while somebody listens to it. Messages that are not kept (`ephemeral`) are not among those shown. */
export class ChatView<Content = unknown> {
  readonly #client: CarillonClient;
  readonly #chatId: string;
  readonly #history: number;
  #list = new MessageList<Content>();
  #missing: MissingNumber[] = [];
  #error: Error | undefined;
  /** The walk to the beginning is over. */
  #atBeginning = false;
  /** Where reading of older messages goes on. */
  #walk: { to?: string; startKey?: string } | undefined;
  #loading: Promise<void> | undefined;
  /** What was read before it is of another store. */
  #generation = 0;
  #snapshot: ChatSnapshot<Content> = NO_CHAT;
  #stale = false;
  readonly #listeners = new Set<() => void>();
  #joined: Chat | undefined;
  #leave: Unsubscribe | undefined;
  readonly #typing: Typing;

  constructor(client: CarillonClient, chatId: string, history: number) {
    this.#client = client;
    this.#chatId = chatId;
    this.#history = history;
    this.#typing = new Typing((on) => this.#tell(on), () => this.#changed());
  }

  readonly subscribe = (listener: () => void): Unsubscribe => {
    this.#listeners.add(listener);
    this.#leave ??= this.#join();
    return () => {
      this.#listeners.delete(listener);
      // Not at once: React's strict mode rehearses leaving, and comes back.
      queueMicrotask(() => {
        if (this.#listeners.size > 0) return;
        this.#leave?.();
        this.#leave = undefined;
        this.#joined = undefined;
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
    this.#loading ??= this.#readOlder().finally(() => {
      this.#loading = undefined;
    });
    return this.#loading;
  };

  #chat(): Chat {
    return this.#client.chat(this.#chatId, { history: this.#history });
  }

  #join(): Unsubscribe {
    const chat = this.#chat();
    this.#joined = chat;
    // What was shown before is delivered again, or read again.
    this.#startAfresh();
    const left = [
      () => this.#typing.stop(),
      chat.onStatus(() => this.#changed()),
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
    this.#changed();
    return () => {
      for (const each of left) each();
    };
  }

  #startAfresh(): void {
    this.#generation += 1;
    this.#list = new MessageList();
    this.#missing = [];
    this.#walk = undefined;
    this.#atBeginning = false;
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
    this.#typing.heard(message.userId, false);
    if (this.#list.add(message, delivery.late)) this.#changed();
  }

  async #readOlder(): Promise<void> {
    const generation = this.#generation;
    try {
      for (let page = 0; page < MOST_PAGES && !this.#atBeginning; page += 1) {
        const oldest = this.#list.oldest?.timestamp;
        this.#walk ??= oldest === undefined ? {} : { to: oldest };
        const limit = Math.max(1, this.#history);
        const { messages, nextToken } = await this.#client.history({ chatId: this.#chatId }, { limit, ...this.#walk });
        if (generation !== this.#generation) return;
        this.#atBeginning = nextToken === undefined;
        if (nextToken !== undefined) this.#walk = { ...this.#walk, startKey: nextToken };
        this.#error = undefined;
        if (this.#list.addOlder(messages as Message<Content>[])) break;
      }
    } catch (thrown) {
      if (generation === this.#generation) this.#error = thrown as Error;
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

  /** Fewer messages than were asked for are all that there are. */
  #mayHaveOlder(): boolean {
    if (this.#walk) return !this.#atBeginning;
    return this.#joined?.status === 'joined' && this.#list.size >= this.#history;
  }

  #look(): ChatSnapshot<Content> {
    return {
      messages: this.#list.all(),
      status: this.#joined?.status ?? 'idle',
      error: this.#joined?.error ?? this.#error,
      typingUsers: this.#typing.users(),
      hasOlder: this.#mayHaveOlder(),
      missing: this.#missing,
    };
  }

  /** One rendering for all that comes in one go. */
  #changed(): void {
    if (this.#stale) return;
    this.#stale = true;
    queueMicrotask(() => {
      this.#stale = false;
      this.#snapshot = this.#look();
      for (const each of [...this.#listeners]) each();
    });
  }
}
