// CONTRACT §12: draining on SIGTERM.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Server, fifo, message, unique, until } from './harness.mjs';

const SECONDS = 3;

/** Starts a server, lets `arrange` prepare, sends SIGTERM, runs `during`; the exit must be 0. */
async function drained(arrange, during) {
  const server = new Server({ config: { gateway: { drain_seconds: SECONDS } } });
  await server.start();
  try {
    const arranged = await arrange(server);
    const begun = performance.now();
    process.kill(server.process.pid, 'SIGTERM');
    await during(server, arranged);
    const { code, signal } = await server.exited;
    assert.deepEqual([code, signal], [0, null]);
    return performance.now() - begun;
  } finally {
    await server.stop();
  }
}

const connectMany = (server, count, options) => Promise.all(Array.from({ length: count }, () => server.connect(options)));

describe('drain', () => {
  it('without connections ends at once', async () => {
    const ms = await drained(async () => null, async () => null);
    assert.ok(ms < SECONDS * 1000, `${ms} ms`);
  });

  it('turns /ready to 503 with reasons, while /health stays 200; upgrades get 503', async () => {
    await drained((server) => connectMany(server, 20), async (server) => {
      const ready = await until(async () => {
        const answer = await server.get('/ready').catch(() => null);
        return answer?.status === 503 ? answer : null;
      }, '/ready is 503');
      assert.ok(ready.text.length > 2, 'reasons');
      assert.equal((await server.get('/health')).status, 200);
      const refused = await server.refused({});
      assert.deepEqual([refused.status, refused.json.error], [503, 'Service draining']);
    });
  });

  it('tells carillon.v1 clients to reconnect, spread, and closes all 1001 within drain_seconds', async () => {
    const ms = await drained(async (server) => [await connectMany(server, 15), await connectMany(server, 5, { plain: true })], async (_, [clients, plain]) => {
      const delays = [];
      for (const client of clients) {
        const frame = await client.next((one) => one.type === 'reconnect', 'reconnect');
        assert.deepEqual(Object.keys(frame).sort(), ['afterMs', 'type']);
        assert.ok(Number.isInteger(frame.afterMs) && frame.afterMs >= 0);
        delays.push(frame.afterMs);
      }
      assert.ok(new Set(delays).size > 5, `not spread: ${delays}`);
      for (const client of [...clients, ...plain]) assert.equal((await client.whenClosed()).code, 1001);
      for (const client of plain) assert.equal(client.received, 0, 'plain clients are only closed');
    });
    assert.ok(ms < (SECONDS + 5) * 1000, `${ms} ms`);
  });

  it('ends requests under way', async () => {
    await drained(async (server) => {
      const body = JSON.stringify(message({ chat: 'c' }));
      const raw = await server.raw();
      raw.write(`POST /publish HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${server.backend}\r\nContent-Length: ${body.length}\r\n\r\n${body.slice(0, 10)}`);
      await server.connect();
      await server.get('/health');
      return { raw, rest: body.slice(10) };
    }, async (server, { raw, rest }) => {
      await until(async () => (await server.get('/ready').catch(() => null))?.status === 503, '/ready is 503');
      raw.write(rest);
      assert.equal((await raw.response()).status, 200);
      raw.destroy();
    });
  });

  it('loses nothing that was answered', async () => {
    const chat = unique('chat');
    const server = new Server({ config: { gateway: { drain_seconds: 1 } } });
    await server.start();
    const [client] = await server.chatWith(chat, ['alice']);
    const answered = [];
    let stop = false;
    const publishing = Promise.all(Array.from({ length: 4 }, async (_, sender) => {
      for (let index = 0; !stop; index += 1) {
        const id = `${sender}-${index}`;
        const answer = await server.publish(fifo({ chat, content: id, messageDeduplicationId: id })).catch(() => null);
        if (answer?.status !== 200) return;
        answered.push({ id, ...answer.json });
      }
    }));
    await client.messages(50);
    const { code } = await server.terminate();
    stop = true;
    await publishing;
    assert.equal(code, 0);
    assert.ok(answered.length >= 50);
    await server.start();
    for (const { id, messageId } of answered) {
      const again = await server.published(fifo({ chat, content: id, messageDeduplicationId: id }));
      assert.deepEqual([again.messageId, again.deduplicated], [messageId, true]);
    }
    await server.stop();
  });

  it('flushes queued frames before it closes', async () => {
    const chat = unique('chat');
    await drained(async (server) => {
      const [client] = await server.chatWith(chat, ['alice']);
      const sent = await Promise.all(Array.from({ length: 100 }, (_, index) => server.published(fifo({ chat, content: [index, 'x'.repeat(5000)] }))));
      return { client, sent };
    }, async (_, { client, sent }) => {
      assert.equal((await client.whenClosed()).code, 1001);
      const received = client.frames.drain().filter((frame) => frame.data?.type === 'message');
      assert.equal(received.length, sent.length);
    });
  });
});
