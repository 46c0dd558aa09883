// A component makes new options each time it renders. What a connection depends on is what they say.
import { useEffect, useRef } from 'react';
import type { ClientOptions } from '@carillon/client';

function plain(value: unknown): unknown {
  if (typeof value === 'function') return 'function';
  if (Array.isArray(value)) return value.map(plain);
  if (value === null || typeof value !== 'object') return value;
  const sorted = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(sorted.map(([name, member]) => [name, plain(member)]));
}

/** Equal for options that say the same. Functions count as equal, `environment` does not count. */
export function keyOf(options: ClientOptions): string {
  return JSON.stringify(plain({ ...options, environment: undefined }));
}

/** The options of the last render that had some, as an effect may use them: a token provider made by a later render
 *  is asked in place of the one that the connection began with. */
export function useOptions(options: ClientOptions | null | undefined): { key: string | null; take(): ClientOptions } {
  const latest = useRef(options ?? null);
  // Before the effects of whoever calls this.
  useEffect(() => {
    if (options) latest.current = options;
  });
  const take = useRef((): ClientOptions => {
    const taken = latest.current!;
    if (typeof taken.token !== 'function') return taken;
    return {
      ...taken,
      token: () => {
        const { token } = latest.current!;
        return typeof token === 'function' ? token() : token;
      },
    };
  });
  return { key: options ? keyOf(options) : null, take: take.current };
}
