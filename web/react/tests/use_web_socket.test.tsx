import { act, render, renderHook } from '@testing-library/react';
import { StrictMode } from 'react';
import { describe, expect, it, vi } from 'vitest';
import type { ClientOptions } from '@carillon/client';
import { useWebSocket, useWebSocketManager, useWebSocketStore } from '../src/index.js';
import { soon, usePage } from './page.js';

const page = usePage();
const forAnn = (): ClientOptions => page().options('ann');

describe('useWebSocket', () => {
  it('is a connection as long as the component is there', async () => {
    const { result, unmount } = renderHook(() => useWebSocket(forAnn()));
    expect(result.current).toMatchObject({ isConnected: false });
    await page().run();
    expect(result.current).toMatchObject({ status: 'connected', isConnected: true });
    unmount();
    await page().run(5000);
    expect(page().server.connections.size).toBe(0);
  });

  it('opens one connection under StrictMode', async () => {
    const { result } = renderHook(() => useWebSocket(forAnn()), { wrapper: StrictMode });
    await page().run();
    expect(result.current.isConnected).toBe(true);
    expect(page().upgrades).toBe(1);
    expect(page().server.connections.size).toBe(1);
  });

  it('is not disturbed by new options that say the same, and asks the newest token provider', async () => {
    const asked: number[] = [];
    let provider = 0;
    const { result, rerender } = renderHook(() => {
      const mine = (provider += 1);
      const token = (): string => {
        asked.push(mine);
        return page().server.token('ann', { ttlMs: 300_000 });
      };
      return useWebSocket(page().options('ann', { token }));
    });
    await page().run();
    const { client } = result.current;
    for (let again = 0; again < 3; again += 1) rerender();
    await page().run(290_000);
    expect(result.current.client).toBe(client);
    expect(page().upgrades).toBe(1);
    expect(asked.length).toBeGreaterThan(1);
    expect(asked.at(-1)).toBeGreaterThan(asked[0]!);
  });

  it('connects anew for options that say something else, and not at all for null', async () => {
    const { result, rerender } = renderHook(({ options }) => useWebSocket(options), { initialProps: { options: forAnn() as ClientOptions | null } });
    await page().run();
    rerender({ options: page().options('ann', { publishVia: 'http' }) });
    await page().run();
    expect(page().upgrades).toBe(2);
    expect(page().server.connections.size).toBe(1);
    rerender({ options: null });
    await page().run(5000);
    expect(result.current).toMatchObject({ status: 'idle', isConnected: false, client: undefined });
    await expect(result.current.publish({ chatId: 'c', content: 1 })).rejects.toMatchObject({ code: 'not_connected' });
    expect(page().server.connections.size).toBe(0);
  });

  it('gives the last message, publishes and sends, with the same functions all along', async () => {
    const { result } = renderHook(() => useWebSocket(forAnn()));
    const { publish, send, reconnect, close } = result.current;
    await page().run();
    let receipt: Promise<unknown> | undefined;
    let pong: Promise<unknown> | undefined;
    act(() => {
      receipt = publish({ targetClass: 'user', targetId: 'ann', content: 'to myself' });
      pong = send({ action: 'ping' });
    });
    await page().run();
    expect(await receipt).toHaveProperty('messageId');
    expect(await pong).toMatchObject({ type: 'pong' });
    expect(result.current.lastFrame?.payload.content).toBe('to myself');
    expect(result.current).toMatchObject({ publish, send, reconnect, close });
    act(() => void close());
    await page().run(5000);
    expect(result.current.status).toBe('idle');
    act(() => void reconnect());
    await page().run();
    expect(result.current.isConnected).toBe(true);
  });

  it('shows options that cannot work as an error', () => {
    const { result } = renderHook(() => useWebSocket(page().options('ann', { url: 'ftp://carillon.test' })));
    expect(result.current).toMatchObject({ status: 'stopped', isConnected: false });
    expect(result.current.error).toBeInstanceOf(Error);
  });

  it('stops where the server refuses, with the error', async () => {
    page().server.token = () => 'bad';
    const { result } = renderHook(() => useWebSocket(forAnn()));
    await page().run(20_000);
    expect(result.current).toMatchObject({ status: 'stopped', error: { code: 'unauthorized' } });
  });
});

describe('useWebSocketManager', () => {
  it('is one connection for all components, and gone with the last that wanted it', async () => {
    const Holder = (): null => (useWebSocketManager(forAnn()), null);
    const shown: boolean[] = [];
    const Onlooker = (): null => (shown.push(useWebSocketManager().isConnected), null);
    const { rerender } = render(<><Holder key="a" /><Holder key="b" /><Onlooker key="c" /></>);
    await page().run();
    expect(page().upgrades).toBe(1);
    expect(shown.at(-1)).toBe(true);
    rerender(<><Holder key="b" /><Onlooker key="c" /></>);
    await soon();
    await page().run(5000);
    expect(shown.at(-1), 'the other one still wants it').toBe(true);
    rerender(<><Onlooker key="c" /></>);
    await soon();
    await page().run(5000);
    expect(shown.at(-1)).toBe(false);
    expect(page().server.connections.size).toBe(0);
  });

  it('survives StrictMode and a page that takes over from another', async () => {
    const One = (): null => (useWebSocketManager(forAnn()), null);
    const Other = (): null => (useWebSocketManager(forAnn()), null);
    const { rerender } = render(<StrictMode><One /></StrictMode>);
    await soon();
    await page().run();
    rerender(<StrictMode><Other /></StrictMode>);
    await soon();
    await page().run(5000);
    expect(page().upgrades).toBe(1);
    expect(page().server.connections.size).toBe(1);
  });

  it('follows its options: another user, and nobody', async () => {
    const { result, rerender } = renderHook(({ token }) => useWebSocketManager(token === null ? null : page().options('x', { token })), {
      initialProps: { token: page().server.token('ann') as string | null },
    });
    await page().run();
    expect(page().server.connectionOf('ann')).toBeDefined();
    rerender({ token: page().server.token('ben') });
    await soon();
    await page().run(5000);
    expect([...page().server.connections].map(({ identity }) => identity.userId)).toEqual(['ben']);
    rerender({ token: null });
    await soon();
    await page().run(5000);
    expect(result.current).toMatchObject({ status: 'idle', isConnected: false });
    expect(page().server.connections.size).toBe(0);
  });

  it('routes broadcasts by type to a component that only looks on', async () => {
    const heard = vi.fn();
    const { result } = renderHook(() => useWebSocketManager(forAnn()));
    const stop = result.current.subscribe('comment.created', heard);
    await page().run();
    page().server.broadcast({ type: 'comment.created', data: { postId: 'p' } });
    await page().run();
    expect(heard).toHaveBeenCalledOnce();
    stop();
  });

  it('is disconnected and connected again by hand', async () => {
    const { result } = renderHook(() => useWebSocketManager(forAnn()));
    await page().run();
    act(() => void result.current.disconnect());
    await page().run(5000);
    expect(result.current.isConnected).toBe(false);
    act(() => void result.current.reconnect());
    await page().run();
    expect(result.current.isConnected).toBe(true);
  });

  it('useWebSocketStore renders only for what it picks', async () => {
    let renderings = 0;
    const { result } = renderHook(() => {
      renderings += 1;
      return useWebSocketStore((state) => state.userId);
    });
    const { unmount } = renderHook(() => useWebSocketManager(forAnn()));
    await page().run();
    expect(result.current).toBe('ann');
    expect(renderings).toBeLessThanOrEqual(2);
    unmount();
  });
});
