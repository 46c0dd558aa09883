// CONTRACT §5: heartbeats, expiry of the token, refreshing it, and the codes that connections end with.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { assertError, fifo, unique, useServer } from './harness.mjs';
import { OPCODE, RawSocket, frame } from './raw.mjs';
import { seconds } from './tokens.mjs';

const toMs = (value) => (typeof value === 'number' ? value : Date.parse(value));

describe('heartbeats', () => {
  const server = useServer({ config: { gateway: { heartbeat_seconds: 1, heartbeat_timeout_seconds: 3 } } });

  it('are pings, and a client that answers them stays', async () => {
    const client = await server.connect();
    for (let count = 0; count < 5; count += 1) await client.pings.next(() => true, 'a ping');
    assert.equal((await client.ask({ action: 'ping' })).type, 'pong');
  });

  it('close a silent connection 4408', async () => {
    const raw = await RawSocket.upgraded(server.port, `/dvl?token=${server.token('alice')}`);
    const { frames, code } = await raw.untilClose();
    assert.equal(code, 4408);
    assert.ok(frames.length >= 1 && frames.every((one) => one.opcode === OPCODE.ping), 'pings came first');
    raw.write(frame(OPCODE.close, Buffer.from([0x11, 0x38])));
    await raw.end();
  });

  it('count any frame as a sign of life', async () => {
    const raw = await RawSocket.upgraded(server.port, `/dvl?token=${server.token('alice')}`);
    const begun = Date.now();
    while (Date.now() - begun < 5000) {
      const next = await raw.frame();
      assert.notEqual(next.opcode, OPCODE.close, 'closed although it spoke');
      if (next.opcode === OPCODE.ping) raw.write(frame(OPCODE.text, '{"action":"ping"}'));
    }
    raw.destroy();
  });

  it('renew lastActiveAt', async () => {
    const user = unique('user');
    const client = await server.connect({ as: user });
    const last = async () => {
      const { json } = await server.get(`/connections?userId=${user}`, { token: server.admin });
      return toMs((Array.isArray(json) ? json : json.connections)[0].lastActiveAt);
    };
    const first = await last();
    await client.pings.next();
    await client.pings.next();
    await client.ask({ action: 'ping' });
    assert.ok((await last()) > first);
  });
});

describe('the end of a token', () => {
  const server = useServer();

  it('is announced, and closes 4401', async () => {
    const exp = seconds(4);
    const token = server.token({ user: 'alice', claims: { exp } });
    const client = await server.connect({ token });
    const notice = await client.next((one) => one.type === 'tokenExpiring', 'tokenExpiring');
    assert.deepEqual(Object.keys(notice).sort(), ['expiresAt', 'type']);
    assert.equal(toMs(notice.expiresAt), exp * 1000);
    const { code } = await client.whenClosed();
    assert.equal(code, 4401);
    const late = Date.now() - exp * 1000;
    assert.ok(late >= -100, `closed ${-late} ms before the token ended`);
  });

  it('is not announced long before', async () => {
    const client = await server.connect({ token: server.token({ user: 'alice', ttl: 120 }) });
    client.send({ action: 'ping' });
    assert.deepEqual(await client.before((one) => one.type === 'pong', 'pong'), []);
  });

  it('closes a plain client too', async () => {
    const client = await server.connect({ plain: true, token: server.token({ user: 'alice', ttl: 3 }) });
    assert.equal((await client.whenClosed()).code, 4401);
  });

  it('is put off by refreshToken', async () => {
    const client = await server.connect({ token: server.token({ user: 'alice', ttl: 4 }) });
    await client.next((one) => one.type === 'tokenExpiring', 'tokenExpiring');
    const exp = seconds(3600);
    const answer = await client.ask({ action: 'refreshToken', token: server.token({ user: 'alice', claims: { exp } }) });
    assert.equal(answer.type, 'tokenRefreshed');
    assert.equal(toMs(answer.expiresAt), exp * 1000);
    const shorter = await server.connect({ token: server.token({ user: 'alice', ttl: 6 }) });
    assert.equal((await shorter.whenClosed()).code, 4401, 'one that was not refreshed ends');
    assert.equal((await client.ask({ action: 'ping' })).type, 'pong', 'the refreshed one lives');
  });

  it('may be brought nearer by refreshToken', async () => {
    const client = await server.connect({ token: server.token({ user: 'alice', ttl: 3600 }) });
    await client.ask({ action: 'refreshToken', token: server.token({ user: 'alice', ttl: 3 }) });
    assert.equal((await client.whenClosed()).code, 4401);
  });
});

describe('refreshToken', () => {
  const server = useServer();

  it('of another user is 403, of a bad token 401, and changes nothing', async () => {
    const client = await server.connect({ as: 'alice' });
    const other = await client.ask({ action: 'refreshToken', token: server.token('bob') });
    assert.equal(other.statusCode, 403);
    assert.match(other.error, /^Forbidden/);
    for (const token of ['nonsense', server.token({ user: 'alice', claims: { exp: seconds(-600) } }), server.token({ user: 'alice', claims: { aud: 'other' } })]) {
      assertError(await client.ask({ action: 'refreshToken', token }), 401, 'Unauthorized');
    }
    for (const token of [undefined, 7, null, {}]) assert.equal((await client.ask({ action: 'refreshToken', token })).statusCode >= 400, true);
    const { messageId } = await server.published({ to: 'user:alice' });
    await client.message(messageId);
  });

  it('drops rights that are gone', async () => {
    const [kept, lost] = [unique('org'), unique('hub')];
    const chat = unique('chat');
    const user = unique('user');
    const make = (claims, scopes) => server.token({ user, claims, scopes });
    const client = await server.connect({ token: make({ 'custom:orgId': kept, 'custom:hubId': lost }, ['carillon/admin']), chats: [chat], query: { orgId: kept, hubId: lost } });
    await client.ask({ action: 'refreshToken', token: make({ 'custom:orgId': kept }) });
    for (const to of [`hub:${lost}`, `chat:${chat}`]) await server.published(fifo({ to, messageGroupId: 'g', content: unique('') }));
    const end = await server.published(fifo({ to: `org:${kept}`, messageGroupId: 'g', content: unique('') }));
    const before = await client.before((one) => one.messageId === end.messageId);
    assert.deepEqual(before.filter((one) => one.type === 'message'), []);
    assert.deepEqual((await client.subscriptions()), []);
    const denied = await client.ask({ action: 'sendMessage', ...fifo({ to: 'all' }) });
    assertError(denied, 403, 'Forbidden - No access to all');
  });

  it('keeps chats that there are entries for', async () => {
    const chat = unique('chat');
    const [client] = await server.chatWith(chat, ['alice']);
    await client.ask({ action: 'refreshToken', token: server.token('alice') });
    const { messageId } = await server.published({ chat });
    await client.message(messageId);
  });
});

describe('close codes', () => {
  const server = useServer({ config: { gateway: { max_message_bytes: 2000 } } });
  const raw = () => RawSocket.upgraded(server.port, `/dvl?token=${server.token('alice')}`);
  const closed = async (...frames) => {
    const socket = await raw();
    for (const one of frames) socket.write(one);
    const { code } = await socket.untilClose();
    socket.destroy();
    return code;
  };

  it('1000 answers a client that closes', async () => {
    const client = await server.connect();
    assert.equal((await client.close(1000)).code, 1000);
  });

  it('1002 for a protocol error', async () => assert.equal(await closed(frame(OPCODE.text, '{}', { mask: false })), 1002));
  it('1003 for a binary message', async () => assert.equal(await closed(frame(OPCODE.binary, '{}')), 1003));
  it('1007 for text that is no UTF-8', async () => assert.equal(await closed(frame(OPCODE.text, Buffer.from([0xff]))), 1007));
  it('1009 for a message over max_message_bytes', async () => {
    assert.equal(await closed(frame(OPCODE.text, 'x'.repeat(2001))), 1009);
    assert.equal(await closed(frame(OPCODE.text, 'x'.repeat(1600), { fin: false }), frame(OPCODE.continuation, 'x'.repeat(401))), 1009, 'in fragments');
    const client = await server.connect();
    client.raw(JSON.stringify({ action: 'echo', text: 'x'.repeat(2000 - '{"action":"echo","text":""}'.length) }));
    assert.equal((await client.next()).action, 'echo', 'exactly the limit is within it');
  });

  it('4403 for a user disconnected by an operator', async () => {
    const user = unique('user');
    const clients = await Promise.all([server.connect({ as: user }), server.connect({ as: user, plain: true })]);
    const bystander = await server.connect();
    assert.equal((await server.delete(`/connections?userId=${user}`, { user: 'alice' })).status, 403);
    const { status } = await server.delete(`/connections?userId=${user}`, { token: server.admin });
    assert.ok(status >= 200 && status < 300, String(status));
    for (const client of clients) assert.equal((await client.whenClosed()).code, 4403);
    assert.equal((await bystander.ask({ action: 'ping' })).type, 'pong');
  });
});
