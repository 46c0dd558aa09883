// CONTRACT §12: health, readiness, connections, presence.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { unique, until, useServer } from './harness.mjs';

describe('probes', () => {
  const server = useServer();

  it('are open and leak nothing', async () => {
    for (const path of ['/health', '/ready']) {
      const { status, text } = await server.get(path);
      assert.equal(status, 200, path);
      assert.ok(text.length < 200, text);
      assert.ok(!text.includes(server.dataDirectory));
    }
  });
});

describe('connections', () => {
  const server = useServer();
  const list = async (query, options = { token: server.admin }) => {
    const { status, json, text } = await server.get(`/connections?${new URLSearchParams(query)}`, options);
    assert.equal(status, 200, text);
    return (Array.isArray(json) ? json : json.connections).map((one) => one.connectionId).toSorted();
  };

  it('are listed by user and by chat', async () => {
    const chat = unique('chat');
    const [a, b] = [unique('a'), unique('b')];
    const clients = await server.chatWith(chat, [a, b]);
    const alone = await server.connect({ as: a });
    const ids = clients.map((client) => client.hello.connectionId);
    assert.deepEqual(await list({ userId: a }), [ids[0], alone.hello.connectionId].toSorted());
    assert.deepEqual(await list({ chatId: chat }), ids.toSorted());
    assert.deepEqual(await list({ userId: a, chatId: chat }), [ids[0]]);
    assert.deepEqual(await list({ userId: unique('nobody') }), []);
  });

  it('are for carillon/admin, and for everybody their own', async () => {
    const client = await server.connect({ as: 'alice' });
    assert.deepEqual(await list({ userId: 'alice' }, { user: 'alice' }), [client.hello.connectionId]);
    for (const query of ['userId=bob', 'chatId=c', '']) {
      assert.equal((await server.get(`/connections?${query}`, { user: 'alice' })).status, 403, query);
    }
    assert.equal((await server.get('/connections?userId=alice')).status, 401);
  });

  it('GET /websocket/connections counts them', async () => {
    const count = async () => {
      const { status, json } = await server.get('/websocket/connections', { user: 'anybody' });
      assert.equal(status, 200);
      assert.deepEqual(Object.keys(json).sort(), ['count', 'status']);
      assert.equal(json.status, 'healthy');
      return json.count;
    };
    const before = await count();
    const clients = await Promise.all([1, 2, 3].map(() => server.connect()));
    assert.equal(await count(), before + 3);
    await clients[0].close();
    clients[1].terminate();
    await until(async () => (await count()) === before + 1, 'those that are gone are not counted');
    assert.equal((await server.get('/websocket/connections')).status, 401);
  });

  it('GET /presence is for who may read the chat', async () => {
    const chat = unique('chat');
    await server.chatWith(chat, ['alice', 'bob']);
    await server.connect({ as: 'bob', chats: [chat] });
    const path = `/presence?${new URLSearchParams({ chatId: chat })}`;
    const { status, json } = await server.get(path, { user: 'alice' });
    assert.equal(status, 200);
    assert.equal(json.chatId, chat);
    assert.deepEqual(json.users.toSorted((x, y) => (x.userId < y.userId ? -1 : 1)), [{ userId: 'alice', connections: 1 }, { userId: 'bob', connections: 2 }]);
    await server.grant('watcher', chat, 'viewer');
    assert.equal((await server.get(path, { user: 'watcher' })).status, 200);
    assert.equal((await server.get(path, { token: server.admin })).status, 200);
    const refused = await server.get(path, { user: 'stranger' });
    assert.deepEqual([refused.status, refused.json.error], [403, 'Forbidden - No chat access']);
    assert.equal((await server.get('/presence', { user: 'alice' })).status, 400);
  });

  it('presence falls as connections end', async () => {
    const chat = unique('chat');
    const [alice, bob] = await server.chatWith(chat, ['alice', 'bob']);
    bob.terminate();
    await until(async () => {
      const { users } = await alice.ask({ action: 'presence', chatId: chat });
      return users.length === 1;
    }, 'bob is gone');
  });
});
