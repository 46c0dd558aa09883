// RFC 7692: permessage-deflate, which is configuration.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { constants, deflateRawSync } from 'node:zlib';
import { OPCODE, RawSocket, frame, message, upgradeRequest, unique, useServer } from './echo.mjs';

const RSV1 = 4;
const OFFER = { 'Sec-WebSocket-Extensions': 'permessage-deflate; client_max_window_bits' };

/** A message as RFC 7692 §7.2.1 makes it. */
function deflated(data) {
  const bytes = deflateRawSync(Buffer.from(data), { finishFlush: constants.Z_SYNC_FLUSH });
  return bytes.subarray(0, bytes.length - 4);
}

describe('compression', () => {
  const server = useServer({ dev: true, config: { gateway: { compression: true } } });
  const echo = () => RawSocket.upgraded(server.port, '/echo', OFFER);

  it('is agreed to when it is offered, and only then', async () => {
    const raw = await echo();
    assert.match(raw.response101.headers['sec-websocket-extensions'], /^permessage-deflate/);
    raw.destroy();
    const plain = await RawSocket.upgraded(server.port, '/echo');
    assert.equal(plain.response101.headers['sec-websocket-extensions'], undefined);
    plain.write(frame(OPCODE.text, 'x', { rsv: RSV1 }));
    assert.equal((await plain.untilClose()).code, 1002, 'RSV1 that was not agreed to');
    plain.destroy();
  });

  it('parameters that cannot be are not agreed to', async () => {
    for (const offer of ['permessage-deflate; server_max_window_bits=7', 'permessage-deflate; server_max_window_bits=16', 'permessage-deflate; unknown=1', 'permessage-deflate; server_no_context_takeover; server_no_context_takeover', 'x-webkit-deflate-frame']) {
      const raw = await RawSocket.open(server.port);
      raw.write(upgradeRequest('/echo', { 'Sec-WebSocket-Extensions': offer }));
      const { status, headers } = await raw.response();
      assert.deepEqual([status, headers['sec-websocket-extensions']], [101, undefined], offer);
      raw.destroy();
    }
  });

  it('a later offer is taken when the first cannot be', async () => {
    const raw = await RawSocket.upgraded(server.port, '/echo', { 'Sec-WebSocket-Extensions': 'permessage-deflate; unknown=1, permessage-deflate' });
    assert.match(raw.response101.headers['sec-websocket-extensions'], /^permessage-deflate/);
    raw.destroy();
  });

  it('ws echoes text and binary of all sizes', async () => {
    const client = await server.connect({ token: null, path: '/echo', plain: true, perMessageDeflate: true });
    assert.match(client.upgradeHeaders['sec-websocket-extensions'], /permessage-deflate/);
    for (const size of [0, 1, 100, 2000, 65536, 262144]) {
      const text = 'compress me, '.repeat(Math.ceil(size / 13)).slice(0, size);
      client.raw(text);
      assert.equal((await client.frames.next()).text, text, `${size} bytes`);
      const bytes = Buffer.from(text);
      client.raw(bytes);
      assert.ok((await client.frames.next()).bytes.equals(bytes));
    }
    client.raw('again and again');
    client.raw('again and again');
    for (let index = 0; index < 2; index += 1) assert.equal((await client.frames.next()).text, 'again and again');
  });

  it('compressed and plain messages mix, fragments too', async () => {
    const raw = await echo();
    const bytes = deflated('hello, hello, hello');
    raw.write(frame(OPCODE.text, bytes, { rsv: RSV1 })).write(frame(OPCODE.text, 'plain'));
    raw.write(frame(OPCODE.text, bytes.subarray(0, 3), { rsv: RSV1, fin: false })).write(frame(OPCODE.ping)).write(frame(OPCODE.continuation, bytes.subarray(3)));
    let echoed = 0;
    while (echoed < 3) if ([OPCODE.text].includes((await raw.frame()).opcode)) echoed += 1;
    raw.destroy();
  });

  it('RSV1 on a continuation or a control frame: 1002', async () => {
    const one = await echo();
    one.write(frame(OPCODE.text, deflated('x'), { rsv: RSV1, fin: false })).write(frame(OPCODE.continuation, '', { rsv: RSV1 }));
    assert.equal((await one.untilClose()).code, 1002);
    one.destroy();
    const other = await echo();
    other.write(frame(OPCODE.ping, '', { rsv: RSV1 }));
    assert.equal((await other.untilClose()).code, 1002);
    other.destroy();
  });

  it('what does not inflate fails the connection', async () => {
    const raw = await echo();
    raw.write(frame(OPCODE.text, Buffer.from([0xff, 0xff, 0xff, 0xff, 0xff]), { rsv: RSV1 }));
    const { code } = await raw.untilClose();
    assert.ok(code === 1002 || code === 1007, String(code));
    raw.destroy();
  });

  it('a message that inflates over max_message_bytes: 1009', async () => {
    const raw = await echo();
    const bomb = deflated(Buffer.alloc(50_000_000));
    assert.ok(bomb.length < 60_000);
    raw.write(frame(OPCODE.text, bomb, { rsv: RSV1 }));
    assert.equal((await raw.untilClose()).code, 1009);
    raw.destroy();
  });

  it('UTF-8 is checked after inflating', async () => {
    const raw = await echo();
    raw.write(frame(OPCODE.text, deflated(Buffer.from([0x41, 0xff])), { rsv: RSV1 }));
    assert.equal((await raw.untilClose()).code, 1007);
    raw.destroy();
  });
});

describe('compressed delivery', () => {
  const server = useServer({ config: { gateway: { compression: true } } });

  it('reaches clients with and without it alike', async () => {
    const chat = unique('chat');
    const [plain] = await server.chatWith(chat, ['alice']);
    await server.grant('bob', chat);
    const deflating = await Promise.all([1, 2, 3].map(() => server.connect({ as: 'bob', chats: [chat], perMessageDeflate: true })));
    for (let index = 0; index < 20; index += 1) {
      await server.published(message({ chat, messageType: 'fifo', content: [index, 'the same words over and over '.repeat(index * 10)] }));
    }
    for (const client of [plain, ...deflating]) {
      assert.deepEqual((await client.messages(20)).map((one) => one.payload.content[0]), Array.from({ length: 20 }, (_, index) => index));
    }
  });
});
