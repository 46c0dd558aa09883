// CONTRACT §5: connecting, the connected frame and what is refused.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { fifo, unique, until, useServer } from './harness.mjs';
import { OPCODE, RawSocket } from './raw.mjs';

describe('connecting', () => {
  const server = useServer();

  it('with another userId than the token\'s is 403', async () => {
    const { status, json } = await server.refused({ as: 'alice', query: { userId: 'bob' } });
    assert.deepEqual([status, json], [403, { error: 'Forbidden - userId does not match token' }]);
    await server.connect({ as: 'alice', query: { userId: 'alice' } });
  });

  it('to chats without permission is 403 with those that are denied', async () => {
    const [mine, also] = [unique('mine'), unique('mine')];
    await server.grant('alice', mine);
    await server.grant('alice', also, 'viewer');
    const { status, json } = await server.refused({ chats: [mine, 'secret-1', also, 'secret-2'] });
    assert.deepEqual([status, json], [403, { error: 'Forbidden - No chat access', chatIds: ['secret-1', 'secret-2'] }]);
    const client = await server.connect({ chats: [mine, also] });
    assert.deepEqual(client.hello.chatIds.toSorted(), [mine, also].toSorted(), 'a viewer may listen');
  });

  for (const name of ['org', 'hub', 'project']) {
    it(`to a ${name} as no member is 403`, async () => {
      const { status, json } = await server.refused({ query: { [`${name}Id`]: unique(name) } });
      assert.deepEqual([status, json], [403, { error: `Forbidden - No access to ${name}` }]);
    });
  }

  it('takes chatId repeated, comma-separated and percent-encoded', async () => {
    const chats = [unique('a'), unique('b'), unique('c d/é&')];
    for (const chat of chats) await server.grant('alice', chat);
    const encoded = chats.map(encodeURIComponent);
    for (const query of [`chatId=${encoded[0]}&chatId=${encoded[1]}&chatId=${encoded[2]}`, `chatId=${encoded.join(',')}`, `chatId=${encoded[0]},${encoded[1]}&chatId=${encoded[2]}`, `chatId=${encoded.join('%2C')}`]) {
      const client = await server.connect({ path: `/dvl?${query}`, token: null, headers: { authorization: `Bearer ${server.token('alice')}` } });
      assert.deepEqual(client.hello.chatIds.toSorted(), chats.toSorted(), query);
    }
  });

  it('with an impossible chatId is 400', async () => {
    for (const query of [`chatId=${'x'.repeat(257)}`, 'chatId=a%0Ab', 'chatId=%ff', 'orgId=%ff']) {
      const { status } = await server.refused({ path: `/dvl?${query}`, token: null, headers: { authorization: `Bearer ${server.token('alice')}` } });
      assert.equal(status, 400, query);
    }
  });

  it('as carillon/admin may name anything', async () => {
    const client = await server.connect({ token: server.admin, chats: [unique('any')], query: { orgId: 'x', hubId: 'y', projectId: 'z' } });
    assert.equal(client.hello.chatIds.length, 1);
  });

  it('chatId=* is every chat there is an entry for, later grants included', async () => {
    const user = unique('user');
    const chats = [unique('a'), unique('b')];
    for (const chat of chats) await server.grant(user, chat, 'viewer');
    const client = await server.connect({ as: user, chats: ['*'] });
    assert.deepEqual(client.hello.chatIds.toSorted(), chats.toSorted());
    const nobody = await server.connect({ as: unique('nobody'), chats: ['*'] });
    assert.deepEqual(nobody.hello.chatIds, []);

    const later = unique('later');
    await server.grant(user, later, 'viewer');
    const ids = [];
    for (const chat of [...chats, later]) ids.push((await server.published({ chat })).messageId);
    for (const id of ids) await client.message(id);
    const named = await server.connect({ as: user, chats: [chats[0]] });
    await server.grant(user, unique('another'));
    assert.deepEqual(await named.subscriptions(), [chats[0]], 'only with *');
  });

  it('is stored as a record until it ends', async () => {
    const user = unique('user');
    const chat = unique('chat');
    await server.grant(user, chat);
    const token = server.token({ user, claims: { 'custom:orgId': 'o', 'custom:hubId': 'h', 'custom:projectId': 'p' } });
    const before = Date.now();
    const client = await server.connect({ token, chats: [chat], query: { orgId: 'o', hubId: 'h', projectId: 'p' }, headers: { 'user-agent': 'integration/1' } });
    const list = async () => {
      const { json } = await server.get(`/connections?userId=${user}`, { token: server.admin });
      return Array.isArray(json) ? json : json.connections;
    };
    const [record, ...rest] = await list();
    assert.deepEqual(rest, []);
    const { connectionId, userId, chatIds, orgId, hubId, projectId } = record;
    assert.deepEqual({ connectionId, userId, chatIds, orgId, hubId, projectId }, { connectionId: client.hello.connectionId, userId: user, chatIds: [chat], orgId: 'o', hubId: 'h', projectId: 'p' });
    const text = JSON.stringify(record);
    assert.ok(text.includes('127.0.0.1') && text.includes('integration/1'), text);
    const ms = (value) => (typeof value === 'number' ? value : Date.parse(value));
    for (const key of ['connectedAt', 'lastActiveAt']) assert.ok(ms(record[key]) >= before - 1000 && ms(record[key]) <= Date.now() + 1000, `${key}: ${text}`);
    const day = 24 * 3600;
    const ttl = record.ttl > 1e6 ? record.ttl / (record.ttl > 1e11 ? 1000 : 1) - Date.now() / 1000 : record.ttl;
    assert.ok(Math.abs(ttl - day) < 120, `ttl is 24 h: ${text}`);
    client.terminate();
    await until(async () => (await list()).length === 0, 'the record of a connection that is gone is removed');
  });
});

describe('the first frame', () => {
  const server = useServer({ config: { gateway: { heartbeat_seconds: 7 } } });

  it('with carillon.v1 is connected, whole', async () => {
    const chat = unique('chat');
    await server.grant('alice', chat);
    const before = Date.now();
    const { hello } = await server.connect({ chats: [chat] });
    assert.deepEqual(Object.keys(hello).sort(), ['chatIds', 'connectionId', 'heartbeatSeconds', 'serverTime', 'storeEpoch', 'type', 'userId']);
    assert.deepEqual([hello.type, hello.userId, hello.chatIds, hello.heartbeatSeconds], ['connected', 'alice', [chat], 7]);
    assert.ok(typeof hello.connectionId === 'string' && hello.connectionId.length > 0);
    assert.ok(hello.serverTime >= before - 1000 && hello.serverTime <= Date.now() + 1000, 'epoch ms');
  });

  it('names the same store over restarts, and connections uniquely', async () => {
    const first = (await server.connect()).hello;
    const second = (await server.connect()).hello;
    assert.equal(first.storeEpoch, second.storeEpoch);
    assert.notEqual(first.connectionId, second.connectionId);
    await server.restart();
    assert.equal((await server.connect()).hello.storeEpoch, first.storeEpoch);
  });

  it('without a subprotocol is whatever happens first', async () => {
    const chat = unique('chat');
    await server.grant('alice', chat);
    const raw = await RawSocket.upgraded(server.port, `/dvl?token=${server.token('alice')}&chatId=${chat}`);
    assert.equal(raw.response101.headers['sec-websocket-protocol'], undefined);
    const { messageId } = await server.published({ chat });
    const first = await raw.frame();
    assert.equal(first.opcode, OPCODE.text);
    assert.equal(JSON.parse(first.payload).messageId, messageId);
    raw.destroy();
  });
});

describe('101 and subscribed', () => {
  const server = useServer();

  it('come once the subscription is in force', async () => {
    for (let round = 0; round < 25; round += 1) {
      const chat = unique('chat');
      const late = unique('late');
      await server.grant('alice', chat);
      await server.grant('alice', late);
      const client = await server.connect({ plain: true, chats: [chat] });
      const first = await server.published({ chat });
      await client.ask({ action: 'subscribe', chatIds: [late] });
      const second = await server.published({ chat: late });
      await client.message(first.messageId);
      await client.message(second.messageId);
      client.terminate();
    }
  });

  it('unsubscribed chats are silent once it is answered', async () => {
    for (let round = 0; round < 10; round += 1) {
      const chat = unique('chat');
      const [client] = await server.chatWith(chat, ['alice']);
      assert.deepEqual((await client.ask({ action: 'unsubscribe', chatIds: [chat] })).chatIds, []);
      await server.published(fifo({ chat, messageGroupId: 'g' }));
      const end = await server.published(fifo({ to: 'user:alice', messageGroupId: 'g', content: unique('end') }));
      assert.deepEqual(await client.before((frame) => frame.messageId === end.messageId), []);
      client.terminate();
    }
  });
});

describe('limits of connections', () => {
  const limited = (gateway) => useServer({ config: { gateway } });

  describe('per user', () => {
    const server = limited({ max_connections_per_user: 2 });
    it('refuse the next one until one is gone', async () => {
      const first = await server.connect({ as: 'alice' });
      await server.connect({ as: 'alice' });
      assert.equal((await server.refused({ as: 'alice' })).status, 429);
      await server.connect({ as: 'bob' });
      await first.close();
      await until(() => server.connect({ as: 'alice' }).catch(() => null), 'a place is free again');
    });
  });

  describe('in all', () => {
    const server = limited({ max_connections: 2 });
    it('refuse the next one', async () => {
      await server.connect({ as: 'a' });
      await server.connect({ as: 'b' });
      const { status } = await server.refused({ as: 'c' });
      assert.ok(status === 429 || status === 503, String(status));
    });
  });

  describe('per address', () => {
    const server = limited({ max_connections_per_address: 2 });
    it('refuse the next one', async () => {
      await server.connect({ as: 'a' });
      await server.connect({ as: 'b' });
      const { status } = await server.refused({ as: 'c' });
      assert.ok(status === 429 || status === 503, String(status));
    });
  });

  describe('subscriptions', () => {
    const server = limited({ max_subscriptions_per_connection: 3 });
    it('per connection are bounded', async () => {
      const chats = Array.from({ length: 4 }, () => unique('chat'));
      for (const chat of chats) await server.grant('alice', chat);
      const { status } = await server.refused({ chats });
      assert.ok(status >= 400 && status < 500, String(status));
      const client = await server.connect({ chats: chats.slice(0, 3) });
      assert.ok((await client.ask({ action: 'subscribe', chatIds: [chats[3]] })).statusCode >= 400);
      assert.equal((await client.subscriptions()).length, 3, 'all or nothing');
    });
  });
});
