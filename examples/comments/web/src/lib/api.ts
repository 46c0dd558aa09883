import { type Comment, commentsOf, type Fields, fieldsOf } from './comment';
import type { Session } from './session';

const TIMEOUT_MS = 10_000;
const PAGE = 100;

/** An answer that is no success, or none at all (`status` 0: what came of the request is not known). */
export class ApiError extends Error {
  constructor(readonly status: number, message: string, readonly details?: string) {
    super(message);
  }
}

/** What to tell people. */
export function wordsFor(error: unknown): string {
  if (!(error instanceof ApiError)) return error instanceof Error ? error.message : String(error);
  if (error.status === 0) return 'The comment service does not answer.';
  if (error.status === 401) return 'You are not signed in any more.';
  if (error.status === 403) return 'That comment is somebody else’s.';
  if (error.status === 404) return 'That comment is gone.';
  if (error.status === 429) return 'That was too much at once. Try again in a moment.';
  if (error.status >= 500) return 'The comment service has a problem. Try again in a moment.';
  return error.details ? `${error.message}: ${error.details}` : error.message;
}

export interface CommentPage {
  comments: Comment[];
  nextToken?: string;
}

const textOf = (fields: Fields, name: string): string => {
  const value = fields[name];
  if (typeof value !== 'string') throw new ApiError(502, `the service answered without ${name}`);
  return value;
};

/** The REST service. With a session: as its user, its token renewed once where it is not taken any more. */
export class CommentsApi {
  constructor(private readonly url: string, private readonly session?: Session) {}

  /** Signs a demo user in. */
  async signIn(userId: string): Promise<{ token: string; expiresAt: number }> {
    const answer = await this.request('POST', '/api/v1/session', { userId });
    return { token: textOf(answer, 'token'), expiresAt: Date.parse(textOf(answer, 'expiresAt')) };
  }

  /** Oldest first. */
  async list(postId: string, startKey?: string, signal?: AbortSignal): Promise<CommentPage> {
    const query = new URLSearchParams({ limit: String(PAGE), ...(startKey ? { startKey } : {}) });
    const answer = await this.request('GET', `${this.path(postId)}?${query}`, undefined, signal);
    const { nextToken } = answer;
    return { comments: commentsOf(answer['comments']), ...(typeof nextToken === 'string' ? { nextToken } : {}) };
  }

  /** Answers the id; the comment itself comes over the WebSocket. */
  async create(postId: string, content: string): Promise<string> {
    return textOf(await this.request('POST', this.path(postId), { content }), 'id');
  }

  async update(comment: Comment, content: string): Promise<Comment> {
    const answer = await this.request('PUT', this.path(comment.postId, comment.id), { content });
    return { ...comment, content, updatedAt: textOf(answer, 'updatedAt') };
  }

  async remove(comment: Comment): Promise<void> {
    await this.request('DELETE', this.path(comment.postId, comment.id));
  }

  private path(postId: string, commentId?: string): string {
    const posts = `/api/v1/posts/${encodeURIComponent(postId)}/comments`;
    return commentId === undefined ? posts : `${posts}/${encodeURIComponent(commentId)}`;
  }

  private async request(method: string, path: string, body?: object, signal?: AbortSignal): Promise<Fields> {
    const answer = await this.attempt(method, path, await this.session?.token(), body, signal);
    if (answer.status !== 401 || !this.session) return this.judged(answer);
    return this.judged(await this.attempt(method, path, await this.session.fresh(), body, signal));
  }

  private async attempt(method: string, path: string, token?: string, body?: object, signal?: AbortSignal) {
    const timeout = AbortSignal.timeout(TIMEOUT_MS);
    const headers: Record<string, string> = body ? { 'content-type': 'application/json' } : {};
    if (token) headers['authorization'] = `Bearer ${token}`;
    try {
      const response = await fetch(`${this.url}${path}`, {
        method,
        headers,
        body: body && JSON.stringify(body),
        cache: 'no-store',
        signal: signal ? AbortSignal.any([signal, timeout]) : timeout,
      });
      return { status: response.status, fields: fieldsOf(await response.json().catch(() => null)) };
    } catch (error) {
      if (signal?.aborted) throw error;
      throw new ApiError(0, 'no answer');
    }
  }

  private judged({ status, fields }: { status: number; fields: Fields }): Fields {
    if (status >= 200 && status < 300) return fields;
    const { error, details } = fields;
    throw new ApiError(status, typeof error === 'string' ? error : `the service answered ${status}`, typeof details === 'string' ? details : undefined);
  }
}
