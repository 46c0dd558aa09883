// CONTRACT §7: who may publish.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { assertRefused, fifo, message, unique, useServer, using } from './harness.mjs';
import { WebhookReceiver } from './webhooks.mjs';

const NO_CHAT = 'Forbidden - No chat access';
const send = (client, fields) => client.ask({ action: 'sendMessage', ...message(fields) });

describe('to a chat', () => {
  const server = useServer();

  it('role member or above at that moment', async () => {
    const chat = unique('chat');
    const user = unique('user');
    const status = async () => (await server.publish({ chat }, { user })).status;
    assert.equal(await status(), 403);
    for (const [role, expected] of [['viewer', 403], ['member', 200], ['admin', 200], ['owner', 200]]) {
      await server.grant(user, chat, role);
      assert.equal(await status(), expected, role);
    }
    await server.grant(unique('other'), chat, 'owner');
    await server.grant(user, chat, 'viewer');
    assert.equal(await status(), 403, 'lowered');
  });

  it('over the socket the connection must also be subscribed to it', async () => {
    const chat = unique('chat');
    await server.grant('alice', chat);
    const client = await server.connect({ as: 'alice' });
    const refused = await send(client, { chat });
    assert.deepEqual([refused.statusCode, refused.error], [403, NO_CHAT]);
    assert.equal((await server.publish({ chat }, { user: 'alice' })).status, 200, 'HTTP has no connection');
    await client.ask({ action: 'subscribe', chatIds: [chat] });
    assert.equal((await send(client, { chat })).message, 'Message sent successfully via WebSocket!');
    await client.ask({ action: 'unsubscribe', chatIds: [chat] });
    assert.equal((await send(client, { chat })).statusCode, 403);
  });

  it('a subscribed viewer may not', async () => {
    const chat = unique('chat');
    await server.grant('viewer', chat, 'viewer');
    const client = await server.connect({ as: 'viewer', chats: [chat] });
    const refused = await send(client, { chat });
    assert.deepEqual([refused.statusCode, refused.error], [403, NO_CHAT]);
  });

  it('carillon/publish and carillon/admin may to any, over the socket without subscription', async () => {
    for (const scope of ['carillon/publish', 'carillon/admin']) {
      const token = server.token({ user: unique('user'), scopes: [scope] });
      assert.equal((await server.publish({ chat: unique('chat') }, { token })).status, 200);
      const client = await server.connect({ token });
      assert.equal((await send(client, { chat: unique('chat') })).message, 'Message sent successfully via WebSocket!');
      for (const to of ['user:u', 'org:o', 'hub:h', 'project:p', 'all']) assert.equal((await server.publish({ to }, { token })).status, 200, to);
    }
  });
});

describe('to org, hub and project', () => {
  const server = useServer();

  for (const [name, claim] of [['org', 'custom:orgId'], ['hub', 'custom:hubId'], ['project', 'custom:projectId']]) {
    it(`members of the ${name}, by claim or by entry`, async () => {
      const id = unique(name);
      const to = `${name}:${id}`;
      const refusal = `Forbidden - No access to ${name}`;
      assert.equal((await server.publish({ to }, { token: server.token({ user: 'm', claims: { [claim]: id } }) })).status, 200);
      assertRefused(await server.publish({ to }, { token: server.token({ user: 'n', claims: { [claim]: 'other' } }) }), 403, refusal);
      const user = unique('user');
      assertRefused(await server.publish({ to }, { user }), 403, refusal);
      await server.post('/permissions', { userId: user, targetClass: name, targetId: id, role: 'member' }, { token: server.admin });
      assert.equal((await server.publish({ to }, { user })).status, 200);
    });
  }

  it('to all only carillon/publish', async () => {
    assertRefused(await server.publish({ to: 'all' }, { user: 'alice' }), 403, 'Forbidden - No access to all');
    assert.equal((await server.publish({ to: 'all' })).status, 200);
  });
});

describe('to a user', () => {
  describe('by default', () => {
    const server = useServer();
    it('any authenticated user may', async () => {
      const bob = await server.connect({ as: 'bob' });
      const { messageId } = await server.published({ to: 'user:bob' }, { user: 'alice' });
      assert.equal((await bob.message(messageId)).userId, 'alice');
    });
  });

  describe('shared_chat', () => {
    const server = useServer({ config: { publish: { user_targets: 'shared_chat' } } });
    it('who has an entry for a chat of theirs may', async () => {
      const chat = unique('chat');
      const [a, b, c] = [unique('a'), unique('b'), unique('c')];
      await server.grant(a, chat);
      assert.equal((await server.publish({ to: `user:${b}` }, { user: a })).status, 403);
      await server.grant(b, chat, 'viewer');
      assert.equal((await server.publish({ to: `user:${b}` }, { user: a })).status, 200);
      assert.equal((await server.publish({ to: `user:${c}` }, { user: a })).status, 403);
      assert.equal((await server.publish({ to: `user:${c}` })).status, 200, 'a backend may');
    });
  });

  describe('none', () => {
    const server = useServer({ config: { publish: { user_targets: 'none' } } });
    it('only backends may', async () => {
      const chat = unique('chat');
      for (const user of ['alice', 'bob']) await server.grant(user, chat);
      assert.equal((await server.publish({ to: 'user:bob' }, { user: 'alice' })).status, 403);
      assert.equal((await server.publish({ to: 'user:bob' })).status, 200);
      assert.equal((await server.publish({ to: 'user:bob' }, { token: server.admin })).status, 200);
    });
  });
});

describe('a channel for backends', () => {
  const receiver = using(new WebhookReceiver());
  const server = useServer();
  server.prepare = async () => {
    server.config = { 'channels.Email': { type: 'webhook', url: receiver.url, secret: receiver.secret, publishers: 'backend' }, 'channels.SMS': { type: 'webhook', url: receiver.url, secret: receiver.secret } };
  };

  it('is closed to users', async () => {
    const chat = unique('chat');
    const [client] = await server.chatWith(chat, ['alice']);
    const { status, json } = await server.publish({ chat, targetChannel: 'Email' }, { user: 'alice' });
    assert.equal(status, 403);
    assert.match(json.error, /^Forbidden/);
    assert.equal((await send(client, { chat, targetChannel: 'Email' })).statusCode, 403);
    const email = await server.published({ chat, targetChannel: 'Email' });
    assert.equal((await receiver.next()).data.messageId, email.messageId);
    const sms = await server.published({ chat, targetChannel: 'SMS' }, { user: 'alice' });
    assert.equal((await receiver.next()).data.messageId, sms.messageId, 'others are open');
  });
});

describe('revocation', () => {
  const server = useServer();

  it('no publish is accepted and no frame enters once it is answered', async () => {
    for (let round = 0; round < 10; round += 1) {
      const chat = unique('chat');
      const [alice, bob] = await server.chatWith(chat, ['alice', 'bob']);
      const { status, json } = await server.revoke('bob', chat);
      assert.equal(status, 200);
      assert.equal(json.message, 'Permission revoked');
      assert.equal((await server.publish({ chat }, { user: 'bob' })).status, 403);
      assert.equal((await send(bob, { chat })).statusCode, 403);
      await server.published(fifo({ chat, messageGroupId: 'g', content: unique('') }));
      const end = await server.published(fifo({ to: 'all', messageGroupId: 'g', content: unique('') }));
      const before = await bob.before((frame) => frame.messageId === end.messageId);
      assert.deepEqual(before.filter((frame) => frame.type !== undefined), [{ type: 'unsubscribed', chatId: chat, reason: 'permission revoked' }]);
      await alice.message(end.messageId);
      alice.terminate();
      bob.terminate();
    }
  });

  it('under load, nothing arrives after the notice', async () => {
    const chat = unique('chat');
    const [alice, bob] = await server.chatWith(chat, ['alice', 'bob']);
    let stop = false;
    const publishing = Promise.all(Array.from({ length: 4 }, async () => {
      while (!stop) await server.published(fifo({ chat, content: unique('') }));
    }));
    await bob.messages(20);
    await server.revoke('bob', chat);
    const revokedAt = (await server.published(fifo({ chat, content: 'after' }))).sequenceNumber;
    stop = true;
    await publishing;
    const end = await server.published(fifo({ to: 'user:bob', content: unique('') }));
    const frames = await bob.before((frame) => frame.messageId === end.messageId);
    const notice = frames.findIndex((frame) => frame.type === 'unsubscribed');
    assert.ok(notice >= 0, 'bob was told');
    assert.deepEqual(frames.slice(notice + 1), []);
    assert.ok(frames.slice(0, notice).every((frame) => frame.sequenceNumber < revokedAt));
    await alice.next((frame) => frame.sequenceNumber === revokedAt);
  });

  it('of a membership ends it on live connections', async () => {
    const org = unique('org');
    const target = { userId: 'carol', targetClass: 'org', targetId: org };
    await server.post('/permissions', target, { token: server.admin });
    const carol = await server.connect({ as: 'carol', query: { orgId: org } });
    const { messageId } = await server.published({ to: `org:${org}` });
    await carol.message(messageId);
    assert.equal((await server.delete(`/permissions?${new URLSearchParams(target)}`, { token: server.admin })).status, 200);
    await server.published(fifo({ to: `org:${org}`, messageGroupId: 'g', content: unique('') }));
    const end = await server.published(fifo({ to: 'user:carol', messageGroupId: 'g', content: unique('') }));
    assert.deepEqual((await carol.before((frame) => frame.messageId === end.messageId)).filter((frame) => frame.type === 'message'), []);
  });
});
