// CONTRACT §3: who may come in, with an HS256 secret.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { message, unique, useServer } from './harness.mjs';
import { upgradeRequest } from './raw.mjs';
import { AUDIENCE, HS256_SECRET, SigningKey, assemble, base64url, claimsOf, hs256, seconds } from './tokens.mjs';

/** Whether an HTTP request with this token is let in: POST /tickets is open to any user. */
const ticket = (server, token, headers = {}) => server.post('/tickets', undefined, { token: server.secret(token), headers });

async function accepted(server, token, what) {
  const { status, text } = await ticket(server, token);
  assert.equal(status, 201, `${what}: ${text}`);
}

async function refused(server, token, what) {
  const { status, json, headers, text } = await ticket(server, token);
  assert.equal(status, 401, `${what}: ${text}`);
  assert.equal(json.error, 'Unauthorized', what);
  assert.equal(typeof json.details, 'string', what);
  assert.ok(json.details.length > 0, what);
  for (const part of token.split('.')) assert.ok(part.length < 16 || !text.includes(part), `${what}: the answer holds the token`);
  assert.match(headers['www-authenticate'], /^Bearer/, what);
  const upgrade = await server.refused({ token });
  assert.deepEqual([upgrade.status, upgrade.json.error], [401, 'Unauthorized'], what);
  assert.match(upgrade.headers['www-authenticate'], /^Bearer/, what);
}

const claims = (changes = {}, rest = {}) => claimsOf({ ...rest, claims: changes });

describe('a token', () => {
  const server = useServer();

  it('is needed', async () => {
    for (const headers of [{}, { authorization: '' }, { authorization: 'Bearer' }, { authorization: 'Bearer ' }, { authorization: 'Basic YTpi' }]) {
      const { status, json } = await server.post('/publish', message({ chat: 'c' }), { headers });
      assert.deepEqual([status, json.error], [401, 'Unauthorized'], JSON.stringify(headers));
    }
    assert.equal((await server.refused({ token: null })).status, 401);
  });

  it('is taken as Authorization: Bearer, whatever the case of the scheme', async () => {
    const token = server.token('alice');
    for (const scheme of ['Bearer', 'bearer', 'BEARER']) {
      assert.equal((await server.post('/tickets', undefined, { headers: { authorization: `${scheme} ${token}` } })).status, 201, scheme);
    }
  });

  it('in ?token= is refused on requests that are no upgrade', async () => {
    const token = server.token('alice');
    assert.equal((await server.post(`/tickets?token=${token}`)).status, 401);
    assert.equal((await server.post(`/publish?token=${server.backend}`, message({ chat: 'c' }))).status, 401);
  });

  it('opens a WebSocket as ?token=, as Authorization or as a subprotocol entry', async () => {
    const token = server.token('carrier');
    await server.connect({ token });
    await server.connect({ token: null, headers: { authorization: `Bearer ${token}` } });
    const client = await server.connect({ token: null, protocols: ['carillon.v1', `bearer.${token}`] });
    assert.equal(client.upgradeHeaders['sec-websocket-protocol'], 'carillon.v1', 'only carillon.v1 is echoed');
    assert.equal(client.hello.userId, 'carrier');
    const other = await server.connect({ token: null, protocols: [`bearer.${token}`, 'carillon.v1'] });
    assert.equal(other.protocol, 'carillon.v1', 'in any order');
  });

  it('that is bad is refused in every carrier', async () => {
    for (const options of [{ token: 'x.y.z' }, { token: null, headers: { authorization: 'Bearer x.y.z' } }, { token: null, protocols: ['carillon.v1', 'bearer.x.y.z'] }]) {
      assert.equal((await server.refused(options)).status, 401);
    }
  });

  it('no subprotocol is echoed that was not offered or is not known', async () => {
    const raw = await server.raw();
    raw.write(upgradeRequest(`/?token=${server.token('alice')}`, { 'Sec-WebSocket-Protocol': 'chat, superchat' }));
    const { status, headers } = await raw.response();
    assert.deepEqual([status, headers['sec-websocket-protocol']], [101, undefined]);
    raw.destroy();
  });
});

describe('the checks', () => {
  const server = useServer();

  it('let a good one in', () => accepted(server, hs256(claims()), 'good'));

  it('malformed', async () => {
    const good = hs256(claims());
    const [head, body, signature] = good.split('.');
    const cases = {
      'no dots': 'abc', 'two parts': `${head}.${body}`, 'four parts': `${good}.x`, 'five parts': `${good}.x.y`,
      'empty signature': `${head}.${body}.`, 'header no base64': `%%%.${body}.${signature}`,
      'header no JSON': `${base64url('hello')}.${body}.${signature}`, 'header an array': `${base64url('[]')}.${body}.${signature}`,
      'payload no JSON': assembleRaw(head, 'hello'), 'payload an array': assembleRaw(head, '[]'), 'padding': `${head}.${body}.${signature}=`,
    };
    for (const [what, token] of Object.entries(cases)) await refused(server, token, what);
  });

  it('the signature', async () => {
    const good = hs256(claims());
    const [head, body, signature] = good.split('.');
    await refused(server, hs256(claims(), { secret: `${HS256_SECRET}x` }), 'another secret');
    await refused(server, `${head}.${base64url(JSON.stringify(claims({}, { user: 'mallory' })))}.${signature}`, 'other claims');
    await refused(server, `${head}.${body}.${signature.slice(0, -2)}`, 'a shortened signature');
    await refused(server, `${head}.${body}.${base64url('x')}`, 'a made-up signature');
    await refused(server, hs256(claims(), { secret: '' }), 'an empty secret');
  });

  it('the algorithm', async () => {
    await refused(server, assemble({ alg: 'none', typ: 'JWT' }, claims(), () => ''), 'none');
    await refused(server, assemble({ alg: 'None' }, claims(), () => 'x'), 'None');
    await refused(server, hs256(claims(), { header: { alg: 'none' } }), 'none with a good HMAC');
    await refused(server, hs256(claims(), { header: { alg: 'HS512' } }), 'HS512');
    await refused(server, hs256(claims(), { header: { alg: undefined } }), 'no alg');
    await refused(server, hs256(claims(), { header: { alg: 256 } }), 'a number');
    await refused(server, new SigningKey('k').token(claims()), 'RS256 without any key set');
  });

  it('crit is never obeyed, so the token is refused', async () => {
    await refused(server, hs256(claims(), { header: { crit: ['exp'] } }), 'crit');
    await refused(server, hs256(claims(), { header: { crit: ['b64'], b64: false } }), 'crit b64');
  });

  it('the issuer', async () => {
    await refused(server, hs256(claims({ iss: 'https://other.example' })), 'another');
    await refused(server, hs256(claims({ iss: undefined })), 'none');
    await refused(server, hs256(claims({ iss: 'https://issuer.example/' })), 'with a slash');
    await refused(server, hs256(claims({ iss: ['https://issuer.example'] })), 'a list');
  });

  it('the audience; client_id only where there is no aud', async () => {
    await accepted(server, hs256(claims({ aud: ['other', AUDIENCE] })), 'a list with ours');
    await accepted(server, hs256(claims({ aud: undefined, client_id: AUDIENCE })), 'client_id');
    await refused(server, hs256(claims({ aud: 'other' })), 'another');
    await refused(server, hs256(claims({ aud: ['other'] })), 'a list without ours');
    await refused(server, hs256(claims({ aud: [] })), 'an empty list');
    await refused(server, hs256(claims({ aud: undefined })), 'none');
    await refused(server, hs256(claims({ aud: undefined, client_id: 'other' })), 'another client_id');
    await refused(server, hs256(claims({ aud: 'other', client_id: AUDIENCE })), 'client_id beside another aud');
  });

  it('token_use', async () => {
    for (const use of ['access', 'id']) await accepted(server, hs256(claims({ token_use: use })), use);
    for (const use of ['refresh', '', 7]) await refused(server, hs256(claims({ token_use: use })), String(use));
  });

  it('exp is required; leeway is 60 s', async () => {
    await refused(server, hs256(claims({ exp: undefined })), 'no exp');
    await refused(server, hs256(claims({ exp: 'tomorrow' })), 'no number');
    await refused(server, hs256(claims({ exp: seconds(-65) })), 'expired for 65 s');
    await refused(server, hs256(claims({ exp: 0 })), 'expired since 1970');
    const { status } = await ticket(server, hs256(claims({ exp: seconds(-30) })));
    assert.equal(status, 201, 'expired for 30 s, which clocks may disagree by');
  });

  it('nbf; leeway is 60 s', async () => {
    await accepted(server, hs256(claims({ nbf: seconds(-10) })), 'past');
    await accepted(server, hs256(claims({ nbf: seconds(30) })), 'within the leeway');
    await refused(server, hs256(claims({ nbf: seconds(120) })), 'in two minutes');
    await refused(server, hs256(claims({ nbf: 'soon' })), 'no number');
  });

  it('without the user claim is 401 Unauthorized - No user ID in context', async () => {
    for (const sub of [undefined, '', 7, 'a,b', '*', 'x'.repeat(257), 'a\nb']) {
      const token = server.secret(hs256(claims({ sub })));
      const { status, json } = await server.post('/publish', message({ chat: 'c' }), { token });
      assert.deepEqual([status, json.error], [401, 'Unauthorized - No user ID in context'], `sub ${JSON.stringify(sub)}`);
      const upgrade = await server.refused({ token });
      assert.deepEqual([upgrade.status, upgrade.json.error], [401, 'Unauthorized - No user ID in context']);
    }
  });
});

const assembleRaw = (head, payload) => `${head}.${base64url(payload)}.${base64url('signature of some length, not right')}`;

describe('privileges', () => {
  const server = useServer();
  const chat = unique('chat');

  for (const [how, option] of [['scopes', 'scopes'], ['groups', 'groups']]) {
    it(`come from ${how}`, async () => {
      const make = (privilege) => server.token({ user: unique('u'), [option]: ['something/else', privilege] });
      assert.equal((await server.publish({ to: 'all' }, { token: make('carillon/publish') })).status, 200);
      assert.equal((await server.publish({ chat }, { token: make('carillon/publish') })).status, 200);
      assert.equal((await server.post('/permissions', { userId: 'u', chatId: unique('c') }, { token: make('carillon/admin') })).status, 201);
      await server.connect({ token: make('carillon/admin'), chats: [chat] });
      assert.equal((await server.get('/queues', { token: make('carillon/publish') })).status, 403, 'publish is not admin');
      assert.equal((await server.refused({ token: make('carillon/publish'), chats: [chat] })).status, 403, 'publish does not read');
    });
  }

  it('are compared whole', async () => {
    for (const scopes of [['carillon/publisher'], ['xcarillon/publish'], ['carillon/'], ['carillon'], ['CARILLON/PUBLISH']]) {
      assert.equal((await server.publish({ to: 'all' }, { token: server.token({ user: 'u', scopes }) })).status, 403, scopes[0]);
    }
    const odd = server.token({ user: 'u', claims: { scope: ['carillon/publish', { a: 1 }], 'cognito:groups': 'carillon/publish' } });
    assert.ok([200, 401, 403].includes((await server.publish({ to: 'all' }, { token: odd })).status), 'odd types break nothing');
  });
});

describe('memberships', () => {
  const server = useServer();

  for (const [name, claim] of [['org', 'custom:orgId'], ['hub', 'custom:hubId'], ['project', 'custom:projectId']]) {
    it(`of ${name} come from ${claim}, string or array`, async () => {
      const connect = (value, id) => ({ token: server.token({ user: 'u', claims: { [claim]: value } }), query: { [`${name}Id`]: id } });
      await server.connect(connect('one', 'one'));
      await server.connect(connect(['one', 'two'], 'two'));
      assert.equal((await server.refused(connect('one', 'two'))).status, 403);
      assert.equal((await server.refused(connect(undefined, 'one'))).status, 403);
    });

    it(`of ${name} come from permission entries too`, async () => {
      const id = unique(name);
      const asked = { as: 'permitted', query: { [`${name}Id`]: id } };
      assert.equal((await server.refused(asked)).status, 403);
      const answer = await server.post('/permissions', { userId: 'permitted', targetClass: name, targetId: id }, { token: server.admin });
      assert.equal(answer.status, 201, answer.text);
      await server.connect(asked);
    });
  }
});

describe('configured claims', () => {
  const server = useServer({
    config: {},
    auth: { issuer: 'https://issuer.example', audience: ['one', AUDIENCE], hs256_secret: HS256_SECRET, user_claim: 'uid', org_claim: 'tenant', leeway_seconds: 0 },
  });

  it('name the user and the memberships', async () => {
    const client = await server.connect({ token: server.secret(hs256(claims({ sub: 'not-me', uid: 'me', tenant: 'acme' }))), query: { orgId: 'acme' } });
    assert.equal(client.hello.userId, 'me');
    const { json } = await ticket(server, hs256(claims({ sub: 'me' })));
    assert.equal(json.error, 'Unauthorized - No user ID in context');
  });

  it('audience may be a list, leeway another', async () => {
    await accepted(server, hs256(claims({ uid: 'me', aud: 'one' })), 'first of the list');
    await refused(server, hs256(claims({ uid: 'me', exp: seconds(-2) })), 'expired for 2 s without leeway');
  });
});
