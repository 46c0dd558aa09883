import { describe, expect, it } from 'vitest';
import type { ClientOptions, PublishOptions } from '../src/index.ts';
import { refusal, rejection, useWorld } from './simulation/world.ts';

const world = useWorld();

async function room(options: Partial<ClientOptions> = {}) {
  const [ann] = await world().chat('room', ['ann'], options);
  return { ...ann!, stored: () => world().server.store.messages('chat:room'), contents: () => world().server.store.messages('chat:room').map(({ payload }) => payload.content) };
}

describe('publishing over the socket', () => {
  it('sends the body of the protocol', async () => {
    const { client } = await room();
    await world().clock.settle(client.publish({
      chatId: 'room', content: { a: [1] }, eventType: 'note', type: 'fifo', groupId: 'g', deduplicationId: 'once', generateSequence: false,
      correlationId: 'c', excludeSender: true, attributes: { priority: 5 }, channel: 'WebSocket', payload: { extra: true },
    }));
    const [{ requestId, from, at, ...frame }] = world().server.framesOf('sendMessage') as [Record<string, unknown>];
    expect(frame).toEqual({
      action: 'sendMessage', targetChannel: 'WebSocket', messageType: 'fifo', messageGroupId: 'g', messageDeduplicationId: 'once',
      generateSequence: false, correlationId: 'c', excludeSender: true, attributes: { priority: 5 },
      payload: { extra: true, chatId: 'room', eventType: 'note', content: { a: [1] } },
    });
    expect([typeof requestId, from, typeof at]).toEqual(['string', 'ann', 'number']);
  });

  it('resolves with the receipt', async () => {
    const { chat, stored } = await room();
    const receipt = await world().clock.settle(chat.publish('hello'));
    expect(receipt).toMatchObject({ messageId: stored()[0]!.messageId, messageType: 'fifo', sequenceNumber: 1, messageGroupId: 'room', targetChannel: 'WebSocket' });
  });

  it('of a client is standard by default, of a chat fifo; the event is message', async () => {
    const { client, chat, stored } = await room();
    await world().clock.settle(client.publish({ chatId: 'room', content: 1 }));
    await world().clock.settle(chat.publish(2));
    await world().clock.settle(chat.publish(3, { type: 'standard', eventType: 'other' }));
    expect(stored().map(({ messageType, eventType }) => [messageType, eventType])).toEqual([['standard', 'message'], ['fifo', 'message'], ['standard', 'other']]);
  });

  it('gives every logical send an id of its own, standard ones too; ephemeral ones none', async () => {
    const { client, chat } = await room();
    await world().clock.settle(Promise.all([chat.publish('same'), chat.publish('same'), client.publish({ chatId: 'room', content: 'same' }), chat.publish('same', { type: 'ephemeral' })]));
    const ids = world().server.framesOf('sendMessage').map(({ messageDeduplicationId }) => messageDeduplicationId);
    expect(ids.slice(0, 3).every((id) => typeof id === 'string' && id.length > 0)).toBe(true);
    expect(new Set(ids.slice(0, 3)).size).toBe(3);
    expect(ids[3]).toBeUndefined();
  });

  it.each(['fifo', 'standard'] as const)('never doubles a %s message whose answer was lost', async (type) => {
    const { chat, contents } = await room();
    let losses = 3;
    world().server.onFrame = ({ action }) => (action === 'sendMessage' && (losses -= 1) >= 0 ? 'lose' : undefined);
    const receipt = await world().clock.settle(chat.publish('once', { type }));
    expect(receipt.deduplicated).toBe(true);
    expect(contents()).toEqual(['once']);
    expect(new Set(world().server.framesOf('sendMessage').map(({ messageDeduplicationId }) => messageDeduplicationId)).size).toBe(1);
  });

  it('sends again what the connection took with it before it arrived', async () => {
    const { chat, contents, device } = await room();
    const publishing = chat.publish('once');
    await world().run(1);
    device.line.cut();
    await world().clock.settle(publishing);
    expect(contents()).toEqual(['once']);
  });

  it('sends what was unanswered again in its order', async () => {
    const { chat, contents, device } = await room();
    let arrived = 0;
    world().server.onFrame = ({ action }) => (action === 'sendMessage' && (arrived += 1) <= 10 ? (arrived % 3 === 0 ? 'mute' : 'swallow') : undefined);
    const all = Array.from({ length: 10 }, (_, index) => chat.publish(index));
    await world().run(100);
    device.line.cut();
    await world().clock.settle(Promise.all(all));
    expect(contents().filter((content) => ![2, 5, 8].includes(content))).toEqual([0, 1, 3, 4, 6, 7, 9]);
    expect(contents().toSorted()).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
  });

  it.each([
    [429, { error: 'Too many requests', retryAfterMs: 3000 }, 3000],
    [503, { error: 'Service overloaded', retryAfterMs: 2000 }, 2000],
    [503, { error: 'Service unavailable' }, 0],
    [500, { error: 'Failed to send message via WebSocket', details: 'x' }, 0],
  ])('tries again after a %i %o, with the same id, not too early', async (statusCode, answer, ms) => {
    const { chat, contents } = await room();
    let refusals = 2;
    world().server.onFrame = ({ action }) => (action === 'sendMessage' && (refusals -= 1) >= 0 ? { ...answer, statusCode } : undefined);
    await world().clock.settle(chat.publish('at last'));
    const frames = world().server.framesOf('sendMessage');
    expect(contents()).toEqual(['at last']);
    expect(frames.length).toBe(3);
    expect(new Set(frames.map(({ messageDeduplicationId }) => messageDeduplicationId)).size).toBe(1);
    for (const [index, frame] of frames.entries()) if (index > 0) expect(frame.at - frames[index - 1]!.at).toBeGreaterThanOrEqual(ms);
  });

  it.each([
    [400, 'Unknown targetChannel', 'invalid'],
    [401, 'Unauthorized', 'unauthorized'],
    [403, 'Forbidden - No chat access', 'forbidden'],
    [404, 'Not found', 'not_found'],
  ])('rejects at %i without trying again', async (statusCode, error, code) => {
    const { chat } = await room();
    world().server.onFrame = ({ action }) => (action === 'sendMessage' ? { error, statusCode, details: 'because' } : undefined);
    expect(await rejection(world().clock, chat.publish('x'))).toMatchObject({ name: 'CarillonError', code, status: statusCode, details: 'because' });
    await world().run(60_000);
    expect(world().server.framesOf('sendMessage').length).toBe(1);
  });

  it('gives up after publishTimeoutMs with timeout', async () => {
    const { chat } = await room({ publishTimeoutMs: 8000 });
    world().server.onFrame = ({ action }) => (action === 'sendMessage' ? { error: 'Service unavailable', statusCode: 503 } : undefined);
    const before = world().clock.time;
    const error = await rejection(world().clock, chat.publish('x'));
    expect(['timeout', 'unavailable']).toContain(error.code);
    expect(world().clock.time - before).toBeGreaterThanOrEqual(7000);
    expect(world().clock.time - before).toBeLessThanOrEqual(8100);
  });

  it('gives up an answer that never comes with timeout', async () => {
    const { chat } = await room();
    world().server.onFrame = ({ action }) => (action === 'sendMessage' ? 'swallow' : undefined);
    const before = world().clock.time;
    expect(await rejection(world().clock, chat.publish('x', {}, { timeoutMs: 5000 }))).toMatchObject({ code: 'timeout' });
    expect(world().clock.time - before).toBe(5000);
  });

  it('never tries longer than the server remembers ids', async () => {
    const { chat } = await room({ publishTimeoutMs: 3_600_000 });
    world().server.onFrame = ({ action }) => (action === 'sendMessage' ? { error: 'Service unavailable', statusCode: 503 } : undefined);
    const before = world().clock.time;
    await rejection(world().clock, chat.publish('x', {}, { timeoutMs: 3_600_000 }), 3_700_000);
    expect(world().clock.time - before).toBeLessThanOrEqual(240_100);
  });

  it('refuses what is too large before it is sent', async () => {
    const { chat, device } = await room({ maxMessageBytes: 1000 });
    const sent = device.line.socket.sent.length;
    expect(await rejection(world().clock, chat.publish('€'.repeat(400)))).toMatchObject({ code: 'too_large' });
    expect(device.line.socket.sent.length).toBe(sent);
    await world().clock.settle(chat.publish('€'.repeat(50)));
  });

  it('refuses content that is no JSON', async () => {
    const { chat } = await room();
    const loop: { self?: object } = {};
    loop.self = loop;
    for (const content of [loop, 1n, undefined, () => {}]) expect(await rejection(world().clock, chat.publish(content))).toMatchObject({ name: 'CarillonError', code: 'invalid' });
  });

  it('after a close 1009 rejects the one that was too large, and sends the others again', async () => {
    const { chat, contents } = await room();
    world().server.maxMessageBytes = 100_000;
    const all = [chat.publish('small'), refusal(chat.publish('x'.repeat(150_000))), chat.publish('after')] as const;
    const error = await world().clock.settle(all[1]);
    expect(error).toMatchObject({ code: 'too_large' });
    await world().clock.settle(Promise.all([all[0], all[2]]));
    expect(contents()).toEqual(['small', 'after']);
  });

  it.each(['socket', 'http'] as const)('fifty at once make Node warn of nothing (%s)', async (via) => {
    const warnings: string[] = [];
    const listen = ({ name }: Error) => warnings.push(name);
    process.on('warning', listen);
    const { client } = await room();
    await world().clock.settle(Promise.all(Array.from({ length: 50 }, (_, content) => client.publish({ chatId: 'room', content }, { via }))));
    process.off('warning', listen);
    expect(warnings).toEqual([]);
  });

  it('never lets more than 1 MiB wait in the socket', async () => {
    const { chat, contents, device } = await room();
    const { socket } = device.line;
    socket.stall();
    const all = Array.from({ length: 30 }, (_, index) => chat.publish([index, 'x'.repeat(100_000)]));
    let most = 0;
    for (let turn = 0; turn < 20; turn += 1) {
      await world().run(100);
      most = Math.max(most, socket.bufferedAmount);
    }
    expect(most).toBeGreaterThan(500_000);
    expect(most).toBeLessThanOrEqual(1_048_576 + 101_000);
    for (let turn = 0; turn < 10; turn += 1) {
      socket.unstall();
      await world().run(500);
    }
    await world().clock.settle(Promise.all(all));
    expect(contents().map(([index]) => index)).toEqual(Array.from({ length: 30 }, (_, index) => index));
  });
});

describe('publishing without a connection', () => {
  it('waits for one, and keeps the order', async () => {
    world().server.store.grant('ann', 'chat:room');
    const ann = world().device('ann', { chatIds: ['room'] });
    const all = [1, 2, 3].map((content) => ann.client.publish({ chatId: 'room', content, type: 'fifo' }));
    await world().run(5000);
    await ann.connected();
    await world().clock.settle(Promise.all(all));
    expect(world().server.store.messages('chat:room').map(({ payload }) => payload.content)).toEqual([1, 2, 3]);
  });

  it('waits no longer than its time', async () => {
    const ann = world().device('ann', { publishTimeoutMs: 5000 });
    expect(await rejection(world().clock, ann.client.publish({ chatId: 'room', content: 1 }))).toMatchObject({ code: 'timeout' });
  });

  it('rejects an ephemeral one with not_connected', async () => {
    const ann = world().device('ann');
    expect(await rejection(world().clock, ann.client.publish({ chatId: 'room', content: 1, type: 'ephemeral' }))).toMatchObject({ code: 'not_connected' });
  });

  it('lets at most 1000 wait', async () => {
    const ann = world().device('ann');
    const all = Array.from({ length: 1000 }, (_, content) => ann.client.publish({ chatId: 'room', content }));
    for (const publishing of all) publishing.catch(() => {});
    expect(await rejection(world().clock, ann.client.publish({ chatId: 'room', content: 'one more' }))).toMatchObject({ code: 'rate_limited' });
    await world().clock.settle(ann.client.close());
    expect(new Set((await Promise.allSettled(all)).map((outcome) => outcome.status === 'rejected' && outcome.reason.code))).toEqual(new Set(['closed']));
  });

  it('close() rejects what waits, and what is unanswered', async () => {
    const { chat, client } = await room();
    world().server.onFrame = ({ action }) => (action === 'sendMessage' ? 'swallow' : undefined);
    const unanswered = refusal(chat.publish('x'));
    await world().run(50);
    await world().clock.settle(client.close());
    expect(await world().clock.settle(unanswered)).toMatchObject({ code: 'closed' });
  });

  it('an end for good rejects what waits', async () => {
    const { chat, device } = await room();
    world().server.onFrame = ({ action }) => (action === 'sendMessage' ? 'swallow' : undefined);
    const unanswered = refusal(chat.publish('x'));
    await world().run(50);
    device.connection.close(4403);
    expect((await world().clock.settle(unanswered)).name).toBe('CarillonError');
  });
});

describe('aborting', () => {
  it('rejects what waits with aborted, and does not send it', async () => {
    world().server.store.grant('ann', 'chat:room');
    const ann = world().device('ann', { chatIds: ['room'] });
    const controller = new AbortController();
    const publishing = refusal(ann.client.publish({ chatId: 'room', content: 1 }, { signal: controller.signal }));
    await world().run(10);
    controller.abort();
    expect(await world().clock.settle(publishing)).toMatchObject({ code: 'aborted' });
    await ann.connected();
    await world().run(1000);
    expect(world().server.framesOf('sendMessage')).toEqual([]);
  });

  it.each(['socket', 'http'] as const)('beforehand sends nothing (%s)', async (via) => {
    const { client } = await room();
    expect(await rejection(world().clock, client.publish({ chatId: 'room', content: 1 }, { via, signal: AbortSignal.abort() }))).toMatchObject({ code: 'aborted' });
    await world().run(1000);
    expect([world().server.framesOf('sendMessage'), world().server.requestsTo('POST', '/publish')]).toEqual([[], []]);
  });

  it('ends a request under way', async () => {
    const { client } = await room();
    world().server.onHttp = () => 'hang';
    const controller = new AbortController();
    const publishing = refusal(client.publish({ chatId: 'room', content: 1 }, { via: 'http', signal: controller.signal }));
    await world().run(100);
    controller.abort();
    expect(await world().clock.settle(publishing)).toMatchObject({ code: 'aborted' });
  });
});

describe('publishing by HTTP', () => {
  const via: PublishOptions = { via: 'http' };

  it('carries the id of the logical send as Idempotency-Key, and the token as Bearer', async () => {
    const { client, stored } = await room();
    const receipt = await world().clock.settle(client.publish({ chatId: 'room', content: 'hello', type: 'fifo', deduplicationId: 'order-17' }, via));
    const [request] = world().server.requestsTo('POST', '/publish');
    expect(request!.headers.get('idempotency-key')).toBe('order-17');
    expect(request!.headers.get('authorization')).toMatch(/^Bearer /);
    expect(request!.headers.get('content-type')).toMatch(/^application\/json/);
    expect(receipt).toMatchObject({ messageId: stored()[0]!.messageId, sequenceNumber: 1 });
  });

  it.each([
    ['the answer was lost', 'lose' as const],
    ['the network fails', 'fail' as const],
    ['there is no answer', 'hang' as const],
    ['a 500', { status: 500, body: { error: 'Failed to publish message' } }],
    ['a 503', { status: 503, body: { error: 'Service overloaded', retryAfterMs: 1500 } }],
    ['a 502 of a proxy, which is no JSON', { status: 502, body: '<html>' }],
    ['a 429', { status: 429, body: { error: 'Too many requests' }, headers: { 'retry-after': '2' } }],
  ])('never doubles when %s', async (_, fault) => {
    const { client, contents } = await room({ timeoutMs: 3000 });
    let faults = 2;
    world().server.onHttp = ({ path }) => (path === '/publish' && (faults -= 1) >= 0 ? fault : undefined);
    await world().clock.settle(client.publish({ chatId: 'room', content: 'once', type: 'fifo' }, via));
    expect(contents()).toEqual(['once']);
    const requests = world().server.requestsTo('POST', '/publish');
    expect(requests.length).toBe(3);
    expect(new Set(requests.map(({ headers }) => headers.get('idempotency-key'))).size).toBe(1);
  });

  it('waits as Retry-After says', async () => {
    const { client } = await room();
    let faults = 1;
    world().server.onHttp = () => ((faults -= 1) >= 0 ? { status: 429, body: { error: 'Too many requests' }, headers: { 'retry-after': '4' } } : undefined);
    await world().clock.settle(client.publish({ chatId: 'room', content: 'x' }, via));
    const [first, second] = world().server.requestsTo('POST', '/publish');
    expect(second!.at - first!.at).toBeGreaterThanOrEqual(4000);
  });

  it.each([
    [400, 'invalid'],
    [403, 'forbidden'],
    [413, 'too_large'],
  ])('rejects at %i without trying again', async (status, code) => {
    const { client } = await room();
    world().server.onHttp = () => ({ status, body: { error: 'No', details: 'because' } });
    expect(await rejection(world().clock, client.publish({ chatId: 'room', content: 1 }, via))).toMatchObject({ code, status, details: 'because' });
    expect(world().server.requestsTo('POST', '/publish').length).toBe(1);
  });

  it('gives up after its time', async () => {
    const { client } = await room();
    world().server.onHttp = () => 'fail';
    const before = world().clock.time;
    const error = await rejection(world().clock, client.publish({ chatId: 'room', content: 1 }, { ...via, timeoutMs: 9000 }));
    expect(error.name).toBe('CarillonError');
    expect(world().clock.time - before).toBeLessThanOrEqual(9100);
  });

  it('works without a connection, and as the default of a client', async () => {
    world().server.store.grant('ann', 'chat:room');
    const ann = world().device('ann', { publishVia: 'http' });
    await world().clock.settle(ann.client.publish({ chatId: 'room', content: 'backend' }));
    expect(world().server.requestsTo('POST', '/publish').length).toBe(1);
    expect(ann.line.sockets.length).toBe(0);
  });
});

describe('send()', () => {
  it('sends any frame and resolves with its answer', async () => {
    const { client } = await room();
    expect(await world().clock.settle(client.send({ action: 'echo', hello: 1 }))).toMatchObject({ action: 'echo', hello: 1 });
  });

  it('rejects with the error that was answered', async () => {
    const { client } = await room();
    expect(await rejection(world().clock, client.send({ action: 'nonsense' }))).toMatchObject({ code: 'invalid', status: 400 });
  });

  it('rejects when the connection goes before the answer', async () => {
    const { client, device } = await room();
    world().server.onFrame = ({ action }) => (action === 'echo' ? 'swallow' : undefined);
    const sending = refusal(client.send({ action: 'echo' }));
    await world().run(50);
    device.line.cut();
    expect(await world().clock.settle(sending)).toMatchObject({ code: 'connection_lost' });
  });

  it('rejects without a connection', async () => {
    expect(await rejection(world().clock, world().device('ann').client.send({ action: 'echo' }))).toMatchObject({ code: 'not_connected' });
  });

  it('rejects when no answer comes in time', async () => {
    const { client } = await room({ timeoutMs: 2000 });
    world().server.onFrame = ({ action }) => (action === 'echo' ? 'swallow' : undefined);
    expect(await rejection(world().clock, client.send({ action: 'echo' }))).toMatchObject({ code: 'timeout' });
  });
});
