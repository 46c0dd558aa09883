// Bad input gets its documented answer, and a good client beside it notices nothing.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { before, describe, it } from 'node:test';
import { fifo, message, unique, until, useServer } from './harness.mjs';
import { OPCODE, RawSocket, frame, upgradeRequest } from './raw.mjs';

const settings = { gateway: { handshake_timeout_seconds: 1, heartbeat_seconds: 1, heartbeat_timeout_seconds: 3 } };

/** A client that is served beside everything that a test does: each message reaches it, in order, all the time. */
function goodClientBeside(server) {
  const chat = unique('beside');
  const state = {};
  before(async () => {
    [state.client] = await server.chatWith(chat, ['good']);
    state.stop = false;
    state.sent = 0;
    state.slowest = 0;
    state.running = (async () => {
      while (!state.stop) {
        const begun = performance.now();
        const { messageId } = await server.published(fifo({ chat, content: state.sent }));
        const next = (await state.client.nextMessage()).data;
        assert.equal(next.messageId, messageId);
        assert.equal(next.sequenceNumber, state.sent + 1);
        state.sent += 1;
        state.slowest = Math.max(state.slowest, performance.now() - begun);
      }
    })();
    state.running.catch(() => {});
  });
  server.beforeStop = async () => {
    state.stop = true;
    await state.running;
    assert.ok(state.sent > 0, 'the good client was served');
    assert.ok(state.slowest < 5000, `the good client once waited ${state.slowest} ms`);
  };
}

describe('hostile HTTP', () => {
  const server = useServer({ config: settings });
  goodClientBeside(server);

  /** Sends the bytes; the answer's status, or 'closed' when there was none. */
  const answerTo = async (bytes) => {
    const raw = await server.raw();
    raw.write(bytes);
    const answer = await raw.response();
    if (answer) {
      assert.equal(typeof answer.json?.error, 'string', `${answer.status} ${answer.text}`);
      await raw.end();
    }
    raw.destroy();
    return answer?.status ?? 'closed';
  };

  it('is answered 400 when it is no HTTP', async () => {
    for (const bytes of ['hello\r\n\r\n', '\x00\x01\x02\r\n\r\n', 'GET\r\n\r\n', 'GET / HTTP/1.1\r\nHost x\r\n\r\n', 'GET / HTTP/1.1\r\n: empty\r\n\r\n', '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n']) {
      assert.equal(await answerTo(bytes), 400, JSON.stringify(bytes));
    }
  });

  it('is answered 505 or 400 when it is another HTTP', async () => {
    for (const version of ['HTTP/9.9', 'HTTP/2.0', 'HTP/1.1', 'b HTTP/1.1']) assert.ok([400, 505].includes(await answerTo(`GET /health ${version}\r\nHost: x\r\n\r\n`)), version);
  });

  it('is answered 400 when the length is in doubt', async () => {
    const head = 'POST /publish HTTP/1.1\r\nHost: x\r\n';
    for (const headers of ['Content-Length: 5\r\nTransfer-Encoding: chunked\r\n', 'Content-Length: 5\r\nContent-Length: 6\r\n', 'Content-Length: -1\r\n', 'Content-Length: 5x\r\n', 'Content-Length: 99999999999999999999999\r\n', 'Transfer-Encoding: gzip, identity\r\n']) {
      const status = await answerTo(`${head}${headers}\r\n0\r\n\r\n`);
      assert.ok([400, 413, 501].includes(status), `${headers} → ${status}`);
    }
    assert.equal(await answerTo(`${head}Authorization: Bearer ${server.backend}\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n`), 400, 'a chunk without a size');
  });

  it('headers over max_header_bytes are 431', async () => {
    assert.equal(await answerTo(`GET /health HTTP/1.1\r\nHost: x\r\nX-Big: ${'x'.repeat(17_000)}\r\n\r\n`), 431);
    assert.equal(await answerTo(`GET /health HTTP/1.1\r\nHost: x\r\n${'X-Many: y\r\n'.repeat(2000)}\r\n`), 431);
    assert.equal(await answerTo(`GET /health HTTP/1.1\r\nHost: x\r\nX-Endless: ${'x'.repeat(40_000)}`), 431, 'without waiting for the end');
  });

  it('a URI that is too long is 414', async () => {
    assert.equal(await answerTo(`GET /${'x'.repeat(17_000)} HTTP/1.1\r\nHost: x\r\n\r\n`), 414);
  });

  it('a body over the limit is 413 without reading it', async () => {
    assert.equal(await answerTo(`POST /publish HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${server.backend}\r\nContent-Length: 300000\r\n\r\n`), 413);
    const status = await answerTo(`POST /permissions HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${server.admin}\r\nContent-Length: 10000000000\r\n\r\n`);
    assert.equal(status, 413);
  });

  it('a client that never finishes its request is 408', async () => {
    const parts = ['GET /health HTTP/1.1\r\nHost: x\r\n', `POST /publish HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${server.backend}\r\nContent-Length: 100\r\n\r\n{"half":`];
    for (const bytes of parts) assert.equal(await answerTo(bytes), 408, bytes.slice(0, 20));
  });

  it('a client that sends a byte at a time is bounded too', async () => {
    const raw = await server.raw();
    const text = `GET /health HTTP/1.1\r\nHost: x\r\nX-Slow: ${'x'.repeat(10_000)}`;
    const drip = (async () => {
      for (const byte of text) {
        if (raw.ended) return;
        raw.write(byte);
        await new Promise((resolve) => setTimeout(resolve, 10));
      }
    })();
    const answer = await raw.response();
    assert.equal(answer?.status, 408);
    raw.destroy();
    await drip;
  });

  it('a connection that says nothing is ended', async () => {
    const raw = await server.raw();
    await raw.end();
    raw.destroy();
  });

  it('a request line repeated a thousand times (pipelining) is answered in order or refused', async () => {
    const raw = await server.raw();
    raw.write('GET /health HTTP/1.1\r\nHost: x\r\n\r\n'.repeat(1000));
    let answered = 0;
    for (let answer = await raw.response(); answer; answer = answered < 1000 ? await raw.response() : undefined) {
      assert.equal(answer.status, 200);
      answered += 1;
    }
    assert.equal(answered, 1000);
    raw.destroy();
  });

  it('a half-open client holds nothing up', async () => {
    const raw = await server.raw();
    raw.write(`POST /publish HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${server.backend}\r\nContent-Length: 100\r\n\r\n{`);
    raw.socket.end();
    await raw.end();
    raw.destroy();
    const whole = await server.raw();
    whole.write('GET /health HTTP/1.1\r\nHost: x\r\n\r\n');
    whole.socket.end();
    const answer = await whole.response();
    assert.ok(answer === undefined || answer.status === 200);
    whole.destroy();
  });

  it('many connections that say nothing leave room for others', async () => {
    const idle = await Promise.all(Array.from({ length: 300 }, () => server.raw()));
    assert.equal((await server.get('/health')).status, 200);
    for (const raw of idle) raw.destroy();
  });

  it('huge ids, wrong types and deep JSON are 400', async () => {
    const bodies = [
      JSON.stringify(message({ chat: 'x'.repeat(200_000) })), JSON.stringify(message({ chat: 'c', messageDeduplicationId: 'x'.repeat(100_000) })), '{"a":'.repeat(50_000), '['.repeat(200_000),
      `{"targetChannel":"WebSocket","payload":{"chatId":"c","eventType":"e","content":1e400}}`, `{"targetChannel":${JSON.stringify('x'.repeat(100_000))},"payload":{"chatId":"c","eventType":"e","content":1}}`,
      JSON.stringify({ ...message({ chat: 'c' }), attributes: Object.fromEntries(Array.from({ length: 5000 }, (_, index) => [`k${index}`, index])) }),
      `{"targetChannel":"WebSocket","payload":{"chatId":"c","eventType":"e","content":${'9'.repeat(100_000)}}}`.replace('9'.repeat(100_000), `${'9'.repeat(100_000)}e999`),
    ];
    for (const body of bodies) {
      const { status, text } = await server.post('/publish', body, { token: server.backend });
      assert.equal(status, 400, `${body.slice(0, 60)} → ${text.slice(0, 200)}`);
      assert.ok(text.length < 2000, 'the answer does not repeat the input');
    }
  });

  it('huge tokens are 401 or 431', async () => {
    for (const size of [1000, 10_000, 15_000]) {
      assert.equal(await answerTo(`POST /tickets HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\nConnection: close\r\nAuthorization: Bearer ${'x'.repeat(size)}\r\n\r\n`), 401);
    }
  });
});

describe('hostile WebSockets', () => {
  const server = useServer({ config: settings });
  goodClientBeside(server);
  const open = () => RawSocket.upgraded(server.port, `/dvl?token=${server.token('hostile')}`);

  it('errors in frames are answered, each, and the connection stays', async () => {
    const client = await server.connect({ as: 'hostile' });
    const texts = ['{'.repeat(10_000), '['.repeat(250_000), '{"a":1e400}', '{"a":1,"a":2}', '"x"', `{"action":"subscribe","chatIds":${JSON.stringify(Array(50_000).fill('c'))}}`, `{"action":"presence","chatId":"${'x'.repeat(100_000)}"}`, `{"action":"${'x'.repeat(100_000)}"}`];
    for (const text of texts) {
      client.raw(text);
      const answer = await client.next();
      assert.ok(answer.error !== undefined && answer.statusCode >= 400, text.slice(0, 40));
      assert.ok(JSON.stringify(answer).length < 2000, 'the answer does not repeat the input');
    }
    assert.equal((await client.ask({ action: 'ping' })).type, 'pong');
  });

  it('a frame that claims more than the limit is refused at its header', async () => {
    for (const length of [262_145n, 2n ** 40n, 2n ** 62n]) {
      const raw = await open();
      raw.write(frame(OPCODE.text, '', { length, lengthBytes: 8 }));
      assert.equal((await raw.untilClose()).code, 1009, String(length));
      raw.destroy();
    }
  });

  it('an endless message in fragments ends at the limit', async () => {
    const raw = await open();
    raw.write(frame(OPCODE.text, 'x'.repeat(60_000), { fin: false }));
    for (let index = 0; index < 5; index += 1) raw.write(frame(OPCODE.continuation, 'x'.repeat(60_000), { fin: false }));
    assert.equal((await raw.untilClose()).code, 1009);
    raw.destroy();
  });

  it('a hundred thousand empty fragments are put together or refused', async () => {
    const raw = await open();
    raw.write(frame(OPCODE.text, '{"action":', { fin: false }));
    const empty = Buffer.concat(Array.from({ length: 20_000 }, () => frame(OPCODE.continuation, '', { fin: false })));
    for (let index = 0; index < 5; index += 1) raw.write(empty);
    raw.write(frame(OPCODE.continuation, '"ping"}'));
    let next;
    do next = await raw.frame();
    while (next?.opcode === OPCODE.ping);
    if (next?.opcode === OPCODE.text) assert.equal(JSON.parse(next.payload).type, 'pong');
    else assert.ok([1002, 1008, 1009].includes(next?.payload.readUInt16BE(0)), 'or refused with a close code');
    raw.destroy();
  });

  it('a flood of pings is answered and stays bounded', async () => {
    const raw = await open();
    const pings = Buffer.concat(Array.from({ length: 5000 }, (_, index) => frame(OPCODE.ping, `p${index}`)));
    raw.write(pings);
    let last;
    do last = await raw.frame();
    while (last && !(last.opcode === OPCODE.pong && last.payload.toString() === 'p4999'));
    assert.ok(last, 'the last ping was answered');
    raw.destroy();
  });

  it('a client that stops in the middle of a frame is closed 4408', async () => {
    const raw = await open();
    raw.write(frame(OPCODE.text, 'x'.repeat(1000)).subarray(0, 500));
    assert.equal((await raw.untilClose()).code, 4408);
    raw.destroy();
  });

  it('a client that vanishes without a word is removed', async () => {
    const user = unique('vanishing');
    const client = await server.connect({ as: user });
    client.socket._socket.destroy();
    await until(async () => !(await server.get(`/connections?userId=${user}`, { token: server.admin })).text.includes(client.hello.connectionId), 'the record is removed');
  });

  it('an upgrade that never completes is 408 or ended', async () => {
    const raw = await server.raw();
    raw.write(upgradeRequest('/').slice(0, -2));
    const answer = await raw.response();
    assert.ok(answer === undefined || answer.status === 408);
    raw.destroy();
  });

  it('rubbish after the upgrade is 1002', async () => {
    for (const bytes of ['GET / HTTP/1.1\r\n\r\n', Buffer.alloc(100, 0xff), Buffer.alloc(100)]) {
      const raw = await open();
      raw.write(bytes);
      const { code } = await raw.untilClose();
      assert.equal(code, 1002);
      raw.destroy();
    }
  });

  it('one that floods without reading its answers is closed, not buffered for', async () => {
    const raw = await open();
    raw.pause();
    const text = frame(OPCODE.text, JSON.stringify({ action: 'echo', text: 'x'.repeat(50_000) }));
    for (let index = 0; index < 1500 && !raw.ended && !raw.socket.destroyed; index += 1) {
      raw.write(text);
      await new Promise(setImmediate);
      // A server slower than this loop is given time to take what was sent, or to hang up.
      if (raw.socket.writableLength > 10_000_000) await new Promise((resolve) => ['drain', 'close', 'error'].forEach((event) => raw.socket.once(event, resolve)));
    }
    raw.resume();
    const { code } = await raw.untilClose();
    assert.ok(code === 1013 || code === undefined, `closed ${code}`);
    const memory = /VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${server.process.pid}/status`, 'utf8'));
    assert.ok(Number(memory[1]) < 600_000, `${memory[1]} KiB of memory`);
    raw.destroy();
  });
});
