// A WebSocket client around npm's `ws`, which this project did not write.
import WebSocket from 'ws';
import { Inbox, unique, within } from './inbox.mjs';

/** The server answered an upgrade with something else than 101. */
export class UpgradeRefused extends Error {
  constructor(status, headers, text) {
    super(`upgrade refused: ${status} ${text}`);
    Object.assign(this, { status, headers, text });
    try {
      this.json = JSON.parse(text);
    } catch {
      this.json = undefined;
    }
  }
}

export class Client {
  frames = new Inbox('frames');
  pings = new Inbox('pings');
  received = 0;
  hello = null;

  static open(url, { protocols = [], headers = {}, autoPong = true, perMessageDeflate = false, tls = {} } = {}) {
    const client = new Client();
    const socket = new WebSocket(url, protocols, { ...tls, headers, autoPong, perMessageDeflate, handshakeTimeout: 15_000 });
    client.socket = socket;
    client.closed = new Promise((resolve) => {
      socket.on('close', (code, reason) => {
        resolve({ code, reason: reason.toString() });
        client.frames.end(`closed ${code} ${reason}`);
        client.pings.end(`closed ${code} ${reason}`);
      });
    });
    socket.on('message', (data, binary) => {
      client.received += 1;
      client.frames.push(parse(data, binary));
    });
    socket.on('ping', (data) => client.pings.push(data));
    return new Promise((resolve, reject) => {
      socket.on('upgrade', (response) => (client.upgradeHeaders = response.headers));
      socket.on('open', () => resolve(client));
      socket.on('error', reject);
      socket.on('unexpected-response', (request, response) => {
        let text = '';
        response.on('data', (chunk) => (text += chunk));
        response.on('end', () => {
          reject(new UpgradeRefused(response.statusCode, response.headers, text));
          request.destroy();
        });
      });
    });
  }

  get protocol() {
    return this.socket.protocol;
  }

  send(object) {
    this.raw(JSON.stringify(object));
    return this;
  }

  raw(text, options) {
    this.socket.send(text, options);
    return this;
  }

  /** Sends a frame with a requestId and awaits the answer that carries it. */
  async ask(object) {
    const requestId = unique('request');
    this.send({ ...object, requestId });
    return this.next((frame) => frame.requestId === requestId, `the answer to ${JSON.stringify(object).slice(0, 200)}`);
  }

  /** The chats it is subscribed to now, as the server says. */
  async subscriptions() {
    return (await this.ask({ action: 'unsubscribe', chatIds: [unique('never-was')] })).chatIds;
  }

  /** The JSON of the first frame that `wants` accepts; without `wants`, of the next one. */
  async next(wants = () => true, what = 'a frame', ms) {
    const frame = await this.frames.next((candidate) => candidate.data !== undefined && wants(candidate.data), what, ms);
    return frame.data;
  }

  /** The next frame of type message, with its text: `{data, text}`. */
  nextMessage(wants = () => true, what = 'a message', ms) {
    return this.frames.next((frame) => frame.data?.type === 'message' && wants(frame.data), what, ms);
  }

  message(messageId, ms) {
    return this.next((frame) => frame.type === 'message' && frame.messageId === messageId, `message ${messageId}`, ms);
  }

  /** All frames up to and without the one that `wants` accepts. */
  async before(wants, what, ms) {
    const frames = await this.frames.before((frame) => frame.data !== undefined && wants(frame.data), what, ms);
    return frames.map((frame) => frame.data);
  }

  /** `count` messages, in the order of their arrival. */
  async messages(count, ms) {
    const all = [];
    while (all.length < count) all.push((await this.nextMessage(undefined, `message ${all.length + 1} of ${count}`, ms)).data);
    return all;
  }

  whenClosed(ms) {
    return within(this.closed, 'the connection to close', ms);
  }

  async close(code = 1000, reason) {
    this.socket.close(code, reason);
    return this.whenClosed();
  }

  terminate() {
    this.socket.terminate();
  }
}

function parse(data, binary) {
  if (binary) return { binary, bytes: data, data: undefined };
  const text = data.toString();
  try {
    return { binary, text, data: JSON.parse(text) };
  } catch {
    return { binary, text, data: undefined };
  }
}
