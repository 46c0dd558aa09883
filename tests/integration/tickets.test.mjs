// CONTRACT §3, §14: tickets, so that no long-lived token is ever in a URL.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { message, unique, until, useServer } from './harness.mjs';

/** Epoch milliseconds of an `expiresAt`, whether a number or ISO 8601. */
const toMs = (value) => (typeof value === 'number' ? value : Date.parse(value));

describe('POST /tickets', () => {
  const server = useServer();
  const buy = async (options) => {
    const { status, json, text } = await server.post('/tickets', undefined, options);
    assert.equal(status, 201, text);
    server.secret(json.ticket);
    return json;
  };
  const enter = (ticket, query = {}) => server.connect({ token: null, query: { ticket, ...query } });

  it('answers 201 {"ticket","expiresAt"}, good for 30 s', async () => {
    const before = Date.now();
    const json = await buy({ user: 'alice' });
    assert.deepEqual(Object.keys(json).sort(), ['expiresAt', 'ticket']);
    assert.equal(typeof json.ticket, 'string');
    const left = toMs(json.expiresAt) - before;
    assert.ok(left > 28_000 && left <= 32_000, `expires in ${left} ms`);
  });

  it('needs a token', async () => {
    assert.equal((await server.post('/tickets')).status, 401);
  });

  it('opens one WebSocket with the identity of its token', async () => {
    const user = unique('user');
    const { ticket } = await buy({ user });
    const client = await enter(ticket);
    assert.equal(client.hello.userId, user);
    const again = await server.refused({ token: null, query: { ticket } });
    assert.deepEqual([again.status, again.json.error], [401, 'Unauthorized']);
  });

  it('is used up by exactly one of many at once', async () => {
    const { ticket } = await buy({ user: 'alice' });
    const outcomes = await Promise.allSettled(Array.from({ length: 8 }, () => enter(ticket)));
    assert.equal(outcomes.filter(({ status }) => status === 'fulfilled').length, 1);
  });

  it('carries scopes and memberships', async () => {
    const token = server.token({ user: 'alice', scopes: ['carillon/admin'], claims: { 'custom:orgId': 'acme' } });
    const { ticket } = await buy({ token });
    await enter(ticket, { orgId: 'acme', chatId: unique('any-chat') });
  });

  it('carries the expiry of its token', async () => {
    const token = server.token({ user: 'alice', ttl: 3 });
    const { ticket } = await buy({ token });
    const client = await enter(ticket);
    assert.equal((await client.whenClosed()).code, 4401);
  });

  it('is no token, and not taken over HTTP', async () => {
    const { ticket } = await buy({ user: 'alice' });
    assert.equal((await server.post('/publish', message({ chat: 'c' }), { token: ticket })).status, 401);
    assert.equal((await server.post(`/publish?ticket=${encodeURIComponent(ticket)}`, message({ chat: 'c' }))).status, 401);
    await enter(ticket);
  });

  it('that is made up is 401', async () => {
    for (const ticket of ['', 'x', 'A'.repeat(43), 'x'.repeat(2000)]) {
      assert.equal((await server.refused({ token: null, query: { ticket } })).status, 401);
    }
  });

  it('are all different', async () => {
    const tickets = await Promise.all(Array.from({ length: 20 }, () => buy({ user: 'alice' })));
    assert.equal(new Set(tickets.map(({ ticket }) => ticket)).size, 20);
    for (const { ticket } of tickets) assert.ok(ticket.length >= 20, 'long enough not to be guessed');
  });
});

describe('POST /tickets with the query of an upgrade', () => {
  const server = useServer({ config: { gateway: { max_connections_per_user: 2 } } });
  const ask = (query, options) => server.post(`/tickets?${new URLSearchParams(query)}`, undefined, options);
  /** The ticket is refused as the upgrade is: the same status and the same body. */
  const refusedAlike = async (user, query, status) => {
    const sold = await ask(query, { user });
    const upgrade = await server.refused({ as: user, query });
    assert.equal(sold.status, status, sold.text);
    assert.deepEqual([sold.status, sold.json], [upgrade.status, upgrade.json]);
    return sold.json;
  };

  it('sells one that opens just that', async () => {
    const [user, chat] = [unique('user'), unique('chat')];
    await server.grant(user, chat);
    const query = { userId: user, chatId: chat };
    const { status, json } = await ask(query, { user });
    assert.equal(status, 201);
    server.secret(json.ticket);
    const client = await server.connect({ token: null, query: { ticket: json.ticket, ...query } });
    assert.deepEqual(client.hello.chatIds, [chat]);
  });

  it('is refused as the upgrade would be', async () => {
    const [user, chat, other] = [unique('user'), unique('chat'), unique('chat')];
    await server.grant(user, chat);
    assert.deepEqual(await refusedAlike(user, { userId: 'somebody-else' }, 403), { error: 'Forbidden - userId does not match token' });
    assert.deepEqual((await refusedAlike(user, { chatId: `${chat},${other}` }, 403)).chatIds, [other]);
    for (const kind of ['org', 'hub', 'project']) {
      assert.deepEqual(await refusedAlike(user, { [`${kind}Id`]: 'x' }, 403), { error: `Forbidden - No access to ${kind}` });
    }
    await refusedAlike(user, { chatId: 'a\nb' }, 400);
    await refusedAlike(user, { chatId: Array.from({ length: 1001 }, (_, i) => `c${i}`).join(',') }, 400);
  });

  it('is refused while the user has too many connections', async () => {
    const user = unique('user');
    const clients = [await server.connect({ as: user }), await server.connect({ as: user })];
    await refusedAlike(user, {}, 429);
    await clients[0].close();
    await until(async () => (await ask({}, { user })).status === 201, 'there is room again');
  });

  it('registers nothing and uses nothing up when it is refused', async () => {
    const user = unique('user');
    for (let i = 0; i < 70; ++i) assert.equal((await ask({ chatId: 'not-mine' }, { user })).status, 403);
    assert.equal((await ask({}, { user })).status, 201);
    assert.equal((await server.get(`/connections?userId=${user}`, { user })).json.count, 0);
  });
});
