// Serves an export of the front end on loopback. Everything is read at the start and looked up by its whole name, so no
// path leads out of the directory.
import { createHash } from 'node:crypto';
import { readFileSync, readdirSync } from 'node:fs';
import http from 'node:http';
import path from 'node:path';

const TYPES = {
  '.css': 'text/css; charset=utf-8',
  '.html': 'text/html; charset=utf-8',
  '.ico': 'image/x-icon',
  '.js': 'text/javascript; charset=utf-8',
  '.json': 'application/json',
  '.png': 'image/png',
  '.svg': 'image/svg+xml',
  '.txt': 'text/plain; charset=utf-8',
  '.woff2': 'font/woff2',
};

/** The inline scripts of a page, as a content security policy names them. */
function scriptHashes(html) {
  const scripts = html.matchAll(/<script(?![^>]*\ssrc=)[^>]*>([\s\S]*?)<\/script>/g);
  return [...scripts].map(([, text]) => `'sha256-${createHash('sha256').update(text).digest('base64')}'`);
}

function policyFor(html, connect) {
  return [
    "default-src 'none'",
    `script-src 'self' ${[...new Set(scriptHashes(html))].join(' ')}`,
    "style-src 'self'",
    "img-src 'self' data:",
    `connect-src 'self' ${connect.join(' ')}`,
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ].join('; ');
}

export class StaticServer {
  /** `config`: what `/config.json` answers; `connect`: the origins that the pages may talk to. */
  constructor({ directory, config, connect = [] }) {
    this.files = new Map();
    for (const entry of readdirSync(directory, { recursive: true, withFileTypes: true })) {
      if (!entry.isFile()) continue;
      const file = path.join(entry.parentPath, entry.name);
      this.add(`/${path.relative(directory, file).split(path.sep).join('/')}`, readFileSync(file), connect);
    }
    this.add('/config.json', Buffer.from(JSON.stringify(config)), connect);
  }

  add(name, body, connect) {
    const extension = path.extname(name);
    const headers = {
      'content-type': TYPES[extension] ?? 'application/octet-stream',
      'content-length': body.length,
      'cache-control': name.startsWith('/_next/static/') ? 'public, max-age=31536000, immutable' : 'no-cache',
      'x-content-type-options': 'nosniff',
      'referrer-policy': 'no-referrer',
    };
    if (extension === '.html') headers['content-security-policy'] = policyFor(body.toString(), connect);
    this.files.set(name, { headers, body });
  }

  find(target) {
    let name;
    try {
      name = decodeURIComponent(target.split('?', 1)[0]);
    } catch {
      return undefined;
    }
    return this.files.get(name) ?? this.files.get(`${name}.html`) ?? this.files.get(`${name.replace(/\/$/, '')}/index.html`);
  }

  answer(request, response) {
    if (request.method !== 'GET' && request.method !== 'HEAD') {
      response.writeHead(405, { allow: 'GET, HEAD' }).end();
      return;
    }
    const found = this.find(request.url);
    const file = found ?? this.files.get('/404.html');
    response.writeHead(found ? 200 : 404, file?.headers);
    response.end(request.method === 'HEAD' ? undefined : file?.body);
  }

  /** Port 0 is any free one; `port` says which. */
  async start(port = 0) {
    this.server = http.createServer((request, response) => this.answer(request, response));
    await new Promise((resolve, reject) => {
      this.server.once('error', reject);
      this.server.listen(port, '127.0.0.1', resolve);
    });
    this.port = this.server.address().port;
  }

  async stop() {
    if (!this.server) return;
    const closed = new Promise((resolve) => this.server.close(resolve));
    this.server.closeAllConnections();
    await closed;
  }
}
