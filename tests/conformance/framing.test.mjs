// RFC 6455 §5: frames, lengths, masks, reserved bits, opcodes and fragments.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { OPCODE, assertEchoed, assertFails, frame, nextFrame, nextMessage, useEcho } from './echo.mjs';

const server = useEcho();
const { text, binary, continuation, ping, pong } = OPCODE;

describe('1 lengths', () => {
  for (const [name, opcode] of [['text', text], ['binary', binary]]) {
    for (const size of [0, 1, 125, 126, 127, 128, 65535, 65536, 65537, 262144]) {
      it(`1.${opcode} ${name} of ${size} bytes`, async () => {
        const raw = await server.echo();
        const payload = Buffer.alloc(size, '*');
        raw.write(frame(opcode, payload));
        await assertEchoed(raw, opcode, payload);
        raw.destroy();
      });
    }
    for (const chop of [1, 7, 997]) {
      it(`1.${opcode} ${name} of 5000 bytes in pieces of ${chop}`, async () => {
        const raw = await server.echo();
        const payload = Buffer.alloc(5000, 'abc');
        await raw.writeInPieces(frame(opcode, payload), chop);
        await assertEchoed(raw, opcode, payload);
        raw.destroy();
      });
    }
  }

  it('1.3 binary of every byte value', async () => {
    const raw = await server.echo();
    const payload = Buffer.from(Array.from({ length: 256 }, (_, index) => index));
    raw.write(frame(binary, payload));
    await assertEchoed(raw, binary, payload);
    raw.destroy();
  });

  it('1.4 many messages in one packet are echoed in order', async () => {
    const raw = await server.echo();
    raw.write(Buffer.concat(Array.from({ length: 500 }, (_, index) => frame(text, `message ${index}`))));
    for (let index = 0; index < 500; index += 1) await assertEchoed(raw, text, `message ${index}`);
    raw.destroy();
  });

  it('1.5 server frames have the shortest length form', async () => {
    const raw = await server.echo();
    for (const size of [125, 126, 65535, 65536]) raw.write(frame(binary, Buffer.alloc(size)));
    const total = [125 + 2, 126 + 4, 65535 + 4, 65536 + 10].reduce((sum, size) => sum + size);
    let received = 0;
    raw.socket.on('data', (chunk) => (received += chunk.length));
    for (let index = 0; index < 4; index += 1) await nextMessage(raw);
    assert.equal(received, total);
    raw.destroy();
  });

  for (const [size, lengthBytes] of [[5, 2], [125, 2], [5, 8], [65535, 8]]) {
    it(`1.6 ${size} bytes said in ${lengthBytes} bytes of length: 1002`, async () => {
      const raw = await server.echo();
      raw.write(frame(text, 'x'.repeat(size), { lengthBytes }));
      await assertFails(raw, 1002);
    });
  }

  it('1.7 a length with its highest bit set: 1002', async () => {
    const raw = await server.echo();
    raw.write(frame(text, '', { length: 2n ** 63n, lengthBytes: 8 }));
    const { code } = await raw.untilClose();
    assert.ok(code === 1002 || code === 1009, String(code));
    raw.destroy();
  });
});

describe('2 pings and pongs', () => {
  for (const payload of ['', 'hello', Buffer.from([0, 255, 254, 128]), 'x'.repeat(125)]) {
    it(`2.1 a ping of ${payload.length} bytes is answered with its payload`, async () => {
      const raw = await server.echo();
      raw.write(frame(ping, payload));
      const answer = await nextFrame(raw);
      assert.deepEqual([answer.opcode, answer.fin], [pong, true]);
      assert.ok(answer.payload.equals(Buffer.from(payload)));
      raw.destroy();
    });
  }

  it('2.2 a ping of 126 bytes: 1002', async () => {
    const raw = await server.echo();
    raw.write(frame(ping, 'x'.repeat(126)));
    await assertFails(raw, 1002);
  });

  it('2.3 a ping in pieces', async () => {
    const raw = await server.echo();
    await raw.writeInPieces(frame(ping, 'x'.repeat(125)), 1);
    assert.equal((await nextFrame(raw)).payload.length, 125);
    raw.destroy();
  });

  it('2.4 unsolicited pongs are ignored', async () => {
    const raw = await server.echo();
    raw.write(frame(pong)).write(frame(pong, 'unasked')).write(frame(text, 'after'));
    await assertEchoed(raw, text, 'after');
    raw.destroy();
  });

  it('2.5 of many pings at once the last one is answered, and no answer is made up', async () => {
    const raw = await server.echo();
    raw.write(Buffer.concat(Array.from({ length: 100 }, (_, index) => frame(ping, `p${index}`))));
    let last = -1;
    while (last < 99) {
      const answer = await nextFrame(raw);
      assert.equal(answer.opcode, pong);
      const number = Number(answer.payload.toString().slice(1));
      assert.ok(number > last, 'in order');
      last = number;
    }
    raw.destroy();
  });
});

describe('3 reserved bits', () => {
  for (const rsv of [1, 2, 3, 4, 5, 6, 7]) {
    for (const [name, opcode] of [['text', text], ['binary', binary], ['ping', ping], ['close', OPCODE.close]]) {
      it(`3.${rsv} on ${name}: 1002`, async () => {
        const raw = await server.echo();
        raw.write(frame(opcode, '', { rsv }));
        await assertFails(raw, 1002);
      });
    }
  }

  it('3.8 after a good message: that is echoed first', async () => {
    const raw = await server.echo();
    raw.write(frame(text, 'good')).write(frame(text, 'bad', { rsv: 4 }));
    await assertFails(raw, 1002, 1);
  });
});

describe('4 opcodes', () => {
  for (const opcode of [3, 4, 5, 6, 7, 11, 12, 13, 14, 15]) {
    it(`4.${opcode} is reserved: 1002`, async () => {
      const raw = await server.echo();
      raw.write(frame(opcode));
      await assertFails(raw, 1002);
    });
    it(`4.${opcode} is reserved, with a payload and after a message: 1002`, async () => {
      const raw = await server.echo();
      raw.write(frame(text, 'good')).write(frame(opcode, 'payload')).write(frame(ping));
      await assertFails(raw, 1002, 1);
    });
  }
});

describe('5 fragments', () => {
  const parts = (opcode, pieces) => Buffer.concat(pieces.map((piece, index) => frame(index === 0 ? opcode : continuation, piece, { fin: index === pieces.length - 1 })));

  it('5.1 are put together, text and binary', async () => {
    const raw = await server.echo();
    raw.write(parts(text, ['one ', 'two ', 'three'])).write(parts(binary, [Buffer.from([1]), Buffer.from([2])]));
    await assertEchoed(raw, text, 'one two three');
    await assertEchoed(raw, binary, Buffer.from([1, 2]));
    raw.destroy();
  });

  it('5.2 may be empty', async () => {
    const raw = await server.echo();
    raw.write(parts(text, ['', '', 'x', '', ''])).write(parts(text, ['', '']));
    await assertEchoed(raw, text, 'x');
    await assertEchoed(raw, text, '');
    raw.destroy();
  });

  it('5.3 may have pings between them, answered at once', async () => {
    const raw = await server.echo();
    raw.write(frame(text, 'frag', { fin: false })).write(frame(ping, 'between'));
    const answer = await nextFrame(raw);
    assert.deepEqual([answer.opcode, answer.payload.toString()], [pong, 'between']);
    raw.write(frame(pong)).write(frame(continuation, 'mented', { fin: true }));
    await assertEchoed(raw, text, 'fragmented');
    raw.destroy();
  });

  it('5.4 byte by byte, with pings in between', async () => {
    const raw = await server.echo();
    const bytes = Buffer.concat([frame(text, 'a', { fin: false }), frame(ping, '1'), frame(continuation, 'b', { fin: false }), frame(ping, '2'), frame(continuation, 'c')]);
    await raw.writeInPieces(bytes, 1);
    const answers = [];
    while (!answers.includes('abc') || !answers.includes('2')) answers.push((await nextFrame(raw)).payload.toString());
    assert.ok(answers.every((answer) => ['1', '2', 'abc'].includes(answer)), String(answers));
    raw.destroy();
  });

  it('5.5 many of them', async () => {
    const raw = await server.echo();
    raw.write(parts(binary, Array.from({ length: 1000 }, (_, index) => Buffer.from([index & 255]))));
    await assertEchoed(raw, binary, Buffer.from(Array.from({ length: 1000 }, (_, index) => index & 255)));
    raw.destroy();
  });

  for (const [what, opcode] of [['ping', ping], ['pong', pong], ['close', OPCODE.close]]) {
    it(`5.6 of a ${what}: 1002`, async () => {
      const raw = await server.echo();
      raw.write(frame(opcode, '', { fin: false })).write(frame(continuation));
      await assertFails(raw, 1002);
    });
  }

  for (const fin of [true, false]) {
    it(`5.7 a continuation of nothing (fin ${fin}): 1002`, async () => {
      const raw = await server.echo();
      raw.write(frame(continuation, 'x', { fin }));
      await assertFails(raw, 1002);
    });
    it(`5.8 a continuation after a whole message (fin ${fin}): 1002`, async () => {
      const raw = await server.echo();
      raw.write(frame(text, 'whole')).write(frame(continuation, 'x', { fin }));
      await assertFails(raw, 1002, 1);
    });
  }

  for (const [what, opcode] of [['text', text], ['binary', binary]]) {
    it(`5.9 a new ${what} message inside another: 1002`, async () => {
      const raw = await server.echo();
      raw.write(frame(text, 'one', { fin: false })).write(frame(opcode, 'two'));
      await assertFails(raw, 1002);
    });
  }
});

describe('8 masks', () => {
  for (const [what, opcode] of [['text', text], ['binary', binary], ['ping', ping], ['close', OPCODE.close]]) {
    it(`8.1 an unmasked ${what}: 1002`, async () => {
      const raw = await server.echo();
      raw.write(frame(opcode, '', { mask: false }));
      await assertFails(raw, 1002);
    });
  }

  it('8.2 a mask of zeros', async () => {
    const raw = await server.echo();
    const plain = frame(text, 'zero');
    plain.fill(0, 2, 6);
    plain.write('zero', 6);
    raw.write(plain);
    await assertEchoed(raw, text, 'zero');
    raw.destroy();
  });
});

describe('9 limits', () => {
  it('9.1 a message of max_message_bytes in fragments is taken', async () => {
    const raw = await server.echo();
    const half = Buffer.alloc(131072, 'y');
    raw.write(frame(text, half, { fin: false })).write(frame(continuation, half));
    await assertEchoed(raw, text, Buffer.concat([half, half]));
    raw.destroy();
  });

  it('9.2 one byte more: 1009', async () => {
    const raw = await server.echo();
    raw.write(frame(text, 'x'.repeat(262145)));
    const { code } = await raw.untilClose();
    assert.equal(code, 1009);
    raw.destroy();
  });

  it('9.3 one byte more in fragments: 1009', async () => {
    const raw = await server.echo();
    raw.write(frame(binary, Buffer.alloc(262144), { fin: false })).write(frame(continuation, 'x', { fin: true }));
    assert.equal((await raw.untilClose()).code, 1009);
    raw.destroy();
  });

  it('9.4 a thousand round trips', async () => {
    const raw = await server.echo();
    for (let index = 0; index < 1000; index += 1) {
      raw.write(frame(text, `trip ${index}`));
      await assertEchoed(raw, text, `trip ${index}`);
    }
    raw.destroy();
  });
});
