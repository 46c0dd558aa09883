// CONTRACT §2: paths, methods, errors, CORS and Origin.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { message, unique, useServer } from './harness.mjs';
import { RawSocket, upgradeRequest } from './raw.mjs';

const ORIGIN = 'https://app.example';

describe('paths', () => {
  const server = useServer();

  it('are the same with and without the stage', async () => {
    for (const prefix of ['', '/dvl']) {
      assert.equal((await server.get(`${prefix}/health`)).status, 200);
      const { status, json } = await server.post(`${prefix}/publish`, message({ chat: 'c' }), { token: server.backend });
      assert.equal(status, 200);
      assert.equal(json.message, 'Message published successfully!');
    }
  });

  it('have the stage once, in front, whole', async () => {
    for (const path of ['/dvl/dvl/health', '/dv/health', '/dvlx/health', '/health/dvl', '/DVL/health']) {
      assert.equal((await server.get(path)).status, 404, path);
    }
  });

  for (const path of ['/', '/ws', '/dvl', '/dvl/', '/dvl/ws']) {
    it(`take a WebSocket on ${path}`, async () => {
      const client = await server.connect({ path });
      assert.equal(client.hello.type, 'connected');
    });
  }

  it('take a WebSocket nowhere else', async () => {
    for (const [path, expected] of [['/wss', 404], ['/nothing', 404], ['/dvl/nothing', 404], ['/echo', 404], ['/publish', 405], ['/health', 200]]) {
      assert.equal((await server.refused({ path })).status, expected, path);
    }
  });

  it('answer 426 where a WebSocket is expected and none is asked for', async () => {
    const { status, headers } = await server.get('/ws');
    assert.equal(status, 426);
    assert.match(headers.upgrade, /websocket/i);
  });

  it('that are unknown are 404', async () => {
    for (const path of ['/nothing', '/publish/nothing', '/queues/a/b/c', '/%2e%2e/health', '/health%00']) {
      const { status, json } = await server.get(path, { token: server.admin });
      assert.equal(status, 404, path);
      assert.equal(typeof json.error, 'string');
    }
  });

  it('with another method are 405 with Allow', async () => {
    for (const [method, path, allowed] of [['GET', '/publish', 'POST'], ['PUT', '/dvl/publish', 'POST'], ['POST', '/health', 'GET'], ['PATCH', '/permissions', 'POST'], ['POST', '/connections', 'GET']]) {
      const { status, headers } = await server.request(method, path, { token: server.admin });
      assert.equal(status, 405, `${method} ${path}`);
      assert.ok(headers.allow.split(/, */).includes(allowed), `${method} ${path}: Allow ${headers.allow}`);
    }
  });

  it('answer HEAD like GET, without a body', async () => {
    const get = await server.get('/health');
    const head = await server.request('HEAD', '/health');
    assert.equal(head.status, 200);
    assert.equal(head.text, '');
    assert.equal(head.headers['content-length'], get.headers['content-length']);
    assert.equal((await server.request('HEAD', '/nothing')).status, 404);
    const raw = await server.raw();
    raw.write('HEAD /health HTTP/1.1\r\nHost: x\r\n\r\nGET /ready HTTP/1.1\r\nHost: x\r\n\r\n');
    assert.equal((await raw.response({ head: true })).status, 200);
    assert.equal((await raw.response()).status, 200, 'the next answer follows at once');
    raw.destroy();
  });

  it('answer OPTIONS with what is allowed', async () => {
    const { status, headers } = await server.request('OPTIONS', '/publish');
    assert.ok(status === 200 || status === 204, String(status));
    assert.ok(headers.allow.split(/, */).includes('POST'), headers.allow);
    assert.equal((await server.request('OPTIONS', '/nothing')).status, 404);
  });

  it('answer JSON with nosniff, and never a cookie', async () => {
    for (const [method, path] of [['GET', '/health'], ['GET', '/nothing'], ['GET', '/publish'], ['POST', '/publish']]) {
      const { headers } = await server.request(method, path);
      assert.match(headers['content-type'], /^application\/json/, path);
      assert.equal(headers['x-content-type-options'], 'nosniff', path);
      assert.equal(headers['set-cookie'], undefined, path);
    }
    const raw = await RawSocket.open(server.port);
    raw.write(upgradeRequest(`/?token=${server.token('cookieless')}`));
    const { status, headers } = await raw.response();
    assert.deepEqual([status, headers['set-cookie']], [101, undefined]);
    raw.destroy();
  });

  it('answer errors as {"error"}, whatever Accept says', async () => {
    const { json, headers } = await server.get('/nothing', { headers: { accept: 'text/html' } });
    assert.equal(typeof json.error, 'string');
    assert.match(headers['content-type'], /^application\/json/);
  });
});

describe('another stage', () => {
  const server = useServer({ config: { gateway: { stage: 'prod' } } });

  it('is the configured one only', async () => {
    assert.equal((await server.get('/prod/health')).status, 200);
    assert.equal((await server.get('/health')).status, 200);
    assert.equal((await server.get('/dvl/health')).status, 404);
    await server.connect({ path: '/prod' });
    assert.equal((await server.refused({ path: '/dvl' })).status, 404);
  });
});

describe('CORS', () => {
  const server = useServer({ config: { gateway: { allowed_origins: [ORIGIN] } } });
  const preflight = (origin, method = 'POST') =>
    server.request('OPTIONS', '/publish', { headers: { origin, 'access-control-request-method': method, 'access-control-request-headers': 'authorization, content-type' } });

  it('answers a preflight of a listed origin', async () => {
    const { status, headers } = await preflight(ORIGIN);
    assert.ok(status === 200 || status === 204);
    assert.equal(headers['access-control-allow-origin'], ORIGIN);
    assert.match(headers['access-control-allow-methods'], /POST/);
    const allowed = headers['access-control-allow-headers'].toLowerCase().split(/, */);
    for (const name of ['authorization', 'content-type']) assert.ok(allowed.includes(name), name);
    assert.match(headers.vary ?? '', /origin/i);
    assert.notEqual(headers['access-control-allow-credentials'], 'true');
  });

  it('marks every answer for a listed origin, refusals included', async () => {
    const answers = [await server.get('/health', { headers: { origin: ORIGIN } }), await server.post('/publish', {}, { headers: { origin: ORIGIN } }), await server.get('/nothing', { headers: { origin: ORIGIN } })];
    for (const { headers } of answers) assert.equal(headers['access-control-allow-origin'], ORIGIN);
  });

  it('compares scheme, host and port, and refuses null', async () => {
    for (const origin of ['http://app.example', 'https://app.example:8443', 'https://app.example.evil.example', 'https://xapp.example', 'https://evil.example', 'null']) {
      assert.equal((await preflight(origin)).headers['access-control-allow-origin'], undefined, origin);
      const { headers, status } = await server.get('/health', { headers: { origin } });
      assert.equal(headers['access-control-allow-origin'], undefined, origin);
      assert.equal(status, 200);
    }
    assert.equal((await preflight('https://app.example:443')).headers['access-control-allow-origin'], 'https://app.example:443', 'the default port is the same origin');
  });

  it('guards the Origin of an upgrade with the same list', async () => {
    await server.connect({ headers: { origin: ORIGIN } });
    for (const origin of ['http://app.example', 'https://app.example:8443', 'https://evil.example', 'null', 'not an origin']) {
      assert.equal((await server.refused({ headers: { origin } })).status, 403, origin);
    }
  });

  it('lets in what sends no Origin, and the same origin', async () => {
    await server.connect();
    await server.connect({ headers: { origin: `http://127.0.0.1:${server.port}` } });
    assert.equal((await server.refused({ headers: { origin: `http://127.0.0.1:${server.port + 1}` } })).status, 403);
    assert.equal((await server.refused({ headers: { origin: `https://127.0.0.1:${server.port}` } })).status, 403);
  });
});

describe('without allowed_origins', () => {
  const server = useServer();

  it('only the same origin may', async () => {
    await server.connect({ headers: { origin: server.url } });
    assert.equal((await server.refused({ headers: { origin: 'http://localhost' } })).status, 403);
    const { headers } = await server.get('/health', { headers: { origin: 'https://app.example' } });
    assert.equal(headers['access-control-allow-origin'], undefined);
  });
});

describe('forwarded headers', () => {
  const forwarded = { 'x-forwarded-for': '203.0.113.7' };
  const addressOf = async (server, headers) => {
    const user = unique('forwarded');
    await server.connect({ as: user, headers });
    const { text } = await server.get(`/connections?userId=${user}`, { token: server.admin });
    return text;
  };

  describe('from anybody', () => {
    const server = useServer();
    it('do not count', async () => {
      const text = await addressOf(server, forwarded);
      assert.ok(!text.includes('203.0.113.7'), text);
      assert.ok(text.includes('127.0.0.1'), text);
    });
  });

  describe('from a trusted proxy', () => {
    const server = useServer({ config: { gateway: { trusted_proxies: ['127.0.0.0/8'] } } });
    it('count, and of a chain the last one that is no proxy', async () => {
      assert.ok((await addressOf(server, forwarded)).includes('203.0.113.7'));
      const text = await addressOf(server, { 'x-forwarded-for': '198.51.100.1, 203.0.113.9, 127.0.0.5' });
      assert.ok(text.includes('203.0.113.9') && !text.includes('198.51.100.1'), text);
    });
  });
});

describe('HTTP/1.1', () => {
  const server = useServer();

  it('keeps connections, answers pipelined requests in order and takes chunked bodies', async () => {
    const raw = await server.raw();
    const token = server.backend;
    const body = JSON.stringify(message({ chat: 'c' }));
    const head = `POST /publish HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${token}\r\n`;
    raw.write(`GET /health HTTP/1.1\r\nHost: x\r\n\r\n${head}Transfer-Encoding: chunked\r\n\r\n`);
    for (const part of [body.slice(0, 10), body.slice(10)]) raw.write(`${part.length.toString(16)}\r\n${part}\r\n`);
    raw.write('0\r\n\r\nGET /nothing HTTP/1.1\r\nHost: x\r\n\r\n');
    const statuses = [];
    for (let i = 0; i < 3; i += 1) statuses.push((await raw.response()).status);
    assert.deepEqual(statuses, [200, 200, 404]);
    raw.destroy();
  });

  it('answers Expect: 100-continue before the body', async () => {
    const raw = await server.raw();
    const body = JSON.stringify(message({ chat: 'c' }));
    raw.write(`POST /publish HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${server.backend}\r\nContent-Length: ${body.length}\r\nExpect: 100-continue\r\n\r\n`);
    assert.equal((await raw.response()).status, 100);
    raw.write(body);
    assert.equal((await raw.response()).status, 200);
    raw.destroy();
  });

  it('closes after Connection: close', async () => {
    const raw = await server.raw();
    raw.write('GET /health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n');
    const { status, headers } = await raw.response();
    assert.deepEqual([status, headers.connection?.toLowerCase()], [200, 'close']);
    await raw.end();
  });

  it('hands over cleanly from keep-alive requests to a WebSocket', async () => {
    const raw = await server.raw();
    raw.write('GET /health HTTP/1.1\r\nHost: x\r\n\r\n');
    assert.equal((await raw.response()).status, 200);
    raw.write(upgradeRequest(`/?token=${server.token('alice')}`, { 'Sec-WebSocket-Protocol': 'carillon.v1' }));
    assert.equal((await raw.response()).status, 101);
    assert.equal(JSON.parse((await raw.frame()).payload).type, 'connected');
    raw.destroy();
  });
});
