import { describe, expect, it, vi } from 'vitest';
import type { CarillonError, Message, TypedFrame } from '@carillon/client';
import { createWebSocketStore, seedReconnect } from '../src/index.js';
import { usePage } from './page.js';

const page = usePage();

async function connected(userId = 'ann') {
  const store = createWebSocketStore();
  const done = store.getState().connect(page().options(userId));
  await page().run();
  await done;
  return store;
}

async function ended(store: Awaited<ReturnType<typeof connected>>) {
  const done = store.getState().disconnect();
  await page().run(5000);
  await done;
}

describe('the store', () => {
  it('shows the connection as it goes', async () => {
    const store = createWebSocketStore();
    expect(store.getState()).toMatchObject({ status: 'idle', isConnected: false, attempts: 0, client: undefined });
    const seen: string[] = [];
    store.subscribe(({ status }) => seen.push(status));
    const done = store.getState().connect(page().options('ann'));
    await page().run();
    await done;
    expect(store.getState()).toMatchObject({ status: 'connected', isConnected: true, userId: 'ann' });
    expect(store.getState().connectionId).toBeTypeOf('string');
    page().line.cut();
    await page().run(0);
    expect(store.getState()).toMatchObject({ status: 'waiting', isConnected: false });
    await page().run(60_000);
    expect(store.getState().isConnected).toBe(true);
    await ended(store);
    expect(store.getState()).toMatchObject({ status: 'idle', isConnected: false, client: undefined, userId: undefined });
    expect([...new Set(seen)]).toEqual(['idle', 'connecting', 'connected', 'waiting'].filter((each) => seen.includes(each)));
  });

  it('routes frames by type to several subscribers each', async () => {
    const store = await connected();
    const first = vi.fn();
    const second = vi.fn();
    const other = vi.fn();
    const stop = store.getState().subscribe('comment.created', first);
    store.getState().subscribe('comment.created', second);
    store.getState().subscribe('comment.deleted', other);
    page().server.broadcast({ type: 'comment.created', data: { postId: 'p' }, timestamp: 't' });
    await page().run();
    expect(first).toHaveBeenCalledOnce();
    expect(second.mock.calls[0]![0]).toMatchObject({ type: 'comment.created', data: { postId: 'p' } });
    stop();
    stop();
    page().server.broadcast({ type: 'comment.created' });
    page().server.broadcast({ type: 'comment.deleted' });
    await page().run();
    expect(first).toHaveBeenCalledOnce();
    expect(second).toHaveBeenCalledTimes(2);
    expect(other).toHaveBeenCalledOnce();
    await ended(store);
  });

  it('gives every message to subscribers of `message`, and by event type', async () => {
    const store = await connected();
    const all: TypedFrame[] = [];
    const orders: Message[] = [];
    store.getState().subscribe('message', (frame) => all.push(frame));
    store.getState().subscribeEvent<{ id: number }>('order', (message) => orders.push(message));
    const to = { targetClass: 'user', targetId: 'ann' };
    page().server.publish('backend', { payload: { ...to, eventType: 'order', content: { id: 7 } } });
    page().server.publish('backend', { payload: { ...to, eventType: 'other', content: 1 } });
    await page().run();
    expect(all.map(({ eventType }) => eventType)).toEqual(['order', 'other']);
    expect(orders.map(({ payload }) => payload.content)).toEqual([{ id: 7 }]);
    await ended(store);
  });

  it('one subscriber that throws does not keep others from theirs', async () => {
    const store = await connected();
    const told = vi.fn();
    const reported: CarillonError[] = [];
    store.getState().client!.onError((error) => reported.push(error));
    store.getState().subscribe('test', () => {
      throw new Error('broken');
    });
    store.getState().subscribe('test', told);
    page().server.broadcast({ type: 'test' });
    await page().run();
    expect(told).toHaveBeenCalledOnce();
    expect(reported.map(({ code }) => code)).toEqual(['listener']);
    expect(store.getState().isConnected).toBe(true);
    await ended(store);
  });

  it('keeps subscriptions from before the first connection and over the next', async () => {
    const store = createWebSocketStore();
    const heard = vi.fn();
    const gone = vi.fn();
    store.getState().subscribe('test', heard);
    const stop = store.getState().subscribe('test', gone);
    stop();
    for (const user of ['ann', 'ben']) {
      const done = store.getState().connect(page().options(user));
      await page().run();
      await done;
      page().server.broadcast({ type: 'test', user });
      await page().run();
      await ended(store);
    }
    expect(heard.mock.calls.map(([frame]) => frame.user)).toEqual(['ann', 'ben']);
    expect(gone).not.toHaveBeenCalled();
  });

  it('takes the same options for the same connection, and others for another', async () => {
    const store = createWebSocketStore();
    const options = page().options('ann', { token: page().server.token('ann') });
    const connects = [store.getState().connect(options), store.getState().connect({ ...options })];
    await page().run();
    await Promise.all(connects);
    expect(page().upgrades).toBe(1);
    const next = store.getState().connect(page().options('ben'));
    await page().run();
    await next;
    expect(store.getState().userId).toBe('ben');
    expect([...page().server.connections].map(({ identity }) => identity.userId)).toEqual(['ben']);
    await ended(store);
  });

  it('what an old connection becomes is not shown any more', async () => {
    const store = createWebSocketStore();
    const first = store.getState().connect(page().options('ann'));
    first.catch(() => {});
    const second = store.getState().connect(page().options('ben'));
    await page().run(1000);
    await second;
    expect(store.getState()).toMatchObject({ isConnected: true, userId: 'ben' });
    await ended(store);
  });

  it('stops after five attempts three seconds apart, if it is to be as in the seed', async () => {
    page().server.running = false;
    const store = createWebSocketStore();
    const done = store.getState().connect(page().options('ann', { reconnect: seedReconnect }));
    const failure = done.then(() => undefined, (error: CarillonError) => error);
    await page().run(60_000);
    expect((await failure)?.code).toBe('gave_up');
    expect(store.getState()).toMatchObject({ status: 'stopped', isConnected: false, attempts: 5 });
    expect(store.getState().error).toMatchObject({ code: 'gave_up' });
    page().server.start();
    const again = store.getState().reconnect();
    await page().run();
    await again;
    expect(store.getState()).toMatchObject({ isConnected: true, attempts: 0, error: undefined });
    await ended(store);
  });

  it('connects again after disconnect() with what it was given last', async () => {
    const store = await connected();
    await ended(store);
    const again = store.getState().reconnect();
    await page().run();
    await again;
    expect(store.getState().userId).toBe('ann');
    await ended(store);
    await expect(createWebSocketStore().getState().reconnect()).rejects.toMatchObject({ code: 'not_connected' });
  });

  it('publishes, and says so when there is no connection', async () => {
    const store = createWebSocketStore();
    await expect(store.getState().publish({ chatId: 'c', content: 1 })).rejects.toMatchObject({ code: 'not_connected' });
    const done = store.getState().connect(page().options('ann'));
    await page().run();
    await done;
    const receipt = store.getState().publish({ targetClass: 'user', targetId: 'ann', content: 1 });
    await page().run();
    expect((await receipt).messageId).toBeTypeOf('string');
    await ended(store);
  });

  it('shows options that cannot work as an error', async () => {
    const store = createWebSocketStore();
    await expect(store.getState().connect(page().options('ann', { url: 'ftp://carillon.test' }))).rejects.toBeInstanceOf(Error);
    expect(store.getState()).toMatchObject({ status: 'stopped', isConnected: false, client: undefined });
    expect(store.getState().error).toBeInstanceOf(Error);
  });
});
