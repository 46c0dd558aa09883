import { act, renderHook } from '@testing-library/react';
import { StrictMode } from 'react';
import { describe, expect, it, vi } from 'vitest';
import { useChat, usePresence, useWebSocketManager } from '../src/index.js';
import type { ChatHookOptions } from '../src/index.js';
import { usePage } from './page.js';

const page = usePage();
const CHAT = 'lobby';

/** ann's page, with one chat on it. */
async function chatOfAnn(options: ChatHookOptions = {}, wrapper?: typeof StrictMode) {
  for (const user of ['ann', 'ben']) page().server.store.grant(user, `chat:${CHAT}`);
  const hook = renderHook(
    ({ chatId }: { chatId: string | null }) => {
      useWebSocketManager(page().options('ann'));
      return useChat<unknown>(chatId, options);
    },
    { initialProps: { chatId: CHAT as string | null }, ...(wrapper && { wrapper }) },
  );
  await page().run();
  return hook;
}

const say = (count: number, from = 1): void => {
  for (let index = from; index < from + count; index += 1) page().server.say(CHAT, index);
};
const contentsOf = (hook: Awaited<ReturnType<typeof chatOfAnn>>): unknown[] => hook.result.current.messages.map(({ payload }) => payload.content);

describe('useChat', () => {
  it('shows what was said before, and what comes', async () => {
    say(5);
    const hook = await chatOfAnn({ history: 3 });
    expect(hook.result.current).toMatchObject({ status: 'joined', error: undefined, hasOlder: true });
    expect(contentsOf(hook)).toEqual([3, 4, 5]);
    say(2, 6);
    await page().run();
    expect(contentsOf(hook)).toEqual([3, 4, 5, 6, 7]);
  });

  it('shows each message once and in order under StrictMode, over gaps and over reconnects', async () => {
    const hook = await chatOfAnn({}, StrictMode);
    expect(page().upgrades).toBe(1);
    page().line.onFrame = (frame) => (frame.sequenceNumber === 2 ? 'drop' : undefined);
    say(3);
    await page().run(5000);
    expect(contentsOf(hook)).toEqual([1, 2, 3]);
    page().line.cut();
    say(2, 4);
    await page().run(60_000);
    expect(contentsOf(hook)).toEqual([1, 2, 3, 4, 5]);
    expect(hook.result.current.status).toBe('joined');
  });

  it('reads older messages page by page, to the beginning', async () => {
    say(7);
    const hook = await chatOfAnn({ history: 3 });
    const read = async (): Promise<void> => {
      const calls = [hook.result.current.loadOlder(), hook.result.current.loadOlder()];
      await page().run();
      await Promise.all(calls);
    };
    await read();
    expect(contentsOf(hook).length).toBeGreaterThan(3);
    expect(contentsOf(hook).at(-1)).toBe(7);
    for (let pages = 0; pages < 5 && hook.result.current.hasOlder; pages += 1) await read();
    expect(contentsOf(hook)).toEqual([1, 2, 3, 4, 5, 6, 7]);
    expect(hook.result.current.hasOlder).toBe(false);
    say(1, 8);
    await page().run();
    expect(contentsOf(hook).at(-1)).toBe(8);
  });

  it('says that there is nothing older when there is less than was asked for', async () => {
    say(2);
    const hook = await chatOfAnn({ history: 3 });
    expect(hook.result.current.hasOlder).toBe(false);
  });

  it('shows why older messages cannot be read, and reads them later', async () => {
    say(4);
    const hook = await chatOfAnn({ history: 2 });
    page().server.onHttp = ({ path }) => (path === '/messages' ? { status: 403, body: { error: 'Forbidden - No chat access' } } : undefined);
    const refused = hook.result.current.loadOlder().then(() => undefined, (error: Error) => error);
    await page().run(20_000);
    expect(await refused).toMatchObject({ code: 'forbidden' });
    expect(hook.result.current.error).toMatchObject({ code: 'forbidden' });
    page().server.onHttp = undefined;
    const read = hook.result.current.loadOlder();
    await page().run();
    await read;
    expect(hook.result.current.error).toBeUndefined();
    expect(contentsOf(hook)).toContain(1);
  });

  it('is denied where one has no right', async () => {
    const hook = await chatOfAnn();
    hook.rerender({ chatId: 'secret' });
    await page().run();
    expect(hook.result.current).toMatchObject({ status: 'denied', hasOlder: false, error: { code: 'forbidden' } });
    expect(hook.result.current.messages).toEqual([]);
  });

  it('leaves the chat with the component, and joins the next one', async () => {
    page().server.store.grant('ann', 'chat:other');
    page().server.say('other', 'there');
    say(1);
    const hook = await chatOfAnn();
    const { chats } = page().server.connectionOf('ann');
    expect([...chats]).toEqual([CHAT]);
    hook.rerender({ chatId: 'other' });
    await page().run();
    expect([...chats]).toEqual(['other']);
    expect(contentsOf(hook)).toEqual(['there']);
    hook.rerender({ chatId: CHAT });
    await page().run();
    expect(contentsOf(hook), 'nothing was forgotten, nothing comes twice').toEqual([1]);
    hook.rerender({ chatId: null });
    await page().run();
    expect(hook.result.current).toMatchObject({ status: 'idle', messages: [] });
    expect([...chats]).toEqual([]);
    await expect(hook.result.current.publish('x')).rejects.toMatchObject({ code: 'not_connected' });
  });

  it('publishes to the chat', async () => {
    const hook = await chatOfAnn();
    const receipt = hook.result.current.publish('mine');
    await page().run();
    expect(await receipt).toMatchObject({ messageType: 'fifo', sequenceNumber: 1 });
    expect(hook.result.current.messages[0]).toMatchObject({ userId: 'ann', eventType: 'message' });
  });

  it('names numbers that nobody has any more', async () => {
    const hook = await chatOfAnn();
    say(1);
    await page().run();
    page().line.onFrame = (frame) => (frame.sequenceNumber === 2 ? 'drop' : undefined);
    say(1, 2);
    page().server.store.expire(CHAT, 2);
    say(1, 3);
    await page().run(60_000);
    expect(contentsOf(hook)).toEqual([1, 3]);
    expect(hook.result.current.missing).toEqual([{ sequenceNumber: 2, reason: 'expired' }]);
  });

  it('starts anew when the server has another store', async () => {
    say(2);
    const hook = await chatOfAnn();
    page().server.crash();
    page().server.store.replace('epoch-2');
    for (const user of ['ann', 'ben']) page().server.store.grant(user, `chat:${CHAT}`);
    page().server.say(CHAT, 'a new world');
    page().server.start();
    await page().run(60_000);
    expect(contentsOf(hook)).toEqual(['a new world']);
  });

  it('uses the client that it is given', async () => {
    page().server.store.grant('ben', `chat:${CHAT}`);
    const device = await act(() => page().world.device('ben').connected());
    const { result, unmount } = renderHook(() => ({ chat: useChat(CHAT, { client: device.client }), presence: usePresence(CHAT, { client: device.client }) }));
    await page().run();
    say(1);
    await page().run();
    expect(result.current.chat.messages).toHaveLength(1);
    expect(result.current.presence.users).toEqual([{ userId: 'ben', connections: 1 }]);
    unmount();
    await page().run();
    const closed = device.client.close();
    await page().run(5000);
    await closed;
  });
});

describe('typing', () => {
  const typing = (user: string, on: unknown): void => {
    page().server.publish(user, { messageType: 'ephemeral', payload: { chatId: CHAT, eventType: 'typing', content: { typing: on } } });
  };

  it('is shown while others type, and is no message', async () => {
    const hook = await chatOfAnn();
    typing('ben', true);
    typing('ann', true);
    typing('cem', 'yes');
    await page().run();
    expect(hook.result.current.typingUsers).toEqual(['ben']);
    page().server.publish('ben', { messageType: 'fifo', payload: { chatId: CHAT, eventType: 'chat', content: 'done' } });
    await page().run();
    expect(hook.result.current.typingUsers).toEqual([]);
    typing('ben', true);
    await page().run();
    typing('ben', false);
    await page().run();
    expect(hook.result.current.typingUsers).toEqual([]);
    expect(contentsOf(hook)).toEqual(['done']);
  });

  it('of somebody who went away ends by itself', async () => {
    const hook = await chatOfAnn();
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    try {
      typing('ben', true);
      await page().run();
      act(() => void vi.advanceTimersByTime(6000));
      expect(hook.result.current.typingUsers).toEqual(['ben']);
      act(() => void vi.advanceTimersByTime(2000));
      await page().run();
      expect(hook.result.current.typingUsers).toEqual([]);
    } finally {
      vi.useRealTimers();
    }
  });

  it('is told to the others now and then, not to oneself, and its end', async () => {
    const hook = await chatOfAnn();
    const told = (): unknown[] => page().server.framesOf('sendMessage').map(({ messageType, excludeSender, payload }) => [messageType, excludeSender, payload.eventType, payload.content.typing]);
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] });
    try {
      for (let key = 0; key < 20; key += 1) {
        act(() => hook.result.current.typing());
        vi.advanceTimersByTime(200);
      }
      await page().run();
      expect(told()).toEqual(Array(2).fill(['ephemeral', true, 'typing', true]));
      vi.advanceTimersByTime(5000);
      await page().run();
      expect(told().at(-1)).toEqual(['ephemeral', true, 'typing', false]);
      act(() => hook.result.current.typing(false));
      await page().run();
      expect(told()).toHaveLength(3);
    } finally {
      vi.useRealTimers();
    }
  });
});

describe('usePresence', () => {
  it('asks when connected and as often as it should, and renders when something changed', async () => {
    vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
    try {
      let renderings = 0;
      for (const user of ['ann', 'ben']) page().server.store.grant(user, `chat:${CHAT}`);
      const hook = renderHook(() => {
        renderings += 1;
        useWebSocketManager(page().options('ann'));
        useChat(CHAT);
        return usePresence(CHAT, { intervalMs: 1000 });
      });
      await page().run();
      act(() => void vi.advanceTimersByTime(1000));
      await page().run();
      expect(hook.result.current.users).toEqual([{ userId: 'ann', connections: 1 }]);
      const before = renderings;
      act(() => void vi.advanceTimersByTime(3000));
      await page().run();
      expect(renderings).toBe(before);
      const ben = await act(() => page().world.device('ben').connected());
      const leave = ben.client.chat(CHAT).subscribe(() => {});
      await page().run();
      const asked = hook.result.current.refresh();
      await page().run();
      await asked;
      expect(hook.result.current.users.map(({ userId }) => userId)).toEqual(['ann', 'ben']);
      leave();
      const closed = ben.client.close();
      await page().run(5000);
      await closed;
    } finally {
      vi.useRealTimers();
    }
  });

  it('shows why there is no answer', async () => {
    const hook = renderHook(() => {
      useWebSocketManager(page().options('ann'));
      return usePresence('secret');
    });
    await page().run();
    expect(hook.result.current).toMatchObject({ users: [], error: { code: 'forbidden' } });
  });

  it('without a connection there is nobody to ask', async () => {
    const { result } = renderHook(() => usePresence(CHAT));
    await expect(result.current.refresh()).rejects.toMatchObject({ code: 'not_connected' });
    expect(result.current.users).toEqual([]);
  });
});
