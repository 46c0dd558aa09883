// Runs the real binary for the integration tests: in a directory of its own, on a free port, stopped by pid.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { after, before } from 'node:test';
import { Client, UpgradeRefused } from './client.mjs';
import { Inbox, until, within } from './inbox.mjs';
import { RawSocket } from './raw.mjs';
import { AUDIENCE, HS256_ISSUER, HS256_SECRET, claimsOf, hs256 } from './tokens.mjs';

export { Client, UpgradeRefused } from './client.mjs';
export { Inbox, PATIENCE_MS, unique, until, within } from './inbox.mjs';

const root = path.resolve(import.meta.dirname, '../..');
export const BINARY = path.resolve(root, process.env.CARILLON_BINARY ?? 'build/release/carillon');
const FAST_DRAIN = { drain_seconds: 1 };

export const temporaryDirectory = () => mkdtempSync(path.join(tmpdir(), 'carillon-test-'));
export const removeDirectory = (directory) => rmSync(directory, { recursive: true, force: true });

/** This process's environment without what would configure a server. */
export function cleanEnvironment(extra = {}) {
  const kept = Object.entries(process.env).filter(([name]) => !name.startsWith('CARILLON_'));
  return { ...Object.fromEntries(kept), ...extra };
}

function tomlValue(value) {
  if (Array.isArray(value)) return `[${value.map(tomlValue).join(', ')}]`;
  if (value !== null && typeof value === 'object') {
    return `{ ${Object.entries(value).map(([key, inner]) => `${JSON.stringify(key)} = ${tomlValue(inner)}`).join(', ')} }`;
  }
  return JSON.stringify(value);
}

/** `{ gateway: {…}, 'channels.Email': {…} }` as TOML. */
export function toml(config) {
  return Object.entries(config)
    .map(([section, keys]) => `[${section}]\n${Object.entries(keys).map(([key, value]) => `${key} = ${tomlValue(value)}\n`).join('')}`)
    .join('\n');
}

export const HS256_AUTH = { issuer: HS256_ISSUER, audience: AUDIENCE, hs256_secret: HS256_SECRET };

/** Runs the program to its end: `{code, signal, stdout, stderr}`. Its stdin is empty. */
export async function run(args, { env = {}, ms } = {}) {
  const child = spawn(BINARY, args, { env: cleanEnvironment(env), stdio: ['ignore', 'pipe', 'pipe'] });
  let stdout = '';
  let stderr = '';
  child.stdout.on('data', (chunk) => (stdout += chunk));
  child.stderr.on('data', (chunk) => (stderr += chunk));
  const ended = new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code, signal) => resolve({ code, signal, stdout, stderr }));
  });
  try {
    return await within(ended, `carillon ${args.join(' ')} to end`, ms);
  } catch (error) {
    child.kill('SIGKILL');
    throw new Error(`${error.message}; stdout: ${stdout}; stderr: ${stderr}`);
  }
}

/** One server. `config` is merged over a working configuration; `dev` starts it with --dev instead of [auth]. */
export class Server {
  violations = [];
  secrets = new Set();
  clients = new Set();
  log = [];
  port = 0;

  constructor({ config = {}, dev = false, env = {}, args = [], auth = HS256_AUTH } = {}) {
    Object.assign(this, { config, dev, env, args, auth });
  }

  async start() {
    this.directory ??= temporaryDirectory();
    this.dataDirectory ??= path.join(this.directory, 'data');
    this.configFile ??= path.join(this.directory, 'carillon.toml');
    await this.prepare?.();
    this.writeConfig();
    this.spawn();
    await this.ready();
    return this;
  }

  writeConfig(changes = {}) {
    this.config = { ...this.config, ...changes };
    const base = this.dev ? {} : { auth: this.auth };
    writeFileSync(this.configFile, toml({ ...base, ...this.config, gateway: { ...FAST_DRAIN, ...this.config.gateway } }));
  }

  spawn() {
    const args = ['serve', '--config', this.configFile, '--listen', '127.0.0.1:0', '--data', this.dataDirectory];
    if (this.dev) args.push('--dev');
    this.process = spawn(BINARY, [...args, ...this.args], { env: cleanEnvironment(this.env), stdio: ['ignore', 'pipe', 'pipe'] });
    this.lines = new Inbox('log lines');
    this.printed = [];
    this.output = new Inbox('stdout lines');
    createInterface({ input: this.process.stderr }).on('line', (line) => this.takeLog(line));
    createInterface({ input: this.process.stdout }).on('line', (line) => (this.printed.push(line), this.output.push(line)));
    this.exited = new Promise((resolve, reject) => {
      this.process.on('error', reject);
      this.process.on('close', (code, signal) => {
        const left = this.log.slice(-5).map((entry) => entry.text).join('\n');
        this.output.end(`server exited ${code ?? signal}: ${left}`);
        this.lines.end(`server exited ${code ?? signal}`);
        resolve({ code, signal });
      });
    });
    this.exited.catch((error) => this.output.end(String(error)));
    this.agent = new http.Agent({ keepAlive: true, maxSockets: 64 });
  }

  takeLog(text) {
    const entry = { text };
    try {
      entry.data = JSON.parse(text);
    } catch {
      this.violations.push(`a line on stderr is no JSON: ${text}`);
    }
    for (const key of ['timestamp', 'level', 'event_type', 'message']) {
      if (entry.data && typeof entry.data[key] !== 'string') this.violations.push(`a log line lacks ${key}: ${text}`);
    }
    this.log.push(entry);
    this.lines.push(entry);
  }

  async ready() {
    const url = /https?:\/\/127\.0\.0\.1:(\d+)/;
    this.port = Number(url.exec(await this.output.next((text) => url.test(text), 'the URL on stdout', 30_000))[1]);
    this.url = `http://127.0.0.1:${this.port}`;
  }

  /** Ends the server the hard way, as a crash or a power cut would. */
  async kill9() {
    process.kill(this.process.pid, 'SIGKILL');
    await this.exited;
    this.agent.destroy();
  }

  async terminate(signal = 'SIGTERM') {
    process.kill(this.process.pid, signal);
    const ended = await within(this.exited, `the server to exit after ${signal}`, 30_000);
    this.agent.destroy();
    return ended;
  }

  /** Starts again on the same data, on another port. */
  async restart() {
    for (const client of this.clients) client.terminate();
    this.clients.clear();
    if (this.running) await this.terminate();
    return this.start();
  }

  get running() {
    return this.process !== undefined && this.process.exitCode === null && this.process.signalCode === null;
  }

  /** Ends everything and checks what must hold for every server whatever the test was about. */
  async stop() {
    try {
      await this.beforeStop?.();
      for (const client of this.clients) client.terminate();
      if (this.running) {
        const { code, signal } = await this.terminate();
        if (code !== 0) this.violations.push(`SIGTERM ended the server with ${code ?? signal}`);
      }
    } finally {
      if (this.running) process.kill(this.process.pid, 'SIGKILL');
      this.agent?.destroy();
      if (this.directory) removeDirectory(this.directory);
    }
    for (const { text } of this.log) {
      for (const secret of this.secrets) if (text.includes(secret)) this.violations.push(`a log line holds a token: ${text}`);
    }
    assert.deepEqual(this.violations, []);
  }

  /** Remembers a token, so that stop() can look for it in the logs. */
  secret(token) {
    this.secrets.add(token);
    const signature = token.split('.')[2];
    if (signature) this.secrets.add(signature);
    return token;
  }

  token(options = {}) {
    return this.secret(hs256(claimsOf(typeof options === 'string' ? { user: options } : options)));
  }

  get admin() {
    return (this.adminToken ??= this.token({ user: 'root-admin', scopes: ['carillon/admin'] }));
  }

  get backend() {
    return (this.backendToken ??= this.token({ user: 'backend', scopes: ['carillon/publish'] }));
  }

  /** `user` names who asks when there is no `token`. Objects as `body` are sent as JSON. */
  async request(method, target, { token, user, body, headers = {} } = {}) {
    const bearer = token ?? (user ? this.token(user) : undefined);
    const text = body === undefined || typeof body === 'string' || Buffer.isBuffer(body) ? body : JSON.stringify(body);
    const all = { ...headers };
    if (bearer) all.authorization = `Bearer ${bearer}`;
    if (text !== undefined) all['content-length'] = Buffer.byteLength(text);
    if (text !== undefined) all['content-type'] ??= 'application/json';
    const answer = await within(this.exchange(method, target, all, text), `${method} ${target}`, 30_000);
    this.checkAnswer(method, target, answer);
    return answer;
  }

  exchange(method, target, headers, text) {
    return new Promise((resolve, reject) => {
      const request = http.request({ host: '127.0.0.1', port: this.port, method, path: target, headers, agent: this.agent });
      request.on('error', reject);
      request.on('response', (response) => {
        const chunks = [];
        response.on('data', (chunk) => chunks.push(chunk));
        response.on('error', reject);
        response.on('end', () => {
          const body = Buffer.concat(chunks).toString();
          resolve({ status: response.statusCode, headers: response.headers, text: body, json: parseOr(body) });
        });
      });
      request.end(text);
    });
  }

  /** What holds for every answer (CONTRACT §2, §3). */
  checkAnswer(method, target, { status, headers, text, json }) {
    const broken = (what) => this.violations.push(`${method} ${target} → ${status}: ${what}: ${text.slice(0, 200)}`);
    if (headers['set-cookie']) broken('sets a cookie');
    if (status >= 400 && method !== 'HEAD' && typeof json?.error !== 'string') broken('an error is not {"error": …}');
    if (json !== undefined && headers['x-content-type-options'] !== 'nosniff') broken('JSON without nosniff');
    if (json !== undefined && !/^application\/json/.test(headers['content-type'] ?? '')) broken('JSON of another type');
    if (status === 401 && !/^Bearer/.test(headers['www-authenticate'] ?? '')) broken('401 without WWW-Authenticate: Bearer');
    if (json?.error === 'Too many requests' && !(Number(headers['retry-after']) >= 1)) broken('429 without Retry-After');
  }

  get(target, options) {
    return this.request('GET', target, options);
  }

  post(target, body, options) {
    return this.request('POST', target, { ...options, body });
  }

  delete(target, options) {
    return this.request('DELETE', target, options);
  }

  /** Publishes over HTTP as a backend, unless options say otherwise; `fields` are completed to a whole body. */
  publish(fields, options = {}) {
    return this.post('/publish', message(fields), options.token || options.user ? options : { ...options, token: this.backend });
  }

  /** publish() that must be answered 200; answers its JSON. */
  async published(fields, options) {
    const answer = await this.publish(fields, options);
    assert.equal(answer.status, 200, answer.text);
    return answer.json;
  }

  async grant(userId, chatId, role = 'member') {
    const answer = await this.post('/permissions', { userId, chatId, role }, { token: this.admin });
    assert.ok(answer.status === 201 || answer.status === 200, `grant: ${answer.status} ${answer.text}`);
    return answer;
  }

  revoke(userId, chatId, options) {
    return this.delete(`/permissions?${new URLSearchParams({ userId, chatId })}`, options ?? { token: this.admin });
  }

  /** `query` values may be lists. `as` is a user's name; `token` a token; null sends none. */
  socketUrl({ path: target = '/dvl', query = {}, token }) {
    const parameters = new URLSearchParams();
    if (token) parameters.set('token', token);
    for (const [name, value] of Object.entries(query)) for (const item of [value].flat()) parameters.append(name, item);
    const text = parameters.toString();
    return `ws://127.0.0.1:${this.port}${target}${text ? `?${text}` : ''}`;
  }

  /** A connection; with carillon.v1 unless `plain`, its first frame then in `hello`. */
  async connect({ as = 'alice', token, chats = [], query = {}, plain = false, protocols, ...options } = {}) {
    const bearer = token === undefined ? this.token(as) : token;
    const all = chats.length > 0 ? { chatId: chats, ...query } : query;
    const offered = protocols ?? (plain ? [] : ['carillon.v1']);
    const client = await Client.open(this.socketUrl({ ...options, query: all, token: bearer }), { ...options, protocols: offered });
    this.clients.add(client);
    if (client.protocol === 'carillon.v1') client.hello = await client.next((frame) => frame.type === 'connected', 'the connected frame');
    return client;
  }

  /** The refusal of a connection that must be refused. */
  async refused(options) {
    try {
      const client = await this.connect(options);
      client.terminate();
    } catch (error) {
      if (error instanceof UpgradeRefused) {
        this.checkAnswer('GET', 'upgrade', error);
        return error;
      }
      throw error;
    }
    return assert.fail('the upgrade was accepted');
  }

  /** A chat with these members connected to it: `{chat, clients…}` in the order of the names. */
  async chatWith(chat, users, options = {}) {
    for (const user of users) await this.grant(user, chat);
    return Promise.all(users.map((user) => this.connect({ as: user, chats: [chat], ...options })));
  }

  raw() {
    return RawSocket.open(this.port);
  }

  async queue(name) {
    const { json } = await this.get('/queues', { token: this.admin });
    return queueList(json).find((queue) => queue.name === name);
  }

  /** The dead letters (or waiting messages) of a queue. */
  async peek(name, limit = 100) {
    const answer = await this.get(`/queues/${name}/messages?limit=${limit}`, { token: this.admin });
    assert.equal(answer.status, 200, answer.text);
    return Array.isArray(answer.json) ? answer.json : answer.json.messages;
  }

  untilQueue(name, check, what) {
    return until(async () => check(await this.queue(name)), what);
  }
}

const queueList = (json) => (Array.isArray(json) ? json : json.queues);

function parseOr(text) {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/**
 * A publish body. `chat`, `to` (`class:id` or `all`), `content`, `event` and `payload` make up the payload; the rest
 * stands beside it.
 */
export function message({ chat, to, content = 'hello', event = 'chat', payload = {}, ...rest } = {}) {
  const target = {};
  if (chat !== undefined) target.chatId = chat;
  if (to === 'all') target.targetClass = 'all';
  else if (to !== undefined) Object.assign(target, { targetClass: to.slice(0, to.indexOf(':')), targetId: to.slice(to.indexOf(':') + 1) });
  return { targetChannel: 'WebSocket', ...rest, payload: { ...target, eventType: event, content, ...payload } };
}

export const fifo = (fields) => message({ messageType: 'fifo', ...fields });

/** A server that runs while the tests of a file (or of a describe block) do. */
export function useServer(options = {}) {
  const server = new Server(options);
  before(() => server.start());
  after(() => server.stop());
  return server;
}

/** Starts whatever has start() and stop() around the tests. */
export function using(fixture) {
  before(() => fixture.start());
  after(() => fixture.stop());
  return fixture;
}

/** Whether an error frame or body is this refusal. */
export function assertError(answer, statusCode, error) {
  assert.equal(answer.error, error, JSON.stringify(answer));
  assert.equal(answer.statusCode, statusCode, JSON.stringify(answer));
}

export function assertRefused(answer, status, error) {
  assert.deepEqual([answer.status, answer.json?.error], [status, error], answer.text);
}
