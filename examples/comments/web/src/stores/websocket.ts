// The page's one connection: @carillon/react's store, with type-based subscriptions that outlive every reconnect.
import type { ClientOptions, ReconnectOptions } from '@carillon/client';
import { seedReconnect } from '@carillon/react';
import type { Config } from '../lib/config';
import type { Session } from '../lib/session';

export { useWebSocketStore } from '@carillon/react';

/** Comes back from any outage by itself, and soon: for a page that people look at. */
export const steadyReconnect: ReconnectOptions = { baseMs: 500, maxMs: 5000 };

export function connectionOptions(config: Config, session: Session): ClientOptions {
  return {
    url: config.websocketUrl,
    token: () => session.fresh(),
    reconnect: config.reconnect === 'seed' ? seedReconnect : steadyReconnect,
  };
}
