import { CarillonError } from './errors.js';
import { failureOf, type Frame } from './failure.js';
import { within, type Scope } from './scope.js';
import type { TokenSource } from './token.js';
import type { Environment } from './types.js';

export type Query = Record<string, string | number | undefined>;

export interface RequestOptions {
  query?: Query;
  /** JSON text. */
  body?: string;
  headers?: Record<string, string>;
  /** It ends with either. */
  scope?: Scope;
  signal?: AbortSignal;
  /** It may outlive the page. */
  keepalive?: boolean;
}

export type Http = ReturnType<typeof makeHttp>;

export function queryText(query: Query = {}): string {
  const pairs = Object.entries(query).flatMap(([name, value]) => (value === undefined ? [] : `${name}=${encodeURIComponent(value)}`));
  return pairs.length ? `?${pairs.join('&')}` : '';
}

/** Requests with the bearer token: bounded in time, every failure typed. Answers the answer's JSON object. */
export function makeHttp(base: string, fetchLike: typeof fetch, environment: Environment, tokens: TokenSource, timeoutMs: number) {
  const attempt = (token: string, what: string, { query, body, headers, scope, signal, keepalive }: RequestOptions) =>
    within(environment, timeoutMs, scope, signal, async (own): Promise<Frame> => {
      const [method, path] = what.split(' ');
      const controller = new AbortController();
      own.add(() => controller.abort());
      const response = await fetchLike(base + path + queryText(query), {
        method,
        headers: { Authorization: `Bearer ${token}`, 'Content-Type': 'application/json', ...headers },
        body,
        signal: controller.signal,
        keepalive,
      });
      const text = await response.text();
      let answer: Frame | undefined;
      try {
        answer = JSON.parse(text) as Frame;
      } catch {
        // Whoever answered is no Carillon.
      }
      if (!response.ok) throw failureOf(answer ?? {}, response.status, response.headers.get('Retry-After'));
      if (!answer) throw new CarillonError('protocol', what);
      return answer;
    });

  /** `what`: method and path. A 401 asks the token provider once and tries again. */
  return async (what: string, options: RequestOptions = {}): Promise<Frame> => {
    const token = await tokens.get();
    return attempt(token, what, options).catch(async (error: CarillonError) => {
      if (!tokens.renewable || error.code !== 'unauthorized') throw error;
      return attempt(await tokens.renew(token), what, options);
    });
  };
}
