import type { Draft } from '../lib/commentList';
import { Avatar } from './Avatar';
import styles from './CommentItem.module.css';

/** A comment on its way. */
export function DraftItem({ draft, name, again, discard }: { draft: Draft; name: string; again: () => void; discard: () => void }) {
  const { status, content, problem } = draft;
  return (
    <li className={styles.comment} data-draft={status}>
      <Avatar name={name} />
      <div className={styles.body}>
        <p className={styles.head}>
          <b>{name}</b>
          {status !== 'failed' && <span className="quiet">sending …</span>}
        </p>
        <p className={styles.content}>{content}</p>
        {status === 'failed' && (
          <>
            <p className="problem" role="alert">{problem}</p>
            <p className={styles.actions}>
              <button type="button" className="plain" onClick={again}>Try again</button>
              <button type="button" className="plain" onClick={discard}>Discard</button>
            </p>
          </>
        )}
      </div>
    </li>
  );
}
