// RFC 6455 §7: closing.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { OPCODE, assertEchoed, closePayload, frame, useEcho } from './echo.mjs';

const server = useEcho();
const { text, continuation, ping, close } = OPCODE;

/** What the server answers to these bytes: its close code, and the number of data frames before. */
async function answerTo(...frames) {
  const raw = await server.echo();
  for (const one of frames) raw.write(one);
  const { frames: before, code } = await raw.untilClose();
  await raw.end();
  raw.destroy();
  return { code, before: before.filter((one) => one.opcode !== OPCODE.ping) };
}

describe('7 the closing handshake', () => {
  for (const code of [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 3000, 3999, 4000, 4401, 4999]) {
    it(`7.1 close ${code} is answered with itself, and the server ends the connection`, async () => {
      assert.equal((await answerTo(frame(close, closePayload(code, 'bye')))).code, code);
    });
  }

  it('7.2 close without a code is answered with 1000 or without one', async () => {
    assert.ok([1000, 1005].includes((await answerTo(frame(close))).code));
  });

  for (const code of [0, 1, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65535]) {
    it(`7.3 close ${code}, which nobody may send: 1002`, async () => {
      assert.equal((await answerTo(frame(close, closePayload(code)))).code, 1002);
    });
  }

  it('7.4 close with one byte: 1002', async () => assert.equal((await answerTo(frame(close, Buffer.from([3])))).code, 1002));
  it('7.5 close with a reason that is no UTF-8: 1007', async () => {
    assert.equal((await answerTo(frame(close, Buffer.concat([closePayload(1000), Buffer.from([0xff])])))).code, 1007);
  });
  it('7.6 close with a reason of 123 bytes', async () => assert.equal((await answerTo(frame(close, closePayload(1000, 'x'.repeat(123))))).code, 1000));
  it('7.7 close with a reason of 124 bytes: 1002', async () => assert.equal((await answerTo(frame(close, closePayload(1000, 'x'.repeat(124))))).code, 1002));

  it('7.8 nothing after the close is answered', async () => {
    const { code, before } = await answerTo(frame(close, closePayload(1000)), frame(text, 'late'), frame(ping, 'late'), frame(close, closePayload(1001)));
    assert.deepEqual([code, before], [1000, []]);
  });

  it('7.9 what came before the close is', async () => {
    const { code, before } = await answerTo(frame(text, 'one'), frame(text, 'two'), frame(close, closePayload(1000)));
    assert.deepEqual([code, before.map((one) => one.payload.toString())], [1000, ['one', 'two']]);
  });

  it('7.10 a close inside a fragmented message ends it', async () => {
    const { code, before } = await answerTo(frame(text, 'half', { fin: false }), frame(close, closePayload(1000)), frame(continuation, 'rest'));
    assert.deepEqual([code, before], [1000, []]);
  });

  it('7.11 a close in pieces', async () => {
    const raw = await server.echo();
    await raw.writeInPieces(frame(close, closePayload(1000, 'bye')), 1);
    assert.equal((await raw.untilClose()).code, 1000);
    raw.destroy();
  });

  it('7.12 the server ends TCP although the client does not answer its close', async () => {
    const raw = await server.echo();
    raw.write(frame(text, 'x', { rsv: 4 }));
    assert.equal((await raw.untilClose()).code, 1002);
    await raw.end();
    raw.destroy();
  });

  it('7.13 a client that just goes disturbs nobody', async () => {
    const [gone, other] = [await server.echo(), await server.echo()];
    gone.write(frame(text, 'half').subarray(0, 4));
    gone.destroy();
    other.write(frame(text, 'still there'));
    await assertEchoed(other, text, 'still there');
    other.destroy();
  });
});
