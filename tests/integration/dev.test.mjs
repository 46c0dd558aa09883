// CONTRACT §1: what `serve --dev` allows, prints and refuses.
import assert from 'node:assert/strict';
import { readdirSync, statSync } from 'node:fs';
import path from 'node:path';
import { describe, it } from 'node:test';
import { upgradeRequest } from './raw.mjs';
import { Server, assertRefused, removeDirectory, run, temporaryDirectory, until, useServer } from './harness.mjs';

const JWT = /eyJ[\w-]+\.[\w-]+\.[\w-]+/;

describe('serve --dev', () => {
  const server = useServer({ dev: true });
  const printedToken = () => until(() => JWT.exec(server.printed.join('\n'))?.[0], 'a token on stdout');
  const mint = async (...args) => {
    const { code, stdout, stderr } = await run(['token', '--data', server.dataDirectory, ...args]);
    assert.equal(code, 0, stderr);
    return server.secret(stdout.trim());
  };

  it('prints a token of user dev with all scopes', async () => {
    const token = server.secret(await printedToken());
    const client = await server.connect({ token });
    assert.equal(client.hello.userId, 'dev');
    assert.equal((await server.post('/permissions', { userId: 'u', chatId: 'c' }, { token })).status, 201, 'admin');
    assert.equal((await server.post('/publish', { targetChannel: 'WebSocket', payload: { targetClass: 'all', eventType: 'e', content: 1 } }, { token })).status, 200);
    const claims = JSON.parse(Buffer.from(token.split('.')[1], 'base64url'));
    for (const scope of ['carillon/publish', 'carillon/admin', 'carillon/metrics']) {
      assert.ok([...(claims.scope ?? '').split(' '), ...(claims['cognito:groups'] ?? [])].includes(scope), scope);
    }
  });

  it('prints its URLs, with a token in the fragment only', async () => {
    await printedToken();
    const output = server.printed.join('\n');
    assert.match(output, new RegExp(`http://127\\.0\\.0\\.1:${server.port}`));
    assert.match(output, new RegExp(`ws://127\\.0\\.0\\.1:${server.port}`));
    for (const url of output.match(/https?:\/\/\S+/g)) {
      const { search } = new URL(url);
      assert.doesNotMatch(search, JWT, 'an http link carries its token in the query');
    }
  });

  it('keeps its key 0600 in the data directory', () => {
    const keys = readdirSync(server.dataDirectory).filter((name) => /key/i.test(name));
    assert.ok(keys.length > 0, 'no key file in the data directory');
    for (const name of keys) assert.equal(statSync(path.join(server.dataDirectory, name)).mode & 0o777, 0o600, name);
  });

  it('trusts what `carillon token` mints while it runs', async () => {
    const token = await mint('--user', 'minted', '--scope', 'carillon/publish', '--ttl', '5m', '--claim', 'custom:orgId=acme');
    const client = await server.connect({ token, query: { orgId: 'acme' } });
    assert.equal(client.hello.userId, 'minted');
    assert.equal((await server.publish({ to: 'all' }, { token })).status, 200);
    const { exp, iat } = JSON.parse(Buffer.from(token.split('.')[1], 'base64url'));
    assert.equal(exp - iat, 300);
    const grouped = await mint('--user', 'g', '--group', 'carillon/publish');
    assert.equal((await server.publish({ to: 'all' }, { token: grouped })).status, 200);
    assert.equal((await server.publish({ to: 'all' }, { token: await mint('--user', 'plain') })).status, 403);
  });

  it('refuses a Host that is not loopback', async () => {
    for (const host of ['evil.example', `evil.example:${server.port}`, '10.0.0.1', '127.0.0.1.evil.example']) {
      assertRefused(await server.get('/health', { headers: { host } }), 403, 'Forbidden - Host not allowed');
    }
    for (const host of [`127.0.0.1:${server.port}`, 'localhost', `localhost:${server.port}`, `[::1]:${server.port}`]) {
      assert.equal((await server.get('/health', { headers: { host } })).status, 200, host);
    }
    for (const [bytes, expected] of [[upgradeRequest('/echo', { Host: 'evil.example' }), 403], ['GET /health HTTP/1.1\r\nHost:\r\n\r\n', 403], ['GET /health HTTP/1.1\r\n\r\n', 400]]) {
      const raw = await server.raw();
      raw.write(bytes);
      assert.equal((await raw.response()).status, expected, bytes);
      raw.destroy();
    }
  });

  it('allows any loopback Origin and no other', async () => {
    const token = await mint('--user', 'origin');
    for (const origin of ['http://localhost:3000', 'http://127.0.0.1:5173', 'https://localhost']) {
      const client = await server.connect({ token, headers: { origin } });
      client.terminate();
    }
    for (const origin of ['http://evil.example', 'null', 'http://localhost.evil.example']) {
      assert.equal((await server.refused({ token, headers: { origin } })).status, 403, origin);
    }
  });

  it('takes /echo without a token', async () => {
    const client = await server.connect({ token: null, path: '/echo', plain: true });
    client.raw('text as it is');
    assert.equal((await client.frames.next()).text, 'text as it is');
    client.raw(Buffer.from([0, 255, 1]));
    assert.deepEqual((await client.frames.next()).bytes, Buffer.from([0, 255, 1]));
  });
});

describe('the limits of --dev', () => {
  for (const address of ['0.0.0.0:0', '[::]:0']) {
    it(`refuses to listen on ${address}`, async () => {
      const directory = temporaryDirectory();
      const { code, stderr, stdout } = await run(['serve', '--dev', '--listen', address, '--data', path.join(directory, 'data')]);
      removeDirectory(directory);
      assert.notEqual(code, 0);
      assert.match(stderr + stdout, /loopback/);
    });
  }

  it('its key is trusted under --dev only', async () => {
    const server = new Server({ dev: true });
    await server.start();
    const token = server.secret(await until(() => JWT.exec(server.printed.join('\n'))?.[0], 'a token on stdout'));
    await server.terminate();
    server.dev = false;
    await server.start();
    try {
      const { status } = await server.post('/tickets', undefined, { token });
      assert.equal(status, 401);
      const refused = await server.refused({ token: null, path: '/echo', plain: true });
      assert.equal(refused.status, 404, 'and /echo is not there');
    } finally {
      await server.stop();
    }
  });

  it('keeps the key over a restart, so that tokens stay good', async () => {
    const server = new Server({ dev: true });
    await server.start();
    const token = server.secret(await until(() => JWT.exec(server.printed.join('\n'))?.[0], 'a token on stdout'));
    await server.restart();
    assert.equal((await server.post('/tickets', undefined, { token })).status, 201);
    await server.stop();
  });
});
