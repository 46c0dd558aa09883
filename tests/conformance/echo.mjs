// The WebSocket under test: /echo of `serve --dev`, spoken to over raw sockets.
import assert from 'node:assert/strict';
import { useServer } from '../integration/harness.mjs';
import { OPCODE, RawSocket, closePayload, frame } from '../integration/raw.mjs';

export { OPCODE, RawSocket, acceptFor, closePayload, frame, upgradeRequest } from '../integration/raw.mjs';
export { Server, message, unique, useServer } from '../integration/harness.mjs';

export function useEcho(options = {}) {
  const server = useServer({ dev: true, ...options });
  server.echo = () => RawSocket.upgraded(server.port, '/echo');
  return server;
}

/** Frames of the server that carry data or a close; its pings do not count. */
export async function nextFrame(raw) {
  let next;
  do next = await raw.frame();
  while (next?.opcode === OPCODE.ping);
  return next;
}

/** The next message put together from its fragments: `{opcode, payload}`; every frame must be well-formed. */
export async function nextMessage(raw) {
  const parts = [];
  let opcode;
  for (;;) {
    const next = await nextFrame(raw);
    assert.ok(next, 'the connection ended');
    assert.equal(next.masked, false, 'servers do not mask');
    assert.equal(next.rsv, 0);
    if (next.opcode >= 8) return { opcode: next.opcode, payload: next.payload };
    opcode ??= next.opcode;
    parts.push(next.payload);
    if (next.fin) return { opcode, payload: Buffer.concat(parts) };
  }
}

export async function assertEchoed(raw, opcode, payload) {
  const echoed = await nextMessage(raw);
  assert.equal(echoed.opcode, opcode, echoed.opcode === OPCODE.close ? `closed ${echoed.payload.readUInt16BE(0)}` : 'the type');
  assert.ok(echoed.payload.equals(Buffer.from(payload)), `${echoed.payload.length} of ${payload.length} bytes, or other ones`);
}

/** The server fails the connection with this code and ends it; nothing but `before` comes first. */
export async function assertFails(raw, code, before = 0) {
  const { frames, code: received } = await raw.untilClose();
  const data = frames.filter((one) => one.opcode !== OPCODE.ping);
  assert.equal(received, code);
  assert.equal(data.length, before, 'frames before the close');
  raw.write(frame(OPCODE.close, closePayload(code)));
  await raw.end();
  raw.destroy();
}
