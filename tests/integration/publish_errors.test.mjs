// CONTRACT §7: every refusal of a publish, the same over HTTP and over the socket.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { message, unique, useServer } from './harness.mjs';
import { WebhookReceiver } from './webhooks.mjs';

const MISSING = 'Missing required parameters: targetChannel and payload are required';
const NO_TARGET = 'Missing required parameters: payload needs chatId or targetClass and targetId';
const NO_CONTENT = 'Missing required parameters: payload.eventType and payload.content are required';
const BAD_CLASS = 'Invalid targetClass. Must be one of: user, org, hub, project, chat, all';
const BAD_TYPE = 'Invalid messageType. Must be "fifo" or "standard"';

const base = { targetChannel: 'WebSocket', payload: { chatId: 'c', eventType: 'e', content: 1 } };
const withPayload = (payload) => ({ ...base, payload });
const content = { eventType: 'e', content: 1 };

const cases = [
  ['no targetChannel', { payload: base.payload }, MISSING],
  ['no payload', { targetChannel: 'WebSocket' }, MISSING],
  ['targetChannel no string', { ...base, targetChannel: 7 }, MISSING],
  ['an empty targetChannel', { ...base, targetChannel: '' }, MISSING],
  ['payload no object', { ...base, payload: 'text' }, MISSING],
  ['payload a list', { ...base, payload: [] }, MISSING],
  ['payload null', { ...base, payload: null }, MISSING],
  ['an unknown messageType', { ...base, messageType: 'express' }, BAD_TYPE],
  ['messageType no string', { ...base, messageType: 7 }, BAD_TYPE],
  ['messageType in capitals', { ...base, messageType: 'FIFO' }, BAD_TYPE],
  ['an unknown targetClass', withPayload({ targetClass: 'team', targetId: 't', ...content }), BAD_CLASS],
  ['targetClass no string', withPayload({ targetClass: 7, targetId: 't', ...content }), BAD_CLASS],
  ['targetClass in capitals', withPayload({ targetClass: 'User', targetId: 't', ...content }), BAD_CLASS],
  ['no target', withPayload(content), NO_TARGET],
  ['targetClass without targetId', withPayload({ targetClass: 'user', ...content }), NO_TARGET],
  ['targetId without targetClass', withPayload({ targetId: 'u', ...content }), NO_TARGET],
  ['no eventType', withPayload({ chatId: 'c', content: 1 }), NO_CONTENT],
  ['no content', withPayload({ chatId: 'c', eventType: 'e' }), NO_CONTENT],
  ['eventType no string', withPayload({ chatId: 'c', eventType: 7, content: 1 }), NO_CONTENT],
  ['an unknown targetChannel', { ...base, targetChannel: 'Nowhere' }, 'Unknown targetChannel'],
  ['excludeSender no boolean', { ...base, excludeSender: 'yes' }, 'Invalid parameter'],
];

describe('a refused publish', () => {
  const { secret } = new WebhookReceiver();
  const server = useServer({ config: { 'channels.Email': { type: 'webhook', url: 'http://127.0.0.1:9/', secret } } });

  for (const [what, body, error] of cases) {
    it(`${what}: 400 over HTTP and socket`, async () => {
      const http = await server.post('/publish', body, { token: server.backend });
      assert.deepEqual([http.status, http.json?.error], [400, error], http.text);
      const client = await server.connect({ token: server.backend });
      const frame = await client.ask({ action: 'sendMessage', ...body });
      assert.deepEqual([frame.statusCode, frame.error], [400, error], JSON.stringify(frame));
      client.terminate();
    });
  }

  it('an unknown targetChannel names the configured ones', async () => {
    const { json } = await server.post('/publish', { ...base, targetChannel: 'Nowhere' }, { token: server.backend });
    assert.deepEqual(json.channels.toSorted(), ['Email', 'WebSocket']);
    const client = await server.connect({ token: server.backend });
    const frame = await client.ask({ ...base, targetChannel: 'websocket' });
    assert.deepEqual(frame.channels.toSorted(), ['Email', 'WebSocket'], 'channels are case-sensitive');
  });

  it('content may be any JSON value, null and false included', async () => {
    for (const value of [null, false, 0, '', [], {}, 1.5, 'text']) {
      const { status, text } = await server.post('/publish', withPayload({ chatId: 'c', eventType: 'e', content: value }), { token: server.backend });
      assert.equal(status, 200, `${JSON.stringify(value)}: ${text}`);
    }
  });

  it('without an action is a publish over HTTP, and action is not looked at', async () => {
    for (const action of ['sendMessage', 'ping', 7]) assert.equal((await server.post('/publish', { ...base, action }, { token: server.backend })).status, 200);
  });

  it('is not deduplicated, stored or counted', async () => {
    const { json } = await server.get('/queues', { token: server.admin });
    const queues = Array.isArray(json) ? json : json.queues;
    for (const { name, depth } of queues.filter((queue) => /DLQ$/.test(queue.name))) assert.equal(depth, 0, name);
  });
});

describe('a body over max_message_bytes', () => {
  const server = useServer({ config: { gateway: { max_message_bytes: 4096 } } });
  const sized = (bytes, chat = 'c') => {
    const frame = (text) => JSON.stringify(message({ chat, content: text }));
    return frame('x'.repeat(bytes - frame('').length));
  };

  it('is 413 over HTTP; the limit itself is within', async () => {
    assert.equal((await server.post('/publish', sized(4096), { token: server.backend })).status, 200);
    const { status, json } = await server.post('/publish', sized(4097), { token: server.backend });
    assert.deepEqual([status, json.error], [413, 'Message too large']);
  });

  it('is 413 when chunked too, without waiting for the end', async () => {
    const raw = await server.raw();
    raw.write(`POST /publish HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${server.backend}\r\nTransfer-Encoding: chunked\r\n\r\n`);
    raw.write(`1100\r\n${'x'.repeat(0x1100)}\r\n`);
    const { status, json } = await raw.response();
    assert.deepEqual([status, json.error], [413, 'Message too large']);
    raw.destroy();
  });

  it('closes the socket 1009 instead', async () => {
    const client = await server.connect({ token: server.backend });
    client.raw(sized(4096));
    assert.equal((await client.next()).targetChannel, 'WebSocket');
    client.raw(sized(4097));
    assert.equal((await client.whenClosed()).code, 1009);
  });

  it('a batch may have four times as much', async () => {
    const one = (size) => JSON.parse(sized(size));
    const body = (size) => {
      const frame = (text) => JSON.stringify({ messages: [message({ chat: 'c', content: text }), one(4000), one(4000), one(4000)] });
      return frame('x'.repeat(size - frame('').length));
    };
    assert.equal((await server.post('/publish/batch', body(4 * 4096), { token: server.backend })).status, 200);
    const { status, json } = await server.post('/publish/batch', body(4 * 4096 + 1), { token: server.backend });
    assert.deepEqual([status, json.error], [413, 'Message too large']);
  });
});

describe('who may not publish', () => {
  const server = useServer();

  it('to a chat: 403 with chatId, and over the socket authorizedChatIds', async () => {
    const [mine, secret] = [unique('mine'), unique('secret')];
    const [client] = await server.chatWith(mine, ['alice']);
    const http = await server.publish({ chat: secret }, { user: 'alice' });
    assert.deepEqual([http.status, http.json], [403, { error: 'Forbidden - No chat access', chatId: secret }]);
    const { requestId, ...frame } = await client.ask({ action: 'sendMessage', ...message({ chat: secret }) });
    assert.deepEqual(frame, { error: 'Forbidden - No chat access', statusCode: 403, chatId: secret, authorizedChatIds: [mine] });
  });

  it('to org, hub, project and all: 403', async () => {
    const client = await server.connect({ as: 'alice' });
    for (const [to, name] of [['org:o', 'org'], ['hub:h', 'hub'], ['project:p', 'project'], ['all', 'all']]) {
      const http = await server.publish({ to }, { user: 'alice' });
      assert.deepEqual([http.status, http.json.error], [403, `Forbidden - No access to ${name}`]);
      const frame = await client.ask({ action: 'sendMessage', ...message({ to }) });
      assert.deepEqual([frame.statusCode, frame.error], [403, `Forbidden - No access to ${name}`]);
    }
  });

  it('nobody: 401', async () => {
    const { status, json } = await server.post('/publish', base);
    assert.deepEqual([status, json.error], [401, 'Unauthorized']);
  });
});
