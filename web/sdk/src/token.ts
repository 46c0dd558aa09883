import { CarillonError } from './errors.js';
import { isText } from './failure.js';
import { within } from './scope.js';
import type { Environment, Token } from './types.js';

/** Before a token ends a new one is asked for. */
const leadMs = 60_000;
const leastUseMs = 1000;
const longestToken = 65_536;

export type TokenSource = ReturnType<typeof makeTokenSource>;

/** The token in force; asks the provider, one call at a time, which may take `timeoutMs`. `now`: the server's clock. `renewed` is called
 *  when the provider gave one. */
export function makeTokenSource(given: Token, environment: Environment, timeoutMs: number, now: () => number, renewed: (token: string) => void) {
  const { monotonic } = environment;
  let current = isText(given) ? given : undefined;
  let asked = -Infinity;
  let asking: Promise<string> | undefined;

  /** Milliseconds since the provider gave it. */
  const age = () => monotonic() - asked;

  /** Milliseconds until the next one should be asked for; NaN: never. */
  const renewal = () => {
    let expiry = NaN;
    try {
      if (!isText(given) && current!.length < longestToken) expiry = JSON.parse(atob(current!.split('.')[1]!.replace(/-/g, '+').replace(/_/g, '/'))).exp * 1000;
    } catch {
      // No JSON Web Token: whoever is told 401 asks for another.
    }
    // One that ends sooner is used for half of its time, or there would be no end of asking.
    const lifetime = expiry - now() + age();
    return Math.max(lifetime - leadMs, Math.min(lifetime, leadMs) / 2, leastUseMs) - age();
  };

  const ask = async (provider: () => string | Promise<string>) => {
    try {
      const token = await within(environment, timeoutMs, {}, async () => provider());
      if (!isText(token) || !token) throw new TypeError();
      current = token;
      asked = monotonic();
    } catch (error) {
      const { cause = error } = error as Error;
      throw new CarillonError('token_provider', undefined, { cause });
    }
    renewed(current);
    return current;
  };

  /** The token there is, unless it ends soon. */
  const get = async (): Promise<string> => (!current || renewal() <= 0 ? renew() : current);

  /** Asks the provider for another; not when the one that was found `bad` was replaced meanwhile. */
  const renew = async (bad = current): Promise<string> => {
    if (isText(given)) return given;
    if (bad !== current) return get();
    return (asking ??= ask(given).finally(() => (asking = undefined)));
  };

  /** `renewable`: there is a provider. */
  return { renewable: !isText(given), get, renew, renewal, age };
}
