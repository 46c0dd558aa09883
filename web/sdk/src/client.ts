import { Chat } from './chat.js';
import { makeCore, type Core } from './core.js';
import { CarillonError } from './errors.js';
import { readHistory, walk } from './recovery.js';
import type {
  ChatOptions,
  ClientOptions,
  ConnectionState,
  HistoryOptions,
  HistoryPage,
  HistoryTarget,
  Latency,
  Message,
  MessageListener,
  PresentUser,
  Publication,
  PublishOptions,
  Receipt,
  TypedFrame,
  Unsubscribe,
} from './types.js';

/** A connection to Carillon that comes back by itself, and what goes over it. */
export class CarillonClient {
  readonly #core: Core;

  /** Throws a CarillonError `invalid` when `url` is none. Nothing happens before `connect()`. */
  constructor(options: ClientOptions) {
    this.#core = makeCore(options);
  }

  get state(): ConnectionState {
    return this.#core.session.state;
  }

  get latency(): Latency {
    return { ...this.#core.latency };
  }

  /** Called on every change. */
  onState(listener: (state: ConnectionState) => void): Unsubscribe {
    return this.#core.states.add(listener);
  }

  /** What nobody else was told. Without a listener it goes to the console. */
  onError(listener: (error: CarillonError) => void): Unsubscribe {
    return this.#core.errors.add(listener);
  }

  /** Every message, once and in order. */
  onMessage<Content = unknown>(listener: MessageListener<Content>): Unsubscribe {
    return this.#core.messages.add(listener as MessageListener);
  }

  /** The messages of one `eventType`. */
  onEvent<Content = unknown>(eventType: string, listener: MessageListener<Content>): Unsubscribe {
    return this.#core.messages.add((message, delivery) => message.eventType === eventType && listener(message as Message<Content>, delivery));
  }

  /** Frames of one `type`: what a backend broadcasts, and the server's own (`unsubscribed`, `connected` …). */
  onType<Frame extends TypedFrame = TypedFrame>(type: string, listener: (frame: Frame) => void): Unsubscribe {
    return this.#core.frames.add((frame) => frame.type === type && listener(frame as Frame));
  }

  /** The server has another store, or the token is another user's: what is on the screen is not there any more. */
  onReset(listener: () => void): Unsubscribe {
    return this.#core.resets.add(listener);
  }

  /** Resolves when connected and subscribed; rejects when that is given up. Again: the same. */
  connect(): Promise<void> {
    const { session, states } = this.#core;
    const connected = new Promise<void>((resolve, reject) => {
      const settle = ({ status, error }: ConnectionState) => {
        if (!/connected|stopped|idle/.test(status)) return;
        remove();
        if (session.connection) resolve();
        else reject(error ?? new CarillonError('closed'));
      };
      // A listener may close it while it starts.
      const remove = states.add(settle);
      session.start();
      settle(session.state);
    });
    // Whoever does not look at it reads the state.
    connected.catch(() => {});
    return connected;
  }

  /** Until `connect()`. What was measured is sent, what waits is rejected. */
  async close(): Promise<void> {
    const { session, publisher, meter } = this.#core;
    const error = new CarillonError('closed');
    publisher.end(error, 'http');
    session.close(error);
    await meter.close();
  }

  /** The same object for the same id. `history` counts from the next time it is joined. */
  chat(chatId: string, { history }: ChatOptions = {}): Chat {
    const stream = this.#core.subscriptions.open({ chatId });
    stream.history = history ?? stream.history;
    return (stream.chat ??= new Chat(this, stream));
  }

  /** Resolves when the message is durable. Tried until then, with one id: it is never published twice. Over the socket, chats have
   *  to be joined; what is published while there is no connection waits for it (but what is `ephemeral`). */
  async publish(publication: Publication, options: PublishOptions = {}): Promise<Receipt> {
    const { publisher, publishVia } = this.#core;
    const { via = publishVia } = options;
    if (via === 'socket' && this.state.status === 'stopped') throw this.state.error;
    return publisher.publish(publication, via, options);
  }

  /** Any frame; resolves with its answer. Tried once. */
  async send(frame: object): Promise<unknown> {
    const { session, timeoutMs } = this.#core;
    if (!session.connection) throw new CarillonError('not_connected');
    return session.connection.request(frame, timeoutMs);
  }

  async history(target: HistoryTarget, options?: HistoryOptions): Promise<HistoryPage> {
    return (await readHistory(this.#core.request, target, options))[0];
  }

  /** Every page, one after the other. */
  historyPages(target: HistoryTarget, options?: HistoryOptions): AsyncIterableIterator<Message[]> {
    return walk((startKey = options?.startKey) => this.history(target, { ...options, startKey }));
  }

  /** Who is connected to a chat. */
  async presence(chatId: string): Promise<PresentUser[]> {
    return (await this.#core.request('GET /presence', { query: { chatId } }))['users'] as PresentUser[];
  }
}
