// CONTRACT §9 and §10: attempts to get what one may not have, each of which must be refused and change nothing.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { assertRefused, fifo, message, unique, useServer } from './harness.mjs';
import { historyPath, page, read } from './history_reader.mjs';
import { hs256, claimsOf } from './tokens.mjs';

const send = (client, fields) => client.ask({ action: 'sendMessage', ...message(fields) });

describe('roles', () => {
  const server = useServer();
  /** A chat with one user of each role, named after it. */
  const staffed = async () => {
    const chatId = unique('chat');
    for (const role of ['viewer', 'member', 'admin', 'owner']) await server.grant(role, chatId, role);
    return chatId;
  };
  const rolesOf = async (chatId) => {
    const { json } = await server.get(`/permissions?chatId=${chatId}`, { token: server.admin });
    return Object.fromEntries(json.users.map(({ userId, role }) => [userId, role]));
  };
  const AS_THEY_WERE = { admin: 'admin', member: 'member', owner: 'owner', viewer: 'viewer' };

  it('a member grants nothing, an admin no owner and changes no owner, a viewer publishes nothing', async () => {
    const chatId = await staffed();
    const attempts = [];
    for (const user of ['viewer', 'member', 'stranger']) {
      for (const whom of ['viewer', 'member', 'admin', 'owner', 'stranger']) {
        for (const role of ['viewer', 'member', 'admin', 'owner']) attempts.push([user, whom, role]);
      }
    }
    for (const whom of ['viewer', 'admin', 'stranger']) attempts.push(['admin', whom, 'owner']);
    for (const role of ['viewer', 'member', 'admin', 'owner']) attempts.push(['admin', 'owner', role]);
    for (const [user, userId, role] of attempts) assertRefused(await server.post('/permissions', { userId, chatId, role }, { user }), 403, 'Forbidden');
    for (const user of ['viewer', 'member', 'stranger']) {
      for (const whom of ['viewer', 'member', 'admin', 'owner'].filter((each) => each !== user)) assertRefused(await server.revoke(whom, chatId, { user }), 403, 'Forbidden');
    }
    assertRefused(await server.revoke('owner', chatId, { user: 'admin' }), 403, 'Forbidden');
    assertRefused(await server.publish({ chat: chatId }, { user: 'viewer' }), 403, 'Forbidden - No chat access');
    const client = await server.connect({ as: 'viewer', chats: [chatId] });
    for (const fields of [{ chat: chatId }, { to: `chat:${chatId}` }, fifo({ chat: chatId })]) assert.equal((await send(client, fields)).statusCode, 403);
    assert.deepEqual(await rolesOf(chatId), AS_THEY_WERE);
    assert.equal((await page(server, { chat: chatId })).count, 0);
  });

  it('nobody raises their own, by whatever spelling', async () => {
    const chatId = await staffed();
    for (const user of ['viewer', 'member', 'admin', 'stranger']) {
      const bodies = [
        { userId: user, chatId, role: 'owner' },
        { userId: user, targetClass: 'chat', targetId: chatId, role: 'owner' },
        `{"userId":"${[...user].map((each) => `\\u00${each.charCodeAt(0).toString(16)}`).join('')}","chatId":"${chatId}","role":"owner"}`,
        `{"userId":"${user}","chatId":"${chatId}","role":"\\u006fwner"}`,
        `{"userId":"${user}","\\u0063hatId":"${chatId}","role":"owner"}`,
      ];
      for (const body of bodies) assertRefused(await server.post('/permissions', body, { user }), 403, 'Forbidden');
      const broken = [
        `{"userId":"owner","userId":"${user}","chatId":"${chatId}","role":"owner"}`,
        `{"userId":"${user}","chatId":"${chatId}","role":"viewer","role":"owner"}`,
        `{"userId":"${user}","chatId":"other","\\u0063hatId":"${chatId}","role":"owner"}`,
        `{"userId":"${user}","chatId":"${chatId}","role":"OWNER"}`,
        `{"userId":"${user}","chatId":"${chatId}","role":["owner"]}`,
        `{"userId":"${user}","chatId":"${chatId}","role":4}`,
        `{"userId":"${user}\\u0000","chatId":"${chatId}","role":"owner"}`,
        `[{"userId":"${user}","chatId":"${chatId}","role":"owner"}]`,
      ];
      for (const body of broken) assert.equal((await server.post('/permissions', body, { user })).status, 400, body);
    }
    assert.deepEqual(await rolesOf(chatId), AS_THEY_WERE);
  });

  it('an id that only looks like another is another', async () => {
    const chatId = await staffed();
    for (const alike of ['Owner', 'owner ', ' owner', 'o\u0077ner\u200b', '\u043ewner', 'owne\u0301r']) {
      assertRefused(await server.post('/permissions', { userId: 'stranger', chatId, role: 'viewer' }, { user: alike }), 403, 'Forbidden');
    }
    for (const alike of [chatId.toUpperCase(), `${chatId} `, `${chatId}\u200b`, `${chatId}/`, `${chatId}%00`]) {
      assertRefused(await server.post('/permissions', { userId: 'stranger', chatId: alike, role: 'viewer' }, { user: 'owner' }), 403, 'Forbidden');
      assertRefused(await read(server, { chat: alike }, { user: 'owner' }), 403, 'Forbidden - No chat access');
    }
  });

  it('a role in one place is none in another', async () => {
    const id = unique('same');
    await server.grant('boss', id, 'owner');
    for (const targetClass of ['org', 'hub', 'project']) {
      assertRefused(await server.post('/permissions', { userId: 'boss', targetClass, targetId: id, role: 'viewer' }, { user: 'boss' }), 403, 'Forbidden');
      assertRefused(await server.publish({ to: `${targetClass}:${id}` }, { user: 'boss' }), 403, `Forbidden - No access to ${targetClass}`);
      assertRefused(await read(server, { to: `${targetClass}:${id}` }, { user: 'boss' }), 403, `Forbidden - No access to ${targetClass}`);
    }
    assertRefused(await server.post('/permissions', { userId: 'boss', chatId: unique('other'), role: 'viewer' }, { user: 'boss' }), 403, 'Forbidden');
  });

  it('no claim, header or parameter makes an admin', async () => {
    const chatId = await staffed();
    const body = { userId: 'member', chatId, role: 'owner' };
    const claims = [{ scope: 'carillon/adminx' }, { scope: 'xcarillon/admin' }, { scope: 'carillon/publish,carillon/admin' }, { scope: ['carillon', '/admin'] }, { role: 'admin' }, { 'custom:role': 'owner' }, { is_admin: true }, { 'cognito:groups': 'carillon/administrators' }];
    for (const each of claims) {
      const { status } = await server.post('/permissions', body, { token: server.token({ user: 'member', claims: each }) });
      assert.ok([401, 403].includes(status), `${JSON.stringify(each)} → ${status}`);
    }
    for (const headers of [{ 'x-user-id': 'owner' }, { 'x-forwarded-user': 'owner' }, { 'x-amzn-oidc-identity': 'owner' }]) assertRefused(await server.post('/permissions', body, { user: 'member', headers }), 403, 'Forbidden');
    assertRefused(await server.post('/permissions', { ...body, grantedBy: 'owner', actor: 'owner' }, { user: 'member' }), 403, 'Forbidden');
    assertRefused(await server.post('/permissions', body, { token: server.backend }), 403, 'Forbidden');
    const { json } = await server.post('/permissions', { userId: 'new', chatId, grantedBy: 'somebody', grantedAt: 0 }, { user: 'owner' });
    assert.equal(json.grantedBy, 'owner');
    assert.ok(Date.parse(json.grantedAt) > Date.now() - 60_000);
    await server.revoke('new', chatId);
    assert.deepEqual(await rolesOf(chatId), AS_THEY_WERE);
  });

  it('no token of another service, key or time does', async () => {
    const chatId = await staffed();
    const body = { userId: 'x', chatId };
    const owner = { user: 'owner', scopes: ['carillon/admin'] };
    const bad = [
      hs256(claimsOf({ ...owner, ttl: -3600 })), hs256(claimsOf({ ...owner, issuer: 'https://evil.example' })), hs256(claimsOf({ ...owner, claims: { aud: 'another' } })),
      hs256(claimsOf(owner), { secret: 'another secret that is long enough for it' }), hs256(claimsOf(owner), { header: { alg: 'none' } }), hs256(claimsOf({ ...owner, claims: { exp: undefined } })),
      hs256(claimsOf({ ...owner, claims: { nbf: Math.floor(Date.now() / 1000) + 3600 } })),
    ];
    for (const token of bad) {
      server.secret(token);
      for (const answer of [await server.post('/permissions', body, { token }), await server.revoke('owner', chatId, { token }), await server.get(historyPath({ chat: chatId }), { token })]) assertRefused(answer, 401, 'Unauthorized');
    }
    assert.deepEqual(await rolesOf(chatId), AS_THEY_WERE);
  });
});

describe('a revoked user\'s open socket', () => {
  const server = useServer();

  it('hears nothing more, publishes nothing, and comes back by no way', async () => {
    const [user, chat] = [unique('user'), unique('chat')];
    await server.grant(user, chat, 'admin');
    const client = await server.connect({ as: user, chats: [chat] });
    const { messageId: early } = await server.published({ chat });
    await client.message(early);
    const { nextToken } = await page(server, { chat, limit: 1 }, { user });
    assert.equal(nextToken, undefined);
    await server.revoke(user, chat);
    await client.next((frame) => frame.type === 'unsubscribed', 'the notice');

    for (const fields of [{ chat }, { to: `chat:${chat}` }, fifo({ chat }), { chat, messageType: 'ephemeral' }]) assert.equal((await send(client, fields)).statusCode, 403);
    assert.deepEqual((await client.ask({ action: 'subscribe', chatIds: [chat] })).denied, [chat]);
    assert.equal((await client.ask({ action: 'presence', chatId: chat })).statusCode, 403);
    assert.equal((await client.ask({ action: 'refreshToken', token: server.token(user) })).type, 'tokenRefreshed');
    assert.deepEqual((await client.ask({ action: 'subscribe', chatIds: [chat] })).denied, [chat], 'a fresh token brings no right back');
    assertRefused(await server.post('/permissions', { userId: user, chatId: chat }, { user }), 403, 'Forbidden');
    for (const answer of [await read(server, { chat }, { user }), await read(server, { chat, sequences: '1' }, { user }), await server.get(`/permissions?chatId=${chat}`, { user })]) assert.equal(answer.status, 403);
    assertRefused(await server.get(`/messages/${early}`, { user }), 404, 'Not found');

    const late = await server.published({ chat });
    const marker = await server.published({ to: `user:${user}` });
    const frames = await client.before((frame) => frame.messageId === marker.messageId, 'the marker');
    assert.ok(!frames.some((frame) => frame.messageId === late.messageId));
  });
});

describe('histories', () => {
  const server = useServer();
  const other = useServer();
  const LIMIT = { limit: 1 };

  it('another user\'s page token, or one of another chat, order or bound, is 400', async () => {
    const [chat, other] = [unique('chat'), unique('chat')];
    for (const each of [chat, other]) {
      for (const user of ['ann', 'eve']) await server.grant(user, each, 'viewer');
      for (let index = 0; index < 3; index += 1) await server.published({ chat: each, content: index });
    }
    const { nextToken: startKey } = await page(server, { chat, ...LIMIT }, { user: 'ann' });
    const attempts = [
      [{ chat }, 'eve'], [{ chat: other }, 'ann'], [{ chat, order: 'asc' }, 'ann'], [{ chat, fromTimestamp: '2020-01-01T00:00:00Z' }, 'ann'], [{ chat, toTimestamp: '2099-01-01T00:00:00Z' }, 'ann'], [{ to: 'user:ann' }, 'ann'],
    ];
    for (const [query, user] of attempts) assertRefused(await read(server, { ...query, ...LIMIT, startKey }, { user }), 400, 'Invalid parameter');
    assertRefused(await server.get(`/permissions?userId=ann&startKey=${startKey}`, { user: 'ann' }), 400, 'Invalid parameter');
    assert.equal((await read(server, { chat, ...LIMIT, startKey }, { user: 'ann' })).status, 200);
  });

  it('a token made on another store is 400', async () => {
    const chat = unique('chat');
    for (let index = 0; index < 3; index += 1) await server.published({ chat, content: index });
    const { nextToken: startKey } = await page(server, { chat, ...LIMIT });
    await other.published({ chat });
    assertRefused(await read(other, { chat, ...LIMIT, startKey }, { token: other.admin }), 400, 'Invalid parameter');
  });

  it('another user\'s inbox is 403, all is 403 without carillon/admin', async () => {
    await server.published({ to: 'user:ann', content: 'private' });
    await server.published({ to: 'all', content: 'broadcast' });
    for (const options of [{ user: 'eve' }, { token: server.backend }, { token: server.token({ user: 'eve', scopes: ['carillon/metrics'] }) }]) {
      assertRefused(await read(server, { to: 'user:ann' }, options), 403, 'Forbidden - No access to user');
      assertRefused(await read(server, { to: 'all' }, options), 403, 'Forbidden - No access to all');
    }
    for (const alike of ['user:Ann', 'user:ann ', 'user:ann\u200b']) assert.equal((await page(server, { to: alike })).count, 0);
  });

  it('status and trace of somebody else\'s message are 404', async () => {
    const chat = unique('chat');
    for (const user of ['ann', 'eve']) await server.grant(user, chat, 'owner');
    const { messageId } = await server.published({ chat }, { user: 'ann' });
    for (const what of ['status', 'trace']) {
      assertRefused(await server.get(`/messages/${messageId}/${what}`, { user: 'eve' }), 404, 'Not found');
      assertRefused(await server.get(`/messages/${messageId}/${what}`, { token: server.backend }), 404, 'Not found');
      assert.equal((await server.get(`/messages/${messageId}/${what}`, { user: 'ann' })).status, 200);
    }
  });

  it('a token in the URL is refused', async () => {
    assert.equal((await server.get(`${historyPath({ chat: 'c' })}&token=${server.admin}`)).status, 401);
  });
});
