// The comments application's REST service (examples/comments/api): acknowledgement, broadcast, rights, events.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { createHmac } from 'node:crypto';
import { describe, it } from 'node:test';
import { COMMENTS_API, CarillonStandIn, CommentsApi, EVENTS_SECRET, Forwarder } from './comments_api.mjs';
import { assertRefused, cleanEnvironment, removeDirectory, temporaryDirectory, unique, until, useServer, using } from './harness.mjs';
import { hs256, claimsOf } from './tokens.mjs';

const UUID_V7 = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;
const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;

/** The service and the stand-in it talks to. */
function service(env) {
  const carillon = using(new CarillonStandIn());
  const api = using(new CommentsApi({ endpoint: () => carillon.url, env }));
  return { carillon, api };
}

/** A connection event as Carillon signs it, by code of our own. */
function signedEvent(body, { id = unique('msg'), at = Date.now(), key = EVENTS_SECRET } = {}) {
  const timestamp = String(Math.floor(at / 1000));
  const mac = createHmac('sha256', Buffer.from(key.slice('whsec_'.length), 'base64'));
  const signature = `v1,${mac.update(`${id}.${timestamp}.${body}`).digest('base64')}`;
  return { 'webhook-id': id, 'webhook-timestamp': timestamp, 'webhook-signature': signature };
}

describe('comments', () => {
  const { carillon, api } = service();

  it('are acknowledged with 201, and come as comment.created', async () => {
    const token = await api.signIn('ann');
    const post = unique('post');
    const answer = await api.comment(post, 'Grüße "und" mehr\n', token);
    assert.equal(answer.status, 201, answer.text);
    const { message, id, postId, createdAt, ...rest } = answer.json;
    assert.deepEqual([message, postId, rest], ['Comment created', post, {}]);
    assert.match(id, UUID_V7);
    assert.match(createdAt, TIME);
    const { headers, data } = await carillon.next();
    assert.match(data.timestamp, TIME);
    const comment = { id, content: 'Grüße "und" mehr\n', userId: 'ann', createdAt, postId: post };
    assert.deepEqual(data, { type: 'comment.created', data: { postId: post, comment }, timestamp: data.timestamp });
    assert.match(headers['content-type'], /^application\/json/);
    const claims = JSON.parse(Buffer.from(headers.authorization.split('.')[1], 'base64url'));
    assert.deepEqual([claims.scope, claims.sub], ['carillon/publish', 'comments-api']);
    assert.deepEqual(await api.comments(post), { postId: post, comments: [comment], count: 1 });
  });

  it('of one post are broadcast in the order of the list, also when one has to be sent again', async () => {
    const token = await api.signIn('ann');
    const post = unique('post');
    let release;
    carillon.statuses = [new Promise((resolve) => (release = resolve)), 503, 200];
    await Promise.all(Array.from({ length: 10 }, (_, index) => api.comment(post, `${index}`, token)));
    release(500);
    const sent = [];
    for (let index = 0; index < 12; index += 1) sent.push(await carillon.next('comment.created'));
    const keys = sent.map(({ headers }) => headers['idempotency-key']);
    assert.deepEqual([keys[0], keys[1], new Set(keys).size], [keys[1], keys[2], 10]);
    const { comments } = await api.comments(post);
    assert.deepEqual(sent.slice(2).map(({ data }) => data.data.comment), comments);
  });

  it('are changed and deleted by their author only', async () => {
    const [ann, ben] = [await api.signIn('ann'), await api.signIn('ben')];
    const post = unique('post');
    const { json: { id } } = await api.comment(post, 'first', ann);
    const { data: { data: { comment: first } } } = await carillon.next('comment.created');
    const url = `/api/v1/posts/${post}/comments/${id}`;
    assertRefused(await api.request('PUT', url, { token: ben, body: { content: 'mine' } }), 403, 'Forbidden');
    assertRefused(await api.request('DELETE', url, { token: ben }), 403, 'Forbidden');
    assertRefused(await api.request('DELETE', url.replace(post, 'other'), { token: ann }), 404, 'Not found');
    assert.deepEqual((await api.comments(post)).comments, [first]);

    const changed = await api.request('PUT', url, { token: ann, body: { content: 'second' } });
    assert.equal(changed.status, 200, changed.text);
    assert.deepEqual(changed.json, { message: 'Comment updated', id, postId: post, updatedAt: changed.json.updatedAt });
    const { data: update } = await carillon.next('comment.updated');
    assert.deepEqual(update.data, { postId: post, comment: { ...first, content: 'second', updatedAt: changed.json.updatedAt } });

    const deleted = await api.request('DELETE', url, { token: ann });
    assert.deepEqual([deleted.status, deleted.json], [200, { message: 'Comment deleted', id, postId: post }]);
    assert.deepEqual((await carillon.next('comment.deleted')).data.data, { postId: post, commentId: id });
    assert.deepEqual(await api.comments(post), { postId: post, comments: [], count: 0 });
    assertRefused(await api.request('DELETE', url, { token: ann }), 404, 'Not found');
  });

  it('are read in pages, oldest first, and pushed as comments.list when asked for', async () => {
    const token = await api.signIn('ann');
    const post = unique('post');
    for (let index = 0; index < 5; index += 1) await api.comment(post, `${index}`, token);
    const first = await api.comments(post, '?limit=3');
    const second = await api.comments(post, `?limit=3&startKey=${first.nextToken}`);
    const all = [...first.comments, ...second.comments];
    assert.deepEqual(all.map(({ content }) => content), ['0', '1', '2', '3', '4']);
    assert.deepEqual([first.count, second.count, second.nextToken], [5, 5, undefined]);
    assert.equal((await api.post(`/api/v1/posts/${post}/comments/list`, undefined, { token })).status, 202);
    assert.deepEqual((await carillon.next('comments.list')).data.data, { postId: post, comments: all, count: 5 });
  });

  it('need a token of this issuer', async () => {
    const post = unique('post');
    assertRefused(await api.comment(post, 'x'), 401, 'Unauthorized');
    assertRefused(await api.comment(post, 'x', hs256(claimsOf({ user: 'ann', ttl: -3600 }))), 401, 'Unauthorized');
    const forged = hs256(claimsOf({ user: 'ann' }), { secret: 'another secret of at least 32 bytes' });
    assertRefused(await api.comment(post, 'x', forged), 401, 'Unauthorized');
    assertRefused(await api.post('/websocket/test', { message: 'x' }), 401, 'Unauthorized');
    assertRefused(await api.post(`/api/v1/posts/${post}/comments/list`), 401, 'Unauthorized');
    assert.equal((await api.comments(post)).count, 0);
  });

  it('that are none are refused', async () => {
    const token = await api.signIn('ann');
    for (const body of ['', '[]', '{', '{"content":""}', '{"content":1}', '{"content":"\\u0000"}', '{"content":"a","content":"b"}',
      JSON.stringify({ content: 'x'.repeat(10_001) }), Buffer.from('{"content":"\xff"}', 'latin1')]) {
      assert.equal((await api.post('/api/v1/posts/p/comments', body, { token })).status, 400, String(body).slice(0, 40));
    }
    assert.equal((await api.comment('most', '😀'.repeat(10_000), token)).status, 201);
    assertRefused(await api.comment('p', 'x'.repeat(200_000), token), 413, 'Message too large');
    for (const post of ['a%2Fb', 'a%00b', '%20', 'x'.repeat(65), '%C3%A4', 'a%2Cb']) {
      assert.equal((await api.comment(post, 'x', token)).status, 400, post);
    }
    for (const query of ['?limit=0', '?limit=101', '?limit=x', '?startKey=x', '?startKey=-1']) {
      assert.equal((await api.get(`/api/v1/posts/p/comments${query}`)).status, 400, query);
    }
    for (const userId of ['', 'a b', 'a,b', 'x'.repeat(65), '<script>', 5, null]) {
      assert.equal((await api.post('/api/v1/session', { userId })).status, 400, String(userId));
    }
    assertRefused(await api.request('PUT', '/api/v1/posts/p/comments/none', { token, body: { content: 'x' } }), 404, 'Not found');
    assert.equal((await api.get('/nowhere')).status, 404);
    assert.equal((await api.request('PATCH', '/api/v1/session')).status, 405);
  });

  it('too many at once are 429', async () => {
    const token = await api.signIn(unique('eager'));
    const answers = await Promise.all(Array.from({ length: 80 }, () => api.comment('busy', 'x', token)));
    const refused = answers.filter(({ status }) => status === 429);
    assert.ok(refused.length > 0, 'none was refused');
    assert.equal(refused.length + answers.filter(({ status }) => status === 201).length, 80);
  });
});

describe('the page of another origin', () => {
  const { api } = service({ APP_ALLOWED_ORIGINS: 'http://localhost:3000,http://127.0.0.1:3000' });
  const preflight = (origin, method) => api.request('OPTIONS', '/api/v1/posts/p/comments/x',
    { headers: { origin, 'access-control-request-method': method, 'access-control-request-headers': 'authorization,content-type' } });

  it('may ask when it is allowed', async () => {
    for (const origin of ['http://localhost:3000', 'http://127.0.0.1:3000']) {
      const answer = await preflight(origin, 'PUT');
      assert.equal(answer.status, 204);
      assert.equal(answer.headers['access-control-allow-origin'], origin);
      assert.match(answer.headers['access-control-allow-methods'], /PUT/);
      assert.match(answer.headers['access-control-allow-methods'], /DELETE/);
      assert.match(answer.headers['access-control-allow-headers'], /Authorization/i);
      assert.equal((await api.post('/api/v1/session', { userId: 'ann' }, { headers: { origin } })).headers['access-control-allow-origin'], origin);
    }
  });

  it('may not ask otherwise', async () => {
    for (const origin of ['http://evil.example', 'http://localhost:3001', 'null']) {
      assert.equal((await preflight(origin, 'PUT')).status, 403, origin);
      assert.equal((await api.post('/api/v1/session', { userId: 'ann' }, { headers: { origin } })).headers['access-control-allow-origin'], undefined);
    }
  });

  it('may not have its own name pointed here', async () => {
    const answer = await api.post('/api/v1/session', { userId: 'ann' }, { headers: { host: 'evil.example:8000', origin: 'http://evil.example:8000' } });
    assertRefused(answer, 403, 'Forbidden - Host not allowed');
  });

  it('opens no WebSocket here', async () => {
    for (const target of ['/', '/ws', '/dvl']) assert.equal((await api.refused({ path: target })).status, 404, target);
  });
});

describe('while Carillon is not there', () => {
  const { carillon, api } = service();

  it('comments are taken, and told when it is back', async () => {
    const token = await api.signIn('ann');
    await carillon.stop();
    const answers = [await api.comment('p', '1', token), await api.comment('p', '2', token)];
    assert.deepEqual(answers.map(({ status }) => status), [201, 201]);
    assertRefused(await api.get('/websocket/connections'), 503, 'Service unavailable');
    await carillon.start();
    for (const { json } of answers) assert.equal((await carillon.next()).data.data.comment.id, json.id);
    await until(async () => (await api.broadcasts()).sent === 2, 'both are counted');
  });

  it('nor answers, comments are taken all the same, and other posts are told', async () => {
    const token = await api.signIn('ann');
    carillon.statuses = [new Promise(() => {})];
    assert.equal((await api.comment('silent', '1', token)).status, 201);
    await carillon.next();
    assert.equal((await api.comment('silent', '2', token)).status, 201);
    assert.equal((await api.comment('other', '3', token)).status, 201);
    assert.equal((await carillon.next()).data.data.postId, 'other');
  });

  it('refusals are counted and logged, without what was said', async () => {
    const token = await api.signIn('ann');
    const before = (await api.broadcasts()).failed;
    carillon.statuses = [403];
    assert.equal((await api.comment(unique('post'), 'a private thought', token)).status, 201);
    await until(async () => (await api.broadcasts()).failed === before + 1, 'the refusal is counted');
    const line = await api.lines.next(({ data }) => data?.event_type === 'broadcast_failed' && data.reason === 'answered 403');
    assert.deepEqual([line.data.level, line.data.type], ['WARN', 'comment.created']);
    assert.ok(api.log.every(({ text }) => !text.includes('a private thought')));
  });
});

describe('what was acknowledged', () => {
  const { carillon, api } = service();

  it('survives kill -9', async () => {
    const token = await api.signIn('ann');
    const { json: { id } } = await api.comment('kept', 'one', token);
    await api.comment('kept', 'two', token);
    await api.request('PUT', `/api/v1/posts/kept/comments/${id}`, { token, body: { content: 'changed' } });
    const before = await api.comments('kept');
    await api.kill9();
    await api.start();
    assert.deepEqual(await api.comments('kept'), before);
    assert.deepEqual(before.comments.map(({ content }) => content), ['changed', 'two']);
    assert.equal((await api.comment('kept', 'three', token)).status, 201);
    assert.equal((await api.comments('kept')).count, 3);
  });

  it('is told before SIGTERM ends the service', async () => {
    const token = await api.signIn('ann');
    let release;
    carillon.broadcasts.drain();
    carillon.statuses = [new Promise((resolve) => (release = resolve))];
    const post = unique('post');
    for (const content of ['1', '2']) assert.equal((await api.comment(post, content, token)).status, 201);
    await carillon.broadcasts.next(({ data }) => data.data.postId === post);
    const ended = api.terminate();
    release(200);
    assert.deepEqual(await ended, { code: 0, signal: null });
    assert.equal((await carillon.broadcasts.next(({ data }) => data.data.postId === post)).data.data.comment.content, '2');
    await api.start();
  });
});

describe('connection events', () => {
  const { carillon, api } = service();
  const send = (event, body, headers) => api.post(`/websocket/${event}`, body, { headers });
  const seen = async () => (await api.get('/websocket/connections')).json.seen;

  it('are counted once, in any order, when they are signed', async () => {
    const connect = (connectionId) => JSON.stringify({ type: 'connect', connectionId, userId: 'ann', chatIds: [] });
    const disconnect = (connectionId) => JSON.stringify({ type: 'disconnect', connectionId, userId: 'ann', chatIds: [], reason: 'closed' });
    const headers = signedEvent(connect('c1'));
    assert.equal((await send('connect', connect('c1'), headers)).status, 200);
    assert.equal((await send('connect', connect('c1'), headers)).status, 200);
    assert.equal((await send('connect', connect('c2'), signedEvent(connect('c2')))).status, 200);
    assert.deepEqual((await api.get('/websocket/connections')).json, { status: 'healthy', count: carillon.count, seen: 2 });
    assert.equal((await send('disconnect', disconnect('c1'), signedEvent(disconnect('c1')))).status, 200);
    assert.equal((await send('connect', connect('c1'), headers)).status, 200);
    assert.equal(await seen(), 1);
    assert.equal((await send('disconnect', disconnect('c3'), signedEvent(disconnect('c3')))).status, 200);
    assert.equal((await send('connect', connect('c3'), signedEvent(connect('c3')))).status, 200);
    assert.equal(await seen(), 1);
  });

  it('that are not signed, or long ago, are refused', async () => {
    const body = JSON.stringify({ type: 'connect', connectionId: 'forged', userId: 'ann' });
    const before = await seen();
    const good = signedEvent(body);
    const refused = [
      {},
      { ...good, 'webhook-signature': 'v1,AAAA' },
      { ...good, 'webhook-id': 'other' },
      { ...good, 'webhook-timestamp': String(Number(good['webhook-timestamp']) + 1) },
      signedEvent(body, { at: Date.now() - 400_000 }),
      signedEvent(body, { at: Date.now() + 400_000 }),
      signedEvent(body, { key: `whsec_${Buffer.from('another key').toString('base64')}` }),
    ];
    for (const headers of refused) assertRefused(await send('connect', body, headers), 401, 'Unauthorized');
    assertRefused(await send('connect', `${body} `, good), 401, 'Unauthorized');
    assert.equal((await send('disconnect', body, good)).status, 400, 'a connect is no disconnect');
    assert.equal(await seen(), before);
  });
});

describe('comments-api', () => {
  const start = (env, args = []) => {
    const directory = temporaryDirectory();
    const secrets = { APP_TOKEN_SECRET: 's'.repeat(32), APP_TOKEN_ISSUER: 'i', APP_TOKEN_AUDIENCE: 'a' };
    const all = { APP_LISTEN: '127.0.0.1:0', APP_DATA: `${directory}/data`, ...secrets, ...env };
    const result = spawnSync(COMMENTS_API, args, { env: cleanEnvironment(all), encoding: 'utf8', timeout: 15_000 });
    removeDirectory(directory);
    return result;
  };

  it('listens on this machine only', () => {
    for (const listen of ['0.0.0.0:0', '[::]:0', ':0', '10.0.0.1:0']) {
      const { status, stderr } = start({ APP_LISTEN: listen });
      assert.deepEqual([status, stderr.split('\n').length], [1, 2], stderr);
      assert.match(stderr, /^comments-api: APP_LISTEN must be an address of this machine only/);
    }
  });

  it('says in one line why it does not start', () => {
    for (const [env, expected] of [[{ APP_TOKEN_SECRET: 'short' }, /APP_TOKEN_SECRET/], [{ APP_DATA: '/proc/nowhere' }, /\/proc\/nowhere/],
      [{ APP_SERVERLESS_WEBSOCKET_ENDPOINT: 'http://example.com' }, /APP_SERVERLESS_WEBSOCKET_ENDPOINT/]]) {
      const { status, stderr } = start(env);
      const complaint = stderr.split('\n').filter((line) => line && !line.startsWith('{'));
      assert.deepEqual([status, complaint.length], [1, 1], stderr);
      assert.match(complaint[0], expected);
      assert.ok(!stderr.includes('short'));
    }
    assert.equal(start({}, ['--help']).status, 2);
  });
});

describe('with Carillon itself', () => {
  const events = using(new Forwarder());
  const carillon = useServer();
  carillon.prepare = async () => {
    carillon.config = {
      events: { connect_url: `${events.url}/websocket/connect`, disconnect_url: `${events.url}/websocket/disconnect`, secret: EVENTS_SECRET },
    };
  };
  const door = using(new Forwarder());
  const api = using(new CommentsApi({ endpoint: () => door.url }));
  events.target = () => api.url;
  door.target = () => carillon.url;
  const connections = async () => (await api.get('/websocket/connections')).json;

  it('a comment of one arrives at both, as the seed shows it', async () => {
    const [ann, ben] = [await api.signIn('ann'), await api.signIn('ben')];
    const sockets = [await carillon.connect({ token: ann }), await carillon.connect({ token: ben })];
    const post = unique('post');
    const { json } = await api.comment(post, 'hello', ann);
    const comment = { id: json.id, content: 'hello', userId: 'ann', createdAt: json.createdAt, postId: post };
    for (const socket of sockets) {
      const frame = await socket.next(({ type }) => type === 'comment.created', 'the comment');
      assert.deepEqual(frame, { type: 'comment.created', data: { postId: post, comment }, timestamp: frame.timestamp });
      assert.match(frame.timestamp, TIME);
    }
    for (let index = 0; index < 10; index += 1) await api.comment(post, `${index}`, ben);
    for (const socket of sockets) {
      for (let index = 0; index < 10; index += 1) {
        const frame = await socket.next(({ type }) => type === 'comment.created', 'a comment');
        assert.equal(frame.data.comment.content, `${index}`);
      }
    }
    await api.post('/websocket/test', { message: 'ping' }, { token: ann });
    assert.deepEqual((await sockets[1].next(({ type }) => type === 'test', 'the test')).data, { message: 'ping' });
  });

  it('connections are counted by both', async () => {
    const counted = (what, check) => until(async () => {
      const { count, seen } = await connections();
      return count === seen && check(count) && { count };
    }, what);
    const { count: before } = await counted('the events of all connections have come', () => true);
    const socket = await carillon.connect({ token: await api.signIn('eve') });
    await counted('one more is counted', (count) => count === before + 1);
    socket.terminate();
    await counted('it is gone', (count) => count === before);
  });

  it('a comment made while it restarts is taken, and told', async () => {
    const token = await api.signIn('ann');
    await carillon.terminate();
    const { sent } = await api.broadcasts();
    assert.equal((await api.comment('meanwhile', 'x', token)).status, 201);
    await carillon.start();
    await until(async () => (await api.broadcasts()).sent === sent + 1, 'the broadcast was accepted');
  });
});
