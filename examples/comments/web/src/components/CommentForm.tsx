import { type FormEvent, type KeyboardEvent, useId, useState } from 'react';
import styles from './CommentForm.module.css';

/** What the service takes. */
const MAX_CHARACTERS = 10_000;

interface CommentFormProps {
  label: string;
  action: string;
  /** With a text to change the field has the focus. */
  initial?: string;
  busy?: boolean;
  submit: (content: string) => void;
  cancel?: () => void;
}

export function CommentForm({ label, action, initial, busy = false, submit, cancel }: CommentFormProps) {
  const [content, setContent] = useState(initial ?? '');
  const id = useId();
  const text = content.trim();

  const send = (event?: FormEvent) => {
    event?.preventDefault();
    if (!text || busy) return;
    submit(text);
    if (initial === undefined) setContent('');
  };
  const keyed = (event: KeyboardEvent) => {
    if (event.key === 'Enter' && (event.ctrlKey || event.metaKey)) send();
    if (event.key === 'Escape') cancel?.();
  };

  return (
    <form className={styles.form} onSubmit={send}>
      <label htmlFor={id}>{label}</label>
      <textarea
        id={id}
        value={content}
        onChange={(event) => setContent(event.target.value)}
        onKeyDown={keyed}
        maxLength={MAX_CHARACTERS}
        autoFocus={initial !== undefined}
        aria-describedby={`${id}-hint`}
      />
      <div className={styles.row}>
        <span id={`${id}-hint`} className="quiet">Ctrl+Enter {cancel ? 'saves, Escape cancels' : 'posts'}</span>
        {cancel && <button type="button" onClick={cancel}>Cancel</button>}
        <button className="primary" disabled={!text || busy}>{action}</button>
      </div>
    </form>
  );
}
