import { useCallback, useMemo, useSyncExternalStore } from 'react';
import type { CarillonClient } from '@carillon/client';
import { NO_CHAT, viewOf } from './chat_view.js';
import type { ChatSnapshot, ChatView } from './chat_view.js';
import { notConnected, useWebSocketStore } from './store.js';

export interface ChatHookOptions {
  /** How many of the newest messages to begin with, and how many `loadOlder()` reads; default 50. Of several
   *  components with the same chat the most counts. */
  history?: number;
  /** Default: the page's. */
  client?: CarillonClient | undefined;
}

export type ChatHook<Content> = ChatSnapshot<Content> & Pick<ChatView<Content>, 'publish' | 'typing' | 'loadOlder'>;

const DEFAULT_HISTORY = 50;
const REFUSE = (): Promise<never> => Promise.reject(notConnected());
const IDLE = { publish: REFUSE, typing: (): void => {}, loadOlder: REFUSE };

/** A chat as one shows it, the same in every component. `null`: none yet. */
export function useChat<Content = unknown>(chatId: string | null, options: ChatHookOptions = {}): ChatHook<Content> {
  const pageClient = useWebSocketStore((state) => state.client);
  const client = options.client ?? pageClient;
  const history = options.history ?? DEFAULT_HISTORY;
  const view = useMemo(() => (client && chatId !== null ? viewOf<Content>(client, chatId) : undefined), [client, chatId]);
  const subscribe = useCallback((listener: () => void) => view?.subscribe(listener, history) ?? (() => {}), [view, history]);
  const snapshot = useSyncExternalStore<ChatSnapshot<Content>>(subscribe, view?.snapshot ?? (() => NO_CHAT), () => NO_CHAT);
  const { publish, typing, loadOlder } = view ?? IDLE;
  return { ...snapshot, publish, typing, loadOlder };
}
