import type { CarillonClient } from './client.js';
import type { CarillonError } from './errors.js';
import type { TargetStream } from './stream.js';
import type {
  ChatStatus,
  HistoryOptions,
  HistoryPage,
  MessageListener,
  MissingNumber,
  PresentUser,
  Publication,
  PublishOptions,
  Receipt,
  Unsubscribe,
} from './types.js';

/** One chat: joined while it has listeners. */
export class Chat {
  readonly chatId: string;
  readonly #client: CarillonClient;
  readonly #stream: TargetStream;

  /** @internal CarillonClient.chat() makes them. */
  constructor(client: CarillonClient, stream: TargetStream) {
    this.chatId = stream.target.chatId!;
    this.#client = client;
    this.#stream = stream;
  }

  get status(): ChatStatus {
    return this.#stream.status;
  }

  /** Why it is `denied`. */
  get error(): CarillonError | undefined {
    return this.#stream.error;
  }

  onStatus(listener: (status: ChatStatus) => void): Unsubscribe {
    return this.#stream.statuses.add(listener);
  }

  /** Every message, once, numbered ones in the order of their numbers. The first listener joins the chat (and gets the `history` it
   *  was opened with), the last to end leaves it. */
  subscribe<Content = unknown>(listener: MessageListener<Content>): Unsubscribe {
    const remove = this.#stream.listeners.add(listener as MessageListener);
    this.#stream.changed();
    return () => {
      remove();
      this.#stream.changed();
    };
  }

  /** Numbers that the history has no more; messages behind them are shown nevertheless. */
  onMissing(listener: (missing: MissingNumber[]) => void): Unsubscribe {
    return this.#stream.missing.add(listener);
  }

  /** As `CarillonClient.publish()`; `type` is `fifo` unless told otherwise. Over the socket only a joined chat takes it. */
  publish(content: unknown, publication: Omit<Publication, 'chatId' | 'content'> = {}, options?: PublishOptions): Promise<Receipt> {
    return this.#client.publish({ type: 'fifo', ...publication, chatId: this.chatId, content }, options);
  }

  history(options?: HistoryOptions): Promise<HistoryPage> {
    return this.#client.history({ chatId: this.chatId }, options);
  }

  /** Who is connected to it. */
  presence(): Promise<PresentUser[]> {
    return this.#client.presence(this.chatId);
  }
}
