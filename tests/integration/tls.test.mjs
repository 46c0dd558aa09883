// CONTRACT §1, §14: TLS when it is configured, its certificate reloaded on SIGHUP.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { copyFileSync, readFileSync, writeFileSync } from 'node:fs';
import https from 'node:https';
import path from 'node:path';
import { describe, it } from 'node:test';
import tls from 'node:tls';
import { Client, Server, run, toml, useServer, HS256_AUTH } from './harness.mjs';

/** A certificate for 127.0.0.1 that signs itself. */
function makeCertificate(directory, name) {
  const [cert, key] = [path.join(directory, `${name}.pem`), path.join(directory, `${name}.key`)];
  execFileSync('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2', '-subj', `/CN=${name}`, '-addext', 'subjectAltName=IP:127.0.0.1', '-keyout', key, '-out', cert], { stdio: 'ignore' });
  return { cert, key };
}

/** The name in the certificate that the server shows, and the protocol agreed on. */
function shown(port, options = {}) {
  return new Promise((resolve, reject) => {
    const socket = tls.connect({ host: '127.0.0.1', port, rejectUnauthorized: false, ...options }, () => {
      resolve({ name: socket.getPeerCertificate().subject.CN, protocol: socket.getProtocol() });
      socket.destroy();
    });
    socket.on('error', reject);
  });
}

describe('TLS', () => {
  const server = useServer();
  server.prepare = async () => {
    if (server.cert) return;
    const { cert, key } = makeCertificate(server.directory, 'first');
    server.ca = readFileSync(cert);
    Object.assign(server, { cert, key });
    server.config = { tls: { cert, key } };
  };
  const connect = () => Client.open(`wss://127.0.0.1:${server.port}/?token=${server.token('alice')}`, { protocols: ['carillon.v1'], tls: { ca: server.ca } });
  const get = (target) => new Promise((resolve, reject) => {
    https.get({ host: '127.0.0.1', port: server.port, path: target, ca: server.ca, agent: false }, (response) => (response.resume(), resolve(response.statusCode))).on('error', reject);
  });

  it('serves HTTPS and wss', async () => {
    assert.equal(await get('/health'), 200);
    const client = await connect();
    assert.equal((await client.next()).type, 'connected');
    const big = 'x'.repeat(100_000);
    client.send({ action: 'echo', big });
    assert.equal((await client.next()).big, big);
    client.terminate();
  });

  it('is 1.2 at least', async () => {
    assert.equal((await shown(server.port)).protocol, 'TLSv1.3');
    assert.equal((await shown(server.port, { maxVersion: 'TLSv1.2' })).protocol, 'TLSv1.2');
    await assert.rejects(shown(server.port, { minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT@SECLEVEL=0' }));
  });

  it('does not speak plain HTTP beside it', async () => {
    const raw = await server.raw();
    raw.write('GET /health HTTP/1.1\r\nHost: x\r\n\r\n');
    const answer = await raw.response();
    assert.ok(answer === undefined || answer.status === 400, String(answer?.status));
    raw.destroy();
  });

  it('a client that never finishes its handshake is ended', async () => {
    const raw = await server.raw();
    raw.write(Buffer.from([0x16, 0x03, 0x01]));
    await raw.end(20_000);
    raw.destroy();
  });

  it('SIGHUP takes a new certificate; connections stay', async () => {
    const client = await connect();
    await client.next();
    assert.equal((await shown(server.port)).name, 'first');
    const second = makeCertificate(server.directory, 'second');
    copyFileSync(second.cert, server.cert);
    copyFileSync(second.key, server.key);
    server.lines.drain();
    process.kill(server.process.pid, 'SIGHUP');
    await server.lines.next(({ data }) => /reload/.test(data?.event_type), 'a line about the reload');
    assert.equal((await shown(server.port)).name, 'second');
    assert.equal((await client.ask({ action: 'ping' })).type, 'pong');
    client.terminate();
  });

  it('SIGHUP with a broken certificate keeps the one there is', async () => {
    writeFileSync(server.cert, 'no certificate');
    server.lines.drain();
    process.kill(server.process.pid, 'SIGHUP');
    await server.lines.next(({ data }) => /^(warn|error)/i.test(data?.level), 'a complaint');
    assert.equal((await shown(server.port)).name, 'second');
  });
});

describe('a certificate that cannot be used', () => {
  it('stops the start with one line', async () => {
    const server = new Server();
    await server.start();
    await server.terminate();
    const { cert } = makeCertificate(server.directory, 'one');
    const { key } = makeCertificate(server.directory, 'other');
    for (const [pair, named] of [[{ cert, key }, key], [{ cert: '/nonexistent.pem', key }, '/nonexistent.pem'], [{ cert }, 'key']]) {
      writeFileSync(server.configFile, toml({ auth: HS256_AUTH, tls: pair }));
      const { code, stderr, stdout } = await run(['serve', '--config', server.configFile, '--listen', '127.0.0.1:0', '--data', server.dataDirectory]);
      assert.notEqual(code, 0);
      const lines = (stderr + stdout).trim().split('\n').filter((line) => !line.startsWith('{'));
      assert.equal(lines.length, 1, stderr + stdout);
      assert.ok(lines[0].includes(named), lines[0]);
    }
    await server.stop();
  });
});
