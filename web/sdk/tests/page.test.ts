// The platform's own clock, timers and page, without a simulation.
import { afterEach, describe, expect, it, vi } from 'vitest';
import { platform } from '../src/environment.ts';

afterEach(() => {
  vi.unstubAllGlobals();
  vi.useRealTimers();
});

/** A page as browsers have it, as far as the SDK looks. */
function stubPage() {
  const page = new EventTarget();
  const document = Object.assign(new EventTarget(), { hidden: false, visibilityState: 'visible' });
  const navigator = { onLine: true };
  vi.stubGlobal('document', document);
  vi.stubGlobal('navigator', navigator);
  for (const name of ['addEventListener', 'removeEventListener', 'dispatchEvent'] as const) vi.stubGlobal(name, page[name].bind(page));
  return { page, document, navigator };
}

describe('the platform', () => {
  it('of Node is online, and nothing is hidden', () => {
    expect([platform.online(), platform.hidden()]).toEqual([true, false]);
    platform.watch(() => {})();
  });

  it('of a page without navigator.onLine is online', () => {
    vi.stubGlobal('navigator', {});
    expect(platform.online()).toBe(true);
  });

  it('of a page says when it goes offline or is hidden', () => {
    const { page, document, navigator } = stubPage();
    // It begins at the document and bubbles to the window.
    const bubble = () => [document, page].forEach((target) => target.dispatchEvent(new Event('visibilitychange', { bubbles: true })));
    const seen: [boolean, boolean][] = [];
    const stop = platform.watch(() => seen.push([platform.online(), platform.hidden()]));
    navigator.onLine = false;
    page.dispatchEvent(new Event('offline'));
    Object.assign(document, { hidden: true, visibilityState: 'hidden' });
    bubble();
    navigator.onLine = true;
    page.dispatchEvent(new Event('online'));
    expect(seen).toEqual([[false, false], [false, true], [true, true]]);
    stop();
    page.dispatchEvent(new Event('online'));
    bubble();
    expect(seen.length).toBe(3);
  });

  it('makes ids that differ, also where there is no randomUUID', () => {
    const ids = Array.from({ length: 100 }, () => platform.uuid());
    vi.stubGlobal('crypto', { getRandomValues: crypto.getRandomValues.bind(crypto) });
    ids.push(...Array.from({ length: 100 }, () => platform.uuid()));
    expect(new Set(ids).size).toBe(200);
    for (const id of ids) expect(id).toMatch(/^[\x21-\x7e]{20,128}$/);
  });

  it('has timers that can be cleared, and numbers from 0 to 1', () => {
    vi.useFakeTimers();
    const run = vi.fn();
    platform.setTimeout(run, 5);
    platform.clearTimeout(platform.setTimeout(run, 5));
    vi.advanceTimersByTime(10);
    expect(run).toHaveBeenCalledTimes(1);
    for (let turn = 0; turn < 100; turn += 1) {
      const number = platform.random();
      expect(number >= 0 && number < 1).toBe(true);
    }
  });

  it('has a clock that is the world\'s, and one that never steps', () => {
    expect(Math.abs(platform.now() - Date.now())).toBeLessThan(1000);
    expect(platform.monotonic()).toBeLessThanOrEqual(platform.monotonic());
  });
});
