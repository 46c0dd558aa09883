import { useEffect } from 'react';
import type { ClientOptions } from '@carillon/client';
import { useOptions } from './options.js';
import { pageStore, useWebSocketStore } from './store.js';
import type { WebSocketState } from './store.js';

export type WebSocketManager = Pick<
  WebSocketState,
  'status' | 'isConnected' | 'error' | 'attempts' | 'subscribe' | 'publish' | 'reconnect' | 'disconnect' | 'client'
>;

/** The components that gave options which say the same. The connection is there as long as one of them is. */
interface Holders {
  key: string;
  count: number;
}
let present: Holders | undefined;

function hold(key: string, take: () => ClientOptions): () => void {
  const alive = present?.key === key && pageStore.getState().client !== undefined;
  const mine: Holders = present?.key === key ? present : { key, count: 0 };
  present = mine;
  mine.count += 1;
  // Why it failed is in the state.
  if (!alive) pageStore.getState().connect(take()).catch(() => {});
  return () => {
    mine.count -= 1;
    // Not at once: another component, or this one after a rehearsal of React's strict mode, may take it over.
    setTimeout(() => {
      if (present !== mine || mine.count > 0) return;
      present = undefined;
      pageStore.getState().disconnect().catch(() => {});
    });
  };
}

/**
 * The page's connection. With options it connects, and stays connected until the last component that gave options is
 * gone or gives `null`; without, it looks on. Options are compared by what they say; a token provider may be a new
 * function each time.
 */
export function useWebSocketManager(options?: ClientOptions | null): WebSocketManager {
  const { key, take } = useOptions(options);
  useEffect(() => (key === null ? undefined : hold(key, take)), [key, take]);
  const { status, isConnected, error, attempts, subscribe, publish, reconnect, disconnect, client } = useWebSocketStore();
  return { status, isConnected, error, attempts, subscribe, publish, reconnect, disconnect, client };
}
