// CONTRACT §8: what subscribers get, field by field and byte for byte, and in which order.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { fifo, unique, useServer } from './harness.mjs';

describe('the frame', () => {
  const server = useServer();

  it('of a fifo message to a chat is whole', async () => {
    const chat = unique('chat');
    const [client] = await server.chatWith(chat, ['alice']);
    const before = Date.now();
    const sent = await server.published(fifo({ chat, correlationId: 'corr', content: 'Hello!', messageGroupId: 'g' }));
    const { queueSequenceNumber, publishTimestamp, processorTimestamp, ...rest } = await client.message(sent.messageId);
    assert.deepEqual(rest, {
      type: 'message', messageId: sent.messageId, chatId: chat, targetClass: 'chat', targetId: chat, messageType: 'fifo', messageGroupId: 'g',
      sequenceNumber: 1, eventType: 'chat', payload: { chatId: chat, eventType: 'chat', content: 'Hello!' }, userId: 'backend',
      timestamp: sent.timestamp, targetChannel: 'WebSocket', correlationId: 'corr',
    });
    assert.match(queueSequenceNumber, /^\d{20}$/);
    assert.equal(publishTimestamp, Date.parse(sent.timestamp));
    assert.ok(Number.isInteger(processorTimestamp) && processorTimestamp >= publishTimestamp);
    assert.ok(publishTimestamp >= before - 5 && processorTimestamp <= Date.now() + 5);
  });

  it('of a standard message to a user is whole, without chatId', async () => {
    const client = await server.connect({ as: 'carol' });
    const sent = await server.published({ to: 'user:carol', event: 'news', content: null });
    const { publishTimestamp, processorTimestamp, ...rest } = await client.message(sent.messageId);
    assert.deepEqual(rest, {
      type: 'message', messageId: sent.messageId, targetClass: 'user', targetId: 'carol', messageType: 'standard', eventType: 'news',
      payload: { targetClass: 'user', targetId: 'carol', eventType: 'news', content: null }, userId: 'backend', timestamp: sent.timestamp, targetChannel: 'WebSocket',
    });
  });

  it('to all has no targetId', async () => {
    const client = await server.connect();
    const { messageId } = await server.published({ to: 'all' });
    const frame = await client.message(messageId);
    assert.deepEqual([frame.targetClass, frame.targetId, frame.chatId], ['all', undefined, undefined]);
  });

  it('carries the content nowhere but in the payload', async () => {
    const client = await server.connect();
    const content = unique('content');
    await server.published({ to: 'user:alice', content });
    const { text } = await client.nextMessage();
    assert.equal(text.split(content).length, 2);
  });

  const chatJson = (chat) => JSON.stringify(chat);
  const payloads = {
    'odd whitespace': (chat) => `{\n\t"chatId" :  ${chatJson(chat)} ,\r\n "eventType":"e"  ,"content" : [ 1 ,\t2 ] }`,
    'odd order and other members': (chat) => `{"zeta":1,"content":{"b":1,"a":2},"eventType":"e","chatId":${chatJson(chat)},"alpha":[]}`,
    'escapes': (chat) => `{"chatId":${chatJson(chat)},"eventType":"e","content":"\\u0041\\/\\b\\f\\n\\r\\t\\\\\\"\\u00e9\\ud83d\\ude00\\u2028"}`,
    'raw unicode': (chat) => `{"chatId":${chatJson(chat)},"eventType":"ë","content":"é😀\u2028\u202e\u0085"}`,
    'numbers as written': (chat) => `{"chatId":${chatJson(chat)},"eventType":"e","content":[1.0,1E2,-0,0.1e-7,12345678901234567890123,3.14159265358979323846264338,1e308]}`,
    'an escaped key': (chat) => `{"ch\\u0061tId":${chatJson(chat)},"eventType":"e","content":1}`,
    'an escaped target': (chat) => `{"chatId":"${[...chat].map((c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`).join('')}","eventType":"e","content":1}`,
    'a string that looks like JSON': (chat) => `{"chatId":${chatJson(chat)},"eventType":"e","content":"\\"payload\\":{}}]"}`,
    'U+0000 escaped': (chat) => `{"chatId":${chatJson(chat)},"eventType":"e","content":"a\\u0000b"}`,
    '100 KB': (chat) => `{"chatId":${chatJson(chat)},"eventType":"e","content":"${'long '.repeat(20_000)}"}`,
  };
  for (const [what, make] of Object.entries(payloads)) {
    it(`payload is byte for byte the sender's: ${what}`, async () => {
      const chat = unique('chat');
      const [client] = await server.chatWith(chat, ['alice']);
      const payload = make(chat);
      const bodies = [`{"targetChannel":"WebSocket","messageType":"fifo","payload":${payload}}`, ` {"payload" : ${payload} , "targetChannel":"WebSocket", "messageType":"standard"}\n`];
      for (const body of bodies) {
        const { status, text } = await server.post('/publish', body, { token: server.backend });
        assert.equal(status, 200, text);
      }
      client.raw(`{"action":"sendMessage","payload":${payload},"messageType":"ephemeral","targetChannel":"WebSocket"}`);
      for (const messageType of ['fifo', 'standard', 'ephemeral']) {
        const frame = await client.nextMessage((data) => data.messageType === messageType);
        assert.ok(frame.text.includes(`"payload":${payload},"`), `${messageType}: ${frame.text.slice(0, 600)}`);
        assert.equal(frame.data.chatId, chat);
      }
    });
  }

  it('is text, and one frame per message', async () => {
    const chat = unique('chat');
    const [client] = await server.chatWith(chat, ['alice']);
    await Promise.all(Array.from({ length: 50 }, (_, index) => server.published({ chat, content: index })));
    const contents = [];
    for (let index = 0; index < 50; index += 1) {
      const frame = await client.frames.next();
      assert.equal(frame.binary, false);
      contents.push(frame.data.payload.content);
    }
    assert.deepEqual(contents.toSorted((a, b) => a - b), Array.from({ length: 50 }, (_, index) => index));
  });
});

describe('order', () => {
  const server = useServer();

  it('of a group is strict on every connection, under load from both ways in', async () => {
    const chat = unique('chat');
    const perSender = 60;
    const users = ['p1', 'p2', 'p3'];
    const receivers = await server.chatWith(chat, ['r1', 'r2', 'r3', 'r4', 'r5']);
    const senders = await server.chatWith(chat, users);
    const viaSocket = senders.map(async (client, s) => {
      for (let index = 0; index < perSender; index += 1) await client.ask({ action: 'sendMessage', ...fifo({ chat, content: [`socket${s}`, index] }) });
    });
    const viaHttp = [0, 1, 2].map(async (s) => {
      for (let index = 0; index < perSender; index += 1) await server.published(fifo({ chat, content: [`http${s}`, index] }));
    });
    await Promise.all([...viaSocket, ...viaHttp]);
    const total = perSender * 6;
    for (const client of receivers) {
      const frames = await client.messages(total);
      assert.deepEqual(frames.map((frame) => frame.sequenceNumber), Array.from({ length: total }, (_, index) => index + 1));
      let last = '';
      const seen = new Map();
      for (const frame of frames) {
        assert.ok(frame.queueSequenceNumber > last);
        last = frame.queueSequenceNumber;
        const [sender, index] = frame.payload.content;
        assert.equal(index, seen.get(sender) ?? 0, `${sender} out of order`);
        seen.set(sender, index + 1);
      }
    }
  });

  it('of what one socket sends without waiting is the order it was sent in', async () => {
    const chat = unique('chat');
    const [alice, bob] = await server.chatWith(chat, ['alice', 'bob']);
    for (let index = 0; index < 300; index += 1) alice.send({ action: 'sendMessage', ...fifo({ chat, content: index }) });
    assert.deepEqual((await bob.messages(300)).map((frame) => frame.payload.content), Array.from({ length: 300 }, (_, index) => index));
  });

  it('is per group: many groups at once, each in order', async () => {
    const client = await server.connect({ as: 'grouped' });
    const groups = Array.from({ length: 20 }, (_, index) => `group${index}`);
    await Promise.all(groups.map(async (messageGroupId) => {
      for (let index = 0; index < 20; index += 1) await server.published(fifo({ to: 'user:grouped', messageGroupId, content: index }));
    }));
    const frames = await client.messages(400);
    for (const group of groups) {
      assert.deepEqual(frames.filter((frame) => frame.messageGroupId === group).map((frame) => frame.payload.content), Array.from({ length: 20 }, (_, index) => index), group);
    }
  });

  it('timestamps never step backwards within a group', async () => {
    const chat = unique('chat');
    const [client] = await server.chatWith(chat, ['alice']);
    await Promise.all(Array.from({ length: 50 }, (_, index) => server.published(fifo({ chat, content: index }))));
    let last = 0;
    for (const frame of await client.messages(50)) {
      assert.ok(frame.publishTimestamp >= last);
      last = frame.publishTimestamp;
    }
  });
});
