// CONTRACT §13: logs. One JSON object per line, fields and levels, samples that are counted, and nothing secret.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, it } from 'node:test';
import { fifo, message, unique, until, useServer, using } from './harness.mjs';
import { parseMetrics, value } from './promtool.mjs';
import { WebhookReceiver } from './webhooks.mjs';

const root = path.resolve(import.meta.dirname, '../..');
const LEVELS = new Set(['DEBUG', 'INFO', 'WARN', 'ERROR']);
const documented = new Map([...readFileSync(path.join(root, 'docs/logging.md'), 'utf8')
  .matchAll(/^\| `(\w+)` \| ((?:debug|info|warn|error)[^|]*) \|/gm)].map(([, name, levels]) => [name, levels.toUpperCase()]));

const find = (server, event, wants = () => true) => server.log.find(({ data }) => data.event_type === event && wants(data))?.data;
const untilLogged = (server, event, wants) => until(() => find(server, event, wants), `a line ${event}`);

/** What holds for every line: the harness has parsed each as JSON with the first four fields. */
function checkLines(server) {
  for (const { text, data } of server.log) {
    assert.match(data.timestamp, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/, text);
    assert.ok(LEVELS.has(data.level), text);
    assert.ok(documented.has(data.event_type), `docs/logging.md has no ${data.event_type}`);
    assert.ok(documented.get(data.event_type).includes(data.level), `${data.event_type} at ${data.level}`);
    assert.deepEqual(Object.keys(data).slice(0, 4), ['timestamp', 'level', 'event_type', 'message'], text);
    if ('latency_ms' in data) assert.equal(typeof data.latency_ms, 'number', text);
    if ('sequenceNumber' in data) assert.equal(typeof data.sequenceNumber, 'number', text);
  }
}

describe('a line about a message', () => {
  const server = useServer({ config: { log: { level: 'debug' } } });

  it('has the fields of the contract', async () => {
    const chat = unique('chat');
    const [client] = await server.chatWith(chat, ['alice']);
    const sent = await server.published(fifo({ chat, correlationId: 'corr-1' }));
    await client.nextMessage();
    const latency = await untilLogged(server, 'latency_measurement', (data) => data.messageId === sent.messageId);
    const { timestamp, latency_ms: ms, ...rest } = latency;
    assert.deepEqual(rest, {
      level: 'INFO', event_type: 'latency_measurement', message: 'PublisherToProcessorLatency', messageId: sent.messageId, chatId: chat,
      sequenceNumber: 1, userId: 'backend', correlation_id: 'corr-1',
    });
    assert.ok(ms >= 0 && ms < 10_000, `${ms} ms`);
    assert.ok(Math.abs(Date.parse(timestamp) - Date.now()) < 20_000);
    const delivery = await untilLogged(server, 'delivery', (data) => data.messageId === sent.messageId);
    assert.deepEqual([delivery.level, delivery.message, delivery.chatId, delivery.delivered], ['DEBUG', 'SuccessfulDelivery', chat, 1]);
    const opened = await untilLogged(server, 'websocket_open', (data) => data.connectionId === client.hello.connectionId);
    assert.equal(opened.level, 'DEBUG');
    const granted = await untilLogged(server, 'permission_granted', (data) => data.userId === 'alice' && data.target?.includes(chat));
    assert.equal(granted.actor, 'root-admin');
    checkLines(server);
  });

  it('says that nobody was there', async () => {
    const sent = await server.published(message({ to: 'user:nobody' }));
    const delivery = await untilLogged(server, 'delivery', (data) => data.messageId === sent.messageId);
    assert.deepEqual([delivery.level, delivery.message], ['INFO', 'UndeliveredMessage']);
    assert.equal('chatId' in delivery, false);
  });

  it('stays one line whatever is in it', async () => {
    const hostile = 'a"b\\c {"level":"ERROR"} \u2028\u202e\u00e4\ud83d\ude00';
    const [chat, user] = [`${unique('chat')}${hostile}`, `${unique('user')}${hostile}`];
    await server.grant(user, chat);
    const sent = await server.published(fifo({ chat, correlationId: hostile }));
    const line = await untilLogged(server, 'latency_measurement', (data) => data.messageId === sent.messageId);
    assert.deepEqual([line.chatId, line.correlation_id], [chat, hostile]);
    await untilLogged(server, 'permission_granted', (data) => data.userId === user);
    checkLines(server);
  });

  it('is a sample when there are many, and the rest is counted', async () => {
    const figures = async () => parseMetrics((await server.get('/metrics', { token: server.admin })).text);
    const held = (now) => value(now, 'carillon_log_lines_suppressed_total', { event_type: 'latency_measurement' });
    const before = held(await figures());
    const linesBefore = server.log.filter(({ data }) => data.event_type === 'latency_measurement').length;
    const count = 300;
    const chat = unique('chat');
    const batch = (from) => ({ messages: Array.from({ length: 100 }, (_, i) => fifo({ chat, content: from + i })) });
    for (let i = 0; i < count; i += 100) {
      const answer = await server.post('/publish/batch', batch(i), { token: server.backend });
      assert.equal(answer.status, 200, answer.text);
    }
    const lines = () => server.log.filter(({ data }) => data.event_type === 'latency_measurement').length - linesBefore;
    await until(async () => held(await figures()) - before + lines() === count, 'every line is written or counted');
    assert.ok(lines() < count, 'some were held back');
    const said = await untilLogged(server, 'latency_measurement_sampled');
    assert.ok(said.count > 0);
  });
});

describe('the levels', () => {
  const server = useServer({ config: { log: { level: 'warn' } } });

  it('leave out what is under [log] level, until SIGHUP changes it', async () => {
    await server.published(message({ to: 'user:nobody' }));
    assert.deepEqual(server.log.filter(({ data }) => ['DEBUG', 'INFO'].includes(data.level)), []);
    server.writeConfig({ log: { level: 'info' } });
    process.kill(server.process.pid, 'SIGHUP');
    await untilLogged(server, 'configuration_reloaded');
    const sent = await server.published(message({ to: 'user:nobody', content: 'again' }));
    await untilLogged(server, 'latency_measurement', (data) => data.messageId === sent.messageId);
  });
});

describe('what must never be logged', () => {
  const receiver = using(new WebhookReceiver(randomBytes(32)));
  const server = useServer();
  const mark = `mark-${randomBytes(12).toString('hex')}`;
  server.prepare = async () => {
    receiver.statuses = [500];
    server.config = {
      log: { level: 'debug' },
      queues: { retry_base_ms: 20 },
      'channels.Email': { type: 'webhook', url: `${receiver.url}?key=${mark}`, secret: receiver.secret },
      tracing: { endpoint: `http://user:${mark}@127.0.0.1:9/` },
    };
  };

  it('is not, at debug, whatever goes wrong', async () => {
    const chat = unique('chat');
    await server.grant('alice', chat);
    const token = server.token('alice');
    const tickets = [];

    // Content: accepted, refused, broken, over sockets, to a webhook that fails, and slow to be read.
    await server.published(fifo({ chat, content: { text: mark }, event: 'chat', attributes: { secret: mark } }));
    await server.publish(fifo({ chat, content: mark }), { user: 'mallory' });
    await server.post('/publish', `{"payload": {"content": "${mark}"`, { token: server.backend });
    await server.post('/publish', JSON.stringify({ messageType: mark, payload: { content: mark } }), { token: server.backend });
    await server.published(fifo({ chat, content: mark, targetChannel: 'Email' }));
    await server.post('/metrics', { latencies: mark }, { user: 'alice' });
    const client = await server.connect({ as: 'alice', chats: [chat] });
    client.send({ action: 'sendMessage', ...fifo({ chat, content: mark }) });
    client.send({ action: mark });
    client.send({ action: 'sendMessage', payload: mark });
    await client.nextMessage((data) => data.payload.content === mark);

    // Tokens: good, bad and expired, in each of the ways.
    const bad = server.secret(`${token.slice(0, -6)}abcdef`);
    const expired = server.token({ user: 'alice', ttl: -3600 });
    for (const each of [token, bad, expired, `${mark}.${mark}.${mark}`]) {
      await server.get('/permissions?userId=alice', { token: each });
      for (const options of [{ query: { token: each }, token: null }, { token: null, protocols: ['carillon.v1', `bearer.${each}`] }, { token: null, headers: { authorization: `Bearer ${each}` } }]) {
        await server.connect(options).then((opened) => opened.terminate(), () => {});
      }
      client.send({ action: 'refreshToken', token: each });
    }
    for (let i = 0; i < 2; ++i) {
      const { json } = await server.post('/tickets', undefined, { token });
      tickets.push(json.ticket);
      await server.connect({ token: null, query: { ticket: json.ticket } }).then((opened) => opened.terminate(), () => {});
      await server.connect({ token: null, query: { ticket: json.ticket } }).then((opened) => opened.terminate(), () => {});
    }
    await server.get(`/nowhere/${mark}?token=${token}`, { user: 'alice' });
    const raw = await server.raw();
    raw.write(`GET /${mark} HTTP/1.1\r\nAuthorization: Bearer ${token}\r\nbroken header ${mark}\r\n\r\n`);
    assert.equal((await raw.response()).status, 400);
    raw.destroy();

    await untilLogged(server, 'webhook_failed');
    await untilLogged(server, 'dead_letter');
    await untilLogged(server, 'trace_export_failed');
    await server.terminate();
    assert.ok(server.log.length > 20, `${server.log.length} lines`);
    checkLines(server);
    const secrets = [mark, ...tickets, ...server.secrets, receiver.secret, receiver.key.toString('base64'), receiver.key.toString('hex'), server.auth.hs256_secret];
    for (const { text } of server.log) {
      for (const secret of secrets) assert.ok(!text.includes(secret), `a line has ${secret === mark ? 'the mark' : 'a secret'}: ${text}`);
    }
  });
});
