// CONTRACT §7: the fields of a publish and the answer to it.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { fifo, message, unique, useServer } from './harness.mjs';

const UUID_V7 = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;
const ISO_MS = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;

describe('the answer', () => {
  const server = useServer();

  it('to a fifo message over HTTP is whole', async () => {
    const chat = unique('chat');
    const { status, json } = await server.publish(fifo({ chat }));
    assert.equal(status, 200);
    const { messageId, timestamp, ...rest } = json;
    assert.deepEqual(rest, { message: 'Message published successfully!', messageType: 'fifo', targetChannel: 'WebSocket', messageGroupId: chat, sequenceNumber: 1 });
    assert.match(messageId, UUID_V7);
    assert.match(timestamp, ISO_MS);
    assert.ok(Math.abs(Date.parse(timestamp) - Date.now()) < 5000);
  });

  it('to a fifo message over the socket is whole', async () => {
    const chat = unique('chat');
    const [client] = await server.chatWith(chat, ['alice']);
    client.send({ action: 'sendMessage', ...fifo({ chat }) });
    const { messageId, timestamp, ...rest } = await client.next((frame) => frame.message !== undefined);
    assert.deepEqual(rest, { message: 'Message sent successfully via WebSocket!', messageType: 'fifo', targetChannel: 'WebSocket', messageGroupId: chat, sequenceNumber: 1 });
    assert.match(messageId, UUID_V7);
    assert.match(timestamp, ISO_MS);
  });

  it('to a standard message has no group and no sequence', async () => {
    const { json } = await server.publish({ chat: unique('chat') });
    const { messageId, timestamp, ...rest } = json;
    assert.deepEqual(rest, { message: 'Message published successfully!', messageType: 'standard', targetChannel: 'WebSocket' });
  });

  it('message ids are unique and later ones sort later', async () => {
    const ids = [];
    for (let index = 0; index < 20; index += 1) ids.push((await server.published({ chat: 'c' })).messageId);
    assert.equal(new Set(ids).size, 20);
    assert.deepEqual(ids.map((id) => id.slice(0, 13)), ids.map((id) => id.slice(0, 13)).toSorted());
  });

  it('timestamps never step backwards', async () => {
    let last = '';
    for (let index = 0; index < 20; index += 1) {
      const { timestamp } = await server.published({ chat: 'c' });
      assert.ok(timestamp >= last);
      last = timestamp;
    }
  });
});

describe('messageType', () => {
  const server = useServer();

  it('is standard when it is not there', async () => {
    const chat = unique('chat');
    const [client] = await server.chatWith(chat, ['alice']);
    const { messageId, messageType } = await server.published({ chat });
    assert.equal(messageType, 'standard');
    const frame = await client.message(messageId);
    assert.equal(frame.messageType, 'standard');
    for (const key of ['messageGroupId', 'sequenceNumber', 'queueSequenceNumber']) assert.equal(frame[key], undefined, key);
  });

  it('ephemeral is delivered at once, without queue, sequence or durability', async () => {
    const chat = unique('chat');
    const [alice, bob] = await server.chatWith(chat, ['alice', 'bob']);
    const answer = await alice.ask({ action: 'sendMessage', ...message({ chat, messageType: 'ephemeral', content: { typing: true } }) });
    assert.equal(answer.messageType, 'ephemeral');
    assert.equal(answer.sequenceNumber, undefined);
    const frame = await bob.message(answer.messageId);
    assert.equal(frame.messageType, 'ephemeral');
    for (const key of ['messageGroupId', 'sequenceNumber', 'queueSequenceNumber']) assert.equal(frame[key], undefined, key);
    assert.deepEqual(frame.payload.content, { typing: true });
    assert.equal((await server.published(fifo({ chat }))).sequenceNumber, 1, 'the counter was not touched');
    const { messageId } = await server.published({ chat, messageType: 'ephemeral' });
    await bob.message(messageId);
  });

  it('ephemeral needs the same rights', async () => {
    const client = await server.connect({ as: 'stranger' });
    const answer = await client.ask({ action: 'sendMessage', ...message({ chat: unique('chat'), messageType: 'ephemeral' }) });
    assert.deepEqual([answer.statusCode, answer.error], [403, 'Forbidden - No chat access']);
  });
});

describe('messageGroupId', () => {
  const server = useServer();

  it('is as given', async () => {
    assert.equal((await server.published(fifo({ chat: 'c', messageGroupId: 'mine', content: unique('') }))).messageGroupId, 'mine');
  });

  it('is the chat otherwise', async () => {
    const chat = unique('chat');
    assert.equal((await server.published(fifo({ chat }))).messageGroupId, chat);
    assert.equal((await server.published(fifo({ to: `chat:${chat}`, content: 2 }))).messageGroupId, chat);
  });

  it('is class:id of the target for HTTP without a chat', async () => {
    const user = unique('user');
    assert.equal((await server.published(fifo({ to: `user:${user}` }))).messageGroupId, `user:${user}`);
    assert.equal((await server.published(fifo({ to: 'org:acme' }))).messageGroupId, 'org:acme');
    const client = await server.connect({ as: user });
    assert.equal((await server.published(fifo({ to: `user:${user}`, content: 2 }))).messageGroupId, `user:${user}`);
    assert.equal((await client.nextMessage()).data.messageGroupId, `user:${user}`, 'it did not vanish');
  });

  it('is the sender for the socket without a chat', async () => {
    const [alice, bob] = await Promise.all([server.connect({ as: 'alice' }), server.connect({ as: 'bob' })]);
    const answer = await alice.ask({ action: 'sendMessage', ...fifo({ to: 'user:bob' }) });
    assert.equal(answer.messageGroupId, 'alice');
    assert.equal((await bob.message(answer.messageId)).messageGroupId, 'alice');
  });
});

describe('excludeSender', () => {
  const server = useServer();

  it('leaves out all of the sender\'s connections, and only those', async () => {
    const chat = unique('chat');
    const [alice, bob] = await server.chatWith(chat, ['alice', 'bob']);
    const second = await server.connect({ as: 'alice', chats: [chat] });
    for (const messageType of ['standard', 'fifo', 'ephemeral']) {
      const { messageId } = await alice.ask({ action: 'sendMessage', ...message({ chat, messageType, excludeSender: true, content: messageType }) });
      await bob.message(messageId);
      const end = await server.published(fifo({ chat, content: `end of ${messageType}` }));
      for (const client of [alice, second]) {
        const before = await client.before((frame) => frame.messageId === end.messageId);
        assert.deepEqual(before.filter((frame) => frame.type === 'message'), [], messageType);
      }
      await bob.message(end.messageId);
    }
  });

  it('is false by default: the sender gets it too', async () => {
    const chat = unique('chat');
    const [alice] = await server.chatWith(chat, ['alice']);
    for (const excludeSender of [undefined, false]) {
      const { messageId } = await alice.ask({ action: 'sendMessage', ...message({ chat, excludeSender }) });
      await alice.message(messageId);
    }
  });

  it('works over HTTP for the token\'s user', async () => {
    const chat = unique('chat');
    const [alice, bob] = await server.chatWith(chat, ['alice', 'bob']);
    await server.published(fifo({ chat, excludeSender: true, content: 1 }), { user: 'alice' });
    const end = await server.published(fifo({ chat, content: 2 }));
    assert.deepEqual(await alice.before((frame) => frame.messageId === end.messageId), []);
    assert.equal((await bob.messages(2)).length, 2);
  });
});

describe('the sender', () => {
  const server = useServer();

  it('is the token\'s or the connection\'s, whatever the body says', async () => {
    const chat = unique('chat');
    const [alice] = await server.chatWith(chat, ['alice']);
    const forged = { userId: 'mallory', senderId: 'mallory', sender: 'mallory', payload: { userId: 'mallory' } };
    const sent = await alice.ask({ action: 'sendMessage', ...message({ chat, ...forged }) });
    const frame = await alice.message(sent.messageId);
    assert.equal(frame.userId, 'alice');
    assert.equal(frame.payload.userId, 'mallory', 'other members of the payload are kept');
    const { messageId } = await server.published({ chat, ...forged });
    assert.equal((await alice.message(messageId)).userId, 'backend');
    const { status } = await server.post(`/publish?userId=mallory`, message({ chat }), { token: server.backend, headers: { 'x-user-id': 'mallory' } });
    assert.equal(status, 200);
    assert.equal((await alice.nextMessage()).data.userId, 'backend');
  });
});

describe('attributes', () => {
  const server = useServer();
  const status = async (attributes) => (await server.publish({ chat: 'c', attributes })).status;

  it('are at most ten names to text, number or list of texts', async () => {
    const ten = Object.fromEntries(Array.from({ length: 10 }, (_, index) => [`name${index}`, index]));
    assert.equal(await status(ten), 200);
    assert.equal(await status({ text: 'a', number: -1.5, list: ['a', 'b'], none: [] }), 200);
    assert.equal(await status({}), 200);
    assert.equal(await status({ ...ten, eleventh: 1 }), 400);
    for (const value of [true, null, {}, [1], ['a', 1], [['a']]]) assert.equal(await status({ a: value }), 400, JSON.stringify(value));
    for (const attributes of ['a', 7, []]) assert.equal(await status(attributes), 400, JSON.stringify(attributes));
  });
});

describe('durability', () => {
  const server = useServer();

  it('an answered message survives kill -9 the moment after', async () => {
    const chat = unique('chat');
    const sent = [];
    for (let index = 0; index < 5; index += 1) sent.push(await server.published(fifo({ chat, messageDeduplicationId: `d${index}`, content: index })));
    await server.kill9();
    await server.start();
    for (let index = 0; index < 5; index += 1) {
      const again = await server.published(fifo({ chat, messageDeduplicationId: `d${index}`, content: index }));
      assert.deepEqual([again.messageId, again.sequenceNumber, again.timestamp, again.deduplicated], [sent[index].messageId, sent[index].sequenceNumber, sent[index].timestamp, true]);
    }
    assert.equal((await server.published(fifo({ chat, content: 'next' }))).sequenceNumber, 6);
  });
});
