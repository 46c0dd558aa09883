// What clients measure (CONTRACT §13): `POST /metrics` in both shapes, and nobody can poison the figures.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { unique, useServer } from './harness.mjs';

describe('what clients measure', () => {
  const server = useServer();

  /** The value of a sample of `GET /metrics`; 0 when there is none. */
  async function figure(name, labels = '') {
    const { text } = await server.get('/metrics', { token: server.admin });
    const line = text.split('\n').find((each) => each.startsWith(`${name}${labels} `));
    return line === undefined ? 0 : Number(line.split(' ')[1]);
  }

  const refused = (reason) => figure('carillon_client_samples_refused_total', `{reason="${reason}"}`);
  const endToEndCount = () => figure('carillon_client_end_to_end_latency_seconds_count');

  /** A user in a chat that got one message: `{user, chat, client, frame}`. */
  async function received(user = unique('user')) {
    const chat = unique('chat');
    const [client] = await server.chatWith(chat, [user]);
    await server.published({ chat, messageType: 'fifo' });
    const frame = await client.next((each) => each.type === 'message', 'the message');
    return { user, chat, client, frame };
  }

  const sampleOf = (frame, changes = {}) => ({
    messageId: frame.messageId,
    sequenceNumber: frame.sequenceNumber,
    chatId: frame.chatId,
    clientReceivedAt: frame.processorTimestamp + 40,
    ...changes,
  });

  const post = (user, body) => server.post('/metrics', body, { user });

  it('a single sample, as the seeds send it, counts once per user and message', async () => {
    const { user, frame } = await received();
    const [before, repeatedBefore] = [await endToEndCount(), await refused('repeated')];
    const answer = await post(user, sampleOf(frame));
    assert.equal(answer.status, 200, answer.text);
    assert.deepEqual(answer.json, { message: 'Metrics recorded', count: 1 });
    const again = await post(user, sampleOf(frame));
    assert.deepEqual(again.json, { message: 'Metrics recorded', count: 0 });
    assert.equal(await endToEndCount(), before + 1);
    assert.equal(await refused('repeated'), repeatedBefore + 1);
    assert.ok((await figure('carillon_client_network_latency_seconds_count')) >= 1, 'the processor time is known');
  });

  it('a batch in all its forms', async () => {
    const { user, frame } = await received();
    const before = await endToEndCount();
    const latencies = [12.5, { endToEndMs: 80, networkMs: 30 }, { messageId: frame.messageId, endToEndMs: 7, networkMs: 3 }];
    const answer = await post(user, { latencies, jitter: 4 });
    assert.deepEqual([answer.status, answer.json], [200, { message: 'Metrics recorded', count: 3 }], answer.text);
    assert.equal(await endToEndCount(), before + 3);
    assert.equal((await post(user, { jitter: 3 })).json.count, 0);
    assert.equal((await post(user, { latencies: [] })).json.count, 0);
  });

  it("a wrong clock is put right with the offset that ping and pong tell", async () => {
    const { user, client, frame } = await received();
    const wrong = -3 * 3600 * 1000; // the client lives three hours ago
    const sent = Date.now() + wrong;
    client.send({ action: 'ping' });
    const { serverTime } = await client.next((each) => each.type === 'pong', 'the pong');
    const got = Date.now() + wrong;
    const clockOffsetMs = serverTime - (sent + got) / 2;
    const clientReceivedAt = got;
    assert.equal((await post(user, sampleOf(frame, { clientReceivedAt }))).status, 400, 'without the offset it is absurd');
    const answer = await post(user, sampleOf(frame, { clientReceivedAt, clockOffsetMs }));
    assert.equal(answer.json.count, 1, answer.text);
  });

  it('absurd values are 400, counted, and leave nothing behind', async () => {
    const { user, frame } = await received();
    const [before, implausible] = [await endToEndCount(), await refused('implausible')];
    const absurd = [
      sampleOf(frame, { clientReceivedAt: frame.publishTimestamp - 1001 }),
      sampleOf(frame, { clientReceivedAt: Date.now() + 60_000 }),
      sampleOf(frame, { sequenceNumber: frame.sequenceNumber + 1 }),
      { latencies: [5, -1001] },
      { latencies: [5, 3_600_001] },
      { latencies: [{ endToEndMs: 5, networkMs: 1006 }] },
      { latencies: [5], jitter: -1 },
      { latencies: [5], jitter: 3_600_001 },
    ];
    for (const body of absurd) {
      const answer = await post(user, body);
      assert.equal(answer.status, 400, `${JSON.stringify(body)}: ${answer.text}`);
    }
    assert.equal(await endToEndCount(), before);
    const samples = absurd.reduce((sum, { latencies }) => sum + (latencies?.length ?? 1), 0);
    assert.equal(await refused('implausible'), implausible + samples, 'batches with all their entries');
    assert.equal((await post(user, sampleOf(frame))).json.count, 1, 'what was refused used nothing up');
  });

  it('an entry of a batch that is longer than its message exists is left out of it', async () => {
    const { user, frame } = await received();
    const [before, implausible] = [await endToEndCount(), await refused('implausible')];
    const entry = { messageId: frame.messageId, endToEndMs: 600_000 };
    const unknown = { ...entry, messageId: '0190a5c0-7d2e-7abc-8def-0123456789ab' };
    const answer = await post(user, { latencies: [entry, 5, unknown] });
    assert.deepEqual([answer.status, answer.json], [200, { message: 'Metrics recorded', count: 2 }], answer.text);
    assert.equal(await endToEndCount(), before + 2);
    assert.equal(await refused('implausible'), implausible + 1);
    assert.equal((await post(user, sampleOf(frame))).json.count, 1, 'what was left out used nothing up');
  });

  it('what is no sample is 400 and counted', async () => {
    const { user, frame } = await received();
    const { messageId } = frame;
    const before = await refused('malformed');
    const bodies = [
      '',
      'x',
      [],
      {},
      { messageId },
      { messageId: 'x', clientReceivedAt: 1 },
      sampleOf(frame, { clientReceivedAt: '1' }),
      sampleOf(frame, { latencies: [1] }),
      { latencies: 5 },
      { latencies: ['5'] },
      { latencies: Array.from({ length: 1001 }, () => 1) },
      '{"latencies":[1e400]}',
    ];
    for (const body of bodies) assert.equal((await post(user, body)).status, 400, JSON.stringify(body));
    assert.equal(await refused('malformed'), before + bodies.length);
  });

  it('only of a message that the caller may read', async () => {
    const { chat, frame } = await received();
    const stranger = unique('stranger');
    const before = await refused('unknown_message');
    assert.equal((await post(stranger, sampleOf(frame))).status, 404);
    await server.grant(stranger, chat);
    assert.equal((await post(stranger, sampleOf(frame, { chatId: 'another' }))).status, 404);
    assert.equal((await post(stranger, sampleOf(frame))).json.count, 1);
    await server.revoke(stranger, chat);
    assert.equal((await post(stranger, sampleOf(frame))).status, 404);
    const nobody = { messageId: '0190a5c0-7d2e-7abc-8def-0123456789ab', clientReceivedAt: Date.now() };
    assert.equal((await post(stranger, nobody)).status, 404);
    assert.equal(await refused('unknown_message'), before + 4);
    assert.equal((await server.post('/metrics', sampleOf(frame))).status, 401);
  });

  it('an ephemeral message is not kept: its sample is 404', async () => {
    const [user, chat] = [unique('user'), unique('chat')];
    const [client] = await server.chatWith(chat, [user]);
    await server.published({ chat, messageType: 'ephemeral' });
    const frame = await client.next((each) => each.type === 'message', 'the message');
    assert.equal((await post(user, sampleOf(frame))).status, 404);
  });

  it('a standard message has no number, and its sample none', async () => {
    const [user, chat] = [unique('user'), unique('chat')];
    const [client] = await server.chatWith(chat, [user]);
    await server.published({ chat, messageType: 'standard' });
    const frame = await client.next((each) => each.type === 'message', 'the message');
    assert.equal(frame.sequenceNumber, undefined);
    assert.equal((await post(user, sampleOf(frame, { sequenceNumber: 5 }))).status, 400);
    assert.equal((await post(user, sampleOf(frame, { sequenceNumber: null }))).json.count, 1);
  });

  it('a user has a budget, and others are not held up by it', async () => {
    const [greedy, other] = [unique('greedy'), unique('other')];
    const latencies = Array.from({ length: 1000 }, () => 1);
    assert.equal((await post(greedy, { latencies })).json.count, 1000);
    const before = await refused('rate');
    const answer = await post(greedy, { latencies });
    assert.equal(answer.status, 429, answer.text);
    assert.ok(Number(answer.headers['retry-after']) >= 1);
    const refusedNow = (await refused('rate')) - before;
    assert.ok(refusedNow === 1000 || refusedNow === 1, `all of a batch, or one that was not read: ${refusedNow}`);
    assert.equal((await post(other, { latencies: [1] })).json.count, 1);
  });

  it('messages over the threshold are counted', async () => {
    const labels = '{measured="client"}';
    const before = await figure('carillon_high_latency_messages_total', labels);
    await post(unique('slow'), { latencies: [999, 1000, 1000.001, 2000] });
    assert.equal(await figure('carillon_high_latency_messages_total', labels), before + 2);
  });
});
