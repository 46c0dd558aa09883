import { useCallback, useEffect, useMemo, useReducer, useRef } from 'react';
import { ApiError, CommentsApi, wordsFor } from '../lib/api';
import type { Comment } from '../lib/comment';
import { changed, emptyList } from '../lib/commentList';
import type { Session } from '../lib/session';
import { useWebSocketStore } from '../stores/websocket';
import { useCommentsWebSocket } from './useCommentsWebSocket';

/** Pages that are read at once; what is left is there for the asking. */
const PAGES = 10;
/** How long an accepted comment may take over the WebSocket before it is looked for over REST. */
const ARRIVAL_MS = 3000;

let drafted = 0;
const newKey = () => `draft-${(drafted += 1)}`;

/** The comments of a post: read over REST, kept up to date by the WebSocket, read again whenever that was gone. */
export function useComments(apiUrl: string, session: Session, postId: string) {
  const [list, change] = useReducer(changed, emptyList);
  const connectionId = useWebSocketStore((state) => (state.isConnected ? state.connectionId : undefined));
  const api = useMemo(() => new CommentsApi(apiUrl, session), [apiUrl, session]);
  const reading = useRef<AbortController>(undefined);

  const read = useCallback(async (from?: string) => {
    reading.current?.abort();
    const { signal } = (reading.current = new AbortController());
    change({ type: 'reading' });
    try {
      const comments: Comment[] = [];
      let startKey = from;
      for (let page = 0; page < PAGES && (page === 0 || startKey); page += 1) {
        const answer = await api.list(postId, startKey, signal);
        comments.push(...answer.comments);
        startKey = answer.nextToken;
      }
      if (!signal.aborted) change({ type: 'page', comments, first: from === undefined, startKey });
    } catch (error) {
      if (!signal.aborted) change({ type: 'unreadable', problem: wordsFor(error) });
    }
  }, [api, postId]);

  // Nothing is pushed while there is no connection, so every new one begins with reading what came meanwhile.
  useEffect(() => {
    void read();
    return () => reading.current?.abort();
  }, [read, connectionId]);

  const stored = (comment: Comment) => change({ type: 'stored', comment, live: true, me: session.userId });
  useCommentsWebSocket(postId, {
    created: stored,
    updated: stored,
    deleted: (id) => change({ type: 'deleted', id }),
    listed: (listed) => change({ type: 'listed', ...listed }),
  });

  // Each of them: one may be accepted while the others are looked for.
  const awaiting = list.drafts.flatMap(({ status, id }) => (status === 'accepted' ? [id] : [])).join(' ');
  useEffect(() => {
    if (awaiting === '') return undefined;
    const timer = setTimeout(() => void read(), ARRIVAL_MS);
    return () => clearTimeout(timer);
  }, [awaiting, read]);

  const post = async (content: string, key = newKey()) => {
    change({ type: 'sending', key, content });
    try {
      change({ type: 'accepted', key, id: await api.create(postId, content) });
    } catch (error) {
      const unknown = error instanceof ApiError && error.status === 0;
      change({ type: 'refused', key, problem: unknown ? 'The comment service does not answer. Your comment may have been saved or not.' : wordsFor(error) });
    }
  };

  return {
    list,
    post,
    discard: (key: string) => change({ type: 'discarded', key }),
    /** Rejects with an ApiError. */
    update: async (comment: Comment, content: string) => {
      change({ type: 'stored', comment: await api.update(comment, content), live: false });
    },
    /** Rejects with an ApiError. */
    remove: async (comment: Comment) => {
      await api.remove(comment);
      change({ type: 'deleted', id: comment.id });
    },
    readAgain: () => read(),
    readOn: () => read(list.startKey),
  };
}
