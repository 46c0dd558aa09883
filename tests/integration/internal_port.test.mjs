// CONTRACT §13, §14: [internal] listen, for what must not need a token.
import assert from 'node:assert/strict';
import http from 'node:http';
import { after, before, describe, it } from 'node:test';
import { Server, until, useServer } from './harness.mjs';
import { parseMetrics, value } from './promtool.mjs';
import { RawSocket, upgradeRequest } from './raw.mjs';

const CONFIG = { internal: { listen: '127.0.0.1:0' } };
const portOf = async (server) => (await until(() => server.log.find((line) => line.data?.event_type === 'internal_listening'), 'the internal port')).data.port;

function ask(port, path, { method = 'GET', headers = {}, body } = {}) {
  return new Promise((resolve, reject) => {
    const request = http.request({ host: '127.0.0.1', port, path, method, headers, agent: false }, (response) => {
      let text = '';
      response.on('data', (chunk) => (text += chunk));
      response.on('end', () => resolve({ status: response.statusCode, headers: response.headers, text }));
    });
    request.on('error', reject);
    request.end(body);
  });
}

describe('the internal port', () => {
  const server = useServer({ config: CONFIG });
  let port;
  before(async () => {
    port = await portOf(server);
    assert.notEqual(port, server.port);
  });

  it('gives figures and health without a token', async () => {
    const { status, headers, text } = await ask(port, '/metrics');
    assert.equal(status, 200, text);
    assert.match(headers['content-type'], /^text\/plain/);
    assert.equal(value(parseMetrics(text), 'carillon_connections'), 0);
    assert.equal((await ask(port, '/health')).status, 200);
    assert.equal((await ask(port, '/ready')).status, 200);
  });

  it('gives nothing else', async () => {
    const authorization = `Bearer ${server.admin}`;
    for (const path of ['/', '/dvl', '/dashboard/', '/dashboard/series?metric=LoopLag', '/queues', '/connections', '/permissions?userId=a', '/messages', '/echo']) {
      assert.equal((await ask(port, path, { headers: { authorization } })).status, 404, path);
    }
    assert.equal((await ask(port, '/publish', { method: 'POST', body: '{}', headers: { authorization } })).status, 404);
    assert.equal((await ask(port, '/metrics', { method: 'POST', body: '5', headers: { authorization } })).status, 405);
    const socket = await RawSocket.open(port);
    socket.write(upgradeRequest(`/dvl?token=${server.admin}`));
    assert.equal((await socket.response()).status, 404);
    socket.destroy();
  });

  it('does not count itself', async () => {
    const requests = async () => value(parseMetrics((await ask(port, '/metrics')).text), 'carillon_http_requests_total');
    const before = await requests();
    for (let i = 0; i < 5; ++i) await ask(port, '/nowhere');
    assert.equal(await requests(), before);
    await server.get('/nowhere');
    assert.equal(await requests(), before + 1);
  });

  it('leaves the main port as it is', async () => {
    assert.equal((await server.get('/metrics')).status, 401);
  });
});

describe('the internal port while the server drains', () => {
  const server = new Server({ config: { ...CONFIG, gateway: { drain_seconds: 3 } } });
  before(() => server.start());
  after(() => server.stop());

  it('says that it is not ready, and ends with the server', async () => {
    const port = await portOf(server);
    await server.connect({ plain: true });
    process.kill(server.process.pid, 'SIGTERM');
    await until(async () => (await ask(port, '/ready')).status === 503, '/ready to turn 503');
    assert.equal((await ask(port, '/metrics')).status, 200);
    assert.equal((await server.exited).code, 0);
    await assert.rejects(ask(port, '/health'));
  });
});

describe('the internal port of a server for development', () => {
  const server = useServer({ config: CONFIG, dev: true });

  it('answers loopback Hosts only', async () => {
    const port = await portOf(server);
    assert.equal((await ask(port, '/metrics', { headers: { host: 'localhost' } })).status, 200);
    assert.equal((await ask(port, '/metrics', { headers: { host: 'evil.example' } })).status, 403);
  });
});
