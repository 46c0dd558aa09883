// CONTRACT §6: frames from the client and what each is answered.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { assertError, message, unique, useServer } from './harness.mjs';

const MISSING = 'Missing required parameters: targetChannel and payload are required';
const NO_JSON = 'Invalid JSON in message body';
const nested = (depth) => '['.repeat(depth) + ']'.repeat(depth);

describe('actions', () => {
  const server = useServer();

  it('sendMessage publishes', async () => {
    const chat = unique('chat');
    const [client] = await server.chatWith(chat, ['alice']);
    const answer = await client.ask({ action: 'sendMessage', ...message({ chat }) });
    assert.equal(answer.message, 'Message sent successfully via WebSocket!');
    await client.message(answer.messageId);
  });

  it('any frame with targetChannel and payload publishes', async () => {
    const chat = unique('chat');
    const [client] = await server.chatWith(chat, ['alice']);
    for (const action of [undefined, 'somethingElse', 7, null]) {
      const answer = await client.ask({ action, ...message({ chat, content: unique('') }) });
      assert.equal(answer.message, 'Message sent successfully via WebSocket!', String(action));
    }
  });

  it('subscribe adds, unsubscribe takes away, both answer all there are now', async () => {
    const user = unique('user');
    const [a, b, c] = [unique('a'), unique('b'), unique('c')];
    for (const chat of [a, b, c]) await server.grant(user, chat, 'viewer');
    const client = await server.connect({ as: user, chats: [a] });
    const more = await client.ask({ action: 'subscribe', chatIds: [b, 'secret', c] });
    assert.equal(more.type, 'subscribed');
    assert.deepEqual(more.chatIds.toSorted(), [a, b, c].toSorted());
    assert.deepEqual(more.denied, ['secret']);
    const { messageId } = await server.published({ chat: c });
    await client.message(messageId);
    const less = await client.ask({ action: 'unsubscribe', chatIds: [a, 'never-was'] });
    assert.equal(less.type, 'subscribed');
    assert.deepEqual(less.chatIds.toSorted(), [b, c].toSorted());
    assert.deepEqual(less.denied, []);
    const again = await client.ask({ action: 'subscribe', chatIds: [b, b] });
    assert.deepEqual(again.chatIds.toSorted(), [b, c].toSorted(), 'twice is once');
  });

  it('subscribe with what is no list of ids is 400', async () => {
    const client = await server.connect();
    for (const chatIds of [undefined, 'a', 7, {}, [7], [''], ['a,b'], [null], ['x'.repeat(257)]]) {
      const answer = await client.ask({ action: 'subscribe', chatIds });
      assert.equal(answer.statusCode, 400, JSON.stringify(chatIds));
    }
  });

  it('ping is answered with the server\'s time in ms', async () => {
    const client = await server.connect();
    const before = Date.now();
    const { type, serverTime } = await client.ask({ action: 'ping' });
    assert.equal(type, 'pong');
    assert.ok(serverTime >= before - 1000 && serverTime <= Date.now() + 1000);
    client.send({ action: 'ping' });
    assert.deepEqual(Object.keys(await client.next()).sort(), ['serverTime', 'type']);
  });

  it('echo is answered with the same object', async () => {
    const client = await server.connect();
    const object = { action: 'echo', requestId: 'r', deep: { a: [1, 2.5, null, true, 'ü"\\'] }, big: 1e21, empty: {} };
    client.send(object);
    assert.deepEqual(await client.next(), object);
  });

  it('presence lists the users of a chat and their connections', async () => {
    const chat = unique('chat');
    const [alice] = await server.chatWith(chat, ['alice', 'bob']);
    await server.connect({ as: 'bob', chats: [chat] });
    const answer = await alice.ask({ action: 'presence', chatId: chat });
    assert.equal(answer.type, 'presence');
    assert.equal(answer.chatId, chat);
    const users = answer.users.toSorted((x, y) => (x.userId < y.userId ? -1 : 1));
    assert.deepEqual(users, [{ userId: 'alice', connections: 1 }, { userId: 'bob', connections: 2 }]);
    const stranger = await server.connect({ as: 'stranger' });
    assertError(await stranger.ask({ action: 'presence', chatId: chat }), 403, 'Forbidden - No chat access');
    assertError(await stranger.ask({ action: 'presence', chatId: unique('absent') }), 403, 'Forbidden - No chat access');
    assert.equal((await alice.ask({ action: 'presence' })).statusCode, 400);
  });
});

describe('requestId', () => {
  const server = useServer();

  it('is in every answer', async () => {
    const chat = unique('chat');
    const [client] = await server.chatWith(chat, ['alice']);
    const frames = [
      { action: 'ping' }, { action: 'echo' }, { action: 'presence', chatId: chat }, { action: 'subscribe', chatIds: [chat] }, { action: 'unsubscribe', chatIds: ['never-was'] },
      { action: 'refreshToken', token: server.token('alice') }, { action: 'sendMessage', ...message({ chat }) },
      { action: 'nothing' }, { action: 'refreshToken', token: 'x' }, { action: 'sendMessage', ...message({ chat: 'secret' }) }, { action: 'presence', chatId: 'secret' },
      { action: 'sendMessage', targetChannel: 'WebSocket', payload: {} }, { action: 'subscribe' }, {},
    ];
    for (const one of frames) await client.ask(one);
    const odd = 'ü "quoted" \\ \u0007 ' + 'x'.repeat(100);
    client.send({ action: 'ping', requestId: odd });
    assert.equal((await client.next((frame) => frame.type === 'pong')).requestId, odd);
  });

  it('is not there when the frame had none', async () => {
    const client = await server.connect();
    client.send({ action: 'nothing' });
    assert.deepEqual(Object.keys(await client.next()).sort(), ['error', 'statusCode']);
  });

  it('that is none is not sent back', async () => {
    const client = await server.connect();
    for (const requestId of [7, {}, null, 'x'.repeat(129)]) {
      client.send({ action: 'ping', requestId });
      assert.equal((await client.next()).requestId, undefined, JSON.stringify(requestId).slice(0, 20));
    }
  });
});

describe('what is no request', () => {
  const server = useServer();
  const answerTo = async (client, text) => {
    client.raw(text);
    return client.next((frame) => frame.error !== undefined, 'an error frame');
  };

  const invalid = {
    'no JSON': 'hello', 'nothing': '', 'whitespace': ' \n', 'half an object': '{"action":"ping"', 'two objects': '{} {}', 'a trailing comma': '{"a":1,}',
    'single quotes': "{'action':'ping'}", 'a comment': '{/* */"action":"ping"}', 'NaN': '{"a":NaN}', 'Infinity': '{"a":Infinity}', '1e400': '{"action":"echo","n":1e400}',
    '-1e400': '{"action":"echo","n":-1e400}', 'a huge exponent deep inside': '{"action":"echo","n":[[{"x":1E99999}]]}', 'a raw control character': '{"action":"ec\u0001ho"}',
    'duplicate keys': '{"action":"ping","action":"echo"}', 'duplicate keys deep inside': '{"action":"echo","a":{"b":[{"c":1,"c":2}]}}', 'duplicate keys by escape': '{"action":"ping","\\u0061ction":"echo"}',
    'nesting of 65': `{"action":"echo","v":${nested(64)}}`, 'nesting of 10,000': nested(10_000), 'an object nested 10,000 deep': '{"a":'.repeat(10_000), 'a bad escape': '{"a":"\\x"}', 'a lone surrogate': '{"a":"\\ud800"}',
    'a leading zero': '{"a":01}', 'a byte order mark': '\ufeff{}',
  };
  it('is 400 Invalid JSON in message body', async () => {
    const client = await server.connect();
    for (const [what, text] of Object.entries(invalid)) {
      try {
        assertError(await answerTo(client, text), 400, NO_JSON);
      } catch (error) {
        error.message = `${what}: ${error.message}`;
        throw error;
      }
    }
  });

  it('is the same over HTTP', async () => {
    for (const [what, text] of Object.entries(invalid)) {
      const { status, json } = await server.post('/publish', text, { token: server.backend });
      assert.deepEqual([status, json?.error], [400, NO_JSON], what);
    }
  });

  it('nesting of 64 is taken', async () => {
    const client = await server.connect();
    client.raw(`{"action":"echo","v":${nested(63)}}`);
    assert.equal((await client.next()).action, 'echo');
  });

  it('anything else is 400 Missing required parameters', async () => {
    const client = await server.connect();
    for (const one of [{}, { action: 'fly' }, { action: null }, { targetChannel: 'WebSocket' }, { payload: {} }, { action: 'sendMessage' }, { action: 'sendMessage', payload: {} }, { action: 'PING' }]) {
      assertError(await client.ask(one), 400, MISSING);
    }
  });

  it('JSON that is no object is 400', async () => {
    const client = await server.connect();
    for (const text of ['[]', '"text"', '7', 'null', 'true']) {
      const { error, statusCode } = await answerTo(client, text);
      assert.equal(statusCode, 400, text);
      assert.ok([NO_JSON, MISSING].includes(error), `${text}: ${error}`);
    }
  });

  it('never closes the connection', async () => {
    const client = await server.connect();
    for (const text of Object.values(invalid)) await answerTo(client, text);
    assert.equal((await client.ask({ action: 'ping' })).type, 'pong');
  });
});
