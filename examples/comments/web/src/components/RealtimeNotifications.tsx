import Link from 'next/link';
import { type MouseEvent, useEffect, useLayoutEffect, useRef, useState } from 'react';
import { useCommentsWebSocket } from '../hooks/useCommentsWebSocket';
import { useWebSocketManager } from '../hooks/useWebSocketManager';
import { fieldsOf } from '../lib/comment';
import { postOf } from '../lib/posts';
import { Avatar } from './Avatar';
import styles from './RealtimeNotifications.module.css';

interface Toast {
  key: string;
  from: string;
  text: string;
  postId?: string;
}

const SHOWN_MS = 8000;
const SHOWN = 4;
const EXCERPT = 140;
/** Ids that are remembered: delivery is at least once. */
const REMEMBERED = 500;

const excerptOf = (text: string) => {
  const characters = [...text.replace(/\s+/g, ' ').trim()];
  return characters.length > EXCERPT ? `${characters.slice(0, EXCERPT).join('')}…` : characters.join('');
};

/** Toasts for what other people write, on whatever post, and for the service's test messages. */
export function RealtimeNotifications({ me, postId }: { me: string; postId: string }) {
  const [toasts, setToasts] = useState<Toast[]>([]);
  /** The toasts that the pointer and the focus are on; they may be gone. */
  const [pointed, setPointed] = useState<string>();
  const [focused, setFocused] = useState<string>();
  const { subscribe } = useWebSocketManager();
  const known = useRef(new Set<string>());
  const tests = useRef(0);
  const region = useRef<HTMLElement>(null);

  const show = (toast: Toast) => {
    const keys = known.current;
    if (keys.has(toast.key)) return;
    keys.add(toast.key);
    for (const oldest of keys) {
      if (keys.size <= REMEMBERED) break;
      keys.delete(oldest);
    }
    setToasts((before) => [...before, toast].slice(-SHOWN));
  };
  const dismiss = (key: string) => setToasts((before) => before.filter((toast) => toast.key !== key));
  const dismissBy = ({ currentTarget, detail }: MouseEvent, key: string) => {
    // Who uses the keyboard goes on to the next one; the pointer's next click may be anywhere.
    const toast = detail === 0 ? currentTarget.closest('li') : null;
    (toast?.nextElementSibling ?? toast?.previousElementSibling)?.querySelector('button')?.focus();
    dismiss(key);
  };

  useCommentsWebSocket(null, {
    created: (comment) => {
      if (comment.userId !== me) show({ key: comment.id, from: comment.userId, text: excerptOf(comment.content), postId: comment.postId });
    },
    deleted: dismiss,
  });
  useEffect(() => subscribe('test', (frame) => {
    const { message } = fieldsOf(frame.data);
    if (typeof message === 'string') show({ key: `test-${(tests.current += 1)}`, from: 'Test', text: excerptOf(message) });
  }), [subscribe]);

  // One at a time, the oldest; none while somebody reads them.
  const oldest = toasts[0]?.key;
  const held = toasts.some(({ key }) => key === pointed || key === focused);
  useEffect(() => {
    if (oldest === undefined || held) return undefined;
    const timer = setTimeout(() => dismiss(oldest), SHOWN_MS);
    return () => clearTimeout(timer);
  }, [oldest, held]);

  // What had the focus is gone, and did not say so.
  const lost = focused !== undefined && !toasts.some(({ key }) => key === focused);
  useLayoutEffect(() => {
    if (!lost) return;
    setFocused(undefined);
    region.current?.focus();
  }, [lost]);

  return (
    <section ref={region} tabIndex={-1} aria-label="Notifications" className={styles.region}>
      <ol aria-live="polite" aria-relevant="additions" className={styles.toasts}>
        {toasts.map(({ key, from, text, postId: where }) => (
          <li
            key={key}
            className={styles.toast}
            data-toast={key}
            onMouseEnter={() => setPointed(key)}
            onMouseLeave={() => setPointed(undefined)}
            onFocus={() => setFocused(key)}
            onBlur={() => setFocused(undefined)}
          >
            <Avatar name={from} />
            <div className={styles.body}>
              <p><b>{from}</b>{where && <> on {where === postId ? 'this post' : <Link href={`/?post=${encodeURIComponent(where)}`} prefetch={false}>{postOf(where)?.title ?? 'another post'}</Link>}</>}</p>
              <p className={styles.text}>{text}</p>
            </div>
            <button type="button" className="plain" aria-label={`Dismiss the notification from ${from}`} onClick={(event) => dismissBy(event, key)}>✕</button>
          </li>
        ))}
      </ol>
    </section>
  );
}
