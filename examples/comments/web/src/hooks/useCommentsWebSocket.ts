import type { TypedFrame } from '@carillon/client';
import { useEffect, useEffectEvent } from 'react';
import { type Comment, commentOf, commentsOf, fieldsOf } from '../lib/comment';
import { useWebSocketManager } from './useWebSocketManager';

export interface CommentsListeners {
  created?: (comment: Comment) => void;
  updated?: (comment: Comment) => void;
  deleted?: (commentId: string, postId: string) => void;
  /** `count`: of all comments of the post, of which `comments` may be some. */
  listed?: (list: { comments: Comment[]; count: number; timestamp: string }) => void;
}

/** What happens to the comments of a post, or of every post (null). Frames that are not shaped as comments are ignored. */
export function useCommentsWebSocket(postId: string | null, listeners: CommentsListeners) {
  const { subscribe } = useWebSocketManager();
  const received = useEffectEvent((frame: TypedFrame) => {
    const data = fieldsOf(frame.data);
    if (typeof data['postId'] !== 'string' || (postId !== null && data['postId'] !== postId)) return;
    const comment = commentOf(data['comment']);
    switch (frame.type) {
      case 'comment.created':
        if (comment) listeners.created?.(comment);
        break;
      case 'comment.updated':
        if (comment) listeners.updated?.(comment);
        break;
      case 'comment.deleted':
        if (typeof data['commentId'] === 'string') listeners.deleted?.(data['commentId'], data['postId']);
        break;
      case 'comments.list':
        if (typeof data['count'] === 'number') {
          listeners.listed?.({ comments: commentsOf(data['comments']), count: data['count'], timestamp: frame.timestamp ?? '' });
        }
        break;
    }
  });
  useEffect(() => {
    const ends = ['comment.created', 'comment.updated', 'comment.deleted', 'comments.list'].map((type) =>
      subscribe(type, (frame: TypedFrame) => received(frame)));
    return () => ends.forEach((end) => end());
  }, [subscribe]);
}
