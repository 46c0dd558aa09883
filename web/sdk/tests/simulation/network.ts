// What lies between a client and the server: WebSockets and fetch over lines with latency, losses and silence.
import type { WebSocketConstructor, WebSocketLike } from '../../src/types.ts';
import type { Clock } from './clock.ts';
import type { Frame, ServerConnection, SimulatedServer } from './server.ts';

export interface HttpRequest {
  method: string;
  path: string;
  query: URLSearchParams;
  headers: Headers;
  body: any;
  keepalive: boolean;
  at: number;
}

export interface HttpAnswer {
  status: number;
  body?: unknown;
  headers?: Record<string, string>;
}

type FrameFault = 'drop' | 'duplicate' | { delayMs: number };

/** One device's way to the server. */
export class Line {
  /** One way to the server, in milliseconds; and back. */
  up = () => 10;
  down = () => 10;
  #silent = false;
  #offline = false;
  /** What happens to a frame on its way from the server. */
  onFrame: ((frame: Frame, connection: ServerConnection) => FrameFault | undefined) | undefined;
  /** Every socket that was opened over it, the newest last. */
  sockets: SimulatedSocket[] = [];

  /** Swallows everything and says nothing, as a NAT that forgot: connections that there are never come back from it. */
  set silent(silent: boolean) {
    this.#silent = silent;
    if (silent) for (const socket of this.sockets) socket.forgotten = true;
  }

  /** No network at all: whatever is opened fails, what was open stays silent for ever. */
  set offline(offline: boolean) {
    this.#offline = offline;
    if (offline) for (const socket of this.sockets) socket.forgotten = true;
  }

  get offline() {
    return this.#offline;
  }

  get dead() {
    return this.#silent || this.#offline;
  }

  get socket() {
    const last = this.sockets.at(-1);
    if (!last) throw new Error('no socket was opened');
    return last;
  }

  /** Ends all connections without a close frame (1006 for the client). */
  cut() {
    for (const socket of this.sockets) socket.lose();
  }
}

/** Delivers in the order of sending, however long each takes. */
class InOrder {
  #last = 0;
  constructor(readonly clock: Clock) {}

  deliver(latencyMs: number, run: () => void) {
    this.#last = Math.max(this.#last, this.clock.time + latencyMs);
    this.clock.schedule(this.#last - this.clock.time, run);
  }
}

export interface Place {
  clock: Clock;
  server: SimulatedServer;
  line: Line;
  /** What was thrown into an event handler's caller. */
  thrown: unknown[];
}

export class SimulatedSocket implements WebSocketLike {
  readyState = 0;
  bufferedAmount = 0;
  binaryType = 'blob';
  protocol = '';
  onopen: WebSocketLike['onopen'] = null;
  onmessage: WebSocketLike['onmessage'] = null;
  onclose: WebSocketLike['onclose'] = null;
  onerror: WebSocketLike['onerror'] = null;
  /** Half-open: nothing gets through any more, and neither side is told. */
  forgotten = false;
  /** Frames that were sent, parsed. */
  sent: Frame[] = [];
  /** Keeps what is sent in its buffer, as a connection without throughput does. */
  #stalled: string[] | undefined;
  #connection: ServerConnection | undefined;
  #up: InOrder;
  #down: InOrder;

  constructor(readonly place: Place, readonly url: string, readonly protocols: string[] = []) {
    const { clock, line, server } = place;
    this.#up = new InOrder(clock);
    this.#down = new InOrder(clock);
    line.sockets.push(this);
    if (line.offline) clock.schedule(1, () => this.lose());
    else this.#up.deliver(line.up(), () => this.#dead || this.readyState !== 0 || server.upgrade(this, line));
  }

  get #dead() {
    return this.forgotten || this.place.line.dead;
  }

  get connection() {
    if (!this.#connection) throw new Error('the socket has no connection');
    return this.#connection;
  }

  // --- the client's side

  send(data: string) {
    if (this.readyState === 0) throw new DOMException('Still in CONNECTING state.', 'InvalidStateError');
    if (this.readyState !== 1) return;
    this.sent.push(JSON.parse(data));
    if (this.#stalled) {
      this.#stalled.push(data);
      this.bufferedAmount += data.length;
      return;
    }
    this.#transmit(data);
  }

  close(code = 1000, reason = '') {
    if (code !== 1000 && (code < 3000 || code > 4999)) throw new DOMException(`code ${code}`, 'InvalidAccessError');
    if (this.readyState >= 2) return;
    if (this.readyState === 0) return this.lose();
    this.readyState = 2;
    const { line } = this.place;
    this.#up.deliver(line.up(), () => {
      if (this.#dead) return;
      this.#connection?.ended();
      this.#down.deliver(line.down(), () => this.#close(code, reason));
    });
  }

  stall() {
    this.#stalled = [];
  }

  unstall() {
    const waiting = this.#stalled ?? [];
    this.#stalled = undefined;
    this.bufferedAmount = 0;
    for (const data of waiting) this.#transmit(data);
  }

  #transmit(data: string) {
    const { line } = this.place;
    this.#up.deliver(line.up(), () => this.#dead || !this.#connection?.open || this.#connection.receive(data));
  }

  // --- the server's side

  accept(connection: ServerConnection, protocol: string) {
    this.#connection = connection;
    const { line } = this.place;
    this.#down.deliver(line.down(), () => {
      if (line.dead || this.readyState !== 0) return;
      this.readyState = 1;
      this.protocol = protocol;
      this.#tell('onopen', { type: 'open' });
    });
  }

  /** The upgrade was answered with something else than 101; a browser cannot read what. */
  refuse() {
    const { line } = this.place;
    this.#down.deliver(line.down(), () => this.#dead || this.lose());
  }

  deliver(frame: Frame, connection: ServerConnection) {
    const fault = this.place.line.onFrame?.(frame, connection);
    if (fault === 'drop') return;
    const data = JSON.stringify(frame);
    if (fault === 'duplicate') this.deliverRaw(data);
    if (typeof fault === 'object') this.place.clock.schedule(this.place.line.down() + fault.delayMs, () => this.#arrive(data));
    else this.deliverRaw(data);
  }

  /** Anything at all, of which the client must survive everything. */
  deliverRaw(data: unknown) {
    this.#down.deliver(this.place.line.down(), () => this.#arrive(data));
  }

  closeByServer(code: number, reason: string) {
    const { line } = this.place;
    this.#down.deliver(line.down(), () => this.#dead || this.#close(code, reason));
  }

  /** The connection is gone, now, on both sides. */
  lose() {
    this.#connection?.ended();
    if (this.readyState === 3) return;
    this.readyState = 3;
    this.#tell('onerror', { type: 'error' });
    this.#tell('onclose', { type: 'close', code: 1006, reason: '', wasClean: false });
  }

  #arrive(data: unknown) {
    if (this.#dead || this.readyState === 3) return;
    this.#tell('onmessage', { type: 'message', data });
  }

  #close(code: number, reason: string) {
    if (this.readyState === 3) return;
    this.readyState = 3;
    this.#tell('onclose', { type: 'close', code, reason, wasClean: true });
  }

  #tell(handler: 'onopen' | 'onmessage' | 'onclose' | 'onerror', event: object) {
    try {
      this[handler]?.(event);
    } catch (error) {
      this.place.thrown.push(error);
    }
  }
}

export function socketClass(place: Place): WebSocketConstructor {
  return class extends SimulatedSocket {
    constructor(url: string, protocols?: string[]) {
      super(place, url, protocols);
    }
  };
}

/** `fetch` over the same line. */
export function simulatedFetch({ clock, server, line }: Place): typeof fetch {
  return (input, init = {}) => {
    const url = new URL(String(input));
    const signal = init.signal ?? undefined;
    return new Promise<Response>((resolve, reject) => {
      const fail = () => reject(new TypeError('fetch failed'));
      if (signal?.aborted) return reject(signal.reason);
      signal?.addEventListener('abort', () => reject(signal.reason), { once: true });
      if (line.offline) return void clock.schedule(1, fail);
      const request: HttpRequest = {
        method: init.method ?? 'GET',
        path: url.pathname.replace(/^\/dvl(?=\/)/, ''),
        query: url.searchParams,
        headers: new Headers(init.headers),
        body: typeof init.body === 'string' ? JSON.parse(init.body) : undefined,
        keepalive: init.keepalive === true,
        at: clock.time,
      };
      const back = (answer: HttpAnswer | 'fail') => {
        clock.schedule(line.down(), () => {
          if (line.dead) return;
          if (answer === 'fail') return fail();
          resolve(new Response(answer.body === undefined ? null : JSON.stringify(answer.body), { status: answer.status, headers: { 'content-type': 'application/json', ...answer.headers } }));
        });
      };
      clock.schedule(line.up(), () => line.dead || (signal?.aborted ?? false) || server.http(request, back));
    });
  };
}
