// CONTRACT §13: traceparent is honoured and answered, over HTTP and in frames.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { message, useServer } from './harness.mjs';
import { upgradeRequest } from './raw.mjs';

const TRACE = '0af7651916cd43dd8448eb211c80319c';
const SPAN = 'b7ad6b7169203331';
const sampled = `00-${TRACE}-${SPAN}-01`;
const FORM = /^00-([0-9a-f]{32})-([0-9a-f]{16})-(0[01])$/;

/** Of the same trace, but another span, sampled as it came. */
function assertAnswered(text, flags = '01') {
  const match = FORM.exec(text ?? '');
  assert.ok(match, `no traceparent: ${text}`);
  assert.equal(match[1], TRACE);
  assert.notEqual(match[2], SPAN);
  assert.equal(match[3], flags);
}

describe('traceparent over HTTP', () => {
  const server = useServer({ config: { gateway: { allowed_origins: ['https://app.example.com'] } } });
  const traced = (value = sampled) => ({ headers: { traceparent: value } });

  it('is answered on every route and on refusals', async () => {
    const user = { user: 'alice' };
    assertAnswered((await server.get('/health', traced())).headers.traceparent);
    assertAnswered((await server.get('/nowhere', traced())).headers.traceparent);
    assertAnswered((await server.delete('/health', traced())).headers.traceparent);
    assertAnswered((await server.get('/connections?userId=alice', traced())).headers.traceparent);
    assertAnswered((await server.get('/connections?userId=alice', { ...user, ...traced() })).headers.traceparent);
    assertAnswered((await server.post('/publish', 'no json', { ...user, ...traced() })).headers.traceparent);
    assertAnswered((await server.publish({ to: 'user:bob' }, { ...user, ...traced() })).headers.traceparent);
    assertAnswered((await server.post('/tickets', {}, { ...user, ...traced() })).headers.traceparent);
  });

  it('keeps what the client says about sampling', async () => {
    const { headers } = await server.get('/health', traced(`00-${TRACE}-${SPAN}-00`));
    assertAnswered(headers.traceparent, '00');
    assertAnswered((await server.get('/health', traced(`cc-${TRACE}-${SPAN}-01-later`))).headers.traceparent);
  });

  it('is absent when there was none, or none that counts', async () => {
    assert.equal((await server.get('/health')).headers.traceparent, undefined);
    const invalid = [`00-${'0'.repeat(32)}-${SPAN}-01`, `00-${TRACE.toUpperCase()}-${SPAN}-01`, `ff-${TRACE}-${SPAN}-01`, `${sampled}-x`, 'x'];
    for (const bad of [...invalid, [sampled, sampled]]) {
      const { status, headers } = await server.get('/health', traced(bad));
      assert.equal(status, 200, String(bad));
      assert.equal(headers.traceparent, undefined, String(bad));
    }
  });

  it('may be sent and read by pages of allowed origins', async () => {
    const origin = 'https://app.example.com';
    const preflight = await server.request('OPTIONS', '/publish', {
      headers: { origin, 'access-control-request-method': 'POST', 'access-control-request-headers': 'traceparent' },
    });
    assert.match(preflight.headers['access-control-allow-headers'], /\btraceparent\b/);
    const { headers } = await server.get('/health', { headers: { origin, traceparent: sampled } });
    assert.match(headers['access-control-expose-headers'], /\btraceparent\b/);
    assertAnswered(headers.traceparent);
  });

  it('is answered to upgrades, granted and refused', async () => {
    for (const [token, expected] of [[server.token('alice'), 101], ['forged', 401]]) {
      const socket = await server.raw();
      socket.write(upgradeRequest(`/dvl?token=${token}`, { traceparent: sampled }));
      const { status, headers } = await socket.response();
      assert.equal(status, expected);
      assertAnswered(headers.traceparent);
      socket.destroy();
    }
  });
});

describe('traceparent in a frame', () => {
  const server = useServer();
  const ask = (client, extra) => client.ask({ action: 'sendMessage', ...message({ to: 'user:alice' }), ...extra });

  it('comes back in the answer, of the same trace', async () => {
    const client = await server.connect({ as: 'alice' });
    const answer = await ask(client, { traceparent: sampled });
    assert.ok(answer.messageId, JSON.stringify(answer));
    assertAnswered(answer.traceparent);
  });

  it('comes back in an error as well', async () => {
    const client = await server.connect({ as: 'alice' });
    const answer = await ask(client, { traceparent: sampled, targetChannel: 'Fax' });
    assert.equal(answer.statusCode, 400);
    assertAnswered(answer.traceparent);
  });

  it('counts as absent when it is none', async () => {
    const client = await server.connect({ as: 'alice' });
    for (const bad of [7, null, '', 'x', `00-${TRACE}-${'0'.repeat(16)}-01`]) {
      const answer = await ask(client, { traceparent: bad });
      assert.ok(answer.messageId, JSON.stringify(answer));
      assert.equal(answer.traceparent, undefined);
    }
  });
});
