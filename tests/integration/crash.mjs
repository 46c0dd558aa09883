// Kills the server under load at seeded moments and checks what CONTRACT §7 promises of it. Also a program:
//   node crash.mjs [--rounds N] [--seed S]
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { parseArgs, promisify } from 'node:util';
import { BINARY, Server, fifo, until } from './harness.mjs';
import { WebhookReceiver } from './webhooks.mjs';

const STORE_DUMP = path.join(path.dirname(BINARY), 'tests', 'store_dump');
const CHATS = 4;
const HTTP_PUBLISHERS = 24;
const SOCKET_PUBLISHERS = 8;
const MAX_DELAY_MS = 400;
/** Rounds on the same chats, so that counters go on over several crashes; then new ones, as reading all takes time. */
const ROUNDS_PER_CHATS = 5;

/** mulberry32: the same numbers for the same seed, everywhere. */
export function random(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
}

/**
 * Everything in the message tables of some chats, oldest first: chat → `[{messageId, sequenceNumber}]`. Read from the
 * stopped server's store by build/release/tests/store_dump.
 */
async function messageTables(server, chats) {
  const { stdout } = await promisify(execFile)(STORE_DUMP, [server.dataDirectory, ...chats], { maxBuffer: 1 << 30 });
  const tables = new Map(chats.map((chat) => [chat, []]));
  for (const line of stdout.split('\n').filter(Boolean).map((text) => JSON.parse(text))) {
    if (line.type === 'message') tables.get(line.chatId).push({ messageId: line.messageId, sequenceNumber: line.sequenceNumber });
    else assert.equal(line.value, tables.get(line.chatId).length, `${line.chatId}: the counter and the message table`);
  }
  return tables;
}

/** Publishes without end; every attempt is remembered with its answer, or without one when the server died. */
class Load {
  attempts = [];
  stopped = false;

  constructor(server, chats, round) {
    Object.assign(this, { server, chats, round });
  }

  body(chat, publisher, index) {
    return fifo({ chat, content: [publisher, index], messageDeduplicationId: `${this.round}/${publisher}/${index}` });
  }

  async run(publisher, send) {
    for (let index = 0; !this.stopped; index += 1) {
      const chat = this.chats[index % this.chats.length];
      const attempt = { publisher, chat, body: this.body(chat, publisher, index), answer: null };
      this.attempts.push(attempt);
      try {
        attempt.answer = await send(attempt.body);
      } catch {
        return;
      }
    }
  }

  async start() {
    const sockets = await Promise.all(Array.from({ length: SOCKET_PUBLISHERS }, () => this.server.connect({ token: this.server.backend })));
    const overHttp = Array.from({ length: HTTP_PUBLISHERS }, (_, index) => this.run(`http${index}`, async (body) => {
      const { status, json, text } = await this.server.publish(body);
      assert.equal(status, 200, text);
      return json;
    }));
    const overSocket = sockets.map((client, index) => this.run(`socket${index}`, async (body) => {
      const answer = await client.ask({ action: 'sendMessage', ...body });
      assert.equal(answer.error, undefined, JSON.stringify(answer));
      return answer;
    }));
    this.done = Promise.all([...overHttp, ...overSocket]);
    await until(() => this.attempts.some(({ answer }) => answer !== null), 'the first answer');
  }

  async stop() {
    this.stopped = true;
    await this.done;
  }
}

/**
 * A webhook channel that takes every message of the chats and, being outside of the server, outlives its crashes: what it
 * was given, in the order of the first time.
 */
class Ledger {
  receiver = new WebhookReceiver();
  byChat = new Map();
  ids = new Set();

  async start() {
    await this.receiver.start();
    this.receiver.statuses = [({ data }) => (this.take(data), 200)];
    const { url, secret } = this.receiver;
    return { 'channels.Ledger': { type: 'webhook', url, secret, filter: { chatId: [{ prefix: 'crash-' }] } } };
  }

  take({ messageId, chatId, sequenceNumber }) {
    this.receiver.deliveries.drain();
    if (this.ids.has(messageId)) return;
    this.ids.add(messageId);
    if (!this.byChat.has(chatId)) this.byChat.set(chatId, []);
    this.byChat.get(chatId).push({ messageId, sequenceNumber });
  }

  /** Waits until the queues have given everything away, the ledger's and the message table's. */
  async settled(server) {
    for (const name of ['LedgerFifoQueue', 'MessageStorageQueue', 'WebSocketFifoQueue']) {
      await until(async () => (await server.queue(name)).depth === 0, `${name} is empty`, 60_000);
    }
    for (const name of ['LedgerFifoDLQ', 'MessageStorageDLQ', 'WebSocketFifoDLQ']) assert.equal((await server.queue(name)).depth, 0, name);
  }
}

/** One crash and its check. `expected` remembers, per chat, every number given so far: number → messageId. */
async function crashOnce({ server, chats, round, next, expected, ledger }) {
  const receiver = await server.connect({ as: 'receiver', chats });
  const load = new Load(server, chats, round);
  await load.start();
  const delay = Math.floor(next() * MAX_DELAY_MS);
  await new Promise((resolve) => setTimeout(resolve, delay));
  await server.kill9();
  await load.stop();
  await receiver.whenClosed();
  server.clients.clear();
  const received = receiver.frames.drain().map((frame) => frame.data).filter((frame) => frame?.type === 'message');
  await server.start();
  checkReceived(received, chats);
  await ledger.settled(server);

  const delivered = new Set(received.map((frame) => frame.messageId));
  const answered = load.attempts.filter(({ answer }) => answer !== null);
  for (const { answer, chat } of answered)
    assert.ok(ledger.ids.has(answer.messageId), `answered, but never given to the webhook: ${chat} ${answer.sequenceNumber} ${answer.messageId}`);
  for (const id of delivered) assert.ok(ledger.ids.has(id), `delivered, but not durable: ${id}`);
  await checkSequences({ server, chats, load, expected, ledger });
  return { answered: answered.length, unanswered: load.attempts.length - answered.length, delivered: delivered.size, delay };
}

/** Before the crash: per chat strictly in order, without a gap from the first one on. */
function checkReceived(received, chats) {
  for (const chat of chats) {
    const numbers = received.filter((frame) => frame.chatId === chat).map((frame) => frame.sequenceNumber);
    for (let index = 1; index < numbers.length; index += 1) assert.equal(numbers[index], numbers[index - 1] + 1, `${chat}: order`);
  }
}

/**
 * Sends every attempt again: an answered one must be a duplicate with the same number; of the others each is either a
 * duplicate (it had been durable) or new. Afterwards the numbers must be 1..n, each once, in order at the webhook, and
 * the message table must agree.
 */
async function checkSequences({ server, chats, load, expected, ledger }) {
  for (const { body, answer, chat } of load.attempts) {
    const again = await server.published(body);
    if (answer !== null) {
      assert.deepEqual([again.messageId, again.sequenceNumber, again.deduplicated], [answer.messageId, answer.sequenceNumber, true], `${chat}: answered before the crash`);
    }
    const numbers = expected.get(chat);
    assert.equal(numbers.get(again.sequenceNumber) ?? again.messageId, again.messageId, `${chat}: number ${again.sequenceNumber} was given twice`);
    numbers.set(again.sequenceNumber, again.messageId);
  }
  await ledger.settled(server);
  for (const client of server.clients) client.terminate();
  server.clients.clear();
  assert.equal((await server.terminate()).code, 0);
  const tables = await messageTables(server, chats);
  await server.start();
  for (const chat of chats) {
    const numbers = [...expected.get(chat)].sort(([a], [b]) => a - b);
    assert.deepEqual(numbers.map(([number]) => number), numbers.map((_, index) => index + 1), `${chat}: a gap`);
    const wanted = numbers.map(([sequenceNumber, messageId]) => ({ messageId, sequenceNumber }));
    assert.deepEqual(ledger.byChat.get(chat) ?? [], wanted, `${chat}: the webhook got something else, or in another order`);
    assert.deepEqual(tables.get(chat), wanted, `${chat}: the message table`);
  }
}

/** Runs `rounds` crashes on one data directory. Throws with the seed and the round at the first broken promise. */
export async function crashRounds({ rounds, seed, report = () => {} }) {
  const next = random(seed);
  const ledger = new Ledger();
  const server = new Server({ config: { log: { level: 'warn' }, ...(await ledger.start()) } });
  await server.start();
  let chats;
  let expected;
  let round = 0;
  try {
    for (; round < rounds; round += 1) {
      if (round % ROUNDS_PER_CHATS === 0) {
        chats = Array.from({ length: CHATS }, (_, index) => `crash-${round}-${index}`);
        expected = new Map(chats.map((chat) => [chat, new Map()]));
        for (const chat of chats) await server.grant('receiver', chat, 'viewer');
      }
      const outcome = await crashOnce({ server, chats, round, next, expected, ledger });
      report({ round, ...outcome });
    }
    await server.stop();
  } catch (error) {
    await server.stop().catch(() => {});
    error.message = `seed ${seed}, round ${round}: ${error.message}`;
    throw error;
  } finally {
    await ledger.receiver.stop();
  }
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) {
  const { values } = parseArgs({ options: { rounds: { type: 'string', default: '50' }, seed: { type: 'string' } } });
  const seed = Number(values.seed ?? Date.now() % 2 ** 32);
  const report = ({ round, answered, unanswered, delivered, delay }) =>
    console.log(`round ${round}: killed after ${delay} ms; ${answered} answered, ${unanswered} not, ${delivered} delivered`);
  console.log(`seed ${seed}`);
  await crashRounds({ rounds: Number(values.rounds), seed, report });
  console.log(`${values.rounds} crashes: nothing lost, no gap, no repeat`);
}
