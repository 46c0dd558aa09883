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
  const pairs = Object.entries(query).filter(([, value]) => value !== undefined);
  return pairs.map(([name, value], index) => `${index ? '&' : '?'}${name}=${encodeURIComponent(value!)}`).join('');
}

/** Requests with the bearer token: bounded in time, every failure typed. Answers the answer's JSON object. `what`: method and path.
 *  A 401 asks the token provider once and tries again. */
export function makeHttp(base: string, fetchLike: typeof fetch | undefined, environment: Environment, tokens: TokenSource, timeoutMs: number) {
  return (what: string, options: RequestOptions = {}): Promise<Frame> =>
    within(environment, timeoutMs, options, async (own) => {
      const [method, path] = what.split(' ');
      const { query, body, headers, keepalive } = options;
      const controller = new AbortController();
      own.add(() => controller.abort());
      const attempt = async (token: string): Promise<Frame> => {
        const response = await (fetchLike ?? fetch)(base + path + queryText(query), {
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
      };
      const token = await tokens.get();
      try {
        return await attempt(token);
      } catch (error) {
        if (!tokens.renewable || (error as CarillonError).code !== 'unauthorized') throw error;
        return attempt(await tokens.renew(token));
      }
    });
}
