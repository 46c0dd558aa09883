import { describe, expect, it } from 'vitest';
import type { ChatOptions } from '../src/index.ts';
import { refusal, rejection, Screen, useWorld } from './simulation/world.ts';

const world = useWorld();
const contentsOf = (messages: { payload: { content: unknown } }[]) => messages.map(({ payload }) => payload.content);

async function room(count: number) {
  world().server.store.grant('ann', 'chat:room');
  for (let content = 1; content <= count; content += 1) {
    world().server.say('room', content);
    await world().run(1000);
  }
  return world().device('ann').client;
}

describe('history', () => {
  it('reads the newest first, a page at a time', async () => {
    const client = await room(5);
    const first = await world().clock.settle(client.history({ chatId: 'room' }, { limit: 2 }));
    expect([contentsOf(first.messages), first.count, typeof first.nextToken]).toEqual([[5, 4], 2, 'string']);
    const second = await world().clock.settle(client.history({ chatId: 'room' }, { limit: 2, startKey: first.nextToken! }));
    expect(contentsOf(second.messages)).toEqual([3, 2]);
    const last = await world().clock.settle(client.history({ chatId: 'room' }, { limit: 2, startKey: second.nextToken! }));
    expect([contentsOf(last.messages), last.nextToken]).toEqual([[1], undefined]);
  });

  it.each([
    ['a Date', (ms: number) => new Date(ms)],
    ['milliseconds', (ms: number) => ms],
    ['text', (ms: number) => new Date(ms).toISOString()],
  ])('takes bounds as %s', async (_, as) => {
    const client = await room(5);
    const times = world().server.store.messages('chat:room').map(({ publishTimestamp }) => publishTimestamp);
    const page = await world().clock.settle(client.history({ chatId: 'room' }, { order: 'asc', from: as(times[1]!), to: as(times[3]!) }));
    expect(contentsOf(page.messages)).toEqual([2, 3, 4]);
  });

  it('walks all pages', async () => {
    const client = await room(7);
    const pages: unknown[][] = [];
    const walking = (async () => {
      for await (const messages of client.historyPages({ chatId: 'room' }, { limit: 3, order: 'asc' })) pages.push(contentsOf(messages));
    })();
    await world().clock.settle(walking);
    expect(pages).toEqual([[1, 2, 3], [4, 5, 6], [7]]);
  });

  it('ends a walk early when its reader does', async () => {
    const client = await room(7);
    const walking = (async () => {
      for await (const messages of client.historyPages({ chatId: 'room' }, { limit: 3 })) return contentsOf(messages);
      return [];
    })();
    expect(await world().clock.settle(walking)).toEqual([7, 6, 5]);
    expect(world().server.requestsTo('GET', '/messages').length).toBe(1);
  });

  it('of a chat, an inbox, and a chat whose id needs escaping', async () => {
    const id = 'a&b=c d/é%2F+#?';
    world().server.store.grant('ann', `chat:${id}`);
    world().server.say(id, 'odd');
    world().server.publish('bob', { payload: { targetClass: 'user', targetId: 'ann', eventType: 'x', content: 'mine' } });
    const { client } = world().device('ann');
    expect(contentsOf((await world().clock.settle(client.chat(id).history())).messages)).toEqual(['odd']);
    expect(contentsOf((await world().clock.settle(client.history({ targetClass: 'user', targetId: 'ann' }))).messages)).toEqual(['mine']);
  });

  it.each([
    [400, { error: 'Invalid parameter', details: 'limit' }, 'invalid'],
    [403, { error: 'Forbidden - No chat access' }, 'forbidden'],
    [404, { error: 'Not found' }, 'not_found'],
    [429, { error: 'Too many requests', retryAfterMs: 100 }, 'rate_limited'],
    [500, { error: 'Internal error' }, 'unavailable'],
    [503, { error: 'Service overloaded', retryAfterMs: 100 }, 'unavailable'],
  ])('fails at %i with a typed error', async (status, body, code) => {
    const client = await room(0);
    world().server.onHttp = () => ({ status, body });
    expect(await rejection(world().clock, client.history({ chatId: 'room' }))).toMatchObject({ name: 'CarillonError', code, status, message: expect.stringContaining(body.error) });
  });

  it('fails without a network, without an answer and with nonsense in typed errors too', async () => {
    const client = await room(0);
    const codes = [];
    for (const fault of ['fail', 'hang', { status: 200, body: undefined }] as const) {
      world().server.onHttp = () => fault;
      codes.push((await rejection(world().clock, client.history({ chatId: 'room' }))).code);
    }
    expect(codes[1]).toBe('timeout');
    expect(codes[2]).toBe('protocol');
    expect(['connection_lost', 'unavailable']).toContain(codes[0]);
  });

  it('can be aborted', async () => {
    const client = await room(0);
    world().server.onHttp = () => 'hang';
    const controller = new AbortController();
    const reading = refusal(client.history({ chatId: 'room' }, { signal: controller.signal }));
    await world().run(50);
    controller.abort();
    expect(await world().clock.settle(reading)).toMatchObject({ code: 'aborted' });
  });
});

describe('a chat that is opened with history', () => {
  async function opened(count: number, options: ChatOptions) {
    await room(count);
    const ann = world().device('ann');
    const screen = new Screen();
    const chat = ann.client.chat('room', options);
    chat.subscribe(screen.listener);
    return { ann, chat, screen };
  }

  it('shows that many of the newest first, oldest of them first, then what comes', async () => {
    const { ann, screen } = await opened(5, { history: 3 });
    await ann.connected();
    await world().run(1000);
    world().server.say('room', 6);
    await world().run(100);
    expect(screen.contents).toEqual([3, 4, 5, 6]);
    expect(screen.ways).toEqual(['history', 'history', 'history', 'live']);
  });

  it('shows everything once where messages come while it reads', async () => {
    const { ann, screen } = await opened(5, { history: 10 });
    let next = 5;
    const speak = () => {
      world().server.say('room', (next += 1));
      if (next < 60) world().clock.schedule(3, speak);
    };
    speak();
    await ann.connected();
    await world().run(2000);
    const { contents } = screen;
    const first = contents[0] as number;
    expect(contents).toEqual(Array.from({ length: 60 - first + 1 }, (_, index) => first + index));
    // What was published before the history was read may be beyond its length.
    expect(first).toBeLessThan(30);
  });

  it('finds a gap behind it', async () => {
    const { ann, screen } = await opened(3, { history: 3 });
    ann.line.onFrame = (frame) => (frame.sequenceNumber === 4 ? 'drop' : undefined);
    await ann.connected();
    await world().run(1000);
    world().server.say('room', 4);
    world().server.say('room', 5);
    await world().run(2000);
    expect(screen.contents).toEqual([1, 2, 3, 4, 5]);
  });

  it('does not show it again after a reconnect', async () => {
    const { ann, screen } = await opened(5, { history: 3 });
    await ann.connected();
    await world().run(1000);
    ann.line.cut();
    world().server.say('room', 6);
    await ann.until('connected');
    await world().run(2000);
    expect(screen.contents).toEqual([3, 4, 5, 6]);
  });

  it('reads it once the server can', async () => {
    const { ann, screen } = await opened(3, { history: 3 });
    let faults = 3;
    world().server.onHttp = ({ path }) => (path === '/messages' && (faults -= 1) >= 0 ? { status: 503, body: { error: 'Service overloaded', retryAfterMs: 200 } } : undefined);
    await ann.connected();
    world().server.say('room', 4);
    await world().run(30_000);
    expect(screen.contents.toSorted()).toEqual(expect.arrayContaining([2, 3, 4]));
    expect(screen.contents).toEqual(screen.contents.toSorted());
  });

  it('whose last message is long past still recovers from there', async () => {
    const { ann, screen } = await opened(2, { history: 5 });
    await ann.connected();
    await world().run(3_000_000);
    ann.line.cut();
    world().server.say('room', 3);
    await ann.until('connected');
    await world().run(2000);
    expect(screen.contents).toEqual([1, 2, 3]);
  });
});

describe('presence', () => {
  it('tells who is in a chat', async () => {
    const [ann] = await world().chat('room', ['ann', 'bob', 'bob']);
    const users = await world().clock.settle(ann!.chat.presence());
    expect(users.toSorted((a, b) => a.userId.localeCompare(b.userId))).toEqual([{ userId: 'ann', connections: 1 }, { userId: 'bob', connections: 2 }]);
    expect(await world().clock.settle(ann!.client.presence('room'))).toEqual(users);
  });

  it('of a chat that one may not see is forbidden', async () => {
    const ann = await world().device('ann').connected();
    expect(await rejection(world().clock, ann.client.presence('locked'))).toMatchObject({ name: 'CarillonError', code: 'forbidden' });
  });
});
