import { CarillonError } from './errors.js';
import { asCarillonError } from './failure.js';
import type { Environment, ReconnectOptions } from './types.js';

/** Platforms wait no longer. */
const longestMs = 2 ** 31 - 1;

/** What ends together: timers, and whoever waits. (Of AbortSignals platforms warn when many wait for one.) */
export interface Scope {
  /** Why it ended. */
  reason?: CarillonError;
  /** Calls `ender` at the end, or now if that was before. Returns what takes it back. */
  add(ender: (reason: CarillonError) => void): () => void;
  /** Returns what cancels it. */
  after(ms: number, task: () => void): () => void;
  end(reason: CarillonError): void;
}

export function makeScope(environment: Environment): Scope {
  const enders = new Set<(reason: CarillonError) => void>();
  const scope: Scope = {
    add(ender) {
      if (scope.reason) ender(scope.reason);
      else enders.add(ender);
      return () => void enders.delete(ender);
    },
    after(ms, task) {
      const timer = environment.setTimeout(() => {
        release();
        task();
      }, Math.min(ms, longestMs));
      const cancel = () => environment.clearTimeout(timer);
      const release = scope.add(cancel);
      return () => {
        release();
        cancel();
      };
    },
    end(reason) {
      if (scope.reason) return;
      scope.reason = reason;
      enders.forEach((ender) => ender(reason));
      enders.clear();
    },
  };
  return scope;
}

/** Settles as `task` does; rejects with `timeout` after `ms`, and as soon as `scope` ends or `signal` aborts. Its own scope ends with it. */
export function within<Value>(
  environment: Environment,
  ms: number,
  { scope: parent, signal }: { scope?: Scope; signal?: AbortSignal },
  task: (scope: Scope) => Promise<Value>,
): Promise<Value> {
  const scope = makeScope(environment);
  return new Promise<Value>((resolve, reject) => {
    scope.add(reject);
    if (parent) scope.add(parent.add(scope.end));
    // In halves: after a stall of this program timers come before what the network brought meanwhile.
    scope.after(ms / 2, () => scope.after(ms / 2, () => scope.end(new CarillonError('timeout'))));
    if (signal) {
      const aborted = () => scope.end(new CarillonError('aborted'));
      signal.addEventListener('abort', aborted);
      scope.add(() => signal.removeEventListener('abort', aborted));
      if (signal.aborted) aborted();
    }
    if (!scope.reason) task(scope).then(resolve, (cause) => reject(asCarillonError(cause)));
  }).finally(() => scope.end(new CarillonError('closed')));
}

/** Rejects when `scope` ends. */
export const sleep = (scope: Scope, ms: number): Promise<void> =>
  new Promise((resolve, reject) => {
    const release = scope.add(reject);
    scope.after(ms, () => {
      release();
      resolve();
    });
  });

/** The delay before trying again after `error`, which may name one: exponential in `failures`, with full jitter unless told otherwise. */
export function retryDelay(
  { random }: Environment,
  failures: number,
  { retryAfterMs = 0 }: CarillonError,
  { baseMs = 500, maxMs = 30_000, jitter }: ReconnectOptions = {},
): number {
  const limit = Math.min(maxMs, baseMs * 2 ** failures);
  return Math.max(jitter === 'none' ? limit : random() * limit, retryAfterMs * (1 + random() / 4));
}

/** Tries until it succeeds, fails with something final, or `scope` ends. `wait`: how, when not asleep. */
export async function persist<Value>(
  environment: Environment,
  scope: Scope,
  task: () => Promise<Value>,
  isFinal: (error: CarillonError) => boolean,
  wait = (ms: number): unknown => sleep(scope, ms),
): Promise<Value> {
  for (let failures = 0; ; failures += 1) {
    try {
      return await task();
    } catch (cause) {
      const error = asCarillonError(cause);
      if (scope.reason || isFinal(error)) throw error;
      await wait(error.code === 'connection_lost' ? 0 : retryDelay(environment, failures, error));
    }
  }
}
