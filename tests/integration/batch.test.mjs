// CONTRACT §7: POST /publish/batch.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { fifo, message, unique, useServer } from './harness.mjs';

describe('POST /publish/batch', () => {
  const server = useServer();
  const batch = (messages, options = { token: server.backend }) => server.post('/publish/batch', { messages }, options);

  it('answers 200 with successful and failed, ids as given', async () => {
    const chat = unique('chat');
    const [client] = await server.chatWith(chat, ['alice']);
    const { status, json, text } = await batch([
      { id: 'first', ...fifo({ chat, content: 1 }) },
      { id: 'no-channel', payload: { chatId: chat, eventType: 'e', content: 1 } },
      { id: 'unknown', ...message({ chat, targetChannel: 'Nowhere' }) },
      { id: 'bad-id', ...message({ chat: 'x'.repeat(300) }) },
      { id: 'last', ...message({ chat, content: 2 }) },
    ]);
    assert.equal(status, 200, text);
    assert.deepEqual(Object.keys(json).sort(), ['failed', 'successful']);
    assert.deepEqual(json.successful.map((one) => one.id), ['first', 'last']);
    const { id, message: said, messageId, timestamp, ...rest } = json.successful[0];
    assert.deepEqual(rest, { messageType: 'fifo', targetChannel: 'WebSocket', messageGroupId: chat, sequenceNumber: 1 });
    assert.deepEqual(json.failed.map((one) => [one.id, one.statusCode]), [['no-channel', 400], ['unknown', 400], ['bad-id', 400]]);
    assert.equal(json.failed[0].error, 'Missing required parameters: targetChannel and payload are required');
    assert.equal(json.failed[1].error, 'Unknown targetChannel');
    for (const one of json.successful) await client.message(one.messageId);
  });

  it('each message is authorised for itself', async () => {
    const [mine, secret] = [unique('mine'), unique('secret')];
    await server.grant('alice', mine);
    const { status, json } = await batch([{ id: 'a', ...message({ chat: secret }) }, { id: 'b', ...message({ chat: mine }) }, { id: 'c', ...message({ to: 'all' }) }], { user: 'alice' });
    assert.equal(status, 200);
    assert.deepEqual(json.successful.map((one) => one.id), ['b']);
    assert.deepEqual(json.failed.map((one) => [one.id, one.statusCode, one.error]), [['a', 403, 'Forbidden - No chat access'], ['c', 403, 'Forbidden - No access to all']]);
  });

  it('is evaluated in order', async () => {
    const chat = unique('chat');
    const [client] = await server.chatWith(chat, ['alice']);
    const messages = Array.from({ length: 100 }, (_, index) => ({ id: `m${index}`, ...fifo({ chat, content: index }) }));
    const { json, text } = await batch(messages);
    assert.equal(json.successful.length, 100, text.slice(0, 300));
    assert.deepEqual(json.successful.map((one) => [one.id, one.sequenceNumber]), messages.map((_, index) => [`m${index}`, index + 1]));
    assert.deepEqual((await client.messages(100)).map((frame) => frame.payload.content), messages.map((_, index) => index));
  });

  it('a duplicate within it is answered like the first', async () => {
    const chat = unique('chat');
    const same = fifo({ chat, messageDeduplicationId: unique('id') });
    const { json } = await batch([{ id: 'a', ...same }, { id: 'b', ...same }, { id: 'c', ...fifo({ chat, content: 'next' }) }]);
    const [a, b, c] = json.successful;
    assert.deepEqual([b.messageId, b.sequenceNumber, b.deduplicated], [a.messageId, a.sequenceNumber, true]);
    assert.equal(c.sequenceNumber, 2);
  });

  it('forwards each payload byte for byte', async () => {
    const chat = unique('chat');
    const [client] = await server.chatWith(chat, ['alice']);
    const payload = `{ "chatId" : "${chat}",\t"eventType":"e", "content" : [1.0, 1E2, "\\u0041\\/"]}`;
    const { status } = await server.post('/publish/batch', `{"messages":[{"targetChannel":"WebSocket","payload":${payload}}]}`, { token: server.backend });
    assert.equal(status, 200);
    const { text } = await client.nextMessage();
    assert.ok(text.includes(`"payload":${payload}`), text);
  });

  it('works without ids', async () => {
    const { status, json } = await batch([message({ chat: 'c' }), message({ chat: '' })]);
    assert.equal(status, 200);
    assert.deepEqual([json.successful.length, json.failed.length], [1, 1]);
  });

  it('takes at most 100', async () => {
    const many = (count) => batch(Array.from({ length: count }, () => message({ chat: 'c' })));
    assert.equal((await many(100)).status, 200);
    assert.equal((await many(101)).status, 400);
  });

  it('is 400 when it is no batch', async () => {
    for (const body of ['', '[]', '{}', '{"messages":{}}', '{"messages":"x"}', '{"messages":null}', '{"messages":[}', 'null']) {
      const { status, text } = await server.post('/publish/batch', body, { token: server.backend });
      assert.equal(status, 400, `${body} → ${text}`);
    }
  });

  it('fails what is no message and sends the rest', async () => {
    const { status, json, text } = await server.post('/publish/batch', { messages: [7, null, [], 'text', {}, message({ chat: 'c' })] }, { token: server.backend });
    assert.equal(status, 200, text);
    assert.equal(json.successful.length, 1);
    assert.deepEqual(json.failed.map((one) => one.statusCode), [400, 400, 400, 400, 400]);
  });

  it('an id that is none is a failure of that message only', async () => {
    const { status, json, text } = await batch([{ id: 'x'.repeat(200), ...message({ chat: 'c' }) }, { id: 'ok', ...message({ chat: 'c' }) }]);
    assert.equal(status, 200, text);
    assert.ok(json.successful.some((one) => one.id === 'ok'));
  });

  it('needs a token', async () => {
    assert.equal((await server.post('/publish/batch', { messages: [] })).status, 401);
  });
});

describe('rate limits', () => {
  const server = useServer({ config: { limits: { publish_per_second: 0.5, publish_burst: 3 } } });
  const chat = unique('chat');
  const newUser = async () => {
    const user = unique('user');
    await server.grant(user, chat);
    return user;
  };
  const assertLimited = (answer) => {
    assert.equal(answer.error, 'Too many requests');
    assert.ok(answer.retryAfterMs > 0 && answer.retryAfterMs <= 2100, String(answer.retryAfterMs));
  };

  it('over HTTP: 429 with retryAfterMs and Retry-After', async () => {
    const user = await newUser();
    for (let index = 0; index < 3; index += 1) assert.equal((await server.publish({ chat }, { user })).status, 200);
    const { status, json, headers } = await server.publish({ chat }, { user });
    assert.equal(status, 429);
    assertLimited(json);
    assert.equal(Number(headers['retry-after']), Math.ceil(json.retryAfterMs / 1000));
  });

  it('over the socket: statusCode 429', async () => {
    const user = await newUser();
    const client = await server.connect({ as: user, chats: [chat] });
    for (let index = 0; index < 3; index += 1) assert.ok((await client.ask({ action: 'sendMessage', ...message({ chat }) })).messageId);
    const answer = await client.ask({ action: 'sendMessage', ...message({ chat }) });
    assert.equal(answer.statusCode, 429);
    assertLimited(answer);
  });

  it('are per user, over all ways in together', async () => {
    const [user, other] = [await newUser(), await newUser()];
    const client = await server.connect({ as: user, chats: [chat] });
    await client.ask({ action: 'sendMessage', ...message({ chat }) });
    await server.published({ chat }, { user });
    await server.published({ chat }, { user });
    assert.equal((await client.ask({ action: 'sendMessage', ...message({ chat }) })).statusCode, 429);
    assert.equal((await server.publish({ chat }, { user: other })).status, 200);
  });

  it('count each message of a batch', async () => {
    const user = await newUser();
    const messages = Array.from({ length: 5 }, (_, index) => ({ id: String(index), ...message({ chat }) }));
    const { status, json } = await server.post('/publish/batch', { messages }, { user });
    assert.equal(status, 200);
    assert.deepEqual(json.successful.map((one) => one.id), ['0', '1', '2']);
    assert.deepEqual(json.failed.map((one) => [one.id, one.statusCode, one.error]), [['3', 429, 'Too many requests'], ['4', 429, 'Too many requests']]);
  });

  it('are not for carillon/publish and carillon/admin', async () => {
    for (let index = 0; index < 10; index += 1) {
      assert.equal((await server.publish({ chat })).status, 200);
      assert.equal((await server.publish({ chat }, { token: server.admin })).status, 200);
    }
  });

  it('let in again when they said', async () => {
    const user = await newUser();
    let answer;
    do answer = await server.publish({ chat }, { user });
    while (answer.status === 200);
    await new Promise((resolve) => setTimeout(resolve, answer.json.retryAfterMs + 50));
    assert.equal((await server.publish({ chat }, { user })).status, 200);
  });
});

describe('connects_per_second', () => {
  const server = useServer({ config: { limits: { connects_per_second: 2 } } });
  it('bounds connects per address', async () => {
    const outcomes = await Promise.allSettled(Array.from({ length: 12 }, () => server.connect()));
    const refusals = outcomes.filter(({ status }) => status === 'rejected').map(({ reason }) => reason.status);
    assert.ok(refusals.length >= 5, `${refusals.length} of 12 were refused`);
    for (const status of refusals) assert.equal(status, 429);
  });
});
