// CONTRACT §12: POST /broadcast.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { assertRefused, message, unique, until, useServer } from './harness.mjs';
import { RawSocket } from './raw.mjs';

const OWN_TYPES = ['connected', 'message', 'subscribed', 'unsubscribed', 'pong', 'tokenRefreshed', 'tokenExpiring', 'presence', 'reconnect'];
const ISO = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;

describe('POST /broadcast', () => {
  const server = useServer();
  const broadcast = (body, options = {}) => server.post('/broadcast', body, { token: server.backend, ...options });
  const nextOf = (client, type) => client.frames.next((frame) => frame.data?.type === type, `a frame ${type}`);

  it('gives every connection exactly that object', async () => {
    const type = unique('comment.created');
    const clients = [await server.connect({ as: 'alice' }), await server.connect({ as: 'bob', plain: true })];
    const text = `{ "type":"${type}",\t"data" : {"a":[1.0,"\\u0041"]},"timestamp":"any text", "more":null }`;
    const answer = await broadcast(text);
    assert.equal(answer.status, 200, answer.text);
    assert.deepEqual(Object.keys(answer.json), ['message', 'messageId']);
    assert.equal(answer.json.message, 'Broadcast accepted');
    for (const client of clients) assert.equal((await nextOf(client, type)).text, text);
  });

  it('adds a missing timestamp as the last member', async () => {
    const type = unique('t');
    const client = await server.connect();
    const before = Date.now();
    await broadcast(`\n{"type":"${type}","data":null } `);
    const { text, data } = await nextOf(client, type);
    assert.deepEqual(Object.keys(data), ['type', 'data', 'timestamp']);
    assert.match(data.timestamp, ISO);
    assert.ok(Math.abs(Date.parse(data.timestamp) - before) < 10_000);
    assert.equal(text, `{"type":"${type}","data":null ,"timestamp":"${data.timestamp}"}`);
  });

  it('is in the history of all as a message of its type', async () => {
    const type = unique('t');
    const body = { type, data: { n: 1 }, timestamp: 'then' };
    const { messageId } = (await broadcast(body)).json;
    const { json } = await server.get('/messages?targetClass=all&limit=10', { token: server.admin });
    const stored = json.messages.find((one) => one.messageId === messageId);
    assert.deepEqual(
      { type: stored.type, targetClass: stored.targetClass, targetId: stored.targetId, messageType: stored.messageType, eventType: stored.eventType, userId: stored.userId },
      { type: 'message', targetClass: 'all', targetId: undefined, messageType: 'standard', eventType: type, userId: 'backend' },
    );
    assert.deepEqual(stored.payload, body);
    assert.equal((await server.get(`/messages/${messageId}`, { token: server.admin })).json.messageId, messageId);
  });

  it('is deduplicated by its Idempotency-Key only', async () => {
    const client = await server.connect();
    const type = unique('t');
    const headers = { 'idempotency-key': unique('key') };
    const first = await broadcast({ type, data: 1 }, { headers });
    const again = await broadcast({ type, data: 1 }, { headers });
    assert.deepEqual(again.json, { message: 'Broadcast accepted', messageId: first.json.messageId, deduplicated: true });
    assert.notEqual((await broadcast({ type, data: 2 })).json.messageId, (await broadcast({ type, data: 2 })).json.messageId);
    for (const wanted of [1, 2, 2]) assert.equal((await nextOf(client, type)).data.data, wanted);
    assertRefused(await broadcast({ type, data: 1 }, { headers: { 'idempotency-key': 'a,b' } }), 400, 'Invalid parameter');
  });

  it('is for backends', async () => {
    const body = { type: 't', data: 1 };
    assertRefused(await broadcast(body, { token: server.token('alice') }), 403, 'Forbidden - No access to all');
    assertRefused(await broadcast(body, { token: server.token({ user: 'scraper', scopes: ['carillon/metrics'] }) }), 403, 'Forbidden - No access to all');
    assert.equal((await broadcast(body, { token: server.admin })).status, 200);
    assert.equal((await server.post('/broadcast', body, {})).status, 401);
    assert.equal((await server.get('/broadcast', { token: server.admin })).status, 405);
  });

  it('refuses what clients would take for a frame of the server', async () => {
    for (const type of OWN_TYPES) assertRefused(await broadcast({ type, data: 1 }), 400, 'Invalid parameter');
    for (const member of ['error', 'statusCode', 'requestId', 'messageId']) assertRefused(await broadcast({ type: 't', data: 1, [member]: 1 }), 400, 'Invalid parameter');
    for (const body of [{ data: 1 }, { type: 'x'.repeat(129), data: 1 }, { type: 7, data: 1 }, { type: 't' }, { type: 't', data: 1, timestamp: 1 }]) {
      assertRefused(await broadcast(body), 400, 'Invalid parameter');
    }
    for (const text of ['', '[]{', '{"type":"t","type":"u","data":1}', '{"type":"t","data":1e400}']) assertRefused(await broadcast(text), 400, 'Invalid JSON in message body');
    assertRefused(await broadcast({ type: 't', data: 'x'.repeat(262_144) }), 413, 'Message too large');
  });

  it('knows every type that the server sends', async () => {
    const client = await server.connect({ as: 'erin' });
    await server.grant('erin', 'erins-chat');
    await client.ask({ action: 'subscribe', chatIds: ['erins-chat'] });
    await server.revoke('erin', 'erins-chat');
    client.send({ action: 'ping' });
    await client.next((frame) => frame.type === 'pong', 'the pong');
    const types = new Set(client.frames.drain().map((frame) => frame.data?.type).filter(Boolean));
    for (const type of [client.hello.type, ...types]) if (!type.includes('-')) assert.ok(OWN_TYPES.includes(type), type);
  });
});

describe('a broadcast that somebody could not take', () => {
  const server = useServer({ config: { gateway: { max_outbound_bytes: 262_144 + 65_536 }, queues: { retry_base_ms: 20 } } });

  it('is a broadcast still after its dead letter was redriven, over a restart', async () => {
    // Somebody who does not read has a full buffer, so that the next for them is a dead letter.
    const type = unique('t');
    const body = { type, data: 'x'.repeat(200_000), timestamp: 'then' };
    const raw = await RawSocket.upgraded(server.port, `/dvl?token=${server.token('slow')}`);
    raw.pause();
    for (let index = 0; index < 150; index += 1) {
      const { json } = await server.post('/broadcast', body, { token: server.backend });
      assert.ok(json.messageId);
      let depth;
      await until(async () => {
        const { inFlight } = await server.queue('WebSocketStandardQueue');
        ({ depth } = await server.queue('WebSocketStandardDLQ'));
        return depth > 0 || inFlight === 0;
      }, 'the broadcast is delivered or a dead letter');
      if (depth > 0) break;
    }
    raw.destroy();
    const [letter] = await server.peek('WebSocketStandardDLQ');
    assert.equal(letter.eventType, type);
    await server.restart();
    const client = await server.connect({ as: 'slow' });
    const answer = await server.post('/queues/WebSocketStandardDLQ/redrive', {}, { token: server.admin });
    assert.equal(answer.json.redriven, 1, answer.text);
    const { data } = await client.frames.next((frame) => frame.data?.type === type, 'the redriven broadcast');
    assert.deepEqual(data, body);
    await server.published(message({ to: 'user:slow', content: 'a message stays one' }));
    assert.equal((await client.nextMessage()).data.payload.content, 'a message stays one');
  });
});
