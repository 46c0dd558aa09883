// What a list of comments becomes, whatever order its sources speak in.
import { describe, expect, it } from 'vitest';
import type { Comment } from '../src/lib/comment';
import { type Change, changed, emptyList } from '../src/lib/commentList';

const at = (second: number) => `2026-01-01T00:00:${String(second).padStart(2, '0')}.000Z`;
const comment = (id: string, second: number, fields: Partial<Comment> = {}): Comment => ({ id, postId: 'p', userId: 'ben', content: `text of ${id}`, createdAt: at(second), ...fields });
const after = (...changes: Change[]) => changes.reduce(changed, emptyList);
const ids = (list: { comments: Comment[] }) => list.comments.map(({ id }) => id).join(' ');
const page = (comments: Comment[], startKey?: string): Change => ({ type: 'page', comments, first: true, startKey });
const stored = (it: Comment): Change => ({ type: 'stored', comment: it, live: true, me: 'ann' });
const [a, b, c] = [comment('a', 1), comment('b', 2), comment('c', 3)] as const;

describe('reading and broadcasts', () => {
  it('shows a comment once, in order, however often it comes', () => {
    const list = after(stored(c), { type: 'reading' }, page([a, b, c]), stored(b), stored(c));
    expect(ids(list)).toBe('a b c');
    expect(list.status).toBe('ready');
  });

  it('orders comments of the same moment by their ids', () => {
    expect(ids(after(stored(comment('y', 1)), stored(comment('x', 1))))).toBe('x y');
  });

  it('keeps what was created while an older page was on its way', () => {
    expect(ids(after({ type: 'reading' }, stored(c), page([a, b])))).toBe('a b c');
  });

  it('drops what was deleted while nobody told', () => {
    expect(ids(after(page([a, b, c]), { type: 'reading' }, page([a, c])))).toBe('a c');
  });

  it('does not take a page for more than it covers', () => {
    expect(ids(after(stored(c), { type: 'reading' }, page([a, b], 'more')))).toBe('a b c');
    expect(ids(after(stored(a), stored(c), { type: 'reading' }, page([b], 'more')))).toBe('b c');
  });

  it('never brings back what was deleted', () => {
    const gone = { type: 'deleted', id: 'b' } as const;
    expect(ids(after({ type: 'reading' }, gone, page([a, b])))).toBe('a');
    expect(ids(after(gone, stored(b)))).toBe('');
  });

  it('shows the newest content, whichever comes last', () => {
    const newer = comment('a', 1, { content: 'new', updatedAt: at(9) });
    for (const changes of [[stored(newer), stored(a)], [stored(a), stored(newer)], [{ type: 'reading' } as const, stored(newer), page([a])]]) {
      expect(after(...changes).comments[0]?.content).toBe('new');
    }
  });

  it('takes a pushed list as all there is only when it is', () => {
    const listed = (count: number): Change => ({ type: 'listed', comments: [a], count, timestamp: at(2) });
    expect(ids(after(page([a, b, c]), listed(1)))).toBe('a c');
    expect(ids(after(page([a, b, c]), listed(3)))).toBe('a b c');
    expect(ids(after(page([a, b]), { type: 'listed', comments: [], count: 0, timestamp: '' }))).toBe('a b');
  });

  it('marks what came while one was looking', () => {
    const list = after(page([a]), stored(a), stored(b));
    expect([...list.live]).toEqual(['b']);
  });
});

describe('drafts', () => {
  const sending: Change = { type: 'sending', key: '1', content: 'hello' };
  const mine = comment('m', 5, { userId: 'ann', content: 'hello' });
  const accepted: Change = { type: 'accepted', key: '1', id: 'm' };

  it('are replaced by the comment, in whichever order it and its acknowledgement come', () => {
    for (const changes of [[sending, accepted, stored(mine)], [sending, stored(mine), accepted], [sending, accepted, page([mine])]]) {
      const list = after(...changes);
      expect([list.drafts, ids(list)]).toEqual([[], 'm']);
    }
  });

  it('are not taken for another’s comment of the same text', () => {
    expect(after(sending, stored(comment('x', 5, { content: 'hello' }))).drafts).toHaveLength(1);
  });

  it('of which nobody knew whether they were saved are replaced when they were', () => {
    const refused: Change = { type: 'refused', key: '1', problem: 'no answer' };
    const list = after(sending, refused, stored(mine));
    expect([list.drafts, ids(list)]).toEqual([[], 'm']);
    const again = after(sending, refused, { ...sending, key: '2' }, stored(mine));
    expect(again.drafts.map(({ key }) => key), 'the one that waits for its answer is it').toEqual(['1']);
    expect(after(page([mine]), sending, refused, stored(mine)).drafts, 'known before').toHaveLength(1);
  });

  it('of the same text are replaced one by one', () => {
    const list = after(sending, { ...sending, key: '2' }, stored(mine));
    expect(list.drafts.map(({ key }) => key)).toEqual(['2']);
    expect(changed(list, accepted).drafts.map(({ key }) => key)).toEqual(['2']);
  });

  it('are gone when their comment was deleted before the acknowledgement came', () => {
    expect(after(sending, { type: 'deleted', id: 'm' }, accepted).drafts).toEqual([]);
  });

  it('that failed stay until sent again or discarded', () => {
    const failed = after(sending, { type: 'refused', key: '1', problem: 'no answer' }, page([a]));
    expect(failed.drafts).toMatchObject([{ status: 'failed', problem: 'no answer' }]);
    expect(changed(failed, sending).drafts).toMatchObject([{ key: '1', status: 'sending' }]);
    expect(changed(failed, { type: 'discarded', key: '1' }).drafts).toEqual([]);
  });
});

describe('a failure to read', () => {
  it('keeps what is shown and goes away with the next page', () => {
    const failed = after(page([a]), { type: 'unreadable', problem: 'no answer' });
    expect([failed.status, ids(failed)]).toEqual(['failed', 'a']);
    expect(changed(changed(failed, { type: 'reading' }), page([a])).problem).toBeUndefined();
  });
});
