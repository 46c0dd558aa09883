import { CarillonClient } from '@carillon/client';
import type { Chat, CarillonError, ConnectionStatus } from '@carillon/client';
import { find, showProblem, textOf } from './dom.js';
import { Line } from './line.js';
import { LogView } from './log_view.js';
import type { Session } from './session.js';
import { Typing } from './typing.js';

const HISTORY = 30;
const PRESENCE_MS = 2000;

const STATUS: Record<ConnectionStatus, string> = {
  idle: 'Disconnected',
  connecting: 'Connecting…',
  connected: 'Connected',
  waiting: 'Lost, connecting again…',
  paused: 'Offline',
  stopped: 'Stopped',
};

/** One side of the page: a person with a client of their own. */
export class Person {
  readonly userId: string;
  readonly client: CarillonClient;
  readonly #line = new Line();
  readonly #chat: Chat;
  readonly #view: HTMLElement;
  readonly #log: LogView;
  readonly #typing: Typing;
  #walk: { to?: string; startKey?: string } = {};
  /** What was read before it is of another store. */
  #generation = 0;

  constructor(place: HTMLElement, userId: string, session: Session, server: URL) {
    this.userId = userId;
    place.append(find<HTMLTemplateElement>(document, '#person').content.cloneNode(true));
    this.#view = place.lastElementChild as HTMLElement;
    this.#log = new LogView(find(this.#view, '.log'), userId);
    this.client = new CarillonClient({
      url: server.href,
      token: () => session.tokenOf(userId),
      reconnect: { maxMs: 5000 },
      WebSocket: this.#line.WebSocket,
      fetch: this.#line.fetch,
      environment: this.#line.environment,
    });
    this.#chat = this.client.chat(session.chatId, { history: HISTORY });
    this.#typing = new Typing(this.#chat, (user) => {
      this.#find('.typing').textContent = user === undefined ? '' : `${user} is typing…`;
    });
    this.#label();
    this.#listen();
    this.#showState();
    this.#control();
  }

  /** Asks who is there now, and again and again. */
  watchPresence(): void {
    const look = (): void => void this.#showPresence();
    this.client.onState(look);
    setInterval(look, PRESENCE_MS);
  }

  async #showPresence(): Promise<void> {
    const place = this.#find('.presence');
    if (this.client.state.status !== 'connected') {
      place.textContent = '';
      return;
    }
    try {
      const others = (await this.#chat.presence()).map(({ userId }) => userId).filter((each) => each !== this.userId);
      place.textContent = others.length === 0 ? 'nobody else is here' : `${others.join(', ')} ${others.length === 1 ? 'is' : 'are'} here`;
    } catch {
      place.textContent = '';
    }
  }

  #find<Found extends Element = HTMLElement>(selector: string): Found {
    return find<Found>(this.#view, selector);
  }

  #label(): void {
    this.#view.dataset.user = this.userId;
    this.#view.setAttribute('aria-label', this.userId);
    this.#find('h2').textContent = this.userId;
    this.#find('.face').textContent = this.userId.slice(0, 1).toUpperCase();
    this.#find('.controls').setAttribute('aria-label', `Connection of ${this.userId}`);
    this.#find('.composer .unseen').textContent = `Message as ${this.userId}`;
  }

  #listen(): void {
    this.client.onState(() => this.#showState());
    this.client.onError((error) => this.#showProblem(error));
    this.client.onReset(() => {
      this.#log.clear();
      this.#walk = {};
      this.#generation += 1;
      this.#find<HTMLButtonElement>('[name=older]').disabled = false;
      this.#log.note('The server has another store now: what was here is of the old one.');
    });
    this.#chat.onStatus(() => {
      if (this.#chat.status === 'joined') this.#showOlder();
      if (this.#chat.status === 'denied') this.#showProblem(this.#chat.error);
    });
    this.#chat.subscribe((message, delivery) => {
      const aboutTyping = this.#typing.heard(message.userId, message.eventType, message.payload.content);
      if (aboutTyping || message.messageType === 'ephemeral') return;
      const { clockOffsetMs = 0 } = this.client.latency;
      this.#log.add(message, delivery, Date.now() + clockOffsetMs - message.publishTimestamp);
    });
  }

  #showState(): void {
    const { status, error } = this.client.state;
    if (this.#view.dataset.status === 'connected' && status !== 'connected') this.#log.beginRecovery();
    this.#view.dataset.status = status;
    this.#find('.status span').textContent = this.#line.isUp ? STATUS[status] : 'Offline';
    this.#find('[name=connection]').textContent = status === 'idle' || status === 'stopped' ? 'Connect' : 'Disconnect';
    this.#showProblem(status === 'stopped' ? error : undefined);
    const { roundTripMs } = this.client.latency;
    this.#find('.figures').textContent = status === 'connected' && roundTripMs !== undefined ? `round trip ${roundTripMs.toFixed(1)} ms` : '';
  }

  #showProblem(error: Error | CarillonError | undefined): void {
    showProblem(this.#find('.problem'), error && textOf(error));
  }

  #control(): void {
    const offline = this.#find<HTMLButtonElement>('[name=offline]');
    offline.onclick = () => {
      this.#line.set(!this.#line.isUp);
      offline.setAttribute('aria-pressed', String(!this.#line.isUp));
      offline.textContent = this.#line.isUp ? 'Go offline' : 'Come back online';
      this.#showState();
    };
    this.#find<HTMLButtonElement>('[name=connection]').onclick = () => {
      const { status } = this.client.state;
      const isOff = status === 'idle' || status === 'stopped';
      // Why it failed is in the state.
      (isOff ? this.client.connect() : this.client.close()).catch(() => {});
    };
    this.#find<HTMLButtonElement>('[name=older]').onclick = () => void this.#readOlder();
    const input = this.#find<HTMLInputElement>('[name=text]');
    input.oninput = () => this.#typing.changed(input.value);
    this.#find<HTMLFormElement>('.composer').onsubmit = (event) => {
      event.preventDefault();
      const text = input.value.trim();
      if (text === '') return;
      input.value = '';
      this.#typing.sent();
      void this.#send(text);
    };
  }

  /** Sends it, for as long as it takes; sent again by hand it is still the same message. */
  async #send(text: string, deduplicationId: string = crypto.randomUUID()): Promise<void> {
    const pending = this.#log.addPending(text);
    try {
      const { messageId } = await this.#chat.publish(text, { eventType: 'chat', deduplicationId });
      pending.sent(messageId);
    } catch (thrown) {
      pending.failed(textOf(thrown), () => void this.#send(text, deduplicationId));
    }
  }

  #showOlder(): void {
    if (this.#walk.to === undefined) this.#find('[name=older]').hidden = this.#log.size < HISTORY;
  }

  async #readOlder(): Promise<void> {
    const button = this.#find<HTMLButtonElement>('[name=older]');
    const generation = this.#generation;
    button.disabled = true;
    try {
      const to = this.#walk.to ?? this.#log.oldest;
      const { messages, nextToken } = await this.#chat.history({ limit: HISTORY, ...this.#walk, ...(to !== undefined && { to }) });
      if (generation !== this.#generation) return;
      this.#log.addOlder(messages);
      this.#walk = { ...(to !== undefined && { to }), ...(nextToken !== undefined && { startKey: nextToken }) };
      button.hidden = nextToken === undefined;
      this.#showProblem(undefined);
    } catch (thrown) {
      if (generation === this.#generation) this.#showProblem(thrown as Error);
    } finally {
      if (generation === this.#generation) button.disabled = false;
    }
  }
}
