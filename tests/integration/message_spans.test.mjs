// CONTRACT §13: a message carries its trace to subscribers, history, webhooks and log lines; lines about messages are
// a few a second, and the rest is counted.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { describe, it } from 'node:test';
import { fifo, unique, until, useServer, using } from './harness.mjs';
import { parseMetrics, value } from './promtool.mjs';
import { WebhookReceiver } from './webhooks.mjs';

const incoming = (flags = '01') => {
  const trace = randomBytes(16).toString('hex');
  return { trace, headers: { traceparent: `00-${trace}-${randomBytes(8).toString('hex')}-${flags}` } };
};
const traceOf = (traceparent) => /^00-([0-9a-f]{32})-[0-9a-f]{16}-0[01]$/.exec(traceparent ?? '')?.[1];
const linesAbout = (server, type, messageId) => server.log.map(({ data }) => data).filter((line) => line?.event_type === type && line.messageId === messageId);

describe('a message that belongs to a trace', () => {
  const receiver = using(new WebhookReceiver());
  const server = useServer({ config: { log: { level: 'debug' } } });
  server.prepare = async () => {
    server.config = { ...server.config, 'channels.Email': { type: 'webhook', url: receiver.url, secret: receiver.secret } };
  };
  const publish = async (fields, { headers }) => {
    const answer = await server.publish(fields, { token: server.backend, headers });
    assert.equal(answer.status, 200, answer.text);
    return answer.json;
  };

  it('says so to its subscribers, in history after a restart too, and in its log lines', async () => {
    const chat = unique('chat');
    const [bob] = await server.chatWith(chat, ['bob']);
    const { trace, headers } = incoming('00');
    const sent = await publish(fifo({ chat, correlationId: 'order-7', content: 'traced' }), { headers });
    const frame = (await bob.nextMessage()).data;
    assert.equal(traceOf(frame.traceparent), trace);
    assert.notEqual(frame.traceparent, headers.traceparent, 'its parent is the publishing, not what came in');
    const [line] = await until(() => {
      const found = linesAbout(server, 'latency_measurement', sent.messageId);
      return found.length > 0 && found;
    }, 'the latency line');
    assert.equal(line.level, 'INFO');
    assert.equal(line.chatId, chat);
    assert.equal(line.sequenceNumber, sent.sequenceNumber);
    assert.equal(line.userId, 'backend');
    assert.equal(line.correlation_id, 'order-7');
    assert.equal(line.trace_id, trace);
    assert.ok(line.latency_ms > 0 && line.latency_ms < 60_000, `${line.latency_ms}`);
    const [delivery] = await until(() => {
      const found = linesAbout(server, 'delivery', sent.messageId);
      return found.length > 0 && found;
    }, 'the delivery line');
    assert.deepEqual([delivery.message, delivery.chatId, delivery.trace_id, delivery.delivered], ['SuccessfulDelivery', chat, trace, 1]);

    await server.restart();
    const { json } = await server.get(`/messages?chatId=${chat}`, { user: 'bob' });
    assert.equal(json.messages[0].traceparent, frame.traceparent);
  });

  it('carries it to webhooks, in header and body', async () => {
    const { trace, headers } = incoming();
    const sent = await publish({ ...fifo({ chat: unique('chat'), content: 'mail' }), targetChannel: 'Email' }, { headers });
    const delivery = await receiver.deliveries.next((one) => one.data?.messageId === sent.messageId, 'the webhook');
    assert.equal(traceOf(delivery.headers.traceparent), trace);
    assert.equal(delivery.data.traceparent, delivery.headers.traceparent);
  });

  it('is without one when nobody gave it one', async () => {
    const chat = unique('chat');
    const [bob] = await server.chatWith(chat, ['bob']);
    const sent = await publish(fifo({ chat, content: 'plain' }), {});
    const frame = (await bob.nextMessage()).data;
    assert.equal(frame.messageId, sent.messageId);
    assert.ok(!('traceparent' in frame));
  });
});

describe('lines about single messages', () => {
  const server = useServer();

  it('are at most ten a second of a kind, and those held back are counted', async () => {
    const total = 400;
    const started = Date.now();
    await Promise.all(Array.from({ length: total }, (_, index) => server.published(fifo({ chat: unique('chat'), content: index }))));
    const suppressed = async () => {
      const { text } = await server.get('/metrics', { token: server.admin });
      return value(parseMetrics(text), 'carillon_log_lines_suppressed_total', { event_type: 'latency_measurement' });
    };
    const written = () => server.log.filter(({ data }) => data?.event_type === 'latency_measurement').length;
    await until(async () => written() + await suppressed() === total, 'each of them to be written or counted');
    const seconds = Math.ceil((Date.now() - started) / 1000) + 1;
    assert.ok(written() <= 10 * seconds, `${written()} lines in ${seconds} s`);
    const reported = () => server.log.reduce((sum, { data }) => sum + (data?.event_type === 'latency_measurement_sampled' ? data.count : 0), 0);
    await until(async () => reported() === await suppressed(), 'the log to say how many it lacks');
  });
});
