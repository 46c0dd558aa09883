// CONTRACT §4: targets and ids, and who receives what.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { fifo, message, unique, useServer } from './harness.mjs';

describe('ids', () => {
  const server = useServer();
  const status = async (fields) => (await server.publish(fields)).status;

  it('are 1 to 256 code points', async () => {
    assert.equal(await status({ chat: 'x'.repeat(256) }), 200);
    assert.equal(await status({ chat: 'x'.repeat(257) }), 400);
    assert.equal(await status({ chat: '😀'.repeat(256) }), 200, 'code points, not bytes or UTF-16 units');
    assert.equal(await status({ chat: '😀'.repeat(257) }), 400);
    assert.equal(await status({ chat: '' }), 400);
    assert.equal(await status({ to: `user:${'x'.repeat(256)}` }), 200);
    assert.equal(await status({ to: `user:${'x'.repeat(257)}` }), 400);
  });

  it('hold no control characters or commas and are not *', async () => {
    for (const id of ['a,b', ',', '*', 'a\u0000b', 'a\nb', '\u007f', 'a\u0085', '\u001b[31m']) {
      assert.equal(await status({ chat: id }), 400, `chatId ${JSON.stringify(id)}`);
      assert.equal(await status({ payload: { targetClass: 'user', targetId: id } }), 400, `targetId ${JSON.stringify(id)}`);
    }
    for (const id of ['**', '*a', 'a b', ' ', 'a:b', 'a/b', '"', '\\', 'ünïcødé', '🎉', '%2C', "'; DROP"]) {
      assert.equal(await status({ chat: id }), 200, id);
    }
  });

  it('are strings', async () => {
    for (const id of [7, true, null, ['a'], { a: 1 }]) {
      assert.equal(await status({ payload: { chatId: id } }), 400, JSON.stringify(id));
      assert.equal(await status({ payload: { targetClass: 'user', targetId: id } }), 400, JSON.stringify(id));
    }
  });

  it('are UTF-8', async () => {
    const body = Buffer.from(JSON.stringify(message({ chat: 'c?' })));
    body[body.indexOf('c?') + 1] = 0xff;
    assert.equal((await server.post('/publish', body, { token: server.backend })).status, 400);
    const lone = JSON.stringify(message({ chat: 'c' })).replace('"c"', '"\\ud800"');
    assert.equal((await server.post('/publish', lone, { token: server.backend })).status, 400, 'a lone surrogate');
  });

  it('compare as bytes', async () => {
    const composed = `caf\u00e9-${unique('')}`;
    const decomposed = composed.normalize('NFD');
    assert.notEqual(composed, decomposed);
    await server.grant('alice', composed);
    await server.connect({ chats: [composed] });
    assert.deepEqual((await server.refused({ chats: [decomposed] })).json.chatIds, [decomposed]);
    assert.deepEqual((await server.refused({ chats: [composed.toUpperCase()] })).json.chatIds, [composed.toUpperCase()]);
    const first = await server.published(fifo({ chat: composed }));
    const second = await server.published(fifo({ chat: decomposed }));
    assert.deepEqual([first.sequenceNumber, second.sequenceNumber], [1, 1], 'each chat counts for itself');
  });

  for (const field of ['messageGroupId', 'messageDeduplicationId', 'correlationId', 'eventType']) {
    it(`${field} is one of at most 128`, async () => {
      const publish = (value) => status(field === 'eventType' ? fifo({ chat: 'c', event: value }) : fifo({ chat: 'c', content: unique(''), [field]: value }));
      assert.equal(await publish('x'.repeat(128)), 200);
      assert.equal(await publish('é'.repeat(128)), 200);
      for (const value of ['x'.repeat(129), 'a,b', 'a\nb', '*', '', 7, {}]) assert.equal(await publish(value), 400, JSON.stringify(value).slice(0, 40));
    });
  }
});

describe('a target', () => {
  const server = useServer();

  it('may be a chat by class and id, which is the same chat', async () => {
    const chat = unique('chat');
    const [client] = await server.chatWith(chat, ['alice']);
    const { messageId } = await server.published({ to: `chat:${chat}` });
    const frame = await client.message(messageId);
    assert.deepEqual([frame.chatId, frame.targetClass, frame.targetId], [chat, 'chat', chat]);
    await server.published({ chat, payload: { targetClass: 'chat', targetId: chat } });
  });

  it('is one: chatId beside another target is 400', async () => {
    for (const other of [{ targetClass: 'user', targetId: 'u' }, { targetClass: 'chat', targetId: 'other' }, { targetClass: 'org', targetId: 'c' }]) {
      const { status } = await server.publish({ chat: 'c', payload: other });
      assert.equal(status, 400, JSON.stringify(other));
    }
  });
});

describe('a connection receives', () => {
  const server = useServer();

  it('what is sent to its user, its org, hub and project, its chats and all, and nothing else', async () => {
    const names = { chat: unique('chat'), org: unique('org'), hub: unique('hub'), project: unique('project') };
    const user = unique('user');
    const claims = { 'custom:orgId': [names.org, 'org-2'], 'custom:hubId': names.hub, 'custom:projectId': names.project };
    const token = server.token({ user, claims });
    await server.grant(user, names.chat);
    const full = await server.connect({ token, chats: [names.chat], query: { orgId: names.org, hubId: names.hub, projectId: names.project } });
    const bare = await server.connect({ token });
    const other = await server.connect({ as: unique('other') });

    const to = [`user:${user}`, `org:${names.org}`, `hub:${names.hub}`, `project:${names.project}`, `chat:${names.chat}`, 'all'];
    const sent = [];
    for (const target of [...to, 'org:org-2', `hub:${names.org}`, `user:${names.org}`]) sent.push((await server.published({ to: target })).messageId);
    const last = (await server.published(fifo({ to: 'all', messageGroupId: unique('end') }))).messageId;
    const received = async (client) => new Set((await client.before((frame) => frame.messageId === last)).map((frame) => frame.messageId));

    // Standard messages may overtake one another; the end marker went through another queue, so each is awaited.
    for (const id of sent.slice(0, 6)) await full.message(id);
    for (const id of [sent[0], sent[5]]) await bare.message(id);
    await other.message(sent[5]);
    for (const client of [full, bare, other]) assert.deepEqual(await received(client), new Set(), 'something that was for others');
  });

  it('every connection of a user gets it', async () => {
    const user = unique('user');
    const clients = await Promise.all([1, 2, 3].map(() => server.connect({ as: user })));
    const { messageId } = await server.published({ to: `user:${user}` });
    for (const client of clients) await client.message(messageId);
  });

  it('one message once, though it is named twice', async () => {
    const chat = unique('chat');
    await server.grant('alice', chat);
    const client = await server.connect({ chats: [chat, chat] });
    assert.deepEqual(client.hello.chatIds, [chat]);
    await client.ask({ action: 'subscribe', chatIds: [chat] });
    const first = await server.published(fifo({ chat, content: 1 }));
    const second = await server.published(fifo({ chat, content: 2 }));
    const frames = await client.messages(2);
    assert.deepEqual(frames.map((frame) => frame.messageId), [first.messageId, second.messageId]);
  });
});
