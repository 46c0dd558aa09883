// A page whose clients talk to the SDK's simulated server, in its virtual time.
import { act, cleanup } from '@testing-library/react';
import { afterEach, beforeEach, expect } from 'vitest';
import type { ClientOptions } from '@carillon/client';
import { Line, simulatedFetch, socketClass } from '../../sdk/tests/simulation/network.ts';
import { URL_OF_SERVER, World } from '../../sdk/tests/simulation/world.ts';
import { pageStore } from '../src/store.js';

export class Page {
  readonly world = new World();
  readonly line = new Line();
  readonly server = this.world.server;
  readonly clock = this.world.clock;
  #ids = 0;

  /** Options of a user's client; new objects and functions each time, as a component makes them. */
  options(userId: string, more: Partial<ClientOptions> = {}): ClientOptions {
    const { clock, server, line } = this;
    const place = { clock, server, line, thrown: this.world.thrown };
    return {
      url: URL_OF_SERVER,
      token: () => server.token(userId),
      metrics: false,
      WebSocket: socketClass(place),
      fetch: simulatedFetch(place),
      environment: {
        now: () => clock.time,
        monotonic: () => clock.elapsed,
        setTimeout: (task, ms) => clock.schedule(ms, task),
        clearTimeout: (timer) => clock.cancel(timer as never),
        random: () => this.world.random(),
        uuid: () => `${userId}-${(this.#ids += 1)}`,
        online: () => true,
        hidden: () => false,
        watch: () => () => {},
      },
      ...more,
    };
  }

  /** Lets virtual time pass, and the page render what came of it. */
  run(ms = 100): Promise<void> {
    return act(() => this.clock.run(ms));
  }

  /** Of whom, the oldest first: who opened a connection. */
  get upgrades(): number {
    return this.server.upgrades.length;
  }
}

/** A page per test, and nothing left of it at its end. */
export function usePage(): () => Page {
  let page: Page;
  beforeEach(() => {
    page = new Page();
  });
  afterEach(async () => {
    cleanup();
    await page.run(1000);
    const closed = pageStore.getState().disconnect();
    await page.run(5000);
    await closed;
    expect(page.world.thrown, 'thrown into the event handlers of a socket').toEqual([]);
    expect(page.server.connections.size, 'connections left open').toBe(0);
  });
  return () => page;
}

/** Real time that React's or the page's own zero timers need. */
export const soon = (): Promise<void> => act(() => new Promise<void>((resolve) => setTimeout(resolve)));
