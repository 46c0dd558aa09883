// What the core scenario must come to, whatever platform it ran on.
import assert from 'node:assert/strict';
import { unique } from './harness.mjs';

/** Where the scenario plays, for a server: rights are granted, tokens made. */
export async function setting(server) {
  const chatId = unique('core');
  const people = ['ann', 'ben'].map((userId) => ({ userId, token: server.token(userId) }));
  for (const { userId } of people) await server.grant(userId, chatId);
  return { url: server.url, people, chatId };
}

export function checkCore(result) {
  const { offset, roundTrip, ...rest } = result;
  const seen = (content, type, sequenceNumber) => ({ content, type, via: 'live', late: false, ...(sequenceNumber && { sequenceNumber }) });
  assert.deepEqual(rest.ben.map((entry) => JSON.parse(JSON.stringify(entry))), [
    seen('over the socket', 'fifo', 1),
    seen('by HTTP', 'fifo', 2),
    seen({ standard: true }, 'standard'),
    seen({ typing: true }, 'ephemeral'),
  ]);
  assert.deepEqual(rest.receipts.map(([type, number]) => [type, number ?? null]), [['fifo', 1], ['fifo', 2], ['standard', null]]);
  assert.equal(rest.ann, 3, 'the sender is left out where it asked for that');
  assert.deepEqual(rest.typing, [{ typing: true }]);
  assert.deepEqual(rest.presence, [{ userId: 'ann', connections: 1 }, { userId: 'ben', connections: 1 }]);
  assert.deepEqual(rest.history, ['over the socket', 'by HTTP', { standard: true }]);
  assert.equal(rest.echo, 'there');
  assert.deepEqual(rest.denied.error, { name: 'CarillonError', code: 'forbidden', status: 403 });
  assert.deepEqual(rest.unreadable.error, { name: 'CarillonError', code: 'forbidden', status: 403 });
  // The same clock on both sides: the offset is within half of the round trip.
  assert.ok(Math.abs(offset) <= Math.max(roundTrip, 50), `an offset of ${offset} ms with a round trip of ${roundTrip} ms`);
  assert.deepEqual(rest.errors, []);
  assert.deepEqual(rest.ended, ['idle', 'idle']);
}
