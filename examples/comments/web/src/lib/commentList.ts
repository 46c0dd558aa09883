// What is known of one post's comments, put together from three sources that know nothing of one another's order: pages
// read over REST, broadcasts, and what this page sends itself. Pure: states in, states out.
import { type Comment, inOrder, versionOf } from './comment';

/** A comment that this page sent and that has not come back yet. */
export interface Draft {
  key: string;
  content: string;
  /** `accepted`: the service has it; the comment itself comes over the WebSocket. */
  status: 'sending' | 'accepted' | 'failed';
  /** Once accepted. */
  id?: string;
  /** Why it failed, in words. */
  problem?: string;
}

export interface CommentList {
  status: 'reading' | 'ready' | 'failed';
  problem?: string;
  /** Oldest first. */
  comments: Comment[];
  drafts: Draft[];
  /** Came over the WebSocket while the page was open. */
  live: ReadonlySet<string>;
  /** Where reading goes on; absent when all is read. */
  startKey?: string;
  /** Ids that are gone for good: a page read meanwhile may still have them. */
  deleted: ReadonlySet<string>;
  /** Ids that a broadcast named since the reading under way began: the pages may be older. */
  touched: ReadonlySet<string>;
}

export type Change =
  | { type: 'reading' }
  | { type: 'page'; comments: Comment[]; first: boolean; startKey?: string }
  | { type: 'unreadable'; problem: string }
  | { type: 'stored'; comment: Comment; live: boolean; me?: string }
  | { type: 'listed'; comments: Comment[]; count: number; timestamp: string }
  | { type: 'deleted'; id: string }
  | { type: 'sending'; key: string; content: string }
  | { type: 'accepted'; key: string; id: string }
  | { type: 'refused'; key: string; problem: string }
  | { type: 'discarded'; key: string };

/** Deletions that are remembered. Older ones cannot be in a page that is being read. */
const DELETIONS_KEPT = 500;

export const emptyList: CommentList = {
  status: 'reading',
  comments: [],
  drafts: [],
  live: new Set(),
  deleted: new Set(),
  touched: new Set(),
};

const plus = (ids: ReadonlySet<string>, id: string) => new Set([...ids, id].slice(-DELETIONS_KEPT));

/** `known` with `more`; of two versions of a comment the newer one. */
function merged(list: CommentList, known: Comment[], more: Comment[]): Comment[] {
  const byId = new Map(known.map((comment) => [comment.id, comment]));
  for (const comment of more) {
    const before = byId.get(comment.id);
    if (list.deleted.has(comment.id) || (before && versionOf(before) > versionOf(comment))) continue;
    byId.set(comment.id, comment);
  }
  return [...byId.values()].sort(inOrder);
}

const withoutArrived = (drafts: Draft[], comments: Comment[]) => drafts.filter(({ id }) => !id || !comments.some((comment) => comment.id === id));

/** `more`, and of what was known what is in `more` or not `gone`. */
function replaced(list: CommentList, more: Comment[], gone: (comment: Comment) => boolean): Pick<CommentList, 'comments' | 'drafts'> {
  const ids = new Set(more.map(({ id }) => id));
  const comments = merged(list, list.comments.filter((comment) => ids.has(comment.id) || !gone(comment)), more);
  return { comments, drafts: withoutArrived(list.drafts, comments) };
}

function withPage(list: CommentList, { comments, first, startKey }: Extract<Change, { type: 'page' }>): CommentList {
  const last = comments.at(-1);
  // What the beginning of the list covers and does not have was deleted while nobody told us.
  const covered = (comment: Comment) => !startKey || (last !== undefined && inOrder(comment, last) < 0);
  const gone = (comment: Comment) => first && covered(comment) && !list.touched.has(comment.id);
  return { ...list, ...replaced(list, comments, gone), status: 'ready', problem: undefined, startKey };
}

/** A list that the service pushed. Only a whole one says what is gone, and nothing of what is younger than itself. */
function withListed(list: CommentList, { comments, count, timestamp }: Extract<Change, { type: 'listed' }>): CommentList {
  const whole = comments.length >= count;
  return { ...list, ...replaced(list, comments, (comment) => whole && comment.createdAt <= timestamp) };
}

function withStored(list: CommentList, { comment, live, me }: Extract<Change, { type: 'stored' }>): CommentList {
  const isNew = !list.comments.some(({ id }) => id === comment.id);
  const comments = merged(list, list.comments, [comment]);
  const drafts = withoutArrived(list.drafts, [comment]);
  // One's own comment may come back before its acknowledgement, or without one: the draft of that text is it.
  const draftThat = (is: Draft['status']) => drafts.find(({ status, content }) => status === is && content === comment.content);
  const own = isNew && comment.userId === me && drafts.length === list.drafts.length ? (draftThat('sending') ?? draftThat('failed')) : undefined;
  return {
    ...list,
    comments,
    drafts: own ? drafts.filter((draft) => draft !== own) : drafts,
    live: isNew && live ? plus(list.live, comment.id) : list.live,
    touched: plus(list.touched, comment.id),
  };
}

const withDraft = (list: CommentList, key: string, fields: Partial<Draft>): CommentList => ({
  ...list,
  drafts: list.drafts.map((draft) => (draft.key === key ? { ...draft, ...fields } : draft)),
});

function withAccepted(list: CommentList, { key, id }: Extract<Change, { type: 'accepted' }>): CommentList {
  const next = withDraft(list, key, { status: 'accepted', id, problem: undefined });
  const gone = next.deleted.has(id);
  return { ...next, drafts: gone ? next.drafts.filter((draft) => draft.key !== key) : withoutArrived(next.drafts, next.comments) };
}

export function changed(list: CommentList, change: Change): CommentList {
  switch (change.type) {
    case 'reading':
      return { ...list, status: list.status === 'failed' ? 'reading' : list.status, touched: new Set() };
    case 'page':
      return withPage(list, change);
    case 'unreadable':
      return { ...list, status: 'failed', problem: change.problem };
    case 'stored':
      return withStored(list, change);
    case 'listed':
      return withListed(list, change);
    case 'deleted':
      return {
        ...list,
        comments: list.comments.filter(({ id }) => id !== change.id),
        drafts: list.drafts.filter(({ id }) => id !== change.id),
        deleted: plus(list.deleted, change.id),
      };
    case 'sending': {
      const others = list.drafts.filter(({ key }) => key !== change.key);
      return { ...list, drafts: [...others, { key: change.key, content: change.content, status: 'sending' }] };
    }
    case 'accepted':
      return withAccepted(list, change);
    case 'refused':
      return withDraft(list, change.key, { status: 'failed', problem: change.problem });
    case 'discarded':
      return { ...list, drafts: list.drafts.filter(({ key }) => key !== change.key) };
  }
}
