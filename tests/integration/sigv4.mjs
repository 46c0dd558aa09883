// Signs requests with AWS Signature Version 4, so that wrong ones can be made, too.
import { createHash, createHmac } from 'node:crypto';

export const KEY = { id: 'AKIDEXAMPLE', secret: 'a secret of the tests' };
export const READER = { id: 'READER', secret: 'another secret' };
/** Both keys as sections of the configuration; the first has the default scopes. */
export const AWS_KEYS = {
  '[auth.aws_keys]': { access_key_id: KEY.id, secret_access_key: KEY.secret },
  '[ auth.aws_keys ]': { access_key_id: READER.id, secret_access_key: READER.secret, scopes: ['carillon/metrics'] },
};

export const sha256 = (data) => createHash('sha256').update(data).digest('hex');
const hmac = (key, text) => createHmac('sha256', key).update(text).digest();
const encode = (text) => encodeURIComponent(text).replace(/[!'()*]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`);
export const amzDate = (ms = Date.now()) => new Date(ms).toISOString().replace(/[:-]|\.\d+/g, '');

/** The headers of a signed request. `headers` are signed, too; one set to null is left out. */
export function signedHeaders({ method, path, query = '', host, body = '', headers = {}, key = KEY, at = Date.now(), service = 'execute-api', payload }) {
  const hash = payload ?? sha256(body);
  const all = Object.entries({ host, 'x-amz-content-sha256': hash, 'x-amz-date': amzDate(at), ...headers }).filter(([, value]) => value !== null);
  const sorted = all.toSorted(([a], [b]) => (a < b ? -1 : 1));
  const names = sorted.map(([name]) => name).join(';');
  const canonical = [method, path.split('/').map(encode).join('/'), query, ...sorted.map(([name, value]) => `${name}:${value}`), '', names, hash].join('\n');
  const scope = `${amzDate(at).slice(0, 8)}/eu-central-1/${service}/aws4_request`;
  const signingKey = scope.split('/').reduce(hmac, `AWS4${key.secret}`);
  const signature = hmac(signingKey, ['AWS4-HMAC-SHA256', amzDate(at), scope, sha256(canonical)].join('\n')).toString('hex');
  return {
    ...Object.fromEntries(all),
    authorization: `AWS4-HMAC-SHA256 Credential=${key.id}/${scope}, SignedHeaders=${names}, Signature=${signature}`,
  };
}
