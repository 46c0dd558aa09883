// RFC 6455 §4: the opening handshake.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { OPCODE, RawSocket, acceptFor, assertEchoed, frame, upgradeRequest, useEcho } from './echo.mjs';

const server = useEcho();

async function answerTo(bytes) {
  const raw = await RawSocket.open(server.port);
  raw.write(bytes);
  const response = await raw.response();
  raw.destroy();
  return response;
}
const upgrade = (headers, options) => answerTo(upgradeRequest('/echo', headers, options));

describe('4 the opening handshake', () => {
  it('4.1 is answered as the RFC says', async () => {
    const { status, headers } = await upgrade();
    assert.equal(status, 101);
    assert.equal(headers.upgrade.toLowerCase(), 'websocket');
    assert.equal(headers.connection.toLowerCase(), 'upgrade');
    assert.equal(headers['sec-websocket-accept'], 's3pPLMBiTxaQ9kYGzzhZRbK+xOo=');
    assert.equal(headers['sec-websocket-protocol'], undefined);
    assert.equal(headers['sec-websocket-extensions'], undefined);
    assert.equal(headers['content-length'], undefined);
  });

  it('4.2 the accept value follows the key', async () => {
    for (const key of ['AAAAAAAAAAAAAAAAAAAAAA==', 'x3JJHMbDL1EzLkh9GBhXDw==']) {
      assert.equal((await upgrade({ 'Sec-WebSocket-Key': key })).headers['sec-websocket-accept'], acceptFor(key));
    }
  });

  it('4.3 header names and tokens are case-insensitive, Connection is a list', async () => {
    for (const headers of [{ Upgrade: 'WebSocket' }, { Upgrade: 'WEBSOCKET' }, { Connection: 'keep-alive, Upgrade' }, { Connection: 'upgrade' }, { Connection: 'Upgrade,keep-alive' }]) {
      assert.equal((await upgrade(headers)).status, 101, JSON.stringify(headers));
    }
    const shouted = upgradeRequest('/echo').replace('Upgrade: websocket', 'UPGRADE: websocket').replace('Sec-WebSocket-Key', 'SEC-WEBSOCKET-KEY');
    assert.equal((await answerTo(shouted)).status, 101);
  });

  it('4.4 another version is 426 and names ours', async () => {
    for (const version of ['8', '0', '14', 'x', '13, 8', null]) {
      const { status, headers } = await upgrade({ 'Sec-WebSocket-Version': version });
      assert.ok(status === 426 || (version === null && status === 400), `${version} → ${status}`);
      if (status === 426) assert.equal(headers['sec-websocket-version'], '13');
    }
  });

  it('4.5 a key that is none is 400', async () => {
    for (const key of [null, '', 'short', 'dGhlIHNhbXBsZSBub25jZQ', '%%%%IHNhbXBsZSBub25jZQ==', 'dGhlIHNhbXBsZSBub25jZSBhbmQgbW9yZQ==']) {
      assert.equal((await upgrade({ 'Sec-WebSocket-Key': key })).status, 400, String(key));
    }
  });

  it('4.6 other methods and HTTP/1.0 are refused', async () => {
    for (const method of ['POST', 'PUT', 'DELETE', 'HEAD']) {
      const { status } = await answerTo(upgradeRequest('/echo', { 'Content-Length': '0' }, { method })).catch(() => ({ status: 400 }));
      assert.ok(status >= 400 && status < 500, `${method} → ${status}`);
    }
    const old = await upgrade({}, { version: 'HTTP/1.0' });
    assert.ok(old === undefined || (old.status >= 400 && old.status < 600), String(old?.status));
  });

  it('4.7 without Upgrade or Connection it is no upgrade', async () => {
    for (const headers of [{ Upgrade: null }, { Connection: null }, { Connection: 'keep-alive' }, { Upgrade: 'h2c' }]) {
      const { status, json } = await upgrade(headers);
      assert.ok(status >= 400 && status < 500, `${JSON.stringify(headers)} → ${status}`);
      assert.equal(typeof json.error, 'string');
    }
  });

  it('4.8 a missing Host is 400', async () => {
    const { status } = await upgrade({ Host: null });
    assert.ok(status === 400 || status === 403, String(status));
  });

  it('4.9 the request in pieces', async () => {
    const raw = await RawSocket.open(server.port);
    await raw.writeInPieces(upgradeRequest('/echo'), 3);
    assert.equal((await raw.response()).status, 101);
    raw.destroy();
  });

  it('4.10 frames right behind the request, in the same packet', async () => {
    const raw = await RawSocket.open(server.port);
    raw.write(Buffer.concat([Buffer.from(upgradeRequest('/echo')), frame(OPCODE.text, 'early'), frame(OPCODE.text, 'bird').subarray(0, 5)]));
    assert.equal((await raw.response()).status, 101);
    await assertEchoed(raw, OPCODE.text, 'early');
    raw.destroy();
  });

  it('4.11 a query on /echo is no matter', async () => {
    const raw = await RawSocket.upgraded(server.port, '/dvl/echo?any=thing');
    raw.write(frame(OPCODE.text, 'x'));
    await assertEchoed(raw, OPCODE.text, 'x');
    raw.destroy();
  });

  it('4.12 extensions that are not configured are not agreed to', async () => {
    const { headers } = await upgrade({ 'Sec-WebSocket-Extensions': 'permessage-deflate; client_max_window_bits, x-unknown' });
    assert.equal(headers['sec-websocket-extensions'], undefined);
  });
});
