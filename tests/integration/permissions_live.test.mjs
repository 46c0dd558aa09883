// CONTRACT §9: what grants and revocations do to connections that are open.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { buryFor } from './dead_letters.mjs';
import { fifo, message, unique, useServer } from './harness.mjs';

const NO_CHAT = 'Forbidden - No chat access';
const send = (client, fields) => client.ask({ action: 'sendMessage', ...message(fields) });
const CLASSES = ['org', 'hub', 'project'];

/** The messages that reached the user's connections before a marker; nothing published earlier comes later. */
async function messagesUntilMarker(server, user, ...clients) {
  const { messageId } = await server.published(fifo({ to: `user:${user}`, content: unique('marker') }));
  const all = await Promise.all(clients.map((client) => client.before((frame) => frame.messageId === messageId, 'the marker')));
  return all.flat().filter((frame) => frame.type === 'message').map((frame) => frame.messageId);
}

describe('a grant', () => {
  const server = useServer();

  it('makes subscribe work on an open connection', async () => {
    const [user, chat] = [unique('user'), unique('chat')];
    const client = await server.connect({ as: user });
    assert.deepEqual((await client.ask({ action: 'subscribe', chatIds: [chat] })).denied, [chat]);
    await server.grant(user, chat, 'viewer');
    const { chatIds, denied } = await client.ask({ action: 'subscribe', chatIds: [chat] });
    assert.deepEqual([chatIds, denied], [[chat], []]);
    const { messageId } = await server.published({ chat });
    await client.message(messageId);
  });

  it('reaches chatId=* connections at once, and only that user\'s', async () => {
    const [user, chat] = [unique('user'), unique('chat')];
    const [one, two, other] = await Promise.all([user, user, unique('other')].map((as) => server.connect({ as, chats: ['*'] })));
    await server.grant(user, chat, 'viewer');
    const { messageId } = await server.published({ chat });
    await Promise.all([one, two].map((client) => client.message(messageId)));
    assert.deepEqual(await other.subscriptions(), []);
    await server.revoke(user, chat);
    await server.grant(user, chat);
    const again = await server.published({ chat });
    await one.message(again.messageId);
  });

  it('that replaces a role does not take up again what was unsubscribed', async () => {
    const [user, chat] = [unique('user'), unique('chat')];
    await server.grant(user, chat);
    const client = await server.connect({ as: user, chats: ['*'] });
    await client.ask({ action: 'unsubscribe', chatIds: [chat] });
    await server.grant(user, chat, 'admin');
    assert.deepEqual(await client.subscriptions(), []);
  });

  it('of a lower role stops publishing at once and keeps what is heard', async () => {
    const [user, chat] = [unique('user'), unique('chat')];
    await server.grant(user, chat, 'member');
    const client = await server.connect({ as: user, chats: [chat] });
    assert.equal((await send(client, { chat })).error, undefined);
    await server.grant(user, chat, 'viewer');
    const refused = await send(client, { chat });
    assert.deepEqual([refused.statusCode, refused.error], [403, NO_CHAT]);
    assert.equal((await server.publish({ chat }, { user })).status, 403);
    const { messageId } = await server.published({ chat });
    await client.message(messageId);
    await server.grant(user, chat, 'member');
    assert.equal((await send(client, { chat })).error, undefined, 'and back');
  });
});

describe('a revocation', () => {
  const server = useServer({ config: { limits: { publish_per_second: 0 } } });

  it('takes the chat away with a notice, before it is answered, from every connection of the user', async () => {
    const [user, chat, kept] = [unique('user'), unique('chat'), unique('kept')];
    for (const each of [chat, kept]) await server.grant(user, each);
    const clients = await Promise.all([[chat, kept], ['*'], [chat]].map((chats) => server.connect({ as: user, chats })));
    const [stays] = await server.chatWith(chat, [unique('stays')]);
    assert.equal((await server.revoke(user, chat)).status, 200);
    const { messageId } = await server.published({ chat });
    for (const client of clients) {
      const notice = await client.next((frame) => frame.type === 'unsubscribed', 'the notice');
      assert.deepEqual(notice, { type: 'unsubscribed', chatId: chat, reason: 'permission revoked' });
      assert.ok(!(await client.subscriptions()).includes(chat));
      assert.deepEqual((await client.ask({ action: 'subscribe', chatIds: [chat] })).denied, [chat]);
    }
    assert.deepEqual(await messagesUntilMarker(server, user, ...clients), []);
    await stays.message(messageId);
    assert.deepEqual((await clients[0].subscriptions()), [kept]);
  });

  it('in the middle of a stream: nothing follows the notice', async () => {
    const [user, chat] = [unique('user'), unique('chat')];
    await server.grant(user, chat);
    const client = await server.connect({ as: user, chats: [chat] });
    let going = true;
    const publishing = Array.from({ length: 8 }, async () => {
      while (going) await server.published(fifo({ chat, content: unique('') }));
    });
    for (let round = 0; round < 10; round += 1) {
      await client.nextMessage();
      assert.equal((await server.revoke(user, chat)).status, 200);
      await client.next((frame) => frame.type === 'unsubscribed', 'the notice');
      client.frames.drain();
      const subscribed = await client.ask({ action: 'subscribe', chatIds: [chat] });
      assert.deepEqual(subscribed.denied, [chat]);
      assert.equal(client.frames.size, 0, `frames after the notice: ${client.frames.summary()}`);
      await server.grant(user, chat);
      await client.ask({ action: 'subscribe', chatIds: [chat] });
    }
    going = false;
    await Promise.all(publishing);
  });

  it('stops publishing, over the socket and HTTP', async () => {
    const [user, chat] = [unique('user'), unique('chat')];
    await server.grant(user, chat, 'admin');
    const [witness] = await server.chatWith(chat, [unique('witness')]);
    const client = await server.connect({ as: user, chats: [chat] });
    let revoked = false;
    const late = [];
    const publishing = Array.from({ length: 4 }, async (_, index) => {
      for (let number = 0; number < 400; number += 1) {
        const after = revoked;
        const refused = index % 2 ? (await send(client, { chat })).statusCode === 403 : (await server.publish({ chat }, { user })).status === 403;
        if (after && !refused) late.push([index, number]);
        if (refused) return;
      }
    });
    await witness.nextMessage();
    assert.equal((await server.revoke(user, chat)).status, 200);
    revoked = true;
    await Promise.all(publishing);
    assert.deepEqual(late, [], 'accepted after the answer');
    assert.equal((await server.publish({ chat }, { user })).status, 403);
  });

  it('ends presence and what may be seen of others', async () => {
    const [user, chat] = [unique('user'), unique('chat')];
    await server.grant(user, chat);
    const client = await server.connect({ as: user, chats: [chat] });
    assert.equal((await client.ask({ action: 'presence', chatId: chat })).users.length, 1);
    await server.revoke(user, chat);
    assert.equal((await client.ask({ action: 'presence', chatId: chat })).statusCode, 403);
    assert.equal((await server.get(`/presence?chatId=${chat}`, { user })).status, 403);
  });

  it('by leaving oneself does the same', async () => {
    const [user, chat] = [unique('user'), unique('chat')];
    await server.grant(user, chat, 'viewer');
    const client = await server.connect({ as: user, chats: [chat] });
    assert.equal((await server.revoke(user, chat, { user })).status, 200);
    assert.equal((await client.next()).type, 'unsubscribed');
    assert.deepEqual(await client.subscriptions(), []);
  });

  it('is in force for a plain connection too, and after a restart', async () => {
    const [user, chat] = [unique('user'), unique('chat')];
    await server.grant(user, chat);
    const client = await server.connect({ as: user, chats: [chat], plain: true });
    await server.revoke(user, chat);
    assert.deepEqual(await client.next(), { type: 'unsubscribed', chatId: chat, reason: 'permission revoked' });
    await server.kill9();
    await server.restart();
    assert.equal((await server.refused({ as: user, chats: [chat] })).status, 403);
  });
});

describe('org, hub and project', () => {
  const server = useServer();
  const grant = (userId, targetClass, targetId, role) => server.post('/permissions', { userId, targetClass, targetId, role }, { token: server.admin });
  const revoke = (userId, targetClass, targetId) => server.delete(`/permissions?${new URLSearchParams({ userId, targetClass, targetId })}`, { token: server.admin });

  for (const name of CLASSES) {
    it(`${name}: a grant lets in, roles count, a revocation takes away with a notice`, async () => {
      const [user, id] = [unique('user'), unique(name)];
      assert.equal((await server.refused({ as: user, query: { [`${name}Id`]: id } })).status, 403);
      await grant(user, name, id, 'viewer');
      const client = await server.connect({ as: user, query: { [`${name}Id`]: id } });
      const heard = await server.published({ to: `${name}:${id}` });
      await client.message(heard.messageId);
      assert.equal((await send(client, { to: `${name}:${id}` })).error, `Forbidden - No access to ${name}`, 'a viewer reads');
      await grant(user, name, id, 'member');
      assert.equal((await send(client, { to: `${name}:${id}` })).error, undefined);
      await client.nextMessage();
      const other = CLASSES.find((each) => each !== name);
      assert.equal((await server.publish({ to: `${other}:${id}` }, { user })).status, 403, 'the same id in another class is another target');
      assert.equal((await server.publish({ chat: id }, { user })).status, 403);

      assert.equal((await revoke(user, name, id)).status, 200);
      const notice = await client.next((frame) => frame.type === 'unsubscribed', 'the notice');
      assert.deepEqual(notice, { type: 'unsubscribed', targetClass: name, targetId: id, reason: 'permission revoked' });
      await server.published({ to: `${name}:${id}` });
      assert.deepEqual(await messagesUntilMarker(server, user, client), []);
      assert.equal((await server.publish({ to: `${name}:${id}` }, { user })).status, 403);
    });

    it(`${name}: a member by claim stays one when an entry goes`, async () => {
      const [user, id] = [unique('user'), unique(name)];
      const token = server.token({ user, claims: { [`custom:${name}Id`]: id } });
      await grant(user, name, id, 'admin');
      const client = await server.connect({ token, query: { [`${name}Id`]: id } });
      assert.equal((await revoke(user, name, id)).status, 200);
      const { messageId } = await server.published({ to: `${name}:${id}` });
      await client.message(messageId);
    });

    it(`${name}: admins and owners grant, others do not`, async () => {
      const id = unique(name);
      for (const role of ['viewer', 'member', 'admin', 'owner']) await grant(role, name, id, role);
      const by = async (user, role) => (await server.post('/permissions', { userId: unique('new'), targetClass: name, targetId: id, role }, { user })).status;
      assert.deepEqual([await by('viewer', 'viewer'), await by('member', 'viewer'), await by('admin', 'admin'), await by('admin', 'owner'), await by('owner', 'owner')], [403, 403, 201, 403, 201]);
    });
  }
});

describe('a redrive after a revocation', () => {
  const server = useServer({ config: { gateway: { max_outbound_bytes: 262_144 + 65_536 }, queues: { retry_base_ms: 50 } } });

  it('leaves out who is no longer permitted', async () => {
    const [user, chat] = [unique('user'), unique('chat')];
    const letter = await buryFor(server, user, chat);
    const back = await server.connect({ as: user, chats: [chat] });
    await server.revoke(user, chat);
    await back.next((frame) => frame.type === 'unsubscribed', 'the notice');
    assert.equal((await server.post('/queues/WebSocketFifoDLQ/redrive', {}, { token: server.admin })).status, 200);
    await server.untilQueue('WebSocketFifoDLQ', (queue) => queue.depth === 0, 'it was redriven');
    await server.untilQueue('WebSocketFifoQueue', (queue) => queue.depth === 0, 'it is done');
    assert.deepEqual(await messagesUntilMarker(server, user, back), [], letter.messageId);
  });
});
