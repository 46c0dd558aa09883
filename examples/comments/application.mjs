// The comments application on one machine: Carillon, the REST service and the front end, on loopback.
import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdirSync, openSync, closeSync, readFileSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { StaticServer } from './static_server.mjs';

const ISSUER = 'https://comments.example';
const AUDIENCE = 'carillon-comments';
const START_MS = 30_000;
const STOP_MS = 20_000;
const LOOK_MS = 50;

/** Holds on to a port of loopback, any free one for 0, until `release()`. */
async function reserve(wanted) {
  const holder = net.createServer();
  await new Promise((resolve, reject) => {
    holder.once('error', (error) => reject(error.code === 'EADDRINUSE' ? new Error(`port ${wanted} is taken`) : error));
    holder.listen(wanted, '127.0.0.1', resolve);
  });
  const { port } = holder.address();
  return { port, release: () => new Promise((resolve) => holder.close(resolve)) };
}

/** The ports that these stand for. Taken ones are refused here: what answers there would be taken for ours. */
async function choosePorts(wanted) {
  const settled = await Promise.allSettled(wanted.map(reserve));
  const held = settled.filter(({ status }) => status === 'fulfilled').map(({ value }) => value);
  await Promise.all(held.map(({ release }) => release()));
  const refused = settled.find(({ status }) => status === 'rejected');
  if (refused) throw refused.reason;
  return held.map(({ port }) => port);
}

/** Secrets of this installation, made the first time. */
function secretsIn(directory) {
  const file = path.join(directory, 'secrets.json');
  try {
    const secrets = { token: randomBytes(32).toString('base64url'), events: `whsec_${randomBytes(32).toString('base64')}` };
    writeFileSync(file, JSON.stringify(secrets), { mode: 0o600, flag: 'wx' });
    return secrets;
  } catch (error) {
    if (error.code !== 'EEXIST') throw error;
    return JSON.parse(readFileSync(file, 'utf8'));
  }
}

/** A program whose output goes to a file. */
class Service {
  constructor(name, { command, args = [], env = {}, log }) {
    Object.assign(this, { name, command, args, env, log });
  }

  start() {
    const output = openSync(this.log, 'a', 0o600);
    // What belongs to this program's own surroundings must not configure the services.
    const inherited = Object.entries(process.env).filter(([name]) => !/^(CARILLON|APP)_/.test(name));
    // A group of its own: Ctrl-C is for whoever started us, who ends it in order.
    this.child = spawn(this.command, this.args, { env: { ...Object.fromEntries(inherited), ...this.env }, stdio: ['ignore', output, output], detached: true });
    closeSync(output);
    this.ended = new Promise((resolve) => {
      this.child.once('error', (error) => resolve(error.message));
      this.child.once('exit', (code, signal) => resolve(code ?? signal));
    });
  }

  get running() {
    return this.child?.pid !== undefined && this.child.exitCode === null && this.child.signalCode === null;
  }

  /** Waits until `url` answers 200. */
  async ready(url) {
    const end = performance.now() + START_MS;
    let outcome;
    void this.ended.then((how) => (outcome = how));
    for (;;) {
      const answer = await fetch(url, { signal: AbortSignal.timeout(START_MS) }).catch(() => null);
      if (outcome !== undefined) throw new Error(`${this.name} ended (${outcome}): see ${this.log}`);
      if (answer?.ok) return;
      if (performance.now() > end) throw new Error(`${this.name} does not answer on ${url}: see ${this.log}`);
      await pause(LOOK_MS);
    }
  }

  async stop(signal = 'SIGTERM') {
    if (!this.running) return;
    this.child.kill(signal);
    const late = setTimeout(() => this.child.kill('SIGKILL'), STOP_MS);
    await this.ended;
    clearTimeout(late);
  }
}

export class CommentsApplication {
  /**
   * `programs`: the directory of carillon and comments-api; `web`: of the front end's export; `data`: of everything that is
   * written; `ports`: `{carillon, api, web}`, 0 for any free one; `reconnect`: `steady` or `seed`.
   */
  constructor({ programs, web, data, ports, reconnect = 'steady' }) {
    Object.assign(this, { programs, web, data, ports, reconnect });
  }

  async start() {
    mkdirSync(this.data, { recursive: true, mode: 0o700 });
    const [carillon, api, web] = await choosePorts([this.ports.carillon, this.ports.api, this.ports.web]);
    this.ports = { carillon, api, web };
    this.secrets = secretsIn(this.data);
    // Pages opened by either name are the same page to people, but not to browsers.
    this.origins = [`http://localhost:${web}`, `http://127.0.0.1:${web}`];
    this.carillon = this.carillonService();
    this.api = this.apiService();
    try {
      await this.startPages();
      await Promise.all([this.startCarillon(), this.startApi()]);
    } catch (error) {
      await this.stop();
      throw error;
    }
    return this;
  }

  carillonService() {
    const config = path.join(this.data, 'carillon.toml');
    writeFileSync(config, this.carillonConfig(), { mode: 0o600 });
    return new Service('carillon', {
      command: path.join(this.programs, 'carillon'),
      args: ['serve', '--config', config],
      env: { CARILLON_AUTH_HS256_SECRET: this.secrets.token, CARILLON_EVENTS_SECRET: this.secrets.events },
      log: path.join(this.data, 'carillon.log'),
    });
  }

  carillonConfig() {
    const events = `http://127.0.0.1:${this.ports.api}/websocket`;
    const text = JSON.stringify;
    return `# Written by script/example-comments. The two secrets, auth.hs256_secret and events.secret, come in the environment.
[gateway]
listen = "127.0.0.1:${this.ports.carillon}"
allowed_origins = [${this.origins.map(text).join(', ')}]
drain_seconds = 1

[auth]
issuer = ${text(ISSUER)}
audience = ${text(AUDIENCE)}

[events]
connect_url = ${text(`${events}/connect`)}
disconnect_url = ${text(`${events}/disconnect`)}

[store]
data_dir = ${text(path.join(this.data, 'carillon'))}
`;
  }

  apiService() {
    return new Service('comments-api', {
      command: path.join(this.programs, 'comments-api'),
      env: {
        APP_LISTEN: `127.0.0.1:${this.ports.api}`,
        APP_DATA: path.join(this.data, 'comments'),
        APP_SERVERLESS_WEBSOCKET_ENDPOINT: `http://127.0.0.1:${this.ports.carillon}`,
        APP_ALLOWED_ORIGINS: this.origins.join(','),
        APP_TOKEN_SECRET: this.secrets.token,
        APP_TOKEN_ISSUER: ISSUER,
        APP_TOKEN_AUDIENCE: AUDIENCE,
        APP_EVENTS_SECRET: this.secrets.events,
      },
      log: path.join(this.data, 'comments-api.log'),
    });
  }

  async startCarillon() {
    this.carillon.start();
    await this.carillon.ready(`http://127.0.0.1:${this.ports.carillon}/ready`);
  }

  async startApi() {
    this.api.start();
    await this.api.ready(`http://127.0.0.1:${this.ports.api}/health`);
  }

  async startPages() {
    const { carillon, api, web } = this.ports;
    const config = { websocketUrl: `ws://localhost:${carillon}`, apiUrl: `http://localhost:${api}`, reconnect: this.reconnect };
    // A refused upgrade is asked about over HTTP.
    const connect = [config.websocketUrl, config.apiUrl, `http://localhost:${carillon}`];
    this.pages = new StaticServer({ directory: this.web, config, connect });
    await this.pages.start(web);
  }

  /** For people. */
  get url() {
    return `http://localhost:${this.ports.web}`;
  }

  /** Resolves with what ended by itself. */
  failed() {
    return Promise.race([this.carillon, this.api].map(async (service) => `${service.name} ended (${await service.ended}): see ${service.log}`));
  }

  async stop() {
    await Promise.all([this.pages?.stop(), this.carillon?.stop(), this.api?.stop()]);
  }
}
