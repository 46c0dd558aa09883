// CONTRACT §3: RS256 and ES256 through a key set, its rotation and its bounds.
import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, describe, it } from 'node:test';
import { Server, unique, until, using } from './harness.mjs';
import { AUDIENCE, Issuer, SigningKey, assemble, claimsOf } from './tokens.mjs';

const rsa = new SigningKey('rsa-1', 'RS256');
const ec = new SigningKey('ec-1', 'ES256');

/** A server whose issuer is on loopback. */
function withIssuer(keys, auth = {}) {
  const issuer = using(new Issuer());
  issuer.keys = keys;
  const server = new Server();
  before(async () => {
    server.auth = { issuer: issuer.url, audience: AUDIENCE, ...auth };
    await server.start();
  });
  after(() => server.stop());
  const claims = (user = 'alice') => claimsOf({ user, issuer: issuer.url });
  const status = async (token) => (await server.post('/tickets', undefined, { token: server.secret(token) })).status;
  return { issuer, server, claims, status };
}

describe('a key set derived from the issuer', () => {
  const { issuer, server, claims, status } = withIssuer([rsa, ec]);

  it('verifies RS256 and ES256', async () => {
    assert.equal(await status(rsa.token(claims())), 201);
    assert.equal(await status(ec.token(claims())), 201);
    const client = await server.connect({ token: server.secret(ec.token(claims('eve'))) });
    assert.equal(client.hello.userId, 'eve');
  });

  it('is fetched once, not for every token', async () => {
    const before = issuer.fetched;
    await Promise.all(Array.from({ length: 20 }, (_, index) => status(rsa.token(claims(`u${index}`)))));
    assert.equal(issuer.fetched, before);
  });

  it('needs a kid', async () => {
    assert.equal(await status(rsa.token(claims(), { header: { kid: undefined } })), 401);
    assert.equal(await status(rsa.token(claims(), { header: { kid: 7 } })), 401);
    assert.equal(await status(rsa.token(claims(), { header: { kid: '' } })), 401);
  });

  it('binds the algorithm to the key', async () => {
    assert.equal(await status(rsa.token(claims(), { algorithm: 'RS384' })), 401, 'an algorithm that is not allowed');
    assert.equal(await status(rsa.token(claims(), { algorithm: 'PS256' })), 401);
    assert.equal(await status(ec.token(claims(), { header: { kid: rsa.kid } })), 401, 'ES256 with the RSA key\'s kid');
    assert.equal(await status(rsa.token(claims(), { header: { kid: ec.kid } })), 401);
    assert.equal(await status(rsa.token(claims(), { header: { alg: 'none' } })), 401);
  });

  it('never takes HS256, least of all with the public key as the secret', async () => {
    for (const secret of [rsa.publicKey.export({ type: 'spki', format: 'pem' }), rsa.publicKey.export({ type: 'spki', format: 'der' }), JSON.stringify(rsa.jwk())]) {
      const token = assemble({ alg: 'HS256', kid: rsa.kid }, claims(), (input) => createHmac('sha256', secret).update(input).digest());
      assert.equal(await status(token), 401);
    }
  });

  it('refuses an ES256 signature that is not the 64 bytes of the standard', async () => {
    const { createSign } = await import('node:crypto');
    const der = assemble({ alg: 'ES256', kid: ec.kid }, claims(), (input) => createSign('sha256').update(input).sign(ec.privateKey));
    assert.equal(await status(der), 401);
    const zeros = assemble({ alg: 'ES256', kid: ec.kid }, claims(), () => Buffer.alloc(64));
    assert.equal(await status(zeros), 401);
  });

  it('never obeys jwk, jku or x5u', async () => {
    const attacker = new SigningKey('attacker');
    const lure = await new Issuer().start();
    lure.keys = [attacker];
    const url = `${lure.url}/.well-known/jwks.json`;
    for (const header of [{ jwk: attacker.jwk() }, { jwk: attacker.jwk({ kid: rsa.kid }), kid: rsa.kid }, { jku: url }, { x5u: url }, { kid: rsa.kid, jku: url }]) {
      assert.equal(await status(attacker.token(claims(), { header })), 401, JSON.stringify(header).slice(0, 60));
    }
    assert.equal(lure.fetched, 0, 'the attacker\'s key set was asked for');
    await lure.stop();
  });

  it('is not fetched for every made-up kid', async () => {
    const before = issuer.fetched;
    const answers = await Promise.all(Array.from({ length: 100 }, () => status(rsa.token(claims(), { header: { kid: unique('made-up') } }))));
    assert.deepEqual(answers, Array(100).fill(401));
    assert.ok(issuer.fetched - before <= 10, `${issuer.fetched - before} fetches for 100 made-up kids`);
    const again = unique('made-up');
    for (let index = 0; index < 10; index += 1) assert.equal(await status(rsa.token(claims(), { header: { kid: again } })), 401);
    assert.ok(issuer.fetched - before <= 12, 'the same one is remembered as unknown');
  });

  it('shows a rotation although made-up kids came before', async () => {
    const next = new SigningKey(unique('rotated'));
    issuer.keys = [rsa, ec, next];
    await until(async () => (await status(next.token(claims()))) === 201, 'the rotated key is found', 60_000);
  });

  it('keeps working while the issuer is down', async () => {
    issuer.answerWith(500, 'down');
    assert.equal(await status(rsa.token(claims(unique('u')))), 201);
    const unknown = await status(rsa.token(claims(), { header: { kid: unique('unknown') } }));
    assert.ok(unknown === 401 || unknown === 503, String(unknown));
    assert.equal(await status(rsa.token(claims(unique('u')))), 201);
    issuer.answer = null;
  });
});

describe('rotation', () => {
  const { issuer, claims, status } = withIssuer([rsa]);

  it('an unknown kid makes the set be read again, once for many waiting requests', async () => {
    assert.equal(await status(rsa.token(claims())), 201);
    const before = issuer.fetched;
    const next = new SigningKey('rsa-2');
    issuer.keys = [rsa, next];
    const tokens = Array.from({ length: 10 }, (_, index) => next.token(claims(`u${index}`)));
    assert.deepEqual(await Promise.all(tokens.map(status)), Array(10).fill(201));
    assert.equal(issuer.fetched, before + 1, 'single flight');
    assert.equal(await status(rsa.token(claims('old'))), 201, 'the old key is still in the set');
  });
});

describe('what a key set may be', () => {
  it('wider algorithms by configuration', async () => {
    const algorithms = ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'ES512'];
    const keys = algorithms.map((algorithm) => new SigningKey(`k-${algorithm}`, algorithm));
    const issuer = await new Issuer().start();
    issuer.keys = keys;
    const widened = algorithms.filter((name) => name !== 'PS256');
    const server = new Server({ auth: { issuer: issuer.url, audience: AUDIENCE, algorithms: widened } });
    await server.start();
    try {
      for (const key of keys) {
        const token = server.secret(key.token(claimsOf({ issuer: issuer.url })));
        const { status } = await server.post('/tickets', undefined, { token });
        assert.equal(status, key.algorithm === 'PS256' ? 401 : 201, key.algorithm);
      }
    } finally {
      await server.stop();
      await issuer.stop();
    }
  });

  it('from a file', async () => {
    const directory = mkdtempSync(path.join(tmpdir(), 'carillon-jwks-'));
    const file = path.join(directory, 'jwks.json');
    writeFileSync(file, JSON.stringify({ keys: [rsa.jwk()] }));
    const server = new Server({ auth: { issuer: 'https://issuer.example', audience: AUDIENCE, jwks_file: file } });
    await server.start();
    try {
      const status = async (key) => (await server.post('/tickets', undefined, { token: server.secret(key.token(claimsOf())) })).status;
      assert.equal(await status(rsa), 201);
      assert.equal(await status(ec), 401);
      writeFileSync(file, JSON.stringify({ keys: [ec.jwk()] }));
      server.lines.drain();
      process.kill(server.process.pid, 'SIGHUP');
      await server.lines.next(({ data }) => /reload/.test(data?.event_type), 'a line about the reload');
      assert.equal(await status(ec), 201, 'SIGHUP reads the file again');
    } finally {
      await server.stop();
      rmSync(directory, { recursive: true });
    }
  });

  const unusable = {
    'a redirect': (issuer, good) => {
      issuer.answer = (request, response) => (request.url === '/elsewhere' ? response.end(good) : response.writeHead(302, { location: `${issuer.url}/elsewhere` }).end());
    },
    'over 256 KiB': (issuer, good) => issuer.answerWith(200, good + ' '.repeat(262144)),
    'no JSON': (issuer) => issuer.answerWith(200, '<html>'),
    'over 100 keys': (issuer) => issuer.answerWith(200, JSON.stringify({ keys: [...Array.from({ length: 100 }, (_, index) => ec.jwk({ kid: `x${index}` })), rsa.jwk()] })),
    'an RSA key under 2048 bits': (issuer, good, weak) => issuer.answerWith(200, JSON.stringify({ keys: [weak.jwk()] })),
  };
  for (const [what, arrange] of Object.entries(unusable)) {
    it(`not ${what}`, async () => {
      const weak = new SigningKey(rsa.kid, 'RS256', { bits: 1024 });
      const issuer = await new Issuer().start();
      arrange(issuer, JSON.stringify({ keys: [rsa.jwk()] }), weak);
      const server = new Server({ auth: { issuer: issuer.url, audience: AUDIENCE } });
      await server.start();
      try {
        const key = /2048/.test(what) ? weak : rsa;
        const { status } = await server.post('/tickets', undefined, { token: server.secret(key.token(claimsOf({ issuer: issuer.url }))) });
        assert.ok(status === 401 || status === 503, `${what} → ${status}`);
        assert.ok(issuer.fetched >= 1);
      } finally {
        await server.stop();
        await issuer.stop();
      }
    });
  }

  it('not over http except to loopback', async () => {
    const server = new Server({ auth: { issuer: 'http://issuer.example', audience: AUDIENCE } });
    await assert.rejects(server.start(), /exited/);
    const { text } = server.log.at(-1) ?? { text: '' };
    assert.match(text, /https/);
    server.violations = [];
    await server.stop();
  });
});

describe('jwks_url', () => {
  const issuer = using(new Issuer());
  const server = new Server();
  before(async () => {
    issuer.keys = [rsa];
    server.auth = { issuer: 'https://issuer.example', audience: AUDIENCE, jwks_url: `${issuer.url}/.well-known/jwks.json` };
    await server.start();
  });
  after(() => server.stop());

  it('may stand elsewhere than the issuer', async () => {
    assert.equal((await server.post('/tickets', undefined, { token: server.secret(rsa.token(claimsOf())) })).status, 201);
  });
});
