// Sockets below HTTP and WebSocket clients: what is sent is exactly what the test says.
import { createHash, randomBytes } from 'node:crypto';
import net from 'node:net';
import { PATIENCE_MS, within } from './inbox.mjs';

export const OPCODE = { continuation: 0, text: 1, binary: 2, close: 8, ping: 9, pong: 10 };
const GUID = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';

/** A frame as a client sends it; every field can be wrong on purpose. */
export function frame(opcode, payload = '', { fin = true, rsv = 0, mask = true, lengthBytes, length } = {}) {
  const data = Buffer.from(payload);
  const size = length ?? data.length;
  const form = lengthBytes ?? (size < 126 ? 0 : size < 65536 ? 2 : 8);
  const head = Buffer.alloc(2 + form);
  head[0] = (fin ? 0x80 : 0) | (rsv << 4) | opcode;
  head[1] = (mask ? 0x80 : 0) | (form === 0 ? Number(size) : form === 2 ? 126 : 127);
  if (form === 2) head.writeUInt16BE(Number(size), 2);
  if (form === 8) head.writeBigUInt64BE(BigInt(size), 2);
  if (!mask) return Buffer.concat([head, data]);
  const key = randomBytes(4);
  return Buffer.concat([head, key, data.map((byte, index) => byte ^ key[index & 3])]);
}

export function closePayload(code, reason = '') {
  const head = Buffer.alloc(2);
  head.writeUInt16BE(code);
  return Buffer.concat([head, Buffer.from(reason)]);
}

/** The bytes of a GET that asks for a WebSocket. A header set to null is left out. */
export function upgradeRequest(path, headers = {}, { method = 'GET', version = 'HTTP/1.1' } = {}) {
  const all = {
    Host: '127.0.0.1',
    Upgrade: 'websocket',
    Connection: 'Upgrade',
    'Sec-WebSocket-Key': 'dGhlIHNhbXBsZSBub25jZQ==',
    'Sec-WebSocket-Version': '13',
    ...headers,
  };
  const lines = Object.entries(all).filter(([, value]) => value !== null).map(([name, value]) => `${name}: ${value}\r\n`);
  return `${method} ${path} ${version}\r\n${lines.join('')}\r\n`;
}

export const acceptFor = (key) => createHash('sha1').update(key + GUID).digest('base64');

export class RawSocket {
  #received = Buffer.alloc(0);
  #wake = [];
  ended = false;
  error = null;

  static async open(port) {
    const raw = new RawSocket();
    raw.socket = net.connect({ port, host: '127.0.0.1', noDelay: true, allowHalfOpen: true });
    const wake = () => raw.#wake.splice(0).forEach((resolve) => resolve());
    raw.socket.on('data', (chunk) => ((raw.#received = Buffer.concat([raw.#received, chunk])), wake()));
    raw.socket.on('end', () => ((raw.ended = true), wake()));
    raw.socket.on('error', (error) => ((raw.error = error), (raw.ended = true), wake()));
    raw.socket.on('close', () => ((raw.ended = true), wake()));
    await within(new Promise((resolve, reject) => raw.socket.once('connect', resolve).once('error', reject)), 'a TCP connection');
    return raw;
  }

  /** A socket on which the 101 has been read. */
  static async upgraded(port, path = '/echo', headers = {}) {
    const raw = await RawSocket.open(port);
    raw.write(upgradeRequest(path, headers));
    raw.response101 = await raw.response();
    if (raw.response101.status !== 101) {
      raw.destroy();
      throw new Error(`expected 101, got ${raw.response101.status} ${raw.response101.text}`);
    }
    return raw;
  }

  write(bytes) {
    if (!this.socket.destroyed) this.socket.write(bytes);
    return this;
  }

  /** Sends `bytes` in pieces, each in a packet of its own as far as TCP allows. */
  async writeInPieces(bytes, size) {
    const data = Buffer.from(bytes);
    for (let at = 0; at < data.length && !this.ended; at += size) {
      await new Promise((resolve) => this.socket.write(data.subarray(at, at + size), () => setImmediate(resolve)));
    }
    return this;
  }

  /** Waits until `parse(received)` gives `{value, used}`; undefined at the end of the stream. */
  async #take(parse, what, ms = PATIENCE_MS) {
    const end = performance.now() + ms;
    for (;;) {
      const found = parse(this.#received);
      if (found) {
        this.#received = this.#received.subarray(found.used);
        return found.value;
      }
      if (this.ended) return undefined;
      const left = end - performance.now();
      if (left <= 0) throw new Error(`waited ${ms} ms for ${what}; received ${JSON.stringify(this.#received.toString('latin1').slice(0, 300))}`);
      await Promise.race([new Promise((resolve) => this.#wake.push(resolve)), new Promise((resolve) => setTimeout(resolve, Math.min(left, 50)).unref())]);
    }
  }

  /** The next HTTP response, or undefined when the server closed without one. */
  response({ head = false, ms } = {}) {
    return this.#take((data) => parseResponse(data, head, this.ended), 'an HTTP response', ms);
  }

  /** The next WebSocket frame `{fin, rsv, opcode, masked, payload}`, or undefined at the end. */
  frame(ms) {
    return this.#take(parseFrame, 'a WebSocket frame', ms);
  }

  /** Frames up to a close frame or the end; `code` is undefined when there was no close frame. */
  async untilClose(ms) {
    const frames = [];
    for (;;) {
      const next = await this.frame(ms);
      if (next === undefined) return { frames, code: undefined, reason: undefined };
      if (next.opcode === OPCODE.close) {
        const code = next.payload.length >= 2 ? next.payload.readUInt16BE(0) : 1005;
        return { frames, code, reason: next.payload.subarray(2).toString() };
      }
      frames.push(next);
    }
  }

  /** Resolves when the server has ended the connection. */
  async end(ms = PATIENCE_MS) {
    await this.#take(() => undefined, 'the end of the connection', ms);
  }

  pause() {
    this.socket.pause();
    return this;
  }

  resume() {
    this.socket.resume();
    return this;
  }

  destroy() {
    this.socket.destroy();
  }
}

function parseResponse(data, isHead, ended) {
  const headEnd = data.indexOf('\r\n\r\n');
  if (headEnd < 0) return undefined;
  const [statusLine, ...lines] = data.subarray(0, headEnd).toString('latin1').split('\r\n');
  const status = Number(statusLine.split(' ')[1]);
  const headers = {};
  for (const line of lines) {
    const colon = line.indexOf(':');
    headers[line.slice(0, colon).toLowerCase()] = line.slice(colon + 1).trim();
  }
  const bodyAt = headEnd + 4;
  let used = bodyAt;
  if (!isHead && status >= 200 && status !== 204 && status !== 304) {
    if (headers['content-length'] === undefined) {
      if (!ended) return undefined;
      used = data.length;
    } else {
      used = bodyAt + Number(headers['content-length']);
      if (data.length < used) return undefined;
    }
  }
  const text = data.subarray(bodyAt, used).toString();
  let json;
  try {
    json = JSON.parse(text);
  } catch {
    json = undefined;
  }
  return { value: { status, statusLine, headers, text, json }, used };
}

function parseFrame(data) {
  if (data.length < 2) return undefined;
  const masked = (data[1] & 0x80) !== 0;
  let size = data[1] & 0x7f;
  let at = 2;
  if (size === 126) {
    if (data.length < 4) return undefined;
    size = data.readUInt16BE(2);
    at = 4;
  } else if (size === 127) {
    if (data.length < 10) return undefined;
    size = Number(data.readBigUInt64BE(2));
    at = 10;
  }
  if (masked) at += 4;
  if (data.length < at + size) return undefined;
  const payload = Buffer.from(data.subarray(at, at + size));
  return {
    value: { fin: (data[0] & 0x80) !== 0, rsv: (data[0] >> 4) & 7, opcode: data[0] & 15, masked, payload },
    used: at + size,
  };
}
