// The simulated server's HTTP: tickets, publishing, history, presence, metrics.
import type { HttpAnswer, HttpRequest } from './network.ts';
import { type Identity, type SimulatedServer, present } from './server.ts';
import { type Answer, type Stored, targetKey, targetOf } from './store.ts';

const MAX_NUMBERS = 1000;
const MAX_PAGE = 1000;
const HOUR_MS = 3_600_000;

const error = (status: number, text: string, more: object = {}): HttpAnswer => ({ status, body: { error: text, ...more } });

export function answerHttp(server: SimulatedServer, request: HttpRequest): HttpAnswer {
  const identity = server.identify(/^Bearer (.+)$/.exec(request.headers.get('authorization') ?? '')?.[1]);
  if (!identity) return error(401, 'Unauthorized', { details: 'expired or unknown' });
  switch (`${request.method} ${request.path}`) {
    case 'POST /tickets': {
      const { statusCode, ...denied }: Answer = server.denial(identity.userId, server.wishes(request.query)) ?? {};
      return statusCode === undefined ? { status: 201, body: server.buyTicket(identity) } : { status: statusCode, body: denied };
    }
    case 'POST /publish':
      return publish(server, identity, request);
    case 'GET /messages':
      return messages(server, identity, request.query);
    case 'GET /presence': {
      const chatId = request.query.get('chatId') ?? '';
      if (!server.store.allows(identity.userId, `chat:${chatId}`)) return error(403, 'Forbidden - No chat access');
      return { status: 200, body: { chatId, users: present(server, chatId) } };
    }
    case 'POST /metrics':
      return metrics(server, request);
    default:
      return error(404, 'Not found');
  }
}

function publish(server: SimulatedServer, identity: Identity, { body, headers }: HttpRequest): HttpAnswer {
  const key = headers.get('idempotency-key');
  const whole = { ...(key !== null && { messageDeduplicationId: key }), ...body };
  const target = targetOf(whole.payload ?? {});
  if (target?.targetClass === 'chat' && !server.store.allows(identity.userId, `chat:${target.targetId}`)) {
    return error(403, 'Forbidden - No chat access', { chatId: target.targetId });
  }
  const { answer, message } = server.store.publish(identity.userId, whole);
  if (message) server.deliver(message, whole.excludeSender ? identity.userId : undefined);
  const { statusCode = 200, ...rest } = answer;
  return { status: statusCode, body: statusCode === 200 ? { ...rest, message: 'Message published successfully!' } : rest };
}

function allowed(user: string, server: SimulatedServer, targetClass: string, targetId: string | undefined) {
  return targetClass === 'user' ? targetId === user : server.store.allows(user, targetKey(targetClass, targetId));
}

function messages(server: SimulatedServer, { userId }: Identity, query: URLSearchParams): HttpAnswer {
  const chatId = query.get('chatId') ?? undefined;
  const targetClass = chatId === undefined ? query.get('targetClass') : 'chat';
  const targetId = chatId ?? query.get('targetId') ?? undefined;
  if (!targetClass) return error(400, 'Invalid parameter', { details: 'chatId is required' });
  if (!allowed(userId, server, targetClass, targetId)) return error(403, 'Forbidden - No chat access');
  const sequences = query.get('sequences');
  if (sequences !== null) return targetId === undefined || targetClass !== 'chat' ? error(400, 'Invalid parameter') : numbers(server, targetId, sequences);
  return page(server, targetKey(targetClass, targetId), query);
}

const visible = ({ position: _, ...rest }: Stored) => rest;

function page(server: SimulatedServer, target: string, query: URLSearchParams): HttpAnswer {
  const limit = Number(query.get('limit') ?? 50);
  const order = query.get('order') ?? 'desc';
  const bounds = ['fromTimestamp', 'toTimestamp'].map((name) => (query.get(name) === null ? undefined : Date.parse(query.get(name)!)));
  const [from = -Infinity, to = Infinity] = bounds;
  if (!(limit >= 1 && limit <= MAX_PAGE) || !['asc', 'desc'].includes(order) || bounds.some((bound) => Number.isNaN(bound))) return error(400, 'Invalid parameter');
  const walk = JSON.stringify([target, order, query.get('fromTimestamp'), query.get('toTimestamp')]);
  const token = query.get('startKey') ?? query.get('nextToken');
  const [position, of] = token ? (JSON.parse(Buffer.from(token, 'base64url').toString()) as [number, string]) : [undefined, walk];
  if (of !== walk) return error(400, 'Invalid parameter', { details: 'startKey is of another read' });
  const pending = server.store.pending.get(target.slice('chat:'.length));
  const all = server.store.messages(target).filter((message) => message.publishTimestamp >= from && message.publishTimestamp <= to && !pending?.has(message.sequenceNumber ?? 0));
  const ordered = order === 'asc' ? all : all.toReversed();
  const rest = position === undefined ? ordered : ordered.filter((message) => (order === 'asc' ? message.position > position : message.position < position));
  const found = rest.slice(0, limit);
  const next = rest.length > limit && Buffer.from(JSON.stringify([found.at(-1)!.position, walk])).toString('base64url');
  return { status: 200, body: { messages: found.map(visible), count: found.length, ...(next && { nextToken: next }) } };
}

function parseNumbers(text: string) {
  const all = new Set<number>();
  for (const part of text.split(',')) {
    const [, first, last] = /^(\d+)(?:-(\d+))?$/.exec(part) ?? [];
    if (first === undefined) return undefined;
    for (let number = Number(first); number <= Number(last ?? first); number += 1) if (all.add(number).size > MAX_NUMBERS) return undefined;
  }
  return [...all].sort((a, b) => a - b);
}

function numbers(server: SimulatedServer, chatId: string, text: string): HttpAnswer {
  const wanted = parseNumbers(text);
  if (!wanted) return error(400, 'Invalid parameter', { details: 'sequences' });
  const pending = server.store.pending.get(chatId);
  const counter = server.store.counter(chatId);
  const kept = server.store.messages(`chat:${chatId}`);
  const found: Stored[] = [];
  const others: Stored[] = [];
  const missing: object[] = [];
  for (const sequenceNumber of wanted) {
    const all = kept.filter((message) => message.sequenceNumber === sequenceNumber);
    const own = pending?.has(sequenceNumber) ? undefined : all.find((message) => message.sequenceSource === undefined);
    if (own) found.push(own);
    else missing.push({ sequenceNumber, reason: sequenceNumber > counter ? 'not_issued' : pending?.has(sequenceNumber) ? 'pending' : 'expired' });
    others.push(...all.filter((message) => message.sequenceSource !== undefined));
  }
  const messages = [...found, ...others].map(visible);
  return { status: 200, body: { messages, count: messages.length, missing } };
}

function metrics(server: SimulatedServer, { body }: HttpRequest): HttpAnswer {
  const latencies: { endToEndMs: number; networkMs: number }[] = body.latencies ?? [];
  const absurd = ({ endToEndMs, networkMs }: { endToEndMs: number; networkMs: number }) =>
    [endToEndMs, networkMs].some((ms) => !(ms >= -1000 && ms <= HOUR_MS)) || networkMs > endToEndMs + 1000;
  if (latencies.length > 1000 || latencies.some(absurd) || body.jitter < 0) return error(400, 'Invalid parameter');
  server.metrics.push(body);
  return { status: 200, body: { message: 'Metrics recorded', count: latencies.length } };
}
