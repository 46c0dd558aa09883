// A TCP proxy that treats connections as bad networks do: by its seed, or not at all.
import net from 'node:net';
import { random } from './crash.mjs';

/** What happens to a connection, how often, and after how many bytes. */
const FAULTS = ['reset', 'cut', 'delay', 'delay', 'half-open'];
const CALM_BYTES = { least: 20_000, most: 900_000 };
const LONGEST_DELAY_MS = 250;
const LONGEST_SILENCE_MS = 5000;

/** Forwards TCP to `port()`, badly. Every connection is calm for a while, then has a fault, and so on. */
export class ChaosProxy {
  counts = { connections: 0, reset: 0, cut: 0, delay: 0, 'half-open': 0, refused: 0 };
  #pairs = new Set();
  #timers = new Set();

  /** `calm`: forwards as it should, and so is an address that outlives the server's. */
  constructor({ seed = 0, port, calm = false }) {
    this.next = random(seed);
    Object.assign(this, { port, calm });
    /** Lets nobody in. */
    this.shut = false;
  }

  async start() {
    this.server = net.createServer({ pauseOnConnect: true }, (socket) => this.#take(socket));
    await new Promise((resolve) => this.server.listen(0, '127.0.0.1', resolve));
    this.url = `http://127.0.0.1:${this.server.address().port}`;
  }

  async stop() {
    for (const timer of this.#timers) clearTimeout(timer);
    for (const pair of this.#pairs) this.#destroy(pair);
    await new Promise((resolve) => this.server.close(resolve));
  }

  /** No faults from now on; what is half-open ends. */
  rest() {
    this.calm = true;
    for (const pair of this.#pairs) if (pair.silent) this.#destroy(pair);
  }

  /** What is open now is half-open from now on. */
  fallSilent() {
    for (const pair of this.#pairs) pair.silent = true;
  }

  #between(least, most) {
    return least + Math.floor(this.next() * (most - least));
  }

  #later(ms, task) {
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      task();
    }, ms);
    this.#timers.add(timer);
  }

  #take(socket) {
    this.counts.connections += 1;
    if (this.shut || (!this.calm && this.next() < 0.05)) {
      this.counts.refused += 1;
      socket.resetAndDestroy();
      return;
    }
    const upstream = net.connect(this.port(), '127.0.0.1');
    const pair = { ends: [socket, upstream], silent: false, left: this.#between(CALM_BYTES.least, CALM_BYTES.most) };
    this.#pairs.add(pair);
    for (const [from, to] of [[socket, upstream], [upstream, socket]]) {
      from.on('data', (chunk) => this.#forward(pair, from, to, chunk));
      from.on('end', () => pair.silent || to.end());
      from.on('error', () => this.#destroy(pair));
      from.on('close', () => this.#destroy(pair));
      to.on('drain', () => from.resume());
    }
    socket.resume();
  }

  /** Both ends learn of it by a reset, and what was on its way is lost. */
  #destroy(pair) {
    if (!this.#pairs.delete(pair)) return;
    for (const socket of pair.ends) {
      // Resetting one that is about to end leaves its handle open (libuv refuses).
      if (socket.connecting || socket.writableEnded) socket.destroy();
      else socket.resetAndDestroy();
    }
  }

  #forward(pair, from, to, chunk) {
    if (pair.silent) return;
    pair.left -= chunk.length;
    if (this.calm || pair.left > 0) {
      if (!to.write(chunk)) from.pause();
      return;
    }
    pair.left = this.#between(CALM_BYTES.least, CALM_BYTES.most);
    const fault = FAULTS[this.#between(0, FAULTS.length)];
    this.counts[fault] += 1;
    this.#harm(fault, pair, from, to, chunk);
  }

  #harm(fault, pair, from, to, chunk) {
    if (fault === 'delay') {
      from.pause();
      this.#later(this.#between(1, LONGEST_DELAY_MS), () => {
        if (to.destroyed || to.write(chunk)) from.resume();
      });
      return;
    }
    if (fault === 'half-open') {
      pair.silent = true;
      this.#later(this.#between(LONGEST_SILENCE_MS / 2, LONGEST_SILENCE_MS), () => this.#destroy(pair));
      return;
    }
    // The frame ends in the middle: what was written must be under way before the reset.
    if (fault === 'cut') to.write(chunk.subarray(0, Math.ceil(chunk.length / 2)), () => this.#destroy(pair));
    else this.#destroy(pair);
  }
}
