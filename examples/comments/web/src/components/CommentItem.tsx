import { useRef, useState } from 'react';
import { wordsFor } from '../lib/api';
import type { Comment } from '../lib/comment';
import { Avatar } from './Avatar';
import { CommentForm } from './CommentForm';
import styles from './CommentItem.module.css';
import { TimeAgo } from './TimeAgo';

interface CommentItemProps {
  comment: Comment;
  own: boolean;
  /** Came while one was looking. */
  live: boolean;
  update: (content: string) => Promise<void>;
  remove: () => Promise<void>;
}

export function CommentItem({ comment, own, live, update, remove }: CommentItemProps) {
  const [mode, setMode] = useState<'shown' | 'edited' | 'asked'>('shown');
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState('');
  const edit = useRef<HTMLButtonElement>(null);
  const { id, userId, content, createdAt, updatedAt } = comment;

  const shown = () => {
    setMode('shown');
    // Once the button is there again.
    requestAnimationFrame(() => edit.current?.focus());
  };
  const attempt = async (task: () => Promise<void>, then: () => void = () => {}) => {
    setBusy(true);
    setProblem('');
    try {
      await task();
      then();
    } catch (error) {
      setProblem(wordsFor(error));
    } finally {
      setBusy(false);
    }
  };

  return (
    <li className={styles.comment} id={`comment-${id}`} data-comment={id} data-live={live || undefined}>
      <Avatar name={userId} />
      <div className={styles.body}>
        <p className={styles.head}>
          <b>{userId}</b>
          <span className="quiet"><TimeAgo iso={createdAt} />{updatedAt && ' · edited'}</span>
        </p>
        {mode === 'edited' ? (
          <CommentForm label="Change your comment" action="Save" initial={content} busy={busy} submit={(text) => void attempt(() => update(text), shown)} cancel={shown} />
        ) : (
          <p className={styles.content}>{content}</p>
        )}
        {own && mode === 'shown' && (
          <p className={styles.actions}>
            <button type="button" className="plain" ref={edit} onClick={() => setMode('edited')}>Edit</button>
            <button type="button" className="plain" onClick={() => setMode('asked')}>Delete</button>
          </p>
        )}
        {mode === 'asked' && (
          <p className={styles.actions}>
            <span>Delete this for everybody?</span>
            <button type="button" autoFocus disabled={busy} onClick={() => void attempt(remove)}>Yes, delete</button>
            <button type="button" disabled={busy} onClick={shown}>Keep it</button>
          </p>
        )}
        <p className="problem" role="alert">{problem}</p>
      </div>
    </li>
  );
}
