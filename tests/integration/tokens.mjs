// Makes JSON Web Tokens without any library, so that broken ones can be made too, and serves key sets.
import { createHmac, createSign, generateKeyPairSync, sign as signBytes } from 'node:crypto';
import http from 'node:http';
import { Inbox } from './inbox.mjs';

export const AUDIENCE = 'carillon-tests';
export const HS256_ISSUER = 'https://issuer.example';
export const HS256_SECRET = 'an integration test secret of 40 bytes!!';

export const base64url = (data) => Buffer.from(data).toString('base64url');
export const seconds = (offset = 0) => Math.floor(Date.now() / 1000) + offset;

/** The claims of `user`; undefined removes one. */
export function claimsOf({ user = 'alice', scopes = [], groups, ttl = 3600, issuer = HS256_ISSUER, claims = {} } = {}) {
  const all = {
    iss: issuer,
    aud: AUDIENCE,
    sub: user,
    iat: seconds(),
    exp: seconds(ttl),
    scope: scopes.length > 0 ? scopes.join(' ') : undefined,
    'cognito:groups': groups,
    ...claims,
  };
  for (const key of Object.keys(all)) if (all[key] === undefined) delete all[key];
  return all;
}

/** header.payload.signature, the signature by `signer(signingInput)`. */
export function assemble(header, claims, signer) {
  const input = `${base64url(JSON.stringify(header))}.${base64url(JSON.stringify(claims))}`;
  return `${input}.${base64url(signer(input))}`;
}

export function hs256(claims, { secret = HS256_SECRET, header = {} } = {}) {
  return assemble({ alg: 'HS256', typ: 'JWT', ...header }, claims, (input) =>
    createHmac('sha256', secret).update(input).digest());
}

const HASH = { 256: 'sha256', 384: 'sha384', 512: 'sha512' };
const CURVE = { 256: 'P-256', 384: 'P-384', 512: 'P-521' };

/** A private key that signs with `algorithm`, and its public half as a JWK. */
export class SigningKey {
  constructor(kid, algorithm = 'RS256', { bits = 2048 } = {}) {
    this.kid = kid;
    this.algorithm = algorithm;
    const pair = algorithm.startsWith('ES')
      ? generateKeyPairSync('ec', { namedCurve: CURVE[algorithm.slice(2)] })
      : generateKeyPairSync('rsa', { modulusLength: bits });
    this.privateKey = pair.privateKey;
    this.publicKey = pair.publicKey;
  }

  jwk(extra = {}) {
    return { ...this.publicKey.export({ format: 'jwk' }), kid: this.kid, alg: this.algorithm, use: 'sig', ...extra };
  }

  signature(input, algorithm = this.algorithm) {
    const hash = HASH[algorithm.slice(2)];
    if (algorithm.startsWith('PS')) {
      return signBytes(hash, Buffer.from(input), { key: this.privateKey, padding: 6, saltLength: Number(algorithm.slice(2)) / 8 });
    }
    if (algorithm.startsWith('ES')) {
      return signBytes(hash, Buffer.from(input), { key: this.privateKey, dsaEncoding: 'ieee-p1363' });
    }
    return createSign(hash).update(input).sign(this.privateKey);
  }

  token(claims, { header = {}, algorithm = this.algorithm } = {}) {
    const full = { alg: algorithm, typ: 'JWT', kid: this.kid, ...header };
    for (const key of Object.keys(full)) if (full[key] === undefined) delete full[key];
    return assemble(full, claims, (input) => this.signature(input, algorithm));
  }
}

/** An issuer on loopback that serves `<url>/.well-known/jwks.json`. */
export class Issuer {
  fetches = new Inbox('key set requests');
  fetched = 0;
  keys = [];
  /** Replaces the answer: `(request, response) => void`. */
  answer = null;

  async start() {
    this.server = http.createServer((request, response) => {
      this.fetched += 1;
      this.fetches.push({ url: request.url });
      if (this.answer) return this.answer(request, response);
      if (request.url !== '/.well-known/jwks.json') return response.writeHead(404).end();
      return response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify({ keys: this.keys.map((key) => key.jwk?.() ?? key) }));
    });
    await new Promise((resolve) => this.server.listen(this.port ?? 0, '127.0.0.1', resolve));
    this.port = this.server.address().port;
    this.url = `http://127.0.0.1:${this.port}`;
    return this;
  }

  /** Answers with this status and body until told otherwise. */
  answerWith(status, body = '', headers = {}) {
    this.answer = (_, response) => response.writeHead(status, headers).end(body);
  }

  async stop() {
    this.server?.closeAllConnections();
    await new Promise((resolve) => (this.server ? this.server.close(resolve) : resolve()));
  }
}
