import type { ReconnectOptions } from '@carillon/client';

/** Five attempts, three seconds apart, and no more. Without it: exponential backoff with full jitter, for ever. */
export const seedReconnect: ReconnectOptions = Object.freeze({ baseMs: 3000, maxMs: 3000, jitter: 'none', maxAttempts: 5 });
