// The built SDK, as its users import it, on the real server: clients with a WebSocket of npm's `ws`, and what they show.
import { mkdirSync, readdirSync, rmdirSync, statSync } from 'node:fs';
import { execFile } from 'node:child_process';
import path from 'node:path';
import { promisify } from 'node:util';
import WebSocket from 'ws';
import { Server, until } from './harness.mjs';
import { ChaosProxy } from './sdk_proxy.mjs';

const root = path.resolve(import.meta.dirname, '../..');
const BUILD_MS = 120_000;

function newest(directory, wants = () => true) {
  const files = readdirSync(directory, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile() && wants(entry.name));
  return Math.max(...files.map((entry) => statSync(path.join(entry.parentPath, entry.name)).mtimeMs));
}

const isStale = (folder) => {
  try {
    const built = statSync(path.join(folder, 'dist', 'index.js')).mtimeMs;
    return built < Math.max(newest(path.join(folder, 'src')), statSync(path.join(folder, 'package.json')).mtimeMs);
  } catch {
    return true;
  }
};

/** Builds a package of `web` when its sources are newer than its dist; several processes may ask at once. */
export async function buildPackage(name) {
  const folder = path.join(root, 'web', name);
  const lock = path.join(root, 'build', `${name}.lock`);
  mkdirSync(path.dirname(lock), { recursive: true });
  const take = () => {
    try {
      mkdirSync(lock);
      return true;
    } catch (error) {
      // Whoever died while it built leaves it.
      if (error.code === 'EEXIST' && Date.now() - statSync(lock).mtimeMs > BUILD_MS) rmdirSync(lock);
      return false;
    }
  };
  await until(take, `the lock ${lock}`, BUILD_MS * 2);
  try {
    if (isStale(folder)) await promisify(execFile)(process.execPath, ['build.mjs'], { cwd: folder });
  } finally {
    rmdirSync(lock);
  }
}

/** What `import … from '@carillon/client'` gives. */
export async function loadSdk() {
  await buildPackage('sdk');
  return import('@carillon/client');
}

/** Impatient, so that a test need not wait for what a person would. */
export const IMPATIENT = { pingIntervalMs: 500, timeoutMs: 3000, reconnect: { baseMs: 50, maxMs: 500 } };

/** What a listener got, in the order of its arrival. */
export class Screen {
  shown = [];
  missing = [];

  listener = (message, delivery) => {
    this.shown.push({ message, delivery });
  };

  get contents() {
    return this.shown.map(({ message }) => message.payload.content);
  }

  get numbers() {
    return this.shown.map(({ message }) => message.sequenceNumber);
  }

  get ways() {
    return this.shown.map(({ delivery }) => delivery.via);
  }

  until(count, ms) {
    return until(() => this.shown.length >= count, `${count} messages on the screen (there are ${this.shown.length})`, ms);
  }
}

/** A server with an address that stays the same when it is killed and started again. */
export class SteadyServer extends Server {
  door = new ChaosProxy({ calm: true, port: () => this.port });

  async start() {
    if (!this.door.url) await this.door.start();
    await super.start();
    this.url = this.door.url;
    return this;
  }

  async stop() {
    await this.door.stop();
    return super.stop();
  }
}

/** SDK clients of one file's tests, closed at the end of each. */
export class SdkClients {
  #open = new Set();

  constructor(server) {
    this.server = server;
  }

  /** A client of `user` with what it said. `url` may lead through a proxy. */
  async make(user, options = {}) {
    const { CarillonClient } = await loadSdk();
    const client = new CarillonClient({ url: this.server.url, token: () => this.server.token(user), WebSocket, ...IMPATIENT, ...options });
    client.errors = [];
    client.states = [];
    client.onError((error) => client.errors.push(error));
    client.onState((state) => client.states.push(state));
    this.#open.add(client);
    return client;
  }

  async connected(user, options) {
    const client = await this.make(user, options);
    await client.connect();
    return client;
  }

  /** A member of the chat, connected and joined: `{client, chat, screen}`. */
  async member(user, chatId, options) {
    await this.server.grant(user, chatId);
    const client = await this.make(user, options);
    const screen = new Screen();
    const chat = client.chat(chatId);
    chat.subscribe(screen.listener);
    chat.onMissing((missing) => screen.missing.push(...missing));
    await client.connect();
    await until(() => chat.status === 'joined', `${user} to join ${chatId}`);
    return { client, chat, screen };
  }

  async closeAll() {
    const all = [...this.#open];
    this.#open.clear();
    await Promise.all(all.map((client) => client.close()));
  }
}

export const untilStatus = (client, status, ms) => until(() => client.state.status === status, `the client to be ${status} (it is ${client.state.status})`, ms);
