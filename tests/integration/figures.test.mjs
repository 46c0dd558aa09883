// CONTRACT §13: what the bus, the queues and the store count, against what was done to them.
import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import { buryFor } from './dead_letters.mjs';
import { fifo, unique, until, useServer } from './harness.mjs';
import { parseMetrics, value } from './promtool.mjs';

/** `figures.of(server)` reads one figure of a running server. */
const readerOf = (server) => {
  let token;
  before(() => {
    token = server.token({ user: 'prometheus', scopes: ['carillon/metrics'] });
  });
  const read = async (name, labels, suffix) => {
    const { status, text } = await server.get('/metrics', { token });
    assert.equal(status, 200, text);
    return value(parseMetrics(text), name, labels, suffix);
  };
  const becomes = (expected, name, labels, suffix) => until(async () => await read(name, labels, suffix) === expected, `${name} ${JSON.stringify(labels ?? {})} to be ${expected}`);
  return { read, becomes };
};

describe('figures of messages', () => {
  const server = useServer({ config: { metrics: { high_latency_ms: 60_000 }, limits: { publish_per_second: 1, publish_burst: 2 } } });
  const { read, becomes } = readerOf(server);

  it('count what is published, by type and by path, and how long it took to the processor', async () => {
    const chat = unique('chat');
    const [alice, bob] = await server.chatWith(chat, ['alice', 'bob']);
    for (let index = 0; index < 5; index += 1) await server.published(fifo({ chat, content: index }));
    await server.published({ chat, content: 'standard' });
    const frame = { action: 'sendMessage', targetChannel: 'WebSocket', messageType: 'standard', payload: { chatId: chat, eventType: 'chat', content: 'p2p' } };
    alice.send(frame);
    for (let index = 0; index < 7; index += 1) await bob.nextMessage();
    assert.equal(await read('carillon_messages_published_total', { type: 'fifo', path: 'a2p' }), 5);
    assert.equal(await read('carillon_messages_published_total', { type: 'standard', path: 'a2p' }), 1);
    assert.equal(await read('carillon_messages_published_total', { type: 'standard', path: 'p2p' }), 1);
    await becomes(7, 'carillon_deliveries_total', { result: 'successful' });
    await becomes(14, 'carillon_recipients_total', { outcome: 'delivered' });
    await becomes(7, 'carillon_messages_stored_total');
    assert.equal(await read('carillon_publisher_to_processor_latency_seconds', {}, '_count'), 7);
    const seconds = await read('carillon_publisher_to_processor_latency_seconds', {}, '_sum');
    assert.ok(seconds > 0 && seconds < 60, `${seconds}`);
    assert.equal(await read('carillon_high_latency_messages_total', { measured: 'server' }), 0);
  });

  it('count repetitions and refusals apart', async () => {
    const published = await read('carillon_messages_published_total', { type: 'fifo', path: 'a2p' });
    const same = fifo({ chat: unique('chat'), messageDeduplicationId: unique('id'), content: 'once' });
    await server.published(same);
    await server.published(same);
    assert.equal(await read('carillon_messages_deduplicated_total'), 1);
    assert.equal(await read('carillon_messages_published_total', { type: 'fifo', path: 'a2p' }), published + 1);
    const answers = [];
    for (let index = 0; index < 4; index += 1) answers.push((await server.publish({ chat: unique('chat'), content: index }, { user: 'eve' })).status);
    const refused = (code) => answers.filter((status) => status === code).length;
    assert.ok(refused(403) >= 2 && refused(429) >= 1, `${answers}`);
    assert.equal(await read('carillon_publish_refused_total', { reason: 'no_chat_access' }), refused(403));
    assert.equal(await read('carillon_publish_refused_total', { reason: 'too_many_requests' }), refused(429));
  });

  it('count what nobody was there for', async () => {
    const before = await read('carillon_deliveries_total', { result: 'undelivered' });
    await server.published(fifo({ chat: unique('chat'), content: 'to nobody' }));
    await becomes(before + 1, 'carillon_deliveries_total', { result: 'undelivered' });
  });

  it('show the store as it is', async () => {
    assert.equal(await read('carillon_store_usable'), 1);
    assert.ok(await read('carillon_disk_available_bytes') > 0);
    assert.ok(await read('carillon_store_wal_bytes') > 0);
    const batches = await read('carillon_commit_duration_seconds', {}, '_count');
    assert.ok(batches > 0);
    assert.ok(await read('carillon_commits_total') >= batches);
    await until(async () => await read('carillon_loop_lag_seconds', { loop: 'bus' }, '_count') > 0, 'the bus loop to come by');
  });
});

describe('high latency and dead letters', () => {
  const server = useServer({ config: { metrics: { high_latency_ms: 1 }, gateway: { max_outbound_bytes: 262_144 + 65_536, heartbeat_timeout_seconds: 120 }, queues: { retry_base_ms: 50 } } });
  const { read, becomes } = readerOf(server);

  it('a dead letter is counted and shown until it is queued again', async () => {
    const chat = unique('chat');
    await buryFor(server, 'slow', chat);
    const queue = 'WebSocketFifoDLQ';
    await becomes(1, 'carillon_dead_letters', { queue });
    assert.equal(await read('carillon_dead_letters_added_total', { queue }), 1);
    assert.equal(await read('carillon_deliveries_total', { result: 'failure' }), 1);
    const measured = await read('carillon_publisher_to_processor_latency_seconds', {}, '_count');
    const { status } = await server.post(`/queues/${queue}/redrive`, {}, { token: server.admin });
    assert.equal(status, 200);
    await becomes(0, 'carillon_dead_letters', { queue });
    assert.equal(await read('carillon_messages_redriven_total'), 1);
    await becomes(0, 'carillon_queue_depth', { queue: 'WebSocketFifoQueue' });
    assert.equal(await read('carillon_publisher_to_processor_latency_seconds', {}, '_count'), measured, 'what is redriven was published long ago');
  });

  it('a message that some got and one did not is a partial failure, one that nobody got a failure', async () => {
    const queue = 'WebSocketFifoDLQ';
    const before = { partial: await read('carillon_deliveries_total', { result: 'partial_failure' }), all: await read('carillon_deliveries_total', { result: 'failure' }) };
    const failed = await read('carillon_recipients_total', { outcome: 'failed' });
    const chat = unique('chat');
    const [good] = await server.chatWith(chat, ['good']);
    const letter = await buryFor(server, 'slow-beside', chat);
    await good.message(letter.messageId);
    await becomes(before.partial + 1, 'carillon_deliveries_total', { result: 'partial_failure' });
    assert.equal(await read('carillon_deliveries_total', { result: 'failure' }), before.all);
    assert.equal(await read('carillon_recipients_total', { outcome: 'failed' }), failed + 1);
    assert.equal((await server.request('DELETE', `/queues/${queue}/messages`, { token: server.admin })).status, 200);
    await becomes(0, 'carillon_dead_letters', { queue });

    await buryFor(server, 'slow-alone', unique('chat'));
    await becomes(before.all + 1, 'carillon_deliveries_total', { result: 'failure' });
    assert.equal(await read('carillon_deliveries_total', { result: 'partial_failure' }), before.partial + 1);
    assert.equal(await read('carillon_recipients_total', { outcome: 'failed' }), failed + 2);
    assert.ok(await read('carillon_delivery_retries_total') >= 4, 'two more attempts each');
    assert.equal((await server.request('DELETE', `/queues/${queue}/messages`, { token: server.admin })).status, 200);
  });

  it('counts messages that took longer than high_latency_ms', async () => {
    const over = async () => read('carillon_high_latency_messages_total', { measured: 'server' });
    // A sync takes longer than a millisecond now and then, whatever the disk.
    for (let round = 0; round < 200 && await over() === 0; round += 1) {
      await Promise.all(Array.from({ length: 50 }, () => server.published(fifo({ chat: unique('chat'), content: 'x'.repeat(20_000) }))));
    }
    assert.ok(await over() > 0);
    assert.ok(await over() <= await read('carillon_publisher_to_processor_latency_seconds', {}, '_count'));
  });
});
