// CONTRACT §11: a connection that does not read: retried, dead-lettered, closed 1013; nobody else waits.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { fifo, unique, useServer } from './harness.mjs';
import { OPCODE, RawSocket } from './raw.mjs';

const BIG = 'x'.repeat(200_000);
const RETRY_MS = 2000;
const settings = { gateway: { max_outbound_bytes: 262_144 + 65_536, heartbeat_timeout_seconds: 120 }, queues: { retry_base_ms: RETRY_MS } };

/** A connection of `user` to `chat` that reads its connected frame and then nothing more. */
async function deafClient(server, user, chat) {
  await server.grant(user, chat);
  const raw = await RawSocket.upgraded(server.port, `/dvl?token=${server.token(user)}&chatId=${chat}`, { 'Sec-WebSocket-Protocol': 'carillon.v1' });
  raw.hello = JSON.parse((await raw.frame()).payload);
  return raw.pause();
}

/** Publishes until the server holds a message back for the deaf client. Everybody in `good` gets each at once. */
async function fillUp(server, chat, good, messageType = 'fifo') {
  const queue = messageType === 'fifo' ? 'WebSocketFifoQueue' : 'WebSocketStandardQueue';
  const sent = [];
  for (let index = 0; index < 150; index += 1) {
    sent.push(await server.published({ messageType, chat, content: [index, BIG] }));
    for (const client of good) assert.equal((await client.nextMessage()).data.messageId, sent.at(-1).messageId);
    // What is only on its way is settled long before; what waits for its retry cannot be.
    const since = performance.now();
    let held = true;
    while (held && performance.now() - since < RETRY_MS / 2) held = (await server.queue(queue)).inFlight > 0;
    if (held) return sent;
  }
  return assert.fail('30 MB were taken for a client that reads nothing');
}

async function readMessages(raw) {
  const { frames, code } = await raw.resume().untilClose(30_000);
  const messages = frames.filter((one) => one.opcode === OPCODE.text).map((one) => JSON.parse(one.payload)).filter((one) => one.type === 'message');
  return { messages, code };
}

for (const [messageType, dlq] of [['fifo', 'WebSocketFifoDLQ'], ['standard', 'WebSocketStandardDLQ']]) {
  describe(`a ${messageType} message to a connection that stopped reading`, () => {
    const server = useServer({ config: settings });

    it('is retried, dead-lettered with its recipient and reason, and can be redriven', async () => {
      const chat = unique('chat');
      const good = await server.chatWith(chat, ['good-1', 'good-2']);
      const slow = await deafClient(server, 'slow', chat);
      const sent = await fillUp(server, chat, good, messageType);
      const failing = sent.at(-1);

      // Only that recipient waits: later messages of the chat, other groups and targets reach everybody else at once.
      for (let index = 0; index < 5; index += 1) {
        const later = await server.published({ messageType, chat, content: `later ${index}` });
        for (const client of good) assert.equal((await client.nextMessage()).data.messageId, later.messageId);
      }
      const other = await server.published(fifo({ to: 'user:good-1', content: unique('') }));
      assert.equal((await good[0].nextMessage()).data.messageId, other.messageId);
      assert.equal((await server.queue(dlq)).depth, 0, 'all that happened before the retries were over');

      await server.untilQueue(dlq, (queue) => queue.depth > 0, 'the message is a dead letter');
      const letters = await server.peek(dlq);
      assert.equal(letters.length, 1, 'one dead letter; what was parked counts as gone');
      const text = JSON.stringify(letters[0]);
      assert.ok(text.includes(failing.messageId), 'the one that failed first');
      assert.ok(text.includes(`"userId":"slow"`) && text.includes(slow.hello.connectionId), text.slice(-500));
      assert.match(text, /"reason":"[^"]+"/);

      const { messages, code } = await readMessages(slow);
      assert.equal(code, 1013);
      assert.deepEqual(messages.map((one) => one.messageId), sent.slice(0, -1).map((one) => one.messageId), 'what had been accepted arrived, whole and in order');
      slow.destroy();

      const back = await server.connect({ as: 'slow', chats: [chat] });
      const { status } = await server.post(`/queues/${dlq}/redrive`, {}, { token: server.admin });
      assert.equal(status, 200);
      const again = await back.message(failing.messageId);
      assert.equal(again.sequenceNumber, failing.sequenceNumber);
      const end = await server.published({ messageType, chat, content: 'end' });
      for (const client of good) assert.equal((await client.nextMessage()).data.messageId, end.messageId, 'others do not get the redriven one');
      await server.untilQueue(dlq, (queue) => queue.depth === 0, 'the dead letter is gone');
    });
  });
}

describe('a connection that reads again in time', () => {
  const server = useServer({ config: settings });

  it('gets everything in order, and there is no dead letter', async () => {
    const chat = unique('chat');
    const good = await server.chatWith(chat, ['good']);
    const slow = await deafClient(server, 'slow', chat);
    const sent = await fillUp(server, chat, good);
    for (let index = 0; index < 10; index += 1) sent.push(await server.published(fifo({ chat, content: `later ${index}` })));
    slow.resume();
    for (const { messageId } of sent) {
      let next;
      do next = await slow.frame();
      while (next?.opcode === OPCODE.ping);
      assert.equal(next?.opcode, OPCODE.text, 'the connection ended');
      assert.equal(JSON.parse(next.payload).messageId, messageId);
    }
    await server.untilQueue('WebSocketFifoQueue', (queue) => queue.depth === 0, 'nothing waits');
    assert.equal((await server.queue('WebSocketFifoDLQ')).depth, 0);
    slow.destroy();
  });
});

describe('a connection that ends while a message waits for it', () => {
  const server = useServer({ config: settings });

  it('is gone: no dead letter, record removed', async () => {
    const chat = unique('chat');
    const good = await server.chatWith(chat, ['good']);
    const slow = await deafClient(server, 'slow', chat);
    await fillUp(server, chat, good);
    slow.destroy();
    await server.untilQueue('WebSocketFifoQueue', (queue) => queue.depth === 0, 'nothing waits');
    assert.equal((await server.queue('WebSocketFifoDLQ')).depth, 0);
    const { text } = await server.get('/connections?userId=slow', { token: server.admin });
    assert.ok(!text.includes(slow.hello.connectionId), text);
  });
});

describe('a revocation while a message waits for its retry', () => {
  const server = useServer({ config: settings });

  it('keeps it from the user for good', async () => {
    const chat = unique('chat');
    const good = await server.chatWith(chat, ['good']);
    const slow = await deafClient(server, 'slow', chat);
    const sent = await fillUp(server, chat, good);
    assert.equal((await server.revoke('slow', chat)).status, 200);
    slow.resume();
    const received = [];
    for (;;) {
      const next = await slow.frame();
      assert.notEqual(next?.opcode, OPCODE.close, 'closed');
      const data = next.opcode === OPCODE.text ? JSON.parse(next.payload) : {};
      if (data.type === 'message') received.push(data.messageId);
      if (data.type === 'unsubscribed') break;
    }
    assert.deepEqual(received, sent.slice(0, -1).map((one) => one.messageId));
    const end = await server.published(fifo({ to: 'user:slow', content: 'end' }));
    assert.equal(JSON.parse((await slow.frame()).payload).messageId, end.messageId);
    slow.destroy();
  });
});
