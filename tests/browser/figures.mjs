// What the server itself says of its figures, and load that makes some: all at once, or for as long as one looks.
import assert from 'node:assert/strict';
import { setTimeout as pause } from 'node:timers/promises';
import { fifo, unique } from '../integration/harness.mjs';

const HOUR_MS = 3_600_000;

/** The points of a series of the last hour, as the page asks for them. */
export async function seriesOf(server, metric, period = 10) {
  const to = Date.now();
  const from = Math.floor((to - HOUR_MS) / (period * 1000)) * period * 1000;
  const answer = await server.get(`/dashboard/series?metric=${metric}&from=${from}&to=${to}&period=${period}`, { token: server.admin });
  assert.equal(answer.status, 200, answer.text);
  return answer.json.points;
}

/** The sum of a Prometheus family's samples, those only whose labels `wants` accepts. */
export async function exported(server, family, wants = () => true) {
  const { text } = await server.get('/metrics', { token: server.admin });
  let sum = 0;
  for (const line of text.split('\n')) {
    const [, name, labels, value] = /^(\w+)(\{[^}]*\})? (\S+)/.exec(line) ?? [];
    if (name === family && wants(labels ?? '')) sum += Number(value);
  }
  return sum;
}

/** One to a hundred milliseconds, each once: its p50 is 50, its p95 is 95, whatever period it falls into. */
export const HUNDRED = Array.from({ length: 100 }, (_, index) => ({ endToEndMs: index + 1, networkMs: (index + 1) / 2 }));

/** Messages to a chat with three connections, some to nobody, samples of clients, and requests that are refused. */
export async function makeLoad(server, { messages = 60, batches = 4 } = {}) {
  const chat = unique('chat');
  const clients = await server.chatWith(chat, ['ann', 'bob', 'cem']);
  const sent = await Promise.all(Array.from({ length: messages }, (_, index) => server.published(fifo({ chat, content: index }))));
  for (const client of clients) for (const { messageId } of sent) await client.message(messageId);
  for (let index = 0; index < 5; index += 1) await server.published({ to: 'user:nobody', content: index });
  for (let index = 0; index < batches; index += 1) {
    const answer = await server.post('/metrics', { latencies: HUNDRED, jitter: 4 }, { user: `reporter-${index}` });
    assert.equal(answer.status, 200, answer.text);
  }
  for (let index = 0; index < 3; index += 1) {
    assert.equal((await server.post('/publish', fifo({ chat, content: 'refused' }), { user: 'stranger' })).status, 403);
  }
  return { chat, clients };
}

const ROUND_MS = 100;
const MESSAGES_PER_ROUND = 5;
const READERS = ['ann', 'bob', 'cem'];

/** Light load until it is stopped: a publisher, three readers that report what they measured in both shapes, refusals. */
export class SteadyLoad {
  published = 0;
  #ending = false;
  #running;

  async start(server) {
    this.chat = unique('load');
    this.clients = await server.chatWith(this.chat, READERS);
    this.#running = this.#run(server);
    // Whoever stops it learns of it.
    this.#running.catch(() => {});
  }

  async #run(server) {
    for (let round = 0; !this.#ending; round += 1) {
      const sent = await Promise.all(Array.from({ length: MESSAGES_PER_ROUND }, (_, index) => server.published(fifo({ chat: this.chat, content: [round, index] }))));
      this.published += sent.length;
      for (const [index, client] of this.clients.entries()) await this.#report(server, client, READERS[index], sent, index === 0);
      if (round % 10 === 0) {
        await server.published({ to: 'user:nobody', content: round });
        this.published += 1;
        assert.equal((await server.publish(fifo({ chat: this.chat, content: 'refused' }), { user: 'stranger' })).status, 403);
      }
      await pause(ROUND_MS);
    }
  }

  async #report(server, client, user, sent, singly) {
    const latencies = [];
    let last;
    for (const { messageId } of sent) {
      last = await client.message(messageId);
      const now = Date.now();
      latencies.push({ messageId, endToEndMs: Math.max(0, now - last.publishTimestamp), networkMs: Math.max(0, now - last.processorTimestamp) });
    }
    const { messageId, sequenceNumber } = last;
    const body = singly ? { messageId, sequenceNumber, chatId: this.chat, clientReceivedAt: Date.now() } : { latencies, jitter: 1 };
    const answer = await server.post('/metrics', body, { user });
    assert.equal(answer.status, 200, answer.text);
  }

  /** Ends after the round under way; fails with what went wrong in any. */
  async stop() {
    this.#ending = true;
    await this.#running;
  }
}
