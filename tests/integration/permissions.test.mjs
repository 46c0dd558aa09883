// CONTRACT §9, as far as chats can be used with it: granting, and who may grant.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { unique, useServer } from './harness.mjs';

describe('POST /permissions', () => {
  const server = useServer();
  const grant = (body, options = { token: server.admin }) => server.post('/permissions', body, options);

  it('answers 201, whole; again 200 with the role replaced', async () => {
    const [userId, chatId] = [unique('user'), unique('chat')];
    const before = Date.now();
    const first = await grant({ userId, chatId, role: 'viewer' });
    assert.equal(first.status, 201);
    const { grantedAt, ...rest } = first.json;
    assert.deepEqual(rest, { message: 'Permission granted', userId, chatId, role: 'viewer', grantedBy: 'root-admin' });
    assert.ok(Math.abs((typeof grantedAt === 'number' ? grantedAt : Date.parse(grantedAt)) - before) < 5000, String(grantedAt));
    const second = await grant({ userId, chatId, role: 'admin' });
    assert.deepEqual([second.status, second.json.role], [200, 'admin']);
  });

  it('the role is member when it is not there', async () => {
    const [userId, chatId] = [unique('user'), unique('chat')];
    assert.equal((await grant({ userId, chatId })).json.role, 'member');
    assert.equal((await server.publish({ chat: chatId }, { user: userId })).status, 200);
  });

  it('the same for org, hub and project', async () => {
    for (const targetClass of ['org', 'hub', 'project']) {
      const target = { userId: unique('user'), targetClass, targetId: unique(targetClass) };
      const { status, json } = await grant({ ...target, role: 'owner' });
      assert.equal(status, 201);
      const { userId, targetClass: answered, targetId, role } = json;
      assert.deepEqual({ userId, targetClass: answered, targetId, role }, { ...target, role: 'owner' });
    }
  });

  it('what cannot be is 400', async () => {
    const bodies = [
      {}, { userId: 'u' }, { chatId: 'c' }, { userId: '', chatId: 'c' }, { userId: 'u', chatId: '' }, { userId: 'a,b', chatId: 'c' }, { userId: 'u', chatId: '*' },
      { userId: 7, chatId: 'c' }, { userId: 'u', chatId: ['c'] }, { userId: 'u', chatId: 'c', role: 'king' }, { userId: 'u', chatId: 'c', role: 7 }, { userId: 'u', chatId: 'c', role: 'none' },
      { userId: 'u', targetClass: 'user', targetId: 'x' }, { userId: 'u', targetClass: 'all' }, { userId: 'u', targetClass: 'org' }, { userId: 'x'.repeat(257), chatId: 'c' }, { userId: 'u', chatId: 'c', targetClass: 'org', targetId: 'o' },
    ];
    for (const body of bodies) assert.equal((await grant(body)).status, 400, JSON.stringify(body).slice(0, 100));
    const broken = await grant('{"userId":"u","userId":"v","chatId":"c"}');
    assert.deepEqual([broken.status, broken.json.error], [400, 'Invalid JSON in message body']);
  });

  it('a chat\'s first entry is the admin\'s to make', async () => {
    const chatId = unique('chat');
    assert.equal((await grant({ userId: 'alice', chatId, role: 'owner' }, { user: 'alice' })).status, 403);
    assert.equal((await grant({ userId: 'alice', chatId, role: 'owner' }, { token: server.backend })).status, 403);
    assert.equal((await grant({ userId: 'alice', chatId, role: 'owner' })).status, 201);
  });

  it('needs role admin or owner there; nobody grants above their own', async () => {
    const chatId = unique('chat');
    for (const role of ['viewer', 'member', 'admin', 'owner']) await grant({ userId: role, chatId, role });
    const by = async (user, role) => (await grant({ userId: unique('new'), chatId, role }, { user })).status;
    for (const user of ['viewer', 'member', 'stranger']) assert.equal(await by(user, 'viewer'), 403, user);
    for (const role of ['viewer', 'member', 'admin']) assert.equal(await by('admin', role), 201, role);
    assert.equal(await by('admin', 'owner'), 403);
    assert.equal(await by('owner', 'owner'), 201);
  });

  it('nobody changes a role above their own', async () => {
    const chatId = unique('chat');
    for (const role of ['admin', 'owner']) await grant({ userId: role, chatId, role });
    assert.equal((await grant({ userId: 'owner', chatId, role: 'member' }, { user: 'admin' })).status, 403);
    assert.equal((await grant({ userId: 'admin', chatId, role: 'owner' }, { user: 'admin' })).status, 403);
    assert.equal((await grant({ userId: 'admin', chatId, role: 'member' }, { user: 'owner' })).status, 200);
  });

  it('refusals look the same for a chat that exists and one that does not', async () => {
    const chatId = unique('chat');
    await grant({ userId: 'somebody', chatId });
    const known = await grant({ userId: 'x', chatId }, { user: 'stranger' });
    const unknown = await grant({ userId: 'x', chatId: unique('absent') }, { user: 'stranger' });
    assert.equal(known.status, 403);
    assert.deepEqual([known.status, known.json.error], [unknown.status, unknown.json.error]);
  });

  it('survives kill -9', async () => {
    const [userId, chatId] = [unique('user'), unique('chat')];
    await grant({ userId, chatId });
    await server.kill9();
    await server.start();
    await server.connect({ as: userId, chats: [chatId] });
    assert.equal((await grant({ userId, chatId, role: 'member' })).status, 200, 'the entry is there');
  });
});
