import type { Environment } from './types.js';

/** The page, as far as there is one: Node has none. */
const page = globalThis as { document?: Document; navigator?: { onLine?: boolean }; addEventListener?: typeof addEventListener };

export const platform: Environment = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  setTimeout: (task, ms) => setTimeout(task, ms),
  clearTimeout: (timer) => clearTimeout(timer as number),
  random: () => Math.random(),
  // Pages without https have no randomUUID.
  uuid: () => crypto.getRandomValues(new Uint32Array(4)).join('-'),
  online: () => page.navigator?.onLine !== false,
  hidden: () => !!page.document?.hidden,
  watch(changed) {
    const ended = new AbortController();
    // The last one bubbles up from the document.
    for (const event of ['online', 'offline', 'visibilitychange']) page.addEventListener?.(event, changed, ended);
    return () => ended.abort();
  },
};
