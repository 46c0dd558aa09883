// `serve --dev` only: the page /try/, and the session that signs two people in.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { assertRefused, until, useServer } from './harness.mjs';

const LINK = /try it: (http:\/\/127\.0\.0\.1:\d+\/try\/)#token=(\S+)/;

describe('/try/ under --dev', () => {
  const server = useServer({ dev: true });
  const link = async () => {
    const [, url, token] = await until(() => LINK.exec(server.printed.join('\n')), 'the link on stdout');
    return { url, token: server.secret(token) };
  };
  const session = async () => {
    const answer = await server.post('/try/session', undefined, { token: (await link()).token });
    assert.equal(answer.status, 201, answer.text);
    for (const { token } of answer.json.users) server.secret(token);
    return answer;
  };
  const roles = async () => {
    const { json } = await server.get('/permissions?chatId=try', { token: (await link()).token });
    return Object.fromEntries(json.users.map(({ userId, role }) => [userId, role]));
  };

  it('its link comes first of all that is printed, and leads to a page', async () => {
    const { url } = await link();
    const first = server.printed.findIndex((line) => line.includes('http') && !line.startsWith('listening'));
    assert.match(server.printed[first], LINK);
    const page = await server.get(new URL(url).pathname);
    assert.equal(page.status, 200);
    assert.match(page.headers['content-type'], /^text\/html/);
    assert.match(page.headers['content-security-policy'], /default-src 'none'/);
    assert.equal((await server.get('/dvl/try/')).status, 200, 'below the stage');
    const lead = await server.get('/try');
    assert.deepEqual([lead.status, lead.headers.location], [301, 'try/']);
  });

  it('its session lets two people talk', async () => {
    const { json, headers } = await session();
    assert.equal(headers['cache-control'], 'no-store');
    assert.equal(json.chatId, 'try');
    assert.deepEqual(json.users.map(({ userId }) => userId), ['ann', 'ben']);
    const hour = Date.parse(json.expiresAt) - Date.now();
    assert.ok(hour > 3_500_000 && hour <= 3_600_000, json.expiresAt);
    const [ann, ben] = await Promise.all(json.users.map(({ token }) => server.connect({ token, chats: ['try'] })));
    assert.equal(ann.hello.userId, 'ann');
    const sent = await ann.ask({ action: 'sendMessage', targetChannel: 'WebSocket', messageType: 'fifo', payload: { chatId: 'try', eventType: 'chat', content: 'hello' } });
    assert.equal((await ben.message(sent.messageId)).userId, 'ann');
  });

  it('its tokens give no more than that', async () => {
    const { json } = await session();
    const { token } = json.users[0];
    assertRefused(await server.post('/try/session', undefined, { token }), 403, 'Forbidden');
    assertRefused(await server.get('/queues', { token }), 403, 'Forbidden');
    assertRefused(await server.publish({ to: 'all' }, { token }), 403, 'Forbidden - No access to all');
  });

  it('asking again gives fresh tokens and changes nothing else', async () => {
    const first = (await session()).json;
    const before = await roles();
    assert.deepEqual(before, { ann: 'member', ben: 'member' });
    const granted = await server.post('/permissions', { userId: 'ann', chatId: 'try', role: 'owner' }, { token: (await link()).token });
    assert.equal(granted.status, 200, granted.text);
    const second = (await session()).json;
    assert.notEqual(first.users[0].token, second.users[0].token);
    assert.deepEqual(await roles(), { ann: 'owner', ben: 'member' });
    const revoked = await server.revoke('ben', 'try', { token: (await link()).token });
    assert.equal(revoked.status, 200);
    await session();
    assert.deepEqual(await roles(), { ann: 'owner', ben: 'member' });
  });

  it('its session is for whoever has the link', async () => {
    assert.equal((await server.post('/try/session')).status, 401);
    assert.equal((await server.post('/try/session', undefined, { token: `${(await link()).token}x` })).status, 401);
    const get = await server.get('/try/session', { token: (await link()).token });
    assertRefused(get, 405, 'Method not allowed');
    assert.match(get.headers.allow, /POST/);
  });
});

describe('/try/ without --dev', () => {
  const server = useServer();

  it('is not there', async () => {
    for (const path of ['/try', '/try/']) assertRefused(await server.get(path), 404, 'Not found');
    assertRefused(await server.post('/try/session', undefined, { token: server.admin }), 404, 'Not found');
    assert.doesNotMatch(server.printed.join('\n'), /try it/);
  });
});
