// Virtual time: tasks run in the order of their times, and between two of them everything that was promised settles.

interface Task {
  at: number;
  order: number;
  run: () => void;
  owner: object | undefined;
}

/** 2026-01-01T00:00:00Z */
const START = 1_767_225_600_000;

/** Lets everything that is promised already settle; nothing real is waited for. */
export const flush = () => new Promise<void>((resolve) => setImmediate(resolve));

export class Clock {
  /** Epoch milliseconds. */
  time = START;
  #heap: Task[] = [];
  #order = 0;
  #isDriven = false;
  #owned = new Map<object, Set<Task>>();

  get elapsed() {
    return this.time - START;
  }

  /** Runs `run` in `ms` milliseconds, which count as whole ones. The tasks of an `owner` can be counted. */
  schedule(ms: number, run: () => void, owner?: object): Task {
    if (!Number.isFinite(ms)) throw new Error(`a timer of ${ms} ms`);
    const task = { at: this.time + Math.max(0, Math.ceil(ms)), order: (this.#order += 1), run, owner };
    this.#push(task);
    if (owner) {
      const all = this.#owned.get(owner) ?? new Set();
      this.#owned.set(owner, all.add(task));
    }
    return task;
  }

  cancel(task: Task | undefined) {
    if (!task) return;
    task.run = () => {};
    this.#forget(task);
  }

  /** How many timers of this owner are open. */
  openTimers(owner: object) {
    return this.#owned.get(owner)?.size ?? 0;
  }

  /** A timer as Node has it: a millisecond at least, and cut to whole ones. */
  timer(ms: number, run: () => void, owner: object): Task {
    return this.schedule(Math.max(1, Math.trunc(ms)), run, owner);
  }

  /** Lets `ms` milliseconds pass. */
  async run(ms: number) {
    const end = this.time + Math.ceil(ms);
    await this.#drive(async () => {
      for (let task = this.#heap[0]; task && task.at <= end; task = this.#heap[0]) await this.#step();
      this.time = end;
    });
  }

  /** Nothing runs for `ms`; then what was due, timers (which have owners) before what the network brought, as platforms do it. */
  stall(ms: number) {
    this.time += ms;
    const all = this.#heap;
    this.#heap = [];
    for (const task of all) {
      if (!task.owner) task.at = Math.max(task.at, this.time + 1);
      this.#push(task);
    }
  }

  /** Lets time pass until `done()`; fails after `ms`. */
  async until(done: () => boolean, what: string, ms = 120_000) {
    const end = this.time + ms;
    await this.#drive(async () => {
      while (!done()) {
        const next = this.#heap[0];
        if (!next) throw new Error(`nothing will ever happen any more; waited for ${what}`);
        if (next.at > end) throw new Error(`waited ${ms} virtual ms for ${what}`);
        await this.#step();
      }
    });
  }

  /** One at a time: time cannot pass at two speeds. */
  async #drive(run: () => Promise<void>) {
    if (this.#isDriven) throw new Error('two want to drive the clock');
    this.#isDriven = true;
    try {
      await flush();
      await run();
    } finally {
      this.#isDriven = false;
    }
  }

  /** Lets time pass until the promise settles; gives what it gives. */
  async settle<T>(promise: Promise<T>, ms?: number): Promise<T> {
    let settled = false;
    const mark = () => {
      settled = true;
    };
    promise.then(mark, mark);
    await this.until(() => settled, 'a promise to settle', ms);
    return promise;
  }

  async #step() {
    const task = this.#pop();
    this.time = Math.max(this.time, task.at);
    this.#forget(task);
    task.run();
    await flush();
  }

  #forget(task: Task) {
    if (task.owner) this.#owned.get(task.owner)?.delete(task);
  }

  #before(a: number, b: number) {
    const [one, other] = [this.#heap[a]!, this.#heap[b]!];
    return one.at < other.at || (one.at === other.at && one.order < other.order);
  }

  #swap(a: number, b: number) {
    [this.#heap[a], this.#heap[b]] = [this.#heap[b]!, this.#heap[a]!];
  }

  #push(task: Task) {
    let index = this.#heap.push(task) - 1;
    while (index > 0) {
      const parent = (index - 1) >> 1;
      if (!this.#before(index, parent)) return;
      this.#swap(index, parent);
      index = parent;
    }
  }

  #pop() {
    const first = this.#heap[0]!;
    const last = this.#heap.pop()!;
    if (this.#heap.length === 0) return first;
    this.#heap[0] = last;
    for (let index = 0; ; ) {
      let least = index;
      for (const child of [2 * index + 1, 2 * index + 2]) if (child < this.#heap.length && this.#before(child, least)) least = child;
      if (least === index) return first;
      this.#swap(index, least);
      index = least;
    }
  }
}

/** mulberry32: the same numbers for the same seed, everywhere. */
export function seededRandom(seed: number) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
}
