// Runs the comments application's REST service, with a stand-in for Carillon where a test needs one that fails.
import { spawn } from 'node:child_process';
import http from 'node:http';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { BINARY, Inbox, Server, cleanEnvironment } from './harness.mjs';
import { AUDIENCE, HS256_ISSUER, HS256_SECRET } from './tokens.mjs';

export const COMMENTS_API = path.join(path.dirname(BINARY), 'comments-api');
export const EVENTS_SECRET = `whsec_${Buffer.from('the key of connection events, 40 bytes..').toString('base64')}`;

export class CommentsApi extends Server {
  /** `endpoint` answers where Carillon is, when the service starts. */
  constructor({ endpoint, env = {} }) {
    super({ env });
    this.endpoint = endpoint;
  }

  writeConfig() {}

  environment() {
    return {
      APP_LISTEN: '127.0.0.1:0',
      APP_DATA: this.dataDirectory,
      APP_SERVERLESS_WEBSOCKET_ENDPOINT: this.endpoint(),
      APP_TOKEN_SECRET: HS256_SECRET,
      APP_TOKEN_ISSUER: HS256_ISSUER,
      APP_TOKEN_AUDIENCE: AUDIENCE,
      APP_EVENTS_SECRET: EVENTS_SECRET,
      ...this.env,
    };
  }

  spawn() {
    this.process = spawn(COMMENTS_API, { env: cleanEnvironment(this.environment()), stdio: ['ignore', 'pipe', 'pipe'] });
    this.lines = new Inbox('log lines');
    this.output = new Inbox('stdout lines');
    createInterface({ input: this.process.stderr }).on('line', (line) => this.takeLog(line));
    createInterface({ input: this.process.stdout }).on('line', (line) => this.output.push(line));
    this.exited = new Promise((resolve, reject) => {
      this.process.on('error', reject);
      this.process.on('close', (code, signal) => {
        this.output.end(`comments-api exited ${code ?? signal}: ${this.log.at(-1)?.text}`);
        resolve({ code, signal });
      });
    });
    this.exited.catch((error) => this.output.end(String(error)));
    this.agent = new http.Agent({ keepAlive: true, maxSockets: 64 });
  }

  /** The token of a demo user. */
  async signIn(userId) {
    const { json } = await this.post('/api/v1/session', { userId });
    return this.secret(json.token);
  }

  comment(post, content, token) {
    return this.post(`/api/v1/posts/${post}/comments`, { content }, { token });
  }

  async comments(post, query = '') {
    return (await this.get(`/api/v1/posts/${post}/comments${query}`)).json;
  }

  async broadcasts() {
    return (await this.get('/health')).json.broadcasts;
  }
}

/** Takes `POST /broadcast` and `GET /websocket/connections` as Carillon does, and can be slow, broken and away. */
export class CarillonStandIn {
  broadcasts = new Inbox('broadcasts');
  /** The status of each broadcast, in order; 200 when none is left. A promise delays it. */
  statuses = [];
  count = 3;

  async start() {
    this.server = http.createServer((request, response) => {
      let body = '';
      request.on('data', (chunk) => (body += chunk));
      request.on('end', () => this.answer(request, body, response));
    });
    await new Promise((resolve) => this.server.listen(this.port ?? 0, '127.0.0.1', resolve));
    this.port = this.server.address().port;
    this.url = `http://127.0.0.1:${this.port}`;
    return this;
  }

  async answer(request, body, response) {
    if (request.method === 'POST' && request.url === '/broadcast') {
      this.broadcasts.push({ headers: request.headers, data: JSON.parse(body) });
      return response.writeHead(await (this.statuses.shift() ?? 200)).end('{"message":"Broadcast accepted"}');
    }
    if (request.method === 'GET' && request.url === '/websocket/connections') {
      return response.writeHead(200).end(JSON.stringify({ status: 'healthy', count: this.count }));
    }
    return response.writeHead(404).end('{}');
  }

  next(type) {
    return this.broadcasts.next(({ data }) => type === undefined || data.type === type, `a broadcast ${type ?? ''}`);
  }

  async stop() {
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
  }
}

/** A port that is known before what answers there is: passes requests on to `target()`. */
export class Forwarder {
  async start() {
    this.server = http.createServer((request, response) => {
      const { hostname, port } = new URL(this.target());
      const { method, url, headers } = request;
      const passed = http.request({ hostname, port, method, path: url, headers }, (answer) => {
        response.writeHead(answer.statusCode, answer.headers);
        answer.pipe(response);
      });
      passed.on('error', () => response.writeHead(502).end());
      request.pipe(passed);
    });
    await new Promise((resolve) => this.server.listen(0, '127.0.0.1', resolve));
    this.url = `http://127.0.0.1:${this.server.address().port}`;
    return this;
  }

  async stop() {
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
  }
}
