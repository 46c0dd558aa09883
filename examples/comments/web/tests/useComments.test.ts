// @vitest-environment happy-dom
// What was posted and does not come over the WebSocket is looked for over REST.
import { act, cleanup, renderHook } from '@testing-library/react';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { useComments } from '../src/hooks/useComments';
import type { Comment } from '../src/lib/comment';
import { Session } from '../src/lib/session';

const ARRIVAL_MS = 3000;

/** A service without broadcasts. Its lists are those of the moment they are asked for, and wait in `held` if need be. */
class Service {
  readonly comments: Comment[] = [];
  lists = 0;
  held: Promise<void> | undefined;

  readonly fetch = async (url: string, { method, body }: { method: string; body?: string }): Promise<Response> => {
    if (url.endsWith('/session')) return Response.json({ token: 'token', expiresAt: new Date(Date.now() + 3_600_000).toISOString() });
    if (method === 'POST') return Response.json(this.#create(JSON.parse(body!).content));
    this.lists += 1;
    const answer = Response.json({ comments: this.comments });
    await this.held;
    return answer;
  };

  #create(content: string): { id: string } {
    const id = `id of ${content}`;
    this.comments.push({ id, postId: 'p', userId: 'ann', content, createdAt: new Date(this.comments.length).toISOString() });
    return { id };
  }
}

let service: Service;
beforeEach(() => {
  service = new Service();
  vi.stubGlobal('fetch', service.fetch);
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
});
afterEach(() => {
  cleanup();
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

it('looks for what is accepted while something else is looked for', async () => {
  const session = new Session('http://api', 'ann');
  const hook = renderHook(() => useComments('http://api', session, 'p'));
  const drafts = (): string[] => hook.result.current.list.drafts.map(({ content, status }) => `${content} ${status}`);
  const posted = (content: string) => act(() => hook.result.current.post(content));
  await vi.waitFor(() => expect(hook.result.current.list.status).toBe('ready'));
  await posted('first');
  let answer = (): void => {};
  service.held = new Promise((resolve) => (answer = resolve));
  await act(() => vi.advanceTimersByTimeAsync(ARRIVAL_MS));
  await vi.waitFor(() => expect(service.lists).toBe(2));
  await posted('second');
  await act(async () => answer());
  await vi.waitFor(() => expect(drafts()).toEqual(['second accepted']));
  await act(() => vi.advanceTimersByTimeAsync(ARRIVAL_MS));
  await vi.waitFor(() => expect(drafts()).toEqual([]));
  expect(hook.result.current.list.comments.map(({ content }) => content)).toEqual(['first', 'second']);
});
