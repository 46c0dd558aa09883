// Makes a dead letter: a message for a connection that has stopped reading.
import assert from 'node:assert/strict';
import { fifo } from './harness.mjs';
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
    for (let asked = 0; asked < 3; asked += 1) {
      const { inFlight } = await server.queue('WebSocketFifoQueue');
      const { depth } = await server.queue('WebSocketFifoDLQ');
      if (inFlight === 0 && depth === 0) break;
      if (asked < 2) continue;
      await server.untilQueue('WebSocketFifoDLQ', (queue) => queue.depth > 0, 'the message is a dead letter');
      raw.destroy();
      const [letter] = await server.peek('WebSocketFifoDLQ');
      return letter;
    }
  }
  return assert.fail('30 MB were taken for a client that reads nothing');
}
