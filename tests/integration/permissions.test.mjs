// CONTRACT §9: granting, revoking, listing, and who may. What it does to connections: permissions_live.test.mjs.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { assertRefused, unique, useServer } from './harness.mjs';

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

  it('survives kill -9', async () => {
    const [userId, chatId] = [unique('user'), unique('chat')];
    await grant({ userId, chatId });
    await server.kill9();
    await server.start();
    await server.connect({ as: userId, chats: [chatId] });
    assert.equal((await grant({ userId, chatId, role: 'member' })).status, 200, 'the entry is there');
  });
});

describe('DELETE /permissions', () => {
  const server = useServer();
  const revoke = (userId, chatId, user) => server.revoke(userId, chatId, user && { user });
  /** A chat with one user of each role, named after it, and a second owner. */
  const staffed = async () => {
    const chatId = unique('chat');
    for (const role of ['viewer', 'member', 'admin', 'owner']) await server.grant(role, chatId, role);
    await server.grant('owner-2', chatId, 'owner');
    return chatId;
  };

  it('answers 200, whole; 404 when there was none', async () => {
    const [userId, chatId] = [unique('user'), unique('chat')];
    const { json: granted } = await server.grant(userId, chatId, 'viewer');
    const { status, json } = await revoke(userId, chatId);
    assert.deepEqual([status, json], [200, { ...granted, message: 'Permission revoked' }]);
    assertRefused(await revoke(userId, chatId), 404, 'Not found');
    assertRefused(await revoke(userId, unique('absent')), 404, 'Not found');
  });

  it('needs role admin or owner there, and none above it', async () => {
    for (const [by, whom, expected] of [
      ['stranger', 'viewer', 403], ['viewer', 'member', 403], ['member', 'viewer', 403], ['admin', 'owner', 403],
      ['admin', 'viewer', 200], ['admin', 'admin', 200], ['owner', 'member', 200], ['owner', 'owner-2', 200],
      ['admin', 'nobody', 404], ['owner', 'nobody', 404], ['member', 'nobody', 403],
    ]) {
      const chat = await staffed();
      assert.equal((await revoke(whom, chat, by)).status, expected, `${by} revokes ${whom}`);
    }
    const chat = await staffed();
    assertRefused(await server.revoke('viewer', chat, { token: server.backend }), 403, 'Forbidden');
  });

  it('everyone may leave, whatever their role', async () => {
    const chat = await staffed();
    for (const role of ['viewer', 'member', 'admin', 'owner']) {
      assert.equal((await revoke(role, chat, role)).status, 200, role);
      assertRefused(await revoke(role, chat, role), 404, 'Not found');
    }
  });

  it('the last owner can neither be revoked, lowered nor leave except by carillon/admin', async () => {
    const chatId = unique('chat');
    await server.grant('one', chatId, 'owner');
    await server.grant('two', chatId, 'owner');
    await server.grant('boss', chatId, 'admin');
    assert.equal((await revoke('two', chatId, 'one')).status, 200);
    const lower = (role, options) => server.post('/permissions', { userId: 'one', chatId, role }, options);
    assertRefused(await revoke('one', chatId, 'one'), 409, 'Conflict');
    for (const role of ['viewer', 'member', 'admin']) assertRefused(await lower(role, { user: 'one' }), 409, 'Conflict');
    assertRefused(await revoke('one', chatId, 'boss'), 403, 'Forbidden');
    assert.equal((await lower('owner', { user: 'one' })).status, 200, 'owner stays owner');
    assert.equal((await lower('member', { token: server.admin })).status, 200);
    await server.grant('one', chatId, 'owner');
    assert.equal((await revoke('one', chatId)).status, 200);
  });

  it('of two owners that lower each other at once one stays', async () => {
    for (let round = 0; round < 10; round += 1) {
      const chatId = unique('chat');
      for (const userId of ['one', 'two']) await server.grant(userId, chatId, 'owner');
      const lower = (userId, user) => server.post('/permissions', { userId, chatId, role: 'member' }, { user });
      const answers = await Promise.all(round % 2 ? [lower('two', 'one'), lower('one', 'two')] : [revoke('two', chatId, 'one'), revoke('one', chatId, 'two')]);
      assert.deepEqual(answers.map(({ status }) => status).toSorted(), [200, 403], 'who was lowered first is no owner any more');
      const { json } = await server.get(`/permissions?chatId=${chatId}`, { token: server.admin });
      assert.equal(json.users.filter(({ role }) => role === 'owner').length, 1);
    }
  });

  it('what cannot be is 400', async () => {
    for (const query of ['', '?userId=u', '?chatId=c', '?userId=&chatId=c', '?userId=u&chatId=c&targetClass=org&targetId=o', '?userId=u&targetClass=org', '?userId=u&targetClass=user&targetId=x', '?userId=u&chatId=%zz', '?userId=u&chatId=a&chatId=b', '?userId=u&chatId=%00']) {
      assertRefused(await server.delete(`/permissions${query}`, { token: server.admin }), 400, 'Invalid parameter');
    }
  });

  it('survives kill -9', async () => {
    const [userId, chatId] = [unique('user'), unique('chat')];
    await server.grant(userId, chatId);
    assert.equal((await revoke(userId, chatId)).status, 200);
    await server.kill9();
    await server.start();
    assert.equal((await server.refused({ as: userId, chats: [chatId] })).status, 403);
    assert.equal((await revoke(userId, chatId)).status, 404);
  });
});

describe('GET /permissions', () => {
  const server = useServer();
  const list = (query, options = { token: server.admin }) => server.get(`/permissions?${new URLSearchParams(query)}`, options);
  /** Every entry of a list, walked in pages of `limit`. */
  const walk = async (query, limit, options) => {
    const all = [];
    let startKey;
    do {
      const { status, json, text } = await list({ ...query, limit, ...(startKey && { startKey }) }, options);
      assert.equal(status, 200, text);
      const page = json.permissions ?? json.users;
      assert.ok(page.length <= limit && (json.nextToken === undefined || page.length > 0), text);
      all.push(...page);
      startKey = json.nextToken;
    } while (startKey !== undefined);
    return all;
  };

  it('?userId= answers that user\'s entries, of all classes', async () => {
    const [userId, id] = [unique('user'), unique('id')];
    await server.grant(userId, id, 'viewer');
    for (const targetClass of ['org', 'hub', 'project']) await server.post('/permissions', { userId, targetClass, targetId: id, role: 'admin' }, { token: server.admin });
    const { status, json } = await list({ userId }, { user: userId });
    assert.equal(status, 200);
    assert.deepEqual(Object.keys(json), ['userId', 'permissions']);
    for (const each of json.permissions) assert.match(each.grantedAt, /^\d{4}-\d\d-\d\dT[\d:.]{12}Z$/);
    const entries = json.permissions.map(({ grantedAt, ...rest }) => rest);
    const wanted = [{ chatId: id, role: 'viewer', grantedBy: 'root-admin' }, ...['org', 'hub', 'project'].map((targetClass) => ({ targetClass, targetId: id, role: 'admin', grantedBy: 'root-admin' }))];
    assert.deepEqual(new Set(entries.map((each) => JSON.stringify(each))), new Set(wanted.map((each) => JSON.stringify(each))));
  });

  it('?chatId= answers the chat\'s users', async () => {
    const chatId = unique('chat');
    await server.grant('alice', chatId, 'owner');
    await server.grant('bob', chatId, 'viewer');
    const { json } = await list({ chatId }, { user: 'bob' });
    assert.deepEqual(Object.keys(json), ['chatId', 'users']);
    assert.deepEqual(json.users.map(({ userId, role, grantedBy }) => [userId, role, grantedBy]), [['alice', 'owner', 'root-admin'], ['bob', 'viewer', 'root-admin']]);
    assert.ok(json.users.every(({ grantedAt }) => !Number.isNaN(Date.parse(grantedAt))));
    assert.deepEqual((await list({ targetClass: 'chat', targetId: chatId })).json, json, 'by its other name');
  });

  it('pages have every entry once, whatever the limit', async () => {
    const userId = unique('user');
    const chats = ['a', 'chat', 'chat:', 'chat:a', 'chat;', 'd', userId];
    for (const chat of chats) await server.grant(userId, chat);
    for (const targetClass of ['org', 'hub', 'project']) await server.post('/permissions', { userId, targetClass, targetId: 'a' }, { token: server.admin });
    const names = (entries) => entries.map((each) => each.chatId ?? `${each.targetClass} ${each.targetId}`).toSorted();
    const wanted = [...chats, 'org a', 'hub a', 'project a'].toSorted();
    for (let limit = 1; limit <= wanted.length + 1; limit += 1) assert.deepEqual(names(await walk({ userId }, limit, { user: userId })), wanted, `limit ${limit}`);
    const room = unique('room');
    const users = ['a', 'ab', 'b', 'ba', 'é', '😀'];
    for (const each of users) await server.grant(each, room);
    for (let limit = 1; limit <= users.length + 1; limit += 1) assert.deepEqual((await walk({ chatId: room }, limit)).map((each) => each.userId), users, `limit ${limit}`);
  });

  it('a walk is whole while entries come and go', async () => {
    const room = unique('room');
    const users = Array.from({ length: 20 }, (_, index) => `user-${String(index).padStart(2, '0')}`);
    for (const each of users) await server.grant(each, room);
    const { json } = await list({ chatId: room, limit: 10 });
    await server.revoke('user-09', room);
    await server.grant('user-03-later', room);
    await server.grant('user-15-later', room);
    const rest = await list({ chatId: room, limit: 100, startKey: json.nextToken });
    assert.deepEqual(rest.json.users.map((each) => each.userId), [...users.slice(10), 'user-15-later'].toSorted());
  });

  it('a bad startKey or limit is 400', async () => {
    const userId = unique('user');
    for (const chat of ['a', 'b']) await server.grant(userId, chat);
    await server.grant(unique('user'), 'a');
    const { nextToken } = (await list({ userId, limit: 1 })).json;
    const ofChat = (await list({ chatId: 'a', limit: 1 })).json.nextToken;
    const bad = [{ startKey: 'x' }, { startKey: '!' }, { startKey: ofChat }, { startKey: `${nextToken}A` }, { startKey: nextToken.slice(2) }, { nextToken: 'chat:a' }, { startKey: nextToken, nextToken: ofChat }];
    for (const limit of ['0', '1001', '-1', '1.5', 'all', '1e2']) bad.push({ limit });
    for (const each of bad) assertRefused(await list({ userId, ...each }, { user: userId }), 400, 'Invalid parameter');
    assertRefused(await list({ chatId: 'b', startKey: ofChat }), 400, 'Invalid parameter');
    assert.equal((await list({ userId, nextToken })).json.permissions.length, 1, 'its alias');
    assertRefused(await server.get('/permissions', { user: userId }), 400, 'Invalid parameter');
    assertRefused(await list({ userId, chatId: 'a' }, { user: userId }), 400, 'Invalid parameter');
  });

  it('everyone lists their own, a viewer the chat\'s, carillon/admin all', async () => {
    const [chatId, userId] = [unique('chat'), unique('user')];
    await server.grant(userId, chatId, 'viewer');
    assert.equal((await list({ userId }, { user: userId })).status, 200);
    assert.deepEqual((await list({ userId: 'nobody-yet' }, { user: 'nobody-yet' })).json, { userId: 'nobody-yet', permissions: [] });
    assert.equal((await list({ chatId }, { user: userId })).status, 200);
    for (const options of [{ user: 'stranger' }, { token: server.backend }]) {
      assertRefused(await list({ userId }, options), 403, 'Forbidden');
      assertRefused(await list({ chatId }, options), 403, 'Forbidden - No chat access');
    }
    assert.equal((await list({ userId })).status, 200);
    assert.equal((await list({ chatId: unique('absent') })).json.users.length, 0);
    await server.revoke(userId, chatId);
    assertRefused(await list({ chatId }, { user: userId }), 403, 'Forbidden - No chat access');
  });

  it('members of an org, by entry or by claim, list its users', async () => {
    const targetId = unique('org');
    const query = { targetClass: 'org', targetId };
    await server.post('/permissions', { userId: 'entered', ...query, role: 'viewer' }, { token: server.admin });
    const claimed = server.token({ user: 'claimed', claims: { 'custom:orgId': targetId } });
    for (const options of [{ user: 'entered' }, { token: claimed }]) {
      const { json } = await list(query, options);
      assert.deepEqual([json.targetClass, json.targetId, json.users.map((each) => each.userId)], ['org', targetId, ['entered']]);
    }
    assertRefused(await list(query, { user: 'stranger' }), 403, 'Forbidden - No access to org');
    assertRefused(await server.post('/permissions', { userId: 'x', ...query }, { token: claimed }), 403, 'Forbidden');
  });
});

describe('what a stranger learns', () => {
  const server = useServer();
  /** Status, body and headers, without what differs between any two answers. */
  const shown = ({ status, text, headers }) => {
    const { date, ...rest } = headers;
    return { status, text, headers: rest };
  };

  it('is the same for a chat that exists and one that does not, a user that is in it and one that is not', async () => {
    const [known, absent] = [unique('chat'), unique('chat')];
    for (const role of ['viewer', 'member', 'admin', 'owner']) await server.grant(role, known, role);
    for (const user of ['owner', 'member', 'nobody']) {
      for (const asking of [{ user: 'stranger' }, { token: server.backend }]) {
        const all = [];
        for (const chatId of [known, absent]) {
          all.push([
            shown(await server.post('/permissions', { userId: user, chatId, role: 'viewer' }, asking)),
            shown(await server.revoke(user, chatId, asking)),
            shown(await server.get(`/permissions?chatId=${chatId}`, asking)),
            shown(await server.get(`/permissions?chatId=${chatId}&limit=1&startKey=x`, asking)),
            shown(await server.get(`/presence?chatId=${chatId}`, asking)),
          ]);
        }
        assert.deepEqual(all[0], all[1]);
        assert.deepEqual(all[0].map(({ status }) => status), [403, 403, 403, 400, 403]);
      }
    }
    const leaving = await Promise.all([known, absent].map((chatId) => server.revoke('stranger', chatId, { user: 'stranger' })));
    assert.deepEqual(shown(leaving[0]), shown(leaving[1]));
    assert.equal(leaving[0].status, 404);
  });

  it('is nothing without a token', async () => {
    for (const [method, target] of [['POST', '/permissions'], ['DELETE', '/permissions?userId=u&chatId=c'], ['GET', '/permissions?chatId=c']]) {
      assertRefused(await server.request(method, target), 401, 'Unauthorized');
      assertRefused(await server.request(method, target, { token: server.token({ ttl: -3600 }) }), 401, 'Unauthorized');
    }
  });
});

describe('the audit log', () => {
  const server = useServer();

  it('has a line per change: who, whom, where and what', async () => {
    const [userId, chatId] = [unique('user'), unique('chat')];
    await server.grant(userId, chatId, 'admin');
    const line = async (event) => (await server.lines.next(({ data }) => data?.event_type === event && data.userId === userId, `a ${event} line`)).data;
    const { actor, target, role, level } = await line('permission_granted');
    assert.deepEqual([actor, target, role, level], ['root-admin', `chat:${chatId}`, 'admin', 'INFO']);
    await server.revoke(userId, chatId, { user: userId });
    const revoked = await line('permission_revoked');
    assert.deepEqual([revoked.actor, revoked.target, revoked.role], [userId, `chat:${chatId}`, 'admin']);
    await server.revoke(userId, chatId, { user: 'stranger' });
    const refused = await line('permission_refused');
    assert.deepEqual([refused.actor, refused.target, refused.status], ['stranger', `chat:${chatId}`, 403]);
  });
});
