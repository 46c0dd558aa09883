/** A comment, as the REST service and the broadcasts carry it. */
export interface Comment {
  id: string;
  postId: string;
  userId: string;
  content: string;
  /** ISO 8601. */
  createdAt: string;
  /** Only of comments that were changed. */
  updatedAt?: string;
}

export type Fields = Record<string, unknown>;

export const fieldsOf = (value: unknown): Fields => (typeof value === 'object' && value !== null ? (value as Fields) : {});

/** `value` as a comment, undefined when it is none. */
export function commentOf(value: unknown): Comment | undefined {
  const { id, postId, userId, content, createdAt, updatedAt } = fieldsOf(value);
  if (typeof id !== 'string' || typeof postId !== 'string' || typeof userId !== 'string') return undefined;
  if (typeof content !== 'string' || typeof createdAt !== 'string') return undefined;
  return { id, postId, userId, content, createdAt, ...(typeof updatedAt === 'string' ? { updatedAt } : {}) };
}

/** The comments among `value`'s items. */
export function commentsOf(value: unknown): Comment[] {
  return Array.isArray(value) ? value.map(commentOf).filter((comment) => comment !== undefined) : [];
}

/** When it got its present content. */
export const versionOf = (comment: Comment) => comment.updatedAt ?? comment.createdAt;

export const inOrder = (a: Comment, b: Comment) => (a.createdAt === b.createdAt ? (a.id < b.id ? -1 : 1) : a.createdAt < b.createdAt ? -1 : 1);
