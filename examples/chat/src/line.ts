import type { Environment, WebSocketConstructor, WebSocketLike } from '@carillon/client';

/** A socket that can be cut as a network cuts it: without a word. */
class LineSocket implements WebSocketLike {
  binaryType = '';
  onopen: WebSocketLike['onopen'] = null;
  onmessage: WebSocketLike['onmessage'] = null;
  onclose: WebSocketLike['onclose'] = null;
  onerror: WebSocketLike['onerror'] = null;
  readonly #socket: WebSocket;
  #isCut = false;

  constructor(url: string, protocols: string[] | undefined, ended: (socket: LineSocket) => void) {
    this.#socket = new WebSocket(url, protocols);
    this.#socket.onopen = (event) => this.#isCut || this.onopen?.(event);
    this.#socket.onmessage = (event) => this.#isCut || this.onmessage?.(event);
    this.#socket.onerror = (event) => this.#isCut || this.onerror?.(event);
    this.#socket.onclose = (event) => {
      ended(this);
      if (!this.#isCut) this.onclose?.(event);
    };
  }

  get readyState(): number {
    return this.#isCut ? WebSocket.CLOSED : this.#socket.readyState;
  }

  get bufferedAmount(): number {
    return this.#socket.bufferedAmount;
  }

  /** Of the server's answer, where the client reads it. */
  get protocol(): string {
    return this.#socket.protocol;
  }

  send(data: string): void {
    if (!this.#isCut) this.#socket.send(data);
  }

  close(code?: number, reason?: string): void {
    this.#socket.close(code, reason);
  }

  cut(): void {
    if (this.#isCut) return;
    this.#isCut = true;
    this.#socket.close();
    this.onclose?.(new CloseEvent('close', { code: 1006 }));
  }
}

/** One person's way to the server, which can be taken away and given back. */
export class Line {
  readonly #sockets = new Set<LineSocket>();
  readonly #watchers = new Set<() => void>();
  #isUp = true;

  get isUp(): boolean {
    return this.#isUp;
  }

  /** For the client's options of the same names. */
  get WebSocket(): WebSocketConstructor {
    const sockets = this.#sockets;
    return class extends LineSocket {
      constructor(url: string, protocols?: string[]) {
        super(url, protocols, (socket) => sockets.delete(socket));
        sockets.add(this);
      }
    };
  }

  readonly fetch: typeof fetch = (...request) => (this.#isUp ? fetch(...request) : Promise.reject(new TypeError('offline')));

  readonly environment: Partial<Environment> = {
    online: () => this.#isUp && navigator.onLine,
    watch: (changed) => {
      this.#watchers.add(changed);
      for (const name of ['online', 'offline']) addEventListener(name, changed);
      document.addEventListener('visibilitychange', changed);
      return () => {
        this.#watchers.delete(changed);
        for (const name of ['online', 'offline']) removeEventListener(name, changed);
        document.removeEventListener('visibilitychange', changed);
      };
    },
  };

  set(up: boolean): void {
    this.#isUp = up;
    if (!up) for (const socket of [...this.#sockets]) socket.cut();
    for (const changed of [...this.#watchers]) changed();
  }
}
