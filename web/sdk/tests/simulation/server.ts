// A server that speaks docs/protocol.md in virtual time, and fails when it is told to.
import type { Clock } from './clock.ts';
import { answerHttp } from './http.ts';
import type { HttpAnswer, HttpRequest, Line, SimulatedSocket } from './network.ts';
import { type Answer, Store, type Stored, errorOf, targetKey, targetOf } from './store.ts';

export type Frame = Record<string, any>;
/** `fail`: the network fails before the request arrives; `lose`: after it was carried out; `hang`: no answer ever. */
export type HttpFault = HttpAnswer | 'fail' | 'lose' | 'hang';
/** `swallow`: the frame never arrives; `mute`: it is carried out and not answered; `lose`: and the connection is lost. */
export type FrameFault = Frame | 'swallow' | 'mute' | 'lose';

export interface Identity {
  userId: string;
  /** Epoch milliseconds. */
  expiresAt: number;
  scopes: string[];
}

export interface Wishes {
  chats: string[];
  wildcard: boolean;
  targets: string[];
  userId?: string;
}

const base64url = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
const COMMIT_MS = 2;
const TICKET_MS = 30_000;
const WARNING_MS = 60_000;

export class SimulatedServer {
  store: Store;
  /** False: connections are refused as by a host without that program. */
  running = true;
  draining = false;
  maxMessageBytes = 262_144;
  connections = new Set<ServerConnection>();
  /** Everything that clients sent, frames and requests, in the order of arrival. */
  frames: Frame[] = [];
  requests: HttpRequest[] = [];
  /** Bodies of POST /metrics. */
  metrics: Frame[] = [];
  upgrades: { url: URL; protocols: string[]; at: number; ticket: boolean }[] = [];
  revokedTokens = new Set<string>();
  tickets = new Map<string, Identity & { until: number }>();
  onHttp: ((request: HttpRequest) => HttpFault | undefined) | undefined;
  onUpgrade: ((url: URL) => number | 'hang' | 'mute' | undefined) | undefined;
  onFrame: ((frame: Frame, connection: ServerConnection) => FrameFault | undefined) | undefined;
  #tokens = 0;
  #tickets = 0;
  #connections = 0;

  constructor(readonly clock: Clock) {
    this.store = new Store(clock);
  }

  token(userId: string, { ttlMs = 3_600_000, scopes = [] as string[] } = {}) {
    this.#tokens += 1;
    const claims = { sub: userId, exp: (this.clock.time + ttlMs) / 1000, scope: scopes.join(' '), jti: this.#tokens };
    return `${base64url({ alg: 'none-of-the-clients-business' })}.${base64url(claims)}.signature`;
  }

  identify(token: string | undefined): Identity | undefined {
    const [, claims, signature] = (token ?? '').split('.');
    if (token === undefined || signature !== 'signature' || this.revokedTokens.has(token)) return undefined;
    const { sub, exp, scope } = JSON.parse(Buffer.from(claims!, 'base64url').toString());
    return exp * 1000 > this.clock.time ? { userId: sub, expiresAt: exp * 1000, scopes: scope.split(' ') } : undefined;
  }

  buyTicket(identity: Identity) {
    const ticket = `ticket-${(this.#tickets += 1)}`;
    this.tickets.set(ticket, { ...identity, until: this.clock.time + TICKET_MS });
    return { ticket, expiresAt: new Date(this.clock.time + TICKET_MS).toISOString() };
  }

  wishes(query: URLSearchParams): Wishes {
    const all = query.getAll('chatId').flatMap((value) => value.split(','));
    const targets = ['org', 'hub', 'project'].flatMap((name) => (query.get(`${name}Id`) === null ? [] : [`${name}:${query.get(`${name}Id`)}`]));
    return { chats: all.filter((chat) => chat !== '*'), wildcard: all.includes('*'), targets, ...(query.get('userId') !== null && { userId: query.get('userId')! }) };
  }

  /** Why this user may not have that; undefined if they may. */
  denial(user: string, { chats, targets, userId }: Wishes): Answer | undefined {
    if (userId !== undefined && userId !== user) return errorOf(403, 'Forbidden - userId does not match token');
    const denied = chats.filter((chat) => !this.store.allows(user, `chat:${chat}`));
    if (denied.length > 0) return errorOf(403, 'Forbidden - No chat access', { chatIds: denied });
    const target = targets.find((candidate) => !this.store.allows(user, candidate));
    return target === undefined ? undefined : errorOf(403, `Forbidden - No access to ${target.split(':')[0]}`);
  }

  upgrade(socket: SimulatedSocket, line: Line) {
    const url = new URL(socket.url);
    const ticket = url.searchParams.get('ticket');
    this.upgrades.push({ url, protocols: socket.protocols, at: this.clock.time, ticket: ticket !== null });
    if (!this.running) return socket.lose();
    const fault = this.onUpgrade?.(url);
    if (fault === 'hang') return undefined;
    if (typeof fault === 'number' || this.draining) return socket.refuse();
    const identity = ticket === null ? this.identify(socket.protocols.find((name) => name.startsWith('bearer.'))?.slice('bearer.'.length)) : this.#useTicket(ticket);
    const wishes = this.wishes(url.searchParams);
    if (!identity || this.denial(identity.userId, wishes)) return socket.refuse();
    this.#connections += 1;
    const connection = new ServerConnection(this, socket, line, `c-${this.#connections}`, identity, wishes);
    this.connections.add(connection);
    socket.accept(connection, 'carillon.v1');
    if (fault !== 'mute') connection.hello();
    connection.watchExpiry();
    return undefined;
  }

  #useTicket(ticket: string) {
    const found = this.tickets.get(ticket);
    this.tickets.delete(ticket);
    return found && found.until > this.clock.time ? found : undefined;
  }

  http(request: HttpRequest, back: (answer: HttpAnswer | 'fail') => void) {
    if (!this.running) return back('fail');
    this.requests.push(request);
    const fault = this.onHttp?.(request);
    if (fault === 'fail') return back('fail');
    if (typeof fault === 'object') return back(fault);
    const answer = this.draining ? { status: 503, body: { error: 'Service draining' } } : answerHttp(this, request);
    if (fault === 'hang') return undefined;
    return this.clock.schedule(COMMIT_MS, () => back(fault === 'lose' ? 'fail' : answer));
  }

  /** Publishes as a backend would, past all rights. */
  publish(sender: string, body: Frame): Answer {
    const { answer, message } = this.store.publish(sender, { targetChannel: 'WebSocket', ...body });
    if (answer.error) throw new Error(answer.error);
    if (message) this.deliver(message, body.excludeSender ? sender : undefined);
    return answer;
  }

  /** A fifo message to a chat; its content. */
  say(chatId: string, content: unknown, more: Frame = {}) {
    return this.publish('backend', { messageType: 'fifo', ...more, payload: { chatId, eventType: 'chat', content, ...more.payload } });
  }

  deliver(message: Stored, except?: string) {
    const { position: _, ...frame } = message;
    const target = targetKey(message.targetClass, message.targetId);
    for (const connection of this.connections) {
      if (connection.hears(target) && connection.identity.userId !== except) connection.send({ ...frame, processorTimestamp: this.clock.time });
    }
  }

  broadcast(frame: Frame) {
    for (const connection of this.connections) connection.send(frame);
  }

  /** Takes the right away, also from open connections. */
  revoke(user: string, chatId: string) {
    this.store.revoke(user, `chat:${chatId}`);
    for (const connection of this.connections) {
      if (connection.identity.userId !== user || !connection.chats.delete(chatId)) continue;
      connection.send({ type: 'unsubscribed', chatId, reason: 'permission revoked' });
    }
  }

  connectionOf(user: string) {
    const found = [...this.connections].find(({ identity }) => identity.userId === user);
    if (!found) throw new Error(`${user} has no connection`);
    return found;
  }

  /** Gone as by kill -9, until start(). What was answered is still there. */
  crash() {
    this.running = false;
    for (const connection of [...this.connections]) connection.socket.lose();
  }

  start() {
    this.running = true;
    this.draining = false;
  }

  drain(afterMs: number, closeAfterMs: number) {
    this.draining = true;
    for (const connection of this.connections) {
      connection.send({ type: 'reconnect', afterMs });
      this.clock.schedule(closeAfterMs, () => connection.close(1001, 'draining'));
    }
  }

  requestsTo(method: string, path: string) {
    return this.requests.filter((request) => request.method === method && request.path === path);
  }

  framesOf(action: string) {
    return this.frames.filter((frame) => frame.action === action);
  }
}

export class ServerConnection {
  open = true;
  chats: Set<string>;

  constructor(
    readonly server: SimulatedServer,
    readonly socket: SimulatedSocket,
    readonly line: Line,
    readonly id: string,
    public identity: Identity,
    readonly wishes: Wishes,
  ) {
    this.chats = new Set(wishes.chats);
  }

  hello() {
    const { clock, store } = this.server;
    this.send({ type: 'connected', connectionId: this.id, userId: this.identity.userId, chatIds: [...this.chats], serverTime: clock.time, heartbeatSeconds: 25, storeEpoch: store.epoch });
  }

  hears(target: string) {
    const [kind, id] = [target.slice(0, target.indexOf(':')), target.slice(target.indexOf(':') + 1)];
    if (kind === 'all') return true;
    if (kind === 'user') return id === this.identity.userId;
    if (kind !== 'chat') return this.wishes.targets.includes(target);
    return this.chats.has(id) || (this.wishes.wildcard && this.server.store.allows(this.identity.userId, target));
  }

  watchExpiry() {
    const { clock } = this.server;
    const { expiresAt } = this.identity;
    const mine = () => this.open && this.identity.expiresAt === expiresAt;
    clock.schedule(expiresAt - WARNING_MS - clock.time, () => mine() && this.send({ type: 'tokenExpiring', expiresAt }));
    clock.schedule(expiresAt - clock.time, () => mine() && this.close(4401, 'token expired'));
  }

  send(frame: Frame) {
    if (this.open) this.socket.deliver(frame, this);
  }

  close(code: number, reason = '') {
    if (!this.open) return;
    this.ended();
    this.socket.closeByServer(code, reason);
  }

  ended() {
    this.open = false;
    this.server.connections.delete(this);
  }

  receive(text: string) {
    const { server } = this;
    if (text.length > server.maxMessageBytes) return this.close(1009, 'message too large');
    const frame = JSON.parse(text) as Frame;
    const fault = server.onFrame?.(frame, this);
    if (fault === 'swallow') return undefined;
    server.frames.push({ ...frame, from: this.identity.userId, at: server.clock.time });
    if (typeof fault === 'object') return this.#answer(frame, fault);
    if (frame.action === 'sendMessage') return server.clock.schedule(COMMIT_MS, () => this.#publish(frame, fault));
    const answer = this.#handle(frame);
    if (fault === 'lose') this.socket.lose();
    if (fault === undefined) this.#answer(frame, answer);
    return undefined;
  }

  #answer(frame: Frame, answer: Frame) {
    this.send({ ...answer, ...(frame.requestId !== undefined && { requestId: frame.requestId }) });
  }

  #publish(frame: Frame, fault: 'mute' | 'lose' | undefined) {
    if (!this.server.running) return;
    const { requestId: _, action: __, ...body } = frame;
    const target = targetOf(body.payload ?? {});
    const denied = target?.targetClass === 'chat' && !(this.hears(`chat:${target.targetId}`) && this.server.store.allows(this.identity.userId, `chat:${target.targetId}`));
    const { answer, message } = denied
      ? { answer: errorOf(403, 'Forbidden - No chat access', { chatId: target.targetId, authorizedChatIds: [...this.chats] }) }
      : this.server.store.publish(this.identity.userId, body);
    if (fault === undefined) this.#answer(frame, answer);
    if (fault === 'lose') this.socket.lose();
    if (message) this.server.deliver(message, body.excludeSender ? this.identity.userId : undefined);
  }

  #handle(frame: Frame): Frame {
    const { server, identity } = this;
    switch (frame.action) {
      case 'subscribe': {
        if (!Array.isArray(frame.chatIds) || frame.chatIds.length < 1 || frame.chatIds.length > 1000) return errorOf(400, 'Invalid parameter');
        const denied = frame.chatIds.filter((chat: string) => !server.store.allows(identity.userId, `chat:${chat}`));
        for (const chat of frame.chatIds) if (!denied.includes(chat)) this.chats.add(chat);
        return { type: 'subscribed', chatIds: [...this.chats], denied };
      }
      case 'unsubscribe':
        for (const chat of frame.chatIds) this.chats.delete(chat);
        return { type: 'subscribed', chatIds: [...this.chats], denied: [] };
      case 'ping':
        return { type: 'pong', serverTime: server.clock.time };
      case 'refreshToken': {
        const next = server.identify(frame.token);
        if (!next) return errorOf(401, 'Unauthorized');
        if (next.userId !== identity.userId) return errorOf(403, 'Forbidden');
        this.identity = next;
        this.watchExpiry();
        return { type: 'tokenRefreshed', expiresAt: next.expiresAt };
      }
      case 'echo':
        return frame;
      case 'presence':
        return server.store.allows(identity.userId, `chat:${frame.chatId}`)
          ? { type: 'presence', chatId: frame.chatId, users: present(server, frame.chatId) }
          : errorOf(403, 'Forbidden - No chat access');
      default:
        return errorOf(400, 'Missing required parameters: targetChannel and payload are required');
    }
  }
}

export function present(server: SimulatedServer, chatId: string) {
  const counts = new Map<string, number>();
  for (const { chats, identity } of server.connections) if (chats.has(chatId)) counts.set(identity.userId, (counts.get(identity.userId) ?? 0) + 1);
  return [...counts].map(([userId, connections]) => ({ userId, connections }));
}
