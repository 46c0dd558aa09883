// Tokens and the REST service's answers, with a service that is told what to answer.
import { afterEach, describe, expect, it, vi } from 'vitest';
import { ApiError, CommentsApi, wordsFor } from '../src/lib/api';
import { Session } from '../src/lib/session';

interface Asked {
  method: string;
  url: string;
  token?: string;
}

/** A service whose sessions give token-1, token-2 …, each good for `seconds`. `answer` is for everything else. */
function serve(answer: (asked: Asked) => Response | Promise<Response>, seconds = 3600) {
  const asked: Asked[] = [];
  let sessions = 0;
  vi.stubGlobal('fetch', async (url: string, { method, headers }: { method: string; headers: Record<string, string> }) => {
    const it = { method, url, token: headers['authorization']?.replace('Bearer ', '') };
    asked.push(it);
    if (!url.endsWith('/session')) return answer(it);
    sessions += 1;
    return Response.json({ userId: 'ann', token: `token-${sessions}`, expiresAt: new Date(Date.now() + seconds * 1000).toISOString() }, { status: 201 });
  });
  return asked;
}
const none = () => Response.json({ comments: [] });
const session = () => new Session('http://api', 'ann');

afterEach(() => {
  vi.unstubAllGlobals();
  vi.useRealTimers();
});

describe('a session', () => {
  it('asks for one token however many want it, and keeps it while it lasts', async () => {
    vi.useFakeTimers();
    const asked = serve(none);
    const ann = session();
    expect(await Promise.all([ann.token(), ann.token(), ann.fresh()])).toEqual(['token-1', 'token-1', 'token-1']);
    vi.advanceTimersByTime(3_500_000);
    expect(await ann.token()).toBe('token-1');
    vi.advanceTimersByTime(50_000);
    expect(await ann.token()).toBe('token-2');
    expect(await ann.fresh()).toBe('token-3');
    expect(asked).toHaveLength(3);
  });

  it('asks again after a failure', async () => {
    vi.stubGlobal('fetch', () => Promise.reject(new TypeError('down')));
    const ann = session();
    await expect(ann.token()).rejects.toMatchObject({ status: 0 });
    serve(none);
    expect(await ann.token()).toBe('token-1');
  });
});

describe('requests', () => {
  it('are repeated once with a new token where the old one is not taken', async () => {
    const asked = serve(({ token }) => (token === 'token-2' ? Response.json({ id: 'c1' }, { status: 201 }) : Response.json({ error: 'Unauthorized' }, { status: 401 })));
    expect(await new CommentsApi('http://api', session()).create('p', 'x')).toBe('c1');
    expect(asked.map(({ token }) => token)).toEqual([undefined, 'token-1', undefined, 'token-2']);
  });

  it('are not repeated for ever', async () => {
    const asked = serve(() => Response.json({ error: 'Unauthorized' }, { status: 401 }));
    await expect(new CommentsApi('http://api', session()).create('p', 'x')).rejects.toMatchObject({ status: 401 });
    expect(asked).toHaveLength(4);
  });

  it('name posts and comments that could be taken for a path as what they are', async () => {
    const asked = serve(none);
    await new CommentsApi('http://api', session()).list('../x?y', 'a&b');
    expect(asked.at(-1)?.url).toBe('http://api/api/v1/posts/..%2Fx%3Fy/comments?limit=100&startKey=a%26b');
  });

  it('take nothing for a comment that is none', async () => {
    const good = { id: 'c', postId: 'p', userId: 'ben', content: '<b>', createdAt: '2026-01-01T00:00:00.000Z' };
    serve(() => Response.json({ comments: [good, null, 7, { ...good, content: {} }, { ...good, updatedAt: 5 }] }));
    expect((await new CommentsApi('http://api', session()).list('p')).comments).toEqual([good, good]);
    for (const body of ['', '[', 'null', '{"id":7}']) {
      serve(() => new Response(body));
      await expect(new CommentsApi('http://api', session()).create('p', 'x')).rejects.toBeInstanceOf(ApiError);
    }
  });
});

describe('what people are told', () => {
  it('is in words', () => {
    expect(wordsFor(new ApiError(0, 'x'))).toMatch(/does not answer/);
    expect(wordsFor(new ApiError(503, 'x'))).toMatch(/problem/);
    expect(wordsFor(new ApiError(400, 'Invalid content', 'too long'))).toBe('Invalid content: too long');
    expect(wordsFor(new TypeError('odd'))).toBe('odd');
  });
});
