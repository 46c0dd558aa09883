// RFC 6455 §8.1: text is UTF-8, checked as it arrives.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { OPCODE, assertEchoed, assertFails, frame, useEcho } from './echo.mjs';

const server = useEcho();
const { text, continuation, ping, pong } = OPCODE;
const hex = (string) => Buffer.from(string.replaceAll(' ', ''), 'hex');

const valid = {
  'greek': Buffer.from('Hello-µ@ßöäüàá-UTF-8!!'), 'kosme': hex('ce ba e1 bd b9 cf 83 ce bc ce b5'),
  'first of 1 byte': hex('00'), 'first of 2 bytes': hex('c2 80'), 'first of 3 bytes': hex('e0 a0 80'), 'first of 4 bytes': hex('f0 90 80 80'),
  'last of 1 byte': hex('7f'), 'last of 2 bytes': hex('df bf'), 'last of 3 bytes': hex('ef bf bf'), 'U+D7FF': hex('ed 9f bf'), 'U+E000': hex('ee 80 80'), 'U+FFFD': hex('ef bf bd'),
  'U+10FFFF': hex('f4 8f bf bf'), 'noncharacters': hex('ef bf be ef b7 90 f0 9f bf bf'), 'byte order mark': hex('ef bb bf 41'), 'emoji': Buffer.from('😀👩‍👩‍👧‍👦'),
};

const invalid = {
  'above U+10FFFF': hex('f4 90 80 80'), 'five bytes': hex('f8 88 80 80 80'), 'six bytes': hex('fc 84 80 80 80 80'), 'fe': hex('fe'), 'ff': hex('ff'), 'fe fe ff ff': hex('fe fe ff ff'),
  'a continuation alone': hex('80'), 'bf alone': hex('bf'), 'two continuations': hex('80 bf'), 'a lonely start': hex('c2 20'), 'e0 then space': hex('e0 20'), 'f0 then space': hex('f0 20'),
  'cut short of 2': hex('c2'), 'cut short of 3': hex('e1 80'), 'cut short of 4': hex('f0 90 80'), 'cut inside kosme': hex('ce ba e1 bd b9 cf 83 ce bc ce'),
  'overlong /': hex('c0 af'), 'overlong / in 3': hex('e0 80 af'), 'overlong / in 4': hex('f0 80 80 af'), 'overlong 7f': hex('c1 bf'), 'overlong 7ff': hex('e0 9f bf'), 'overlong ffff': hex('f0 8f bf bf'), 'overlong nul': hex('c0 80'),
  'surrogate d800': hex('ed a0 80'), 'surrogate dfff': hex('ed bf bf'), 'surrogate pair': hex('ed a0 80 ed b0 80'), 'edited inside': hex('48 65 6c 6c 6f ed a0 80 65 64'),
};

describe('6 valid text', () => {
  for (const [what, bytes] of Object.entries(valid)) {
    it(`6.1 ${what}, whole, in fragments of a byte and in packets of a byte`, async () => {
      const raw = await server.echo();
      raw.write(frame(text, bytes));
      await assertEchoed(raw, text, bytes);
      const pieces = [...bytes].map((byte, index) => frame(index === 0 ? text : continuation, Buffer.from([byte]), { fin: index === bytes.length - 1 }));
      raw.write(Buffer.concat(pieces));
      await assertEchoed(raw, text, bytes);
      await raw.writeInPieces(frame(text, bytes), 1);
      await assertEchoed(raw, text, bytes);
      raw.destroy();
    });
  }

  it('6.2 a character over two fragments with a ping between', async () => {
    const raw = await server.echo();
    raw.write(frame(text, hex('e2 82'), { fin: false })).write(frame(ping, 'p'));
    assert.equal((await raw.frame()).opcode, pong);
    raw.write(frame(continuation, hex('ac')));
    await assertEchoed(raw, text, '€');
    raw.destroy();
  });

  it('6.3 a long text where every cut falls inside a character', async () => {
    const raw = await server.echo();
    const bytes = Buffer.from('€'.repeat(20_000));
    const pieces = [];
    for (let at = 0; at < bytes.length; at += 1000) pieces.push(frame(at === 0 ? text : continuation, bytes.subarray(at, at + 1000), { fin: at + 1000 >= bytes.length }));
    await raw.writeInPieces(Buffer.concat(pieces), 777);
    await assertEchoed(raw, text, bytes);
    raw.destroy();
  });

  it('6.4 binary is not looked at', async () => {
    const raw = await server.echo();
    raw.write(frame(OPCODE.binary, hex('ff fe ed a0 80')));
    await assertEchoed(raw, OPCODE.binary, hex('ff fe ed a0 80'));
    raw.destroy();
  });
});

describe('6 invalid text: 1007', () => {
  for (const [what, bytes] of Object.entries(invalid)) {
    it(`6.5 ${what}, whole`, async () => {
      const raw = await server.echo();
      raw.write(frame(text, Buffer.concat([Buffer.from('abc'), bytes])));
      await assertFails(raw, 1007);
    });
    it(`6.6 ${what}, in fragments of a byte`, async () => {
      const raw = await server.echo();
      const pieces = [...bytes].map((byte, index) => frame(index === 0 ? text : continuation, Buffer.from([byte]), { fin: index === bytes.length - 1 }));
      raw.write(Buffer.concat(pieces));
      await assertFails(raw, 1007);
    });
  }

  it('6.7 fails at the first bad byte, before the message ends', async () => {
    const raw = await server.echo();
    raw.write(frame(text, hex('41 42 ff'), { fin: false }));
    await assertFails(raw, 1007);
  });

  it('6.8 fails at the first bad byte, before the frame ends', async () => {
    const raw = await server.echo();
    const whole = frame(text, Buffer.concat([Buffer.from('x'.repeat(500)), hex('ff'), Buffer.from('x'.repeat(5000))]));
    raw.write(whole.subarray(0, 1000));
    await assertFails(raw, 1007);
  });

  it('6.9 an unfinished character at the end of the message', async () => {
    const raw = await server.echo();
    raw.write(frame(text, hex('e2 82'), { fin: false })).write(frame(continuation, '', { fin: true }));
    await assertFails(raw, 1007);
  });

  it('6.10 after a good message, which is echoed', async () => {
    const raw = await server.echo();
    raw.write(frame(text, 'good')).write(frame(text, hex('ff')));
    await assertFails(raw, 1007, 1);
  });
});
