// CONTRACT §10: whose history may be read: chats, one's own inbox, org, hub, project, all; and one message.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { assertRefused, fifo, unique, useServer } from './harness.mjs';
import { ids, page, read, walk } from './history_reader.mjs';

const GONE = '01890000-0000-7000-8000-000000000000';

describe('a chat\'s history', () => {
  const server = useServer();

  it('needs role viewer or above, at that moment', async () => {
    const [user, chat] = [unique('user'), unique('chat')];
    await server.published({ chat });
    const status = async () => (await read(server, { chat }, { user })).status;
    assert.equal(await status(), 403);
    for (const role of ['viewer', 'member', 'admin', 'owner']) {
      await server.grant(user, chat, role);
      assert.equal(await status(), 200, role);
    }
    assert.equal((await page(server, { chat }, { user })).count, 1, 'what was said before one came too');
    await server.revoke(user, chat);
    assertRefused(await read(server, { chat }, { user }), 403, 'Forbidden - No chat access');
    assertRefused(await read(server, { chat }, { token: server.backend }), 403, 'Forbidden - No chat access');
    assert.equal((await read(server, { chat })).status, 200, 'carillon/admin');
  });

  it('goes by either name', async () => {
    const chat = unique('chat');
    const { messageId } = await server.published({ to: `chat:${chat}` });
    for (const query of [{ chat }, { to: `chat:${chat}` }, { chat, to: `chat:${chat}` }]) assert.deepEqual(ids((await page(server, query)).messages), [messageId]);
  });

  it('holds that chat\'s messages only', async () => {
    const chat = unique('chat');
    const wanted = [];
    for (const each of [chat, `${chat}x`, chat.slice(0, -1), `${chat}:`]) {
      const { messageId } = await server.published({ chat: each });
      if (each === chat) wanted.push(messageId);
    }
    for (const name of ['user', 'org', 'hub', 'project']) await server.published({ to: `${name}:${chat}` });
    assert.deepEqual(ids((await page(server, { chat })).messages), wanted);
  });

  it('after a revocation was answered, nothing more is read, whatever is under way', async () => {
    const [user, chat] = [unique('user'), unique('chat')];
    for (let index = 0; index < 20; index += 1) await server.published({ chat, content: index });
    for (let round = 0; round < 20; round += 1) {
      await server.grant(user, chat, 'viewer');
      let revoked = false;
      const late = [];
      const readers = Array.from({ length: 8 }, async () => {
        for (;;) {
          const after = revoked;
          const { status } = await read(server, { chat }, { user });
          if (after && status !== 403) late.push(status);
          if (status !== 200) return;
        }
      });
      await server.revoke(user, chat);
      revoked = true;
      await Promise.all(readers);
      assert.deepEqual(late, []);
    }
  });
});

describe('other targets', () => {
  const server = useServer();

  it('one\'s own user: the inbox of what was sent to it, and of nobody else', async () => {
    const [user, other] = [unique('user'), unique('other')];
    const direct = await server.published({ to: `user:${user}` }, { user: other });
    const again = await server.published(fifo({ to: `user:${user}` }));
    await server.published({ to: `user:${other}` });
    await server.published({ chat: user });
    assert.deepEqual(ids((await page(server, { to: `user:${user}` }, { user })).messages), [again.messageId, direct.messageId]);
    assertRefused(await read(server, { to: `user:${other}` }, { user }), 403, 'Forbidden - No access to user');
    assertRefused(await read(server, { to: `user:${unique('absent')}` }, { user }), 403, 'Forbidden - No access to user');
    assertRefused(await read(server, { to: `user:${user}` }, { user: other }), 403, 'Forbidden - No access to user');
    assertRefused(await read(server, { to: `user:${user}` }, { token: server.backend }), 403, 'Forbidden - No access to user');
    assert.equal((await page(server, { to: `user:${user}` })).count, 2, 'carillon/admin');
  });

  for (const name of ['org', 'hub', 'project']) {
    it(`${name}: its members, by claim or by entry`, async () => {
      const [user, id] = [unique('user'), unique(name)];
      const { messageId } = await server.published({ to: `${name}:${id}` });
      await server.published({ to: `${name}:${id}x` });
      const claimed = { token: server.token({ user: 'claimed', claims: { [`custom:${name}Id`]: [unique('x'), id] } }) };
      const refused = (options) => read(server, { to: `${name}:${id}` }, options).then((answer) => assertRefused(answer, 403, `Forbidden - No access to ${name}`));
      assert.deepEqual(ids((await page(server, { to: `${name}:${id}` }, claimed)).messages), [messageId]);
      await refused({ user });
      const entry = { userId: user, targetClass: name, targetId: id };
      await server.post('/permissions', { ...entry, role: 'viewer' }, { token: server.admin });
      assert.deepEqual(ids((await page(server, { to: `${name}:${id}` }, { user })).messages), [messageId]);
      await server.delete(`/permissions?${new URLSearchParams(entry)}`, { token: server.admin });
      await refused({ user });
      await refused({ token: server.token({ user, claims: { [`custom:${name === 'org' ? 'hub' : 'org'}Id`]: id } }) });
    });
  }

  it('all: carillon/admin', async () => {
    const { messageId } = await server.published({ to: 'all' });
    assert.deepEqual(ids((await page(server, { to: 'all' })).messages), [messageId]);
    assert.deepEqual(ids(await walk(server, { to: 'all', limit: 1, order: 'asc' })), [messageId]);
    for (const options of [{ user: 'alice' }, { token: server.backend }]) assertRefused(await read(server, { to: 'all' }, options), 403, 'Forbidden - No access to all');
  });

  it('pages, order and bounds are the same for them', async () => {
    const user = unique('user');
    const sent = [];
    for (let index = 0; index < 9; index += 1) sent.push((await server.published({ to: `user:${user}`, content: index })).messageId);
    for (const limit of [1, 2, 4]) {
      assert.deepEqual(ids(await walk(server, { to: `user:${user}`, limit }, { options: { user } })), sent.toReversed());
      assert.deepEqual(ids(await walk(server, { to: `user:${user}`, limit, order: 'asc' }, { options: { user } })), sent);
    }
  });
});

describe('GET /messages/{messageId}', () => {
  const server = useServer();
  const one = (id, options = { token: server.admin }) => server.get(`/messages/${id}`, options);

  it('reads one, as in the history', async () => {
    const chat = unique('chat');
    await server.grant('alice', chat, 'viewer');
    const { messageId } = await server.published(fifo({ chat, content: { a: 1 }, correlationId: 'c' }));
    const { status, json } = await one(messageId, { user: 'alice' });
    assert.equal(status, 200);
    assert.deepEqual(json, (await page(server, { chat })).messages[0]);
    assert.equal((await one(messageId.toUpperCase(), { user: 'alice' })).status, 200, 'a UUID is a number');
  });

  it('is 404 for absent and forbidden alike', async () => {
    const chat = unique('chat');
    const sent = [];
    for (const to of [`chat:${chat}`, 'user:bob', `org:${chat}`, 'all']) sent.push((await server.published({ to })).messageId);
    const shown = async (id) => {
      const { status, text, headers: { date, ...headers } } = await one(id, { user: 'stranger' });
      return { status, text, headers };
    };
    const absent = await shown(GONE);
    assert.equal(absent.status, 404);
    for (const id of sent) assert.deepEqual(await shown(id), absent);
    for (const id of sent) assert.equal((await one(id)).status, 200, 'carillon/admin reads all');
    for (const id of ['x', 'not-a-uuid', '%00', `${GONE}0`, '{}']) assert.equal((await one(id)).status, 404, id);
    assert.equal((await server.get(`/messages/${sent[0]}`)).status, 401);
    assert.equal((await one(sent[1], { user: 'bob' })).status, 200, 'one\'s own inbox');
  });

  it('goes by the permission of the moment, not by who sent it', async () => {
    const [user, chat] = [unique('user'), unique('chat')];
    await server.grant(user, chat);
    const { messageId } = await server.published({ chat }, { user });
    assert.equal((await one(messageId, { user })).status, 200);
    await server.revoke(user, chat);
    assert.equal((await one(messageId, { user })).status, 404);
  });
});
