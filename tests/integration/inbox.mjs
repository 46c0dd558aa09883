// Things that arrive over time, awaited one by one and never by the clock.
import { setTimeout as pause } from 'node:timers/promises';

/** How long anything may take before its test fails; generous, as the machine may be busy. */
export const PATIENCE_MS = Number(process.env.CARILLON_TEST_PATIENCE_MS ?? 15_000);

/** Rejects when `promise` has not settled within `ms`. */
export function within(promise, what, ms = PATIENCE_MS) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`waited ${ms} ms for ${what}`)), ms);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

/** Asks again and again until `check` answers something true; for state that announces no change. */
export async function until(check, what, ms = PATIENCE_MS) {
  const end = performance.now() + ms;
  for (;;) {
    const answer = await check();
    if (answer) return answer;
    if (performance.now() > end) throw new Error(`waited ${ms} ms until ${what}`);
    await pause(20);
  }
}

/** A queue whose reader waits for what it wants. */
export class Inbox {
  #items = [];
  #waiters = [];
  #end = null;

  constructor(name) {
    this.name = name;
  }

  push(item) {
    const index = this.#waiters.findIndex((waiter) => waiter.wants(item));
    if (index < 0) this.#items.push(item);
    else this.#waiters.splice(index, 1)[0].resolve(item);
  }

  /** Nothing will come any more: who waits is told why. */
  end(reason) {
    this.#end ??= reason;
    for (const waiter of this.#waiters.splice(0)) waiter.reject(new Error(`${this.name} ended: ${reason}`));
  }

  /** Takes the first item that `wants` accepts; the others stay, in order. */
  next(wants = () => true, what = 'an item', ms = PATIENCE_MS) {
    const index = this.#items.findIndex(wants);
    if (index >= 0) return Promise.resolve(this.#items.splice(index, 1)[0]);
    if (this.#end !== null) {
      return Promise.reject(new Error(`${this.name} ended (${this.#end}) without ${what}; left: ${this.summary()}`));
    }
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#waiters = this.#waiters.filter((other) => other !== waiter);
        reject(new Error(`${this.name}: waited ${ms} ms for ${what}; there is: ${this.summary()}`));
      }, ms);
      const waiter = {
        wants,
        resolve: (item) => (clearTimeout(timer), resolve(item)),
        reject: (error) => (clearTimeout(timer), reject(error)),
      };
      this.#waiters.push(waiter);
    });
  }

  /** Takes everything up to the first item that `wants` accepts; answers what came before it. */
  async before(wants, what = 'the last item', ms = PATIENCE_MS) {
    const earlier = [];
    for (;;) {
      const item = await this.next(() => true, what, ms);
      if (wants(item)) return earlier;
      earlier.push(item);
    }
  }

  /** Takes what is there now. */
  drain() {
    return this.#items.splice(0);
  }

  get size() {
    return this.#items.length;
  }

  summary() {
    const text = JSON.stringify(this.#items.slice(0, 5).map((item) => item.data ?? item)) ?? '';
    return `${this.#items.length} × ${text.slice(0, 800)}`;
  }
}

let counter = 0;
const run = `${process.pid.toString(36)}${Date.now().toString(36)}`;

/** A name that no other test uses. */
export function unique(prefix) {
  counter += 1;
  return `${prefix}-${run}-${counter}`;
}
