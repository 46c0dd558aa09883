// Makes a dead letter: a message for a connection that has stopped reading.
import assert from 'node:assert/strict';
import { fifo, until } from './harness.mjs';
import { RawSocket } from './raw.mjs';

const BIG = 'x'.repeat(200_000);

/**
 * Publishes to `chat` until a message is a dead letter of `user`, whose connection reads nothing; answers that
 * letter as the queue shows it. The server should have a small max_outbound_bytes and retry_base_ms.
 */
export async function buryFor(server, user, chat) {
  await server.grant(user, chat);
  const raw = await RawSocket.upgraded(server.port, `/dvl?token=${server.token(user)}&chatId=${chat}`);
  raw.pause();
  for (let index = 0; index < 150; index += 1) {
    await server.published(fifo({ chat, content: [index, BIG] }));
    // Delivered, or else retried until it is dead; asked in this order, as it is in one of both queues at any time.
    let depth;
    await until(async () => {
      const { inFlight } = await server.queue('WebSocketFifoQueue');
      ({ depth } = await server.queue('WebSocketFifoDLQ'));
      return depth > 0 || inFlight === 0;
    }, 'the message is delivered or a dead letter');
    if (depth === 0) continue;
    raw.destroy();
    const [letter] = await server.peek('WebSocketFifoDLQ');
    return letter;
  }
  return assert.fail('30 MB were taken for a client that reads nothing');
}
