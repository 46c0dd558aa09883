import { useId, useRef, useState } from 'react';
import { useComments } from '../hooks/useComments';
import type { Session } from '../lib/session';
import { CommentForm } from './CommentForm';
import { CommentItem } from './CommentItem';
import styles from './CommentsSection.module.css';
import { DraftItem } from './DraftItem';

/** A post's comments, as they are written, and the field to write one. */
export function CommentsSection({ apiUrl, session, postId }: { apiUrl: string; session: Session; postId: string }) {
  const { list, post, discard, update, remove, readAgain, readOn } = useComments(apiUrl, session, postId);
  const [done, setDone] = useState('');
  const heading = useRef<HTMLHeadingElement>(null);
  const id = useId();
  const count = list.comments.length;

  const removed = () => {
    setDone('Comment deleted');
    // The button that had the focus is gone.
    heading.current?.focus();
  };

  return (
    <section aria-labelledby={id} className={styles.section} data-comments={list.status}>
      <h2 id={id} ref={heading} tabIndex={-1}>{count === 1 ? '1 comment' : `${count}${list.startKey ? '+' : ''} comments`}</h2>
      <p role="status" className="unseen">{done}</p>
      {list.status === 'failed' && (
        <p className={styles.failed} role="alert">
          <span>Comments could not be read. {list.problem}</span>
          <button type="button" onClick={readAgain}>Try again</button>
        </p>
      )}
      {list.status === 'reading' && <p className="quiet">Reading …</p>}
      {list.status === 'ready' && count + list.drafts.length === 0 && <p className={styles.nothing}>Nobody has said anything yet.</p>}
      <ol className={styles.list}>
        {list.comments.map((comment) => (
          <CommentItem
            key={comment.id}
            comment={comment}
            own={comment.userId === session.userId}
            live={list.live.has(comment.id)}
            update={async (content) => {
              await update(comment, content);
              setDone('Comment changed');
            }}
            remove={async () => {
              await remove(comment);
              removed();
            }}
          />
        ))}
        {list.drafts.map((draft) => (
          <DraftItem key={draft.key} draft={draft} name={session.userId} again={() => void post(draft.content, draft.key)} discard={() => discard(draft.key)} />
        ))}
      </ol>
      {list.startKey && <button type="button" onClick={readOn}>Show more</button>}
      <CommentForm label="Your comment" action="Post" submit={(content) => void post(content)} />
    </section>
  );
}
