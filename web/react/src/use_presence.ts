import { useCallback, useEffect, useRef, useState } from 'react';
import type { CarillonClient, PresentUser } from '@carillon/client';
import { notConnected, useWebSocketStore } from './store.js';

export interface PresenceOptions {
  /** How often to ask; default 10000. */
  intervalMs?: number;
  /** Default: the page's. */
  client?: CarillonClient | undefined;
}

export interface Presence {
  /** Who is connected to the chat, by name; as of the last answer. */
  users: readonly PresentUser[];
  /** Why the last question was not answered. */
  error?: Error | undefined;
  /** Asks now. */
  refresh(): Promise<void>;
}

const DEFAULT_INTERVAL_MS = 10_000;
const NOBODY: Pick<Presence, 'users' | 'error'> = Object.freeze({ users: [] });

const same = (a: readonly PresentUser[], b: readonly PresentUser[]): boolean =>
  a.length === b.length && a.every(({ userId, connections }, index) => b[index]!.userId === userId && b[index]!.connections === connections);

const byName = (users: PresentUser[]): PresentUser[] => [...users].sort((a, b) => (a.userId < b.userId ? -1 : 1));

/** Who is there: asked when connected, and again and again while the page is seen. `null`: no chat yet. */
export function usePresence(chatId: string | null, options: PresenceOptions = {}): Presence {
  const pageClient = useWebSocketStore((state) => state.client);
  const client = options.client ?? pageClient;
  const intervalMs = options.intervalMs ?? DEFAULT_INTERVAL_MS;
  const [known, setKnown] = useState(NOBODY);
  const ask = useRef<() => Promise<void>>(() => Promise.reject(notConnected()));

  useEffect(() => {
    if (!client || chatId === null) return undefined;
    let ended = false;
    let asked = 0;
    ask.current = async () => {
      const mine = (asked += 1);
      // An answer that a later one overtook, or that nobody waits for, is dropped.
      const settle = (change: (before: typeof NOBODY) => typeof NOBODY): void => {
        if (!ended && mine === asked) setKnown(change);
      };
      try {
        const users = byName(await client.presence(chatId));
        settle((before) => (same(before.users, users) && !before.error ? before : { users }));
      } catch (thrown) {
        settle(({ users }) => ({ users, error: thrown as Error }));
      }
    };
    const look = (): void => {
      if (client.state.status === 'connected' && document.visibilityState !== 'hidden') void ask.current();
    };
    let status = client.state.status;
    const unwatch = client.onState((state) => {
      if (state.status === 'connected' && status !== 'connected') look();
      status = state.status;
    });
    const timer = setInterval(look, intervalMs);
    document.addEventListener('visibilitychange', look);
    look();
    return () => {
      ended = true;
      unwatch();
      clearInterval(timer);
      document.removeEventListener('visibilitychange', look);
      ask.current = () => Promise.reject(notConnected());
      setKnown(NOBODY);
    };
  }, [client, chatId, intervalMs]);

  const refresh = useCallback(() => ask.current(), []);
  return { ...known, refresh };
}
