// CONTRACT §7: deduplication.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { assertRefused, fifo, message, unique, until, useServer } from './harness.mjs';

/** Sends the same twice; answers whether the second was taken for a duplicate of the first. */
async function duplicates(server, first, second = first, options = [{}, {}]) {
  const one = await server.published(first, options[0]);
  const two = await server.published(second, options[1]);
  assert.equal(one.deduplicated, undefined, 'the first');
  assert.equal(two.deduplicated === true, two.messageId === one.messageId, 'deduplicated says whether the id is the same');
  return two.deduplicated === true;
}

describe('by messageDeduplicationId', () => {
  const server = useServer();

  it('a duplicate is answered like the first, not delivered, and takes no sequence number', async () => {
    const chat = unique('chat');
    const [client] = await server.chatWith(chat, ['alice']);
    const messageDeduplicationId = unique('id');
    const first = await server.published(fifo({ chat, messageDeduplicationId, content: 1 }));
    const second = await server.published(fifo({ chat, messageDeduplicationId, content: 'something else' }));
    assert.deepEqual(second, { ...first, deduplicated: true });
    const third = await server.published(fifo({ chat, content: 3 }));
    assert.equal(third.sequenceNumber, 2);
    assert.deepEqual((await client.messages(2)).map((frame) => [frame.messageId, frame.payload.content]), [[first.messageId, 1], [third.messageId, 3]]);
  });

  it('holds after the first copy was consumed', async () => {
    const chat = unique('chat');
    const [client] = await server.chatWith(chat, ['alice']);
    const body = fifo({ chat, messageDeduplicationId: unique('id') });
    const { messageId } = await server.published(body);
    await client.message(messageId);
    await server.untilQueue('WebSocketFifoQueue', (queue) => queue.depth === 0, 'the queue is empty');
    assert.equal((await server.published(body)).deduplicated, true);
  });

  it('over the socket too, and its scope is the sender, not the connection', async () => {
    const chat = unique('chat');
    const [first, second] = await server.chatWith(chat, ['alice', 'alice']);
    const body = { action: 'sendMessage', ...fifo({ chat, messageDeduplicationId: unique('id') }) };
    const { messageId } = await first.ask(body);
    const { requestId, ...again } = await second.ask(body);
    assert.deepEqual([again.messageId, again.deduplicated], [messageId, true]);
    const http = await server.published(fifo({ chat, messageDeduplicationId: body.messageDeduplicationId }), { user: 'alice' });
    assert.deepEqual([http.messageId, http.deduplicated], [messageId, true], 'nor the way in');
  });

  it('nobody swallows another sender\'s message', async () => {
    const chat = unique('chat');
    const body = fifo({ chat, messageDeduplicationId: unique('id') });
    await server.grant('bob', chat);
    assert.equal(await duplicates(server, body, body, [{}, { user: 'bob' }]), false);
  });

  it('the scope is the topic: fifo and standard do not mix, chats do', async () => {
    const messageDeduplicationId = unique('id');
    const [a, b] = [unique('a'), unique('b')];
    assert.equal(await duplicates(server, fifo({ chat: a, messageDeduplicationId }), message({ chat: a, messageDeduplicationId })), false);
    assert.equal((await server.published(fifo({ chat: b, messageDeduplicationId }))).deduplicated, true);
  });

  it('authorisation comes first', async () => {
    const chat = unique('chat');
    const user = unique('user');
    const body = fifo({ chat, messageDeduplicationId: unique('id') });
    await server.grant(user, chat);
    await server.published(body, { user });
    await server.grant(user, chat, 'viewer');
    assertRefused(await server.publish(body, { user }), 403, 'Forbidden - No chat access');
    await server.grant(user, chat, 'member');
    assert.equal((await server.published(body, { user })).deduplicated, true);
  });

  it('a refused publish leaves nothing behind', async () => {
    const chat = unique('chat');
    const user = unique('user');
    const body = fifo({ chat, messageDeduplicationId: unique('id') });
    assert.equal((await server.publish(body, { user })).status, 403);
    await server.grant(user, chat);
    const answer = await server.published(body, { user });
    assert.deepEqual([answer.deduplicated, answer.sequenceNumber], [undefined, 1]);
  });

  it('of many at once exactly one counts, and all are answered alike', async () => {
    const chat = unique('chat');
    const [client] = await server.chatWith(chat, ['alice']);
    const body = fifo({ chat, messageDeduplicationId: unique('id') });
    const answers = await Promise.all(Array.from({ length: 30 }, () => server.published(body)));
    assert.equal(new Set(answers.map((answer) => answer.messageId)).size, 1);
    assert.deepEqual(new Set(answers.map((answer) => answer.sequenceNumber)), new Set([1]));
    assert.equal(answers.filter((answer) => answer.deduplicated === undefined).length, 1);
    const end = await server.published(fifo({ chat, content: 'end' }));
    assert.equal((await client.before((frame) => frame.messageId === end.messageId)).length, 1);
  });

  it('a standard message is deduplicated only when it carries an id', async () => {
    const chat = unique('chat');
    assert.equal(await duplicates(server, message({ chat })), false);
    assert.equal(await duplicates(server, message({ chat, messageDeduplicationId: unique('id') })), true);
    const [client] = await server.chatWith(chat, ['alice']);
    await duplicates(server, message({ chat, messageDeduplicationId: unique('id'), content: 'once' }));
    const end = await server.published({ chat, content: 'end' });
    await client.next((frame) => frame.payload.content === 'once');
    await client.message(end.messageId);
    assert.equal(client.frames.size, 0);
  });
});

describe('by Idempotency-Key', () => {
  const server = useServer();
  const key = (value) => ({ token: server.backend, headers: { 'idempotency-key': value } });

  it('sets the id', async () => {
    const chat = unique('chat');
    const id = unique('key');
    const first = await server.published(fifo({ chat, content: 1 }), key(id));
    const second = await server.published(fifo({ chat, content: 2 }), key(id));
    assert.deepEqual([second.messageId, second.deduplicated], [first.messageId, true]);
    const third = await server.published(fifo({ chat, content: 3, messageDeduplicationId: id }));
    assert.equal(third.deduplicated, true, 'it is the same as the id in the body');
    assert.equal(await duplicates(server, message({ chat }), message({ chat }), [key(unique('k')), key(unique('k'))]), false);
  });

  it('gives way to an id in the body', async () => {
    const chat = unique('chat');
    const id = unique('key');
    const body = () => fifo({ chat, messageDeduplicationId: unique('id') });
    assert.equal(await duplicates(server, body(), body(), [key(id), key(id)]), false);
  });

  it('is <key>/<index> within a batch', async () => {
    const chat = unique('chat');
    const id = unique('key');
    const batch = { messages: [fifo({ chat, content: 'same' }), fifo({ chat, content: 'same' })] };
    const first = await server.post('/publish/batch', batch, key(id));
    assert.equal(first.json.successful.length, 2, first.text);
    assert.equal(first.json.successful[1].deduplicated, undefined, 'each has its own index');
    const again = await server.post('/publish/batch', batch, key(id));
    assert.deepEqual(again.json.successful.map((one) => [one.messageId, one.deduplicated]), first.json.successful.map((one) => [one.messageId, true]));
    const single = await server.published(fifo({ chat, messageDeduplicationId: `${id}/1`, content: 'other' }));
    assert.deepEqual([single.messageId, single.deduplicated], [first.json.successful[1].messageId, true]);
  });

  it('is bounded as ids are', async () => {
    assert.equal((await server.publish(fifo({ chat: 'c' }), key('x'.repeat(129)))).status, 400);
  });
});

describe('by content', () => {
  const server = useServer();

  it('counts sender, group, target, attributes and payload', async () => {
    const chat = unique('chat');
    await server.grant('bob', chat);
    const body = (more = {}) => fifo({ chat, messageGroupId: 'g', ...more });
    assert.equal(await duplicates(server, body()), true);
    const fresh = async (changes, options) => (await server.published(body(changes), options)).deduplicated;
    assert.equal(await fresh({ content: 'other' }), undefined, 'payload');
    assert.equal(await fresh({ event: 'other' }), undefined, 'eventType');
    assert.equal(await fresh({ payload: { extra: 1 } }), undefined, 'another member of the payload');
    assert.equal(await fresh({ messageGroupId: 'h' }), undefined, 'group');
    assert.equal(await fresh({ attributes: { a: 1 } }), undefined, 'attributes');
    assert.equal(await fresh({ attributes: { a: '1' } }), undefined, 'their type');
    assert.equal(await fresh({}, { user: 'bob' }), undefined, 'sender');
    assert.equal(await fresh({ chat: unique('chat') }), undefined, 'target');
    assert.equal(await fresh({ correlationId: 'x' }), true, 'not the correlationId');
    assert.equal(await fresh({}), true);
  });

  it('explicit ids and hashes do not meet', async () => {
    const chat = unique('chat');
    const body = fifo({ chat, messageGroupId: 'g' });
    assert.equal(await duplicates(server, { ...body, messageDeduplicationId: unique('id') }, body), false);
  });
});

describe('without content_based_deduplication', () => {
  const server = useServer({ config: { 'topics.fifo': { content_based_deduplication: false } } });

  it('only ids count', async () => {
    const chat = unique('chat');
    assert.equal(await duplicates(server, fifo({ chat })), false);
    assert.equal(await duplicates(server, fifo({ chat, messageDeduplicationId: 'id' })), true);
  });
});

describe('the window', () => {
  const server = useServer({ config: { 'topics.fifo': { deduplication_window: '1s' } } });

  it('ends, counted from the first', async () => {
    const body = fifo({ chat: unique('chat'), messageDeduplicationId: unique('id') });
    const begun = performance.now();
    const first = await server.published(body);
    const next = await until(async () => {
      const answer = await server.published(body);
      return answer.deduplicated ? null : answer;
    }, 'the window ends');
    assert.ok(performance.now() - begun > 900, 'too early');
    assert.notEqual(next.messageId, first.messageId);
    assert.equal(next.sequenceNumber, 2);
  });
});

describe('the default window', () => {
  const server = useServer();

  it('survives restart and crash', async () => {
    const chat = unique('chat');
    const byId = fifo({ chat, messageDeduplicationId: unique('id') });
    const byContent = fifo({ chat, content: 'content' });
    const standard = message({ chat, messageDeduplicationId: unique('id') });
    const first = [];
    for (const body of [byId, byContent, standard]) first.push(await server.published(body));
    for (const end of [() => server.kill9(), () => server.terminate()]) {
      await end();
      await server.start();
      for (const [index, body] of [byId, byContent, standard].entries()) {
        assert.deepEqual(await server.published(body), { ...first[index], deduplicated: true });
      }
    }
    assert.equal((await server.published(fifo({ chat, content: 'next' }))).sequenceNumber, 3);
  });
});
