// What a chat shows besides the messages that one component gets by itself: with others beside it, with late ones.
import { renderHook } from '@testing-library/react';
import { describe, expect, it } from 'vitest';
import { useChat, useWebSocketManager, useWebSocketStore } from '../src/index.js';
import type { ChatHook } from '../src/index.js';
import { usePage } from './page.js';

const page = usePage();
const CHAT = 'lobby';

/** ann's page with so many components on the chat, each with a `history` of its own; `null`: not there. */
async function components(...histories: (number | null)[]) {
  page().server.store.grant('ann', `chat:${CHAT}`);
  const hook = renderHook(
    ({ wanted }) => {
      useWebSocketManager(page().options('ann'));
      const [first = null, second = null] = wanted;
      return [useChat(first === null ? null : CHAT, { history: first ?? 0 }), useChat(second === null ? null : CHAT, { history: second ?? 0 })] as const;
    },
    { initialProps: { wanted: histories } },
  );
  await page().run();
  return {
    chat: (index: 0 | 1): ChatHook<unknown> => hook.result.current[index],
    async want(...wanted: (number | null)[]) {
      hook.rerender({ wanted });
      await page().run();
    },
  };
}

const say = (count: number, from = 1): void => {
  for (let index = from; index < from + count; index += 1) page().server.say(CHAT, index);
};
const contentsOf = ({ messages }: ChatHook<unknown>): unknown[] => messages.map(({ payload }) => payload.content);
const reads = (): number => page().server.requests.filter(({ path }) => path === '/messages').length;

async function loadOlder(chat: ChatHook<unknown>): Promise<void> {
  const read = chat.loadOlder();
  await page().run();
  await read;
}

/** What was published long ago comes now, as a dead letter does that was sent off again. */
const redeliver = (number: number): void => {
  page().server.deliver(page().server.store.messages(`chat:${CHAT}`).find(({ sequenceNumber }) => sequenceNumber === number)!);
};

describe('several components', () => {
  it('show the same of a chat, whoever came first, and read it once', async () => {
    say(5);
    const { chat, want } = await components(3);
    await want(3, 3);
    expect(contentsOf(chat(1))).toEqual([3, 4, 5]);
    expect(chat(1)).toMatchObject({ status: 'joined', hasOlder: true });
    expect(reads()).toBe(1);
    say(1, 6);
    await page().run();
    for (const index of [0, 1] as const) expect(contentsOf(chat(index))).toEqual([3, 4, 5, 6]);
    await want(null, 3);
    expect(contentsOf(chat(1))).toEqual([3, 4, 5, 6]);
    expect([...page().server.connectionOf('ann').chats]).toEqual([CHAT]);
    await loadOlder(chat(1));
    await loadOlder(chat(1));
    expect(contentsOf(chat(1))).toEqual([1, 2, 3, 4, 5, 6]);
  });

  it.each([[[2, 5]], [[5, 2]]])('that come together with histories of %j get the longer one', async (histories) => {
    say(7);
    const { chat } = await components(...histories);
    expect(contentsOf(chat(0))).toEqual([3, 4, 5, 6, 7]);
    expect(contentsOf(chat(1))).toEqual([3, 4, 5, 6, 7]);
    expect(chat(0).hasOlder).toBe(true);
  });

  it('read more when one wants more', async () => {
    say(8);
    const { chat, want } = await components(2);
    await want(2, 6);
    expect(contentsOf(chat(1)).slice(-6)).toEqual([3, 4, 5, 6, 7, 8]);
  });
});

describe('another history', () => {
  it('keeps what is shown, and reads what is missing', async () => {
    say(8);
    const { chat, want } = await components(4);
    await want(2);
    expect(contentsOf(chat(0))).toEqual([5, 6, 7, 8]);
    await want(6);
    expect(contentsOf(chat(0)).slice(-6)).toEqual([3, 4, 5, 6, 7, 8]);
  });
});

describe('a chat that was joined before', () => {
  it('is read from the history', async () => {
    say(3);
    const { chat, want } = await components();
    const { result } = renderHook(() => useWebSocketStore((state) => state.client));
    const leave = result.current!.chat(CHAT).subscribe(() => {});
    await page().run();
    say(2, 4);
    await page().run();
    await want(4);
    expect(contentsOf(chat(0))).toEqual([2, 3, 4, 5]);
    expect(chat(0).hasOlder).toBe(true);
    say(1, 6);
    await page().run();
    expect(contentsOf(chat(0))).toEqual([2, 3, 4, 5, 6]);
    leave();
  });

  it('is read with the next connection where it could not be', async () => {
    say(3);
    const { chat, want } = await components();
    const { result } = renderHook(() => useWebSocketStore((state) => state.client));
    const leave = result.current!.chat(CHAT).subscribe(() => {});
    await page().run();
    page().server.onHttp = ({ path }) => (path === '/messages' ? { status: 403, body: { error: 'Forbidden - No chat access' } } : undefined);
    await want(4);
    expect(chat(0)).toMatchObject({ messages: [], error: { code: 'forbidden' }, hasOlder: true });
    page().server.onHttp = undefined;
    page().line.cut();
    await page().run(60_000);
    expect(contentsOf(chat(0))).toEqual([1, 2, 3]);
    expect(chat(0)).toMatchObject({ error: undefined, hasOlder: false });
    leave();
  });
});

describe('hasOlder', () => {
  it('stays false in a short chat however much is said, without a further question', async () => {
    say(1);
    const { chat } = await components(3);
    say(4, 2);
    await page().run();
    expect(chat(0).hasOlder).toBe(false);
    expect(reads()).toBe(1);
  });
});

describe('a late message', () => {
  it('does not make older ones be skipped, and has its place among them', async () => {
    say(9);
    const { chat } = await components(3);
    redeliver(2);
    await page().run();
    expect(contentsOf(chat(0))).toEqual([2, 7, 8, 9]);
    await loadOlder(chat(0));
    expect(contentsOf(chat(0))).toEqual([2, 4, 5, 6, 7, 8, 9].slice(-contentsOf(chat(0)).length));
    for (let pages = 0; pages < 5 && chat(0).hasOlder; pages += 1) await loadOlder(chat(0));
    expect(contentsOf(chat(0))).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9]);
  });
});

describe('a chat that one comes back to', () => {
  it('shows nothing of last time before it is read again', async () => {
    say(1);
    page().server.store.grant('ann', `chat:${CHAT}`);
    const rendered: string[] = [];
    const hook = renderHook(
      ({ chatId }: { chatId: string | null }) => {
        useWebSocketManager(page().options('ann'));
        const chat = useChat(chatId);
        rendered.push(`${chat.status} ${contentsOf(chat).join()}`);
      },
      { initialProps: { chatId: CHAT as string | null } },
    );
    await page().run();
    hook.rerender({ chatId: null });
    await page().run();
    rendered.length = 0;
    hook.rerender({ chatId: CHAT });
    expect(rendered).toEqual(['idle ']);
    await page().run();
    expect(rendered.at(-1)).toBe('joined 1');
  });
});
