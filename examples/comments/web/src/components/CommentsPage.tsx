'use client';

import Link from 'next/link';
import { useSearchParams } from 'next/navigation';
import { useMemo } from 'react';
import { usePageSession } from '../hooks/usePageSession';
import { useWebSocketManager } from '../hooks/useWebSocketManager';
import { firstPost, postOf, posts } from '../lib/posts';
import { connectionOptions } from '../stores/websocket';
import { Avatar } from './Avatar';
import { CommentsSection } from './CommentsSection';
import styles from './CommentsPage.module.css';
import { ConnectionStatus } from './ConnectionStatus';
import { RealtimeNotifications } from './RealtimeNotifications';
import { SignIn } from './SignIn';

export function CommentsPage() {
  const postId = useSearchParams().get('post') ?? firstPost.id;
  const post = postOf(postId);
  const { config, session, signIn, signOut } = usePageSession();
  const options = useMemo(() => (config && session ? connectionOptions(config, session) : null), [config, session]);
  useWebSocketManager(options);

  return (
    <>
      <header className={styles.bar}>
        <p className={styles.brand}>The Bell Tower</p>
        <nav aria-label="Posts" className={styles.posts}>
          {posts.map(({ id, title }) => (
            <Link key={id} href={`/?post=${id}`} prefetch={false} aria-current={id === postId ? 'page' : undefined}>{title}</Link>
          ))}
        </nav>
        {session && (
          <div className={styles.who}>
            <ConnectionStatus />
            <span className={styles.name}><Avatar name={session.userId} /><b>{session.userId}</b></span>
            <button type="button" onClick={signOut}>Sign out</button>
          </div>
        )}
        {session && <RealtimeNotifications me={session.userId} postId={postId} />}
      </header>
      <main className={styles.main}>
        {post ? (
          <article className={styles.post}>
            <h1>{post.title}</h1>
            <p className={styles.by}>{post.author}</p>
            {post.text.map((paragraph) => <p key={paragraph}>{paragraph}</p>)}
          </article>
        ) : (
          <h1>There is no such post</h1>
        )}
        {session === null && <SignIn signIn={signIn} />}
        {post && session && config && <CommentsSection key={`${post.id} ${session.userId}`} apiUrl={config.apiUrl} session={session} postId={post.id} />}
      </main>
    </>
  );
}
