// CONTRACT §12: /@connections with bearer tokens and with signatures, and what an attacker could try with these.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { message, unique, until, useServer } from './harness.mjs';
import { AWS_KEYS, KEY, READER, amzDate, sha256, signedHeaders } from './sigv4.mjs';

const MINUTES = 60_000;

describe('/@connections', () => {
  const server = useServer({ config: AWS_KEYS });
  server.secret(KEY.secret);
  const connect = async (options = {}) => {
    const client = await server.connect({ as: unique('user'), ...options });
    return { client, id: client.hello.connectionId, path: `/dvl/@connections/${client.hello.connectionId}` };
  };
  const nothingMore = async (client) => {
    const requestId = unique('ping');
    client.send({ action: 'ping', requestId });
    assert.deepEqual(await client.before((frame) => frame.requestId === requestId), []);
  };
  /** A signed request; `sent` is what differs from what was signed. */
  const signed = ({ sent = {}, ...what }) => {
    const request = { method: 'POST', body: what.method === undefined || what.method === 'POST' ? 'x' : undefined, ...what };
    const headers = signedHeaders({ host: `127.0.0.1:${server.port}`, ...request });
    const all = { ...request, ...sent, headers: { ...headers, ...sent.headers } };
    for (const name of Object.keys(all.headers)) if (all.headers[name] === null) delete all.headers[name];
    const target = all.path + (all.query ? `?${all.query}` : '');
    return server.request(all.method, target, { body: all.body, headers: { 'content-type': 'text/plain', ...all.headers } });
  };
  const assertError = (answer, status, type) => {
    assert.deepEqual([answer.status, answer.headers['x-amzn-errortype']], [status, type], answer.text);
    assert.equal(typeof answer.json.error, 'string');
    assert.ok(answer.json.message.startsWith(answer.json.error), answer.text);
  };

  it('takes a bearer token of carillon/admin', async () => {
    const { client, id } = await connect();
    const sent = await server.request('POST', `/@connections/${id}`, { token: server.admin, body: '{"n":1}' });
    assert.deepEqual([sent.status, sent.text], [200, '']);
    assert.deepEqual(await client.next(), { n: 1 });
    const { status, json } = await server.get(`/dvl/@connections/${id}`, { token: server.admin });
    assert.equal(status, 200);
    assert.deepEqual(Object.keys(json), ['connectedAt', 'identity', 'lastActiveAt']);
    assert.equal(new Date(json.connectedAt).toISOString(), json.connectedAt);
    const gone = await server.delete(`/@connections/${id}`, { token: server.admin });
    assert.deepEqual([gone.status, gone.text], [204, '']);
    assert.deepEqual(await client.whenClosed(), { code: 4403, reason: 'disconnected by an operator' });
    for (const method of ['GET', 'DELETE', 'POST']) {
      assertError(await server.request(method, `/@connections/${id}`, { token: server.admin }), 410, 'GoneException');
    }
  });

  it('knows a deleted connection no more once that was answered', async () => {
    for (let i = 0; i < 10; ++i) {
      const { id } = await connect();
      assert.equal((await server.delete(`/@connections/${id}`, { token: server.admin })).status, 204);
      assert.equal((await server.get(`/@connections/${id}`, { token: server.admin })).status, 410);
    }
  });

  it('refuses every other token', async () => {
    const { client, id } = await connect();
    for (const token of [server.backend, server.token('alice')]) {
      assertError(await server.get(`/@connections/${id}`, { token }), 403, 'ForbiddenException');
    }
    assertError(await server.get(`/@connections/${id}`), 401, 'UnrecognizedClientException');
    assertError(await server.get(`/@connections/${id}`, { token: 'x.y.z' }), 401, 'UnrecognizedClientException');
    assertError(await server.get(`/@connections/${id}?token=${server.admin}`), 401, 'UnrecognizedClientException');
    await nothingMore(client);
  });

  it('words its other refusals for the SDK, too', async () => {
    const { path } = await connect();
    const put = await server.request('PUT', path, { token: server.admin, body: 'x' });
    assertError(put, 405, 'MethodNotAllowedException');
    assert.equal(put.headers.allow, 'POST, GET, DELETE, HEAD, OPTIONS');
    const large = await server.request('POST', path, { token: server.admin, body: 'x'.repeat(262145) });
    assertError(large, 413, 'PayloadTooLargeException');
  });

  it('sends after what was published before', async () => {
    const chat = unique('chat');
    const user = unique('user');
    await server.grant(user, chat);
    const { client, id } = await connect({ as: user, chats: [chat] });
    for (let n = 0; n < 10; ++n) {
      const { messageId } = await server.published({ chat, messageType: 'fifo', content: n });
      await client.message(messageId);
      await server.request('POST', `/@connections/${id}`, { token: server.admin, body: JSON.stringify({ n }) });
      assert.deepEqual(await client.next(), { n });
    }
  });

  it('closes a connection that does not read 1013, and calls it gone', async () => {
    const { client, id } = await connect();
    client.socket.pause();
    const body = JSON.stringify('x'.repeat(131_000));
    let taken = 0;
    const refused = await until(async () => {
      const answer = await server.request('POST', `/@connections/${id}`, { token: server.admin, body });
      taken += answer.status === 200 ? 1 : 0;
      return answer.status === 200 ? null : answer;
    }, 'the buffer is full', 60_000);
    assertError(refused, 410, 'GoneException');
    client.socket.resume();
    for (let i = 0; i < taken; ++i) assert.equal((await client.next()).length, 131_000);
    assert.equal((await client.whenClosed()).code, 1013);
  });

  it('takes a signed request, with query and escaped ids', async () => {
    const { client, path } = await connect();
    assert.equal((await signed({ path, body: '{"n":2}' })).status, 200);
    assert.deepEqual(await client.next(), { n: 2 });
    assert.equal((await signed({ path, method: 'GET' })).status, 200);
    assert.equal((await signed({ path, method: 'HEAD' })).status, 200);
    assert.equal((await signed({ path: path.slice('/dvl'.length), method: 'GET', query: 'a=1&b=%2F' })).status, 200);
    assertError(await signed({ path: '/dvl/@connections/L0SM9cOFvHcCIhw%3D', method: 'GET' }), 410, 'GoneException');
    assertError(await signed({ path, method: 'GET', key: READER }), 403, 'ForbiddenException');
  });

  const attacks = {
    'another body': (path) => ({ path, sent: { body: 'y' } }),
    'a body of its own hash': (path) => ({ path, sent: { body: 'y', headers: { 'x-amz-content-sha256': sha256('y') } } }),
    'another host': (path) => ({ path, sent: { headers: { host: 'localhost' } } }),
    'another method': (path) => ({ path, body: undefined, sent: { method: 'DELETE' } }),
    'another connection': (path) => ({ path: path.replace(/.$/, (last) => (last === 'x' ? 'y' : 'x')), sent: { path } }),
    'another stage': (path) => ({ path, sent: { path: path.slice('/dvl'.length) } }),
    'a query added': (path) => ({ path, sent: { query: 'a=1' } }),
    'another time': (path) => ({ path, sent: { headers: { 'x-amz-date': amzDate(Date.now() - 2000) } } }),
    'a header changed': (path) => ({ path, headers: { 'x-amz-user-agent': 'a' }, sent: { headers: { 'x-amz-user-agent': 'b' } } }),
    'a header taken away': (path) => ({ path, headers: { 'content-language': 'en' }, sent: { headers: { 'content-language': null } } }),
    'an x-amz header added': (path) => ({ path, sent: { headers: { 'x-amz-target': 'x' } } }),
    'the host not signed': (path) => ({ path, host: null, sent: { headers: { host: '127.0.0.1' } } }),
    'a replay after five minutes': (path) => ({ path, at: Date.now() - 5 * MINUTES - 2000 }),
    'one for later': (path) => ({ path, at: Date.now() + 5 * MINUTES + 5000 }),
    'an unsigned payload': (path) => ({ path, payload: 'UNSIGNED-PAYLOAD' }),
    'a streamed payload': (path) => ({ path, payload: 'STREAMING-AWS4-HMAC-SHA256-PAYLOAD' }),
    'a session token': (path) => ({ path, headers: { 'x-amz-security-token': 't' } }),
    'another service': (path) => ({ path, service: 'sqs' }),
    'a wrong secret': (path) => ({ path, key: { ...KEY, secret: 'guess' } }),
    'an empty secret': (path) => ({ path, key: { ...KEY, secret: '' } }),
    'an unknown key': (path) => ({ path, key: { ...KEY, id: 'NOBODY' } }),
  };
  for (const [name, attack] of Object.entries(attacks)) {
    it(`refuses ${name}`, async () => {
      const { client, path } = await connect();
      const answer = await signed(attack(path));
      assertError(answer, 401, 'InvalidSignatureException');
      assert.deepEqual([answer.json.error, typeof answer.json.details], ['Unauthorized', 'string']);
      assert.ok(!answer.text.includes(KEY.secret));
      await nothingMore(client);
    });
  }

  it('answers an unknown key like a wrong secret', async () => {
    const { path } = await connect();
    const [unknown, wrong] = await Promise.all([{ ...KEY, id: 'NOBODY' }, { ...KEY, secret: 'guess' }].map((key) => signed({ path, key })));
    assert.equal(unknown.text, wrong.text);
  });

  it('is good within five minutes of either clock', async () => {
    const { client, path } = await connect();
    for (const at of [Date.now() - 4.8 * MINUTES, Date.now() + 4.8 * MINUTES]) {
      assert.equal((await signed({ path, at, body: '{}' })).status, 200);
      await client.next();
    }
  });

  it('refuses a signature in the URL', async () => {
    const { client, path } = await connect();
    const query = `X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=${KEY.id}%2F20261120%2Fr%2Fexecute-api%2Faws4_request&X-Amz-Signature=${'a'.repeat(64)}`;
    assertError(await server.request('POST', `${path}?${query}`, { body: 'x' }), 401, 'InvalidSignatureException');
    assertError(await signed({ path, sent: { query } }), 401, 'InvalidSignatureException');
    assertError(await server.request('POST', `${path}?${query}`, { body: 'x', token: server.admin }), 401, 'InvalidSignatureException');
    await nothingMore(client);
  });

  it('checks every signature of a connection anew', async () => {
    const { client, path } = await connect();
    const host = `127.0.0.1:${server.port}`;
    const body = '{"n":1}';
    const headers = { ...signedHeaders({ method: 'POST', path, host, body }), 'content-length': body.length };
    const head = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`).join('');
    const raw = await server.raw();
    for (const [sent, status] of [[body, 200], ['{"n":2}', 401], [body, 200]]) {
      raw.write(`POST ${path} HTTP/1.1\r\n${head}\r\n${sent}`);
      assert.equal((await raw.response()).status, status);
    }
    raw.destroy();
    for (let i = 0; i < 2; ++i) assert.deepEqual(await client.next(), { n: 1 });
    await nothingMore(client);
  });

  it('takes signatures nowhere else', async () => {
    for (const [method, path] of [['GET', '/connections'], ['POST', '/tickets'], ['GET', '/queues']]) {
      const answer = await signed({ method, path, body: method === 'POST' ? '' : undefined });
      assert.deepEqual([answer.status, answer.json.details], [401, 'no bearer token'], path);
    }
    const body = JSON.stringify(message({ to: 'all' }));
    assert.equal((await signed({ path: '/dvl/publish', body, headers: { 'content-type': 'application/json' } })).status, 401);
  });
});

describe('without access keys', () => {
  const server = useServer();
  it('only tokens count', async () => {
    const headers = signedHeaders({ method: 'GET', path: '/@connections/x', host: `127.0.0.1:${server.port}` });
    assert.equal((await server.get('/@connections/x', { headers })).status, 401);
    assert.equal((await server.get('/@connections/x', { token: server.admin })).status, 410);
  });
});
