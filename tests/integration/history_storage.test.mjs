// CONTRACT §10: what is stored, when it can be read, and for how long. Message storage: the seeds' MessageStorageQueue.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { assertRefused, fifo, message, unique, until, useServer, using } from './harness.mjs';
import { historyPath, ids, page, patiently, read, walk } from './history_reader.mjs';
import { WebhookReceiver } from './webhooks.mjs';

const ROUNDS = 2500;

describe('a read sees everything that was answered before it', () => {
  const server = useServer();

  it('right after each of thousands of answers, over HTTP, at full publishing speed', async () => {
    const chats = Array.from({ length: 8 }, () => unique('chat'));
    let going = true;
    const load = Array.from({ length: 4 }, async () => {
      const messages = Array.from({ length: 100 }, (_, index) => message({ chat: chats[index % chats.length], content: index, messageType: index % 2 ? 'fifo' : 'standard' }));
      while (going) await server.post('/publish/batch', { messages: messages.map((each) => ({ ...each, messageDeduplicationId: unique('d') })) }, { token: server.backend });
    });
    let asked = 0;
    const readers = Array.from({ length: 16 }, async (_, reader) => {
      const chat = chats[reader % chats.length];
      while (asked < ROUNDS) {
        asked += 1;
        const { messageId, sequenceNumber } = await server.published(fifo({ chat, content: unique('') }));
        const way = asked % 3;
        const path = way === 0 ? historyPath({ chat, sequences: String(sequenceNumber) })
          : way === 1 ? `/messages/${messageId}` : historyPath({ chat, limit: 1000 });
        const { status, json, text } = await patiently(() => server.get(path, { token: server.admin }));
        assert.equal(status, 200, text.slice(0, 500));
        const found = way === 1 ? [json.messageId] : ids(json.messages);
        assert.ok(found.includes(messageId), `${messageId}, number ${sequenceNumber}, was answered and is not there (${way})`);
      }
    });
    await Promise.all(readers);
    going = false;
    await Promise.all(load);
  });

  it('over a socket, and what a subscriber got can be read', async () => {
    const chat = unique('chat');
    const [client] = await server.chatWith(chat, ['alice']);
    for (let index = 0; index < 100; index += 1) {
      const { messageId } = await client.ask({ action: 'sendMessage', ...message({ chat, content: index }) });
      assert.equal((await page(server, { chat, limit: 1 }, { user: 'alice' })).messages[0].messageId, messageId);
      const later = await server.published({ chat, content: index });
      await client.message(later.messageId);
      assert.equal((await server.get(`/messages/${later.messageId}`, { user: 'alice' })).status, 200);
    }
  });
});

describe('what is stored', () => {
  const receiver = using(new WebhookReceiver());
  const server = useServer();
  server.prepare = async () => {
    server.config = { queues: { retry_base_ms: 10 }, 'channels.Email': { type: 'webhook', url: receiver.url, secret: receiver.secret } };
  };

  it('is every message, whatever its channel or type, ephemeral ones apart', async () => {
    const chat = unique('chat');
    const kept = [];
    for (const targetChannel of ['WebSocket', 'Email']) {
      for (const messageType of ['fifo', 'standard', 'ephemeral']) {
        const { messageId } = await server.published({ chat, targetChannel, messageType, content: unique('') });
        if (messageType !== 'ephemeral') kept.push(messageId);
        else assertRefused(await server.get(`/messages/${messageId}`, { token: server.admin }), 404, 'Not found');
      }
    }
    assert.deepEqual(ids((await page(server, { chat, order: 'asc' })).messages), kept);
  });

  it('is a duplicate once', async () => {
    const chat = unique('chat');
    for (let index = 0; index < 3; index += 1) await server.published(fifo({ chat, messageDeduplicationId: 'same' }));
    assert.equal((await page(server, { chat })).count, 1);
  });

  it('is nothing that was refused', async () => {
    const chat = unique('chat');
    await server.publish({ chat }, { user: 'stranger' });
    await server.publish({ chat, targetChannel: 'Nowhere' });
    assert.equal((await page(server, { chat })).count, 0);
  });

  it('is also what is a dead letter in its channel', async () => {
    const chat = unique('chat');
    receiver.statuses = [500];
    const { messageId } = await server.published({ chat, targetChannel: 'Email' });
    await server.untilQueue('EmailDLQ', (queue) => queue.depth === 1, 'it is a dead letter');
    assert.deepEqual(ids((await page(server, { chat })).messages), [messageId]);
  });

  it('has its queue and dead letter queue', async () => {
    const { json } = await server.get('/queues', { token: server.admin });
    const queue = json.find(({ name }) => name === 'MessageStorageQueue');
    assert.equal(queue.deadLetterQueue, 'MessageStorageDLQ');
    assert.deepEqual(await server.peek('MessageStorageDLQ'), []);
    await server.untilQueue('MessageStorageQueue', ({ depth }) => depth === 0, 'everything is stored');
  });
});

describe('kill -9', () => {
  const server = useServer();

  it('loses nothing that was answered and stores nothing twice, batches under way replayed', async () => {
    const chats = [unique('chat'), unique('chat')];
    const answered = new Map(chats.map((chat) => [chat, []]));
    for (let round = 0; round < 4; round += 1) {
      let dead = false;
      const publishers = Array.from({ length: 16 }, async (_, index) => {
        const chat = chats[index % 2];
        while (!dead) {
          try {
            const { status, json } = await server.publish(fifo({ chat, content: unique('') }));
            if (status === 200) answered.get(chat).push(json);
          } catch {
            return;
          }
        }
      });
      const goal = answered.get(chats[0]).length + 100;
      await until(() => answered.get(chats[0]).length >= goal, 'a hundred answers more');
      await server.kill9();
      dead = true;
      await Promise.all(publishers);
      await server.start();
      for (const chat of chats) {
        const all = await walk(server, { chat, order: 'asc', limit: 1000 });
        const stored = new Map(all.map((each) => [each.messageId, each]));
        assert.equal(stored.size, all.length, 'a message is there twice');
        for (const each of answered.get(chat)) assert.equal(stored.get(each.messageId)?.sequenceNumber, each.sequenceNumber, each.messageId);
        assert.deepEqual(all.map((each) => each.sequenceNumber), all.map((_, index) => index + 1), 'numbers without gap or repeat');
      }
    }
  });
});

describe('retention', () => {
  const server = useServer({ config: { history: { retention: '30d' }, 'history.overrides': { 'brief-': '3s' } } });

  it('over, a message is gone from every read at once; others stay', async () => {
    const [brief, kept] = [unique('brief-'), unique('chat')];
    await server.grant('alice', brief);
    const { messageId, timestamp } = await server.published(fifo({ chat: brief }));
    const stays = await server.published(fifo({ chat: kept }));
    await until(async () => (await page(server, { chat: brief })).count === 0, 'it is past its retention');
    assert.ok(Date.now() - Date.parse(timestamp) >= 3000, 'not before its time');
    assert.equal((await page(server, { chat: brief, order: 'asc' })).count, 0);
    assert.equal((await page(server, { chat: brief, fromTimestamp: timestamp, toTimestamp: timestamp })).count, 0);
    assert.equal((await page(server, { chat: brief, sequences: '1' })).count, 0);
    for (const options of [{ token: server.admin }, { user: 'alice' }]) assertRefused(await server.get(`/messages/${messageId}`, options), 404, 'Not found');
    assert.deepEqual(ids((await page(server, { chat: kept })).messages), [stays.messageId]);
  });

  it('a page token outlives what it points at', async () => {
    const chat = unique('brief-');
    for (let index = 0; index < 4; index += 1) await server.published({ chat, content: index });
    const { nextToken: startKey } = await page(server, { chat, limit: 2, order: 'asc' });
    await until(async () => (await page(server, { chat })).count === 0, 'all are past their retention');
    const { messageId } = await server.published({ chat, content: 'new' });
    assert.deepEqual(ids((await page(server, { chat, limit: 2, order: 'asc', startKey })).messages), [messageId]);
  });
});

describe('an overloaded history', () => {
  const server = useServer();

  it('answers every one of many reads at once, with what was asked or 503', async () => {
    const chat = unique('chat');
    const messages = Array.from({ length: 100 }, (_, index) => message({ chat, content: index }));
    await server.post('/publish/batch', { messages }, { token: server.backend });
    const answers = await Promise.all(Array.from({ length: 300 }, () => read(server, { chat, limit: 100 })));
    for (const { status, json, headers } of answers) {
      if (status === 200) assert.equal(json.count, 100);
      else assert.deepEqual([status, json.error, Number(headers['retry-after']) >= 1], [503, 'Service overloaded', true]);
    }
    assert.ok(answers.some(({ status }) => status === 200));
  });
});
