// CONTRACT §11: channels of type webhook: filter policies, signatures, retries, dead letters, redrive.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { fifo, message, unique, until, useServer, using } from './harness.mjs';
import { WebhookReceiver } from './webhooks.mjs';

/** A server with these channels, each with a receiver: `{ Email: {keys…} }`. */
function channels(settings, config = {}) {
  const receivers = Object.fromEntries(Object.keys(settings).map((name) => [name, using(new WebhookReceiver())]));
  const server = useServer();
  server.prepare = async () => {
    server.config = { queues: { retry_base_ms: 20 }, ...config };
    for (const [name, keys] of Object.entries(settings)) {
      server.config[`channels.${name}`] = { type: 'webhook', url: receivers[name].url, secret: receivers[name].secret, ...keys };
    }
  };
  return { server, receivers };
}

/** Waits until nothing more can come out of these queues. */
const empty = (server, ...names) => until(async () => {
  const queues = await Promise.all(names.map((name) => server.queue(name)));
  return queues.every((queue) => queue.depth === 0);
}, `${names} are empty`);

describe('a webhook channel', () => {
  const { server, receivers } = channels({ Email: {} });
  const { Email } = receivers;

  it('gets §8 as a signed POST', async () => {
    const chat = unique('chat');
    const before = Date.now();
    const sent = await server.published(fifo({ chat, targetChannel: 'Email', content: { subject: 'ü' }, correlationId: 'corr' }));
    assert.equal(sent.targetChannel, 'Email');
    const delivery = await Email.next();
    assert.equal(delivery.method, 'POST');
    assert.match(delivery.headers['content-type'], /^application\/json/);
    assert.ok(delivery.signed, 'the signature verifies');
    assert.ok(Math.abs(Number(delivery.headers['webhook-timestamp']) * 1000 - before) < 10_000);
    const { queueSequenceNumber, publishTimestamp, processorTimestamp, ...rest } = delivery.data;
    assert.deepEqual(rest, {
      type: 'message', messageId: sent.messageId, chatId: chat, targetClass: 'chat', targetId: chat, messageType: 'fifo', messageGroupId: chat, sequenceNumber: 1,
      eventType: 'chat', payload: { chatId: chat, eventType: 'chat', content: { subject: 'ü' } }, userId: 'backend', timestamp: sent.timestamp, targetChannel: 'Email', correlationId: 'corr',
    });
    assert.match(queueSequenceNumber, /^\d{20}$/);
  });

  it('gets the payload byte for byte', async () => {
    const payload = '{ "chatId":"c",\t"eventType" : "e","content":[1.0,"\\u0041"] }';
    assert.equal((await server.post('/publish', `{"targetChannel":"Email","payload":${payload}}`, { token: server.backend })).status, 200);
    assert.ok((await Email.next()).body.includes(`"payload":${payload}`));
  });

  it('gets its own messages only, and sockets get none of them', async () => {
    const chat = unique('chat');
    const [client] = await server.chatWith(chat, ['alice']);
    const email = await server.published(fifo({ chat, targetChannel: 'Email', content: 1 }));
    const socket = await server.published(fifo({ chat, content: 2 }));
    assert.equal((await client.nextMessage()).data.messageId, socket.messageId);
    assert.equal((await Email.next()).data.messageId, email.messageId);
    await empty(server, 'EmailQueue', 'EmailFifoQueue', 'WebSocketFifoQueue');
    assert.deepEqual([Email.deliveries.size, client.frames.size], [0, 0]);
    assert.equal(socket.sequenceNumber, 2, 'all channels count the chat');
  });

  it('is part of GET /queues with its dead letter queues', async () => {
    for (const [name, type, deadLetterQueue] of [['EmailQueue', 'standard', 'EmailDLQ'], ['EmailFifoQueue', 'fifo', 'EmailFifoDLQ']]) {
      const queue = await server.queue(name);
      assert.deepEqual([queue.type, queue.deadLetterQueue], [type, deadLetterQueue]);
      assert.ok(await server.queue(deadLetterQueue), deadLetterQueue);
    }
  });

  it('keeps fifo order per group', async () => {
    const chat = unique('chat');
    for (let index = 0; index < 20; index += 1) await server.published(fifo({ chat, targetChannel: 'Email', content: index }));
    const contents = [];
    for (let index = 0; index < 20; index += 1) contents.push((await Email.next()).data.payload.content);
    assert.deepEqual(contents, Array.from({ length: 20 }, (_, index) => index));
  });

  it('is done at any 2xx', async () => {
    for (const status of [200, 201, 202, 204, 299]) {
      Email.statuses = [status];
      await server.published({ chat: 'c', targetChannel: 'Email' });
      await Email.next();
      await empty(server, 'EmailQueue', 'EmailDLQ');
    }
    assert.equal(Email.deliveries.size, 0);
    Email.statuses = [200];
  });
});

describe('filter policies', () => {
  const any = (pattern) => ({ filter: pattern });
  const { server, receivers } = channels({
    Exact: any({ eventType: ['order', 'invoice'] }),
    Prefix: any({ chatId: [{ prefix: 'filter-a' }] }),
    Suffix: any({ eventType: [{ suffix: '.png' }] }),
    Not: any({ targetChannel: ['WebSocket'], eventType: [{ 'anything-but': ['chat', 'order'] }] }),
    Numeric: any({ priority: [{ numeric: ['>=', 5, '<', 10] }] }),
    Exists: any({ urgent: [{ exists: true }] }),
    Absent: any({ targetClass: ['org'], urgent: [{ exists: false }] }),
    Both: any({ messageType: ['fifo'], userId: ['backend'], targetClass: ['user'], targetId: ['bob'] }),
    List: any({ tags: ['red'] }),
    Own: {},
  });
  const cases = [
    [{ chat: 'c', event: 'order' }, ['Exact']],
    [{ chat: 'c', event: 'invoice' }, ['Exact', 'Not']],
    [{ chat: 'c', event: 'Order' }, ['Not']],
    [{ chat: 'filter-abc' }, ['Prefix']],
    [{ chat: 'xfilter-a' }, []],
    [{ chat: 'c', event: 'cat.png' }, ['Suffix', 'Not']],
    [{ chat: 'c', attributes: { priority: 5 } }, ['Numeric']],
    [{ chat: 'c', attributes: { priority: 10 } }, []],
    [{ chat: 'c', attributes: { priority: 4.999 } }, []],
    [{ chat: 'c', attributes: { priority: '5' } }, []],
    [{ chat: 'c', attributes: { urgent: 'x' } }, ['Exists']],
    [{ to: 'org:o' }, ['Absent']],
    [{ to: 'org:o', attributes: { urgent: 1 } }, ['Exists']],
    [{ to: 'user:bob', messageType: 'fifo' }, ['Both']],
    [{ to: 'user:bob' }, []],
    [{ chat: 'c', attributes: { tags: ['blue', 'red'] } }, ['List']],
    [{ chat: 'c', attributes: { tags: 'red' } }, ['List']],
    [{ chat: 'c', attributes: { tags: ['blue'] } }, []],
    [{ chat: 'c', targetChannel: 'Own' }, ['Own']],
    [{ chat: 'c', targetChannel: 'Own', event: 'order' }, ['Own', 'Exact']],
  ];

  it('let through exactly what they say', async () => {
    const wanted = new Map(Object.keys(receivers).map((name) => [name, []]));
    for (const [fields, names] of cases) {
      const { messageId } = await server.published({ content: unique(''), ...fields });
      for (const name of names) wanted.get(name).push(messageId);
    }
    for (const [name, ids] of wanted) {
      for (const id of ids) await receivers[name].next(({ data }) => data.messageId === id, `message ${cases.findIndex(([, names]) => names.includes(name))} at ${name}`);
    }
    await empty(server, ...Object.keys(receivers).flatMap((name) => [`${name}Queue`, `${name}FifoQueue`]));
    for (const [name, { deliveries }] of Object.entries(receivers)) assert.equal(deliveries.size, 0, `${name} got too much: ${deliveries.summary()}`);
  });
});

describe('a webhook that fails', () => {
  const { server, receivers } = channels({ Email: {}, SMS: {} });
  const { Email, SMS } = receivers;
  const toEmail = (fields) => message({ chat: unique('chat'), targetChannel: 'Email', ...fields });

  it('is tried three times in all, then dead-lettered', async () => {
    Email.statuses = [500];
    const { messageId } = await server.published(toEmail());
    const tries = [];
    for (let count = 0; count < 3; count += 1) tries.push(await Email.next());
    for (const one of tries) {
      assert.equal(one.data.messageId, messageId);
      assert.ok(one.signed);
      assert.equal(one.headers['webhook-id'], tries[0].headers['webhook-id'], 'the same id, so that the receiver can deduplicate');
    }
    await server.untilQueue('EmailDLQ', (queue) => queue.depth === 1, 'it is a dead letter');
    await empty(server, 'EmailQueue');
    assert.equal(Email.deliveries.size, 0, 'not a fourth time');
    const [letter] = await server.peek('EmailDLQ');
    const text = JSON.stringify(letter);
    assert.ok(text.includes(messageId) && text.includes('500'), text);
    await server.delete('/queues/EmailDLQ/messages', { token: server.admin });
  });

  it('recovers within three tries without a dead letter', async () => {
    Email.statuses = [503, 503, 200];
    const { messageId } = await server.published(toEmail());
    for (let count = 0; count < 3; count += 1) assert.equal((await Email.next()).data.messageId, messageId);
    await empty(server, 'EmailQueue', 'EmailDLQ');
  });

  for (const status of [301, 302, 400, 404, 410]) {
    it(`${status} is no success, and redirects are not followed`, async () => {
      Email.headers = { location: SMS.url };
      Email.statuses = [status];
      const { messageId } = await server.published(toEmail());
      await server.untilQueue('EmailDLQ', (queue) => queue.depth === 1, 'it is a dead letter');
      Email.headers = {};
      Email.deliveries.drain();
      assert.equal(SMS.count, 0, 'the redirect was followed');
      assert.ok(JSON.stringify(await server.peek('EmailDLQ')).includes(messageId));
      await server.delete('/queues/EmailDLQ/messages', { token: server.admin });
    });
  }

  it('waits longer before each try', async () => {
    Email.statuses = [500];
    await server.published(toEmail());
    const at = [];
    for (let count = 0; count < 3; count += 1) at.push((await Email.next()).at);
    assert.ok(at[1] - at[0] >= 9 && at[2] - at[1] >= 19, `waited ${at[1] - at[0]} and ${at[2] - at[1]} ms`);
    await server.untilQueue('EmailDLQ', (queue) => queue.depth === 1, 'it is a dead letter');
    await server.delete('/queues/EmailDLQ/messages', { token: server.admin });
  });

  it('never delays another channel or another group', async () => {
    let release;
    const held = new Promise((resolve) => (release = resolve));
    Email.statuses = [(delivery) => (delivery.data.messageGroupId === 'stuck' ? held : 200)];
    const chat = unique('chat');
    const [client] = await server.chatWith(chat, ['alice']);
    const stuck = await server.published(fifo({ chat, targetChannel: 'Email', messageGroupId: 'stuck' }));
    const behind = await server.published(fifo({ chat, targetChannel: 'Email', messageGroupId: 'stuck', content: 'behind' }));
    assert.equal((await Email.next()).data.messageId, stuck.messageId);
    const free = await server.published(fifo({ chat, targetChannel: 'Email', messageGroupId: 'free' }));
    const sms = await server.published({ chat, targetChannel: 'SMS' });
    const socket = await server.published(fifo({ chat, content: 'socket' }));
    assert.equal((await Email.next()).data.messageId, free.messageId);
    assert.equal((await SMS.next()).data.messageId, sms.messageId);
    await client.message(socket.messageId);
    release(200);
    assert.equal((await Email.next()).data.messageId, behind.messageId, 'its own group waited');
    Email.statuses = [200];
  });

  it('moving a message to the dead letter queue unlocks its group', async () => {
    Email.statuses = [(delivery) => (delivery.data.payload.content === 'poison' ? 500 : 200)];
    const chat = unique('chat');
    await server.published(fifo({ chat, targetChannel: 'Email', content: 'poison' }));
    const next = await server.published(fifo({ chat, targetChannel: 'Email', content: 'good' }));
    await Email.next(({ data }) => data.messageId === next.messageId, 'the message behind the poisoned one', 20_000);
    await server.untilQueue('EmailFifoDLQ', (queue) => queue.depth === 1, 'the poisoned one is a dead letter');
    Email.deliveries.drain();
    Email.statuses = [200];
    await server.delete('/queues/EmailFifoDLQ/messages', { token: server.admin });
  });

  it('can be redriven: at the end of its group, same messageId and sequenceNumber', async () => {
    const chat = unique('chat');
    Email.statuses = [500];
    const poison = await server.published(fifo({ chat, targetChannel: 'Email', content: 1 }));
    await server.untilQueue('EmailFifoDLQ', (queue) => queue.depth === 1, 'it is a dead letter');
    const first = Email.deliveries.drain().at(-1).data;
    Email.statuses = [200];
    const later = await server.published(fifo({ chat, targetChannel: 'Email', content: 2 }));
    const second = (await Email.next(({ data }) => data.messageId === later.messageId)).data;
    const { status, text } = await server.post('/queues/EmailFifoDLQ/redrive', {}, { token: server.admin });
    assert.equal(status, 200, text);
    const again = (await Email.next()).data;
    assert.deepEqual([again.messageId, again.sequenceNumber], [poison.messageId, poison.sequenceNumber]);
    assert.ok(again.queueSequenceNumber > second.queueSequenceNumber && again.queueSequenceNumber > first.queueSequenceNumber);
    await empty(server, 'EmailFifoDLQ', 'EmailFifoQueue');
    const dedup = await server.published(fifo({ chat, targetChannel: 'Email', content: 3 }));
    assert.equal(dedup.sequenceNumber, 3, 'a redrive takes no number');
    await Email.next();
  });

  it('a redriven message that fails again is a dead letter again', async () => {
    Email.statuses = [500];
    const { messageId } = await server.published(toEmail());
    await server.untilQueue('EmailDLQ', (queue) => queue.depth === 1, 'it is a dead letter');
    Email.deliveries.drain();
    await server.post('/queues/EmailDLQ/redrive', { messageIds: [messageId] }, { token: server.admin });
    for (let count = 0; count < 3; count += 1) assert.equal((await Email.next()).data.messageId, messageId);
    await server.untilQueue('EmailDLQ', (queue) => queue.depth === 1, 'it is a dead letter again');
    await server.delete('/queues/EmailDLQ/messages', { token: server.admin });
    Email.statuses = [200];
  });

  it('survives kill -9: what was not delivered is delivered after the restart', async () => {
    let release;
    const held = new Promise((resolve) => (release = resolve));
    Email.statuses = [() => held];
    const sent = [];
    for (let index = 0; index < 3; index += 1) sent.push((await server.published(toEmail({ content: index }))).messageId);
    await Email.next();
    await server.kill9();
    release(500);
    Email.deliveries.drain();
    Email.statuses = [200];
    await server.start();
    for (const id of sent) await Email.next(({ data }) => data.messageId === id, `message ${id} after the restart`);
  });

  it('dead letters survive a restart', async () => {
    Email.statuses = [500];
    const { messageId } = await server.published(toEmail());
    await server.untilQueue('EmailDLQ', (queue) => queue.depth === 1, 'it is a dead letter');
    await server.kill9();
    await server.start();
    assert.ok(JSON.stringify(await server.peek('EmailDLQ')).includes(messageId));
    Email.deliveries.drain();
    Email.statuses = [200];
    await server.post('/queues/EmailDLQ/redrive', {}, { token: server.admin });
    await Email.next(({ data }) => data.messageId === messageId, 'the redriven message');
  });
});

describe('a webhook that takes its time', () => {
  const { server, receivers } = channels({ Slow: {} }, { queues: { max_attempts: 1 } });

  it('has failed after 10 s', async () => {
    receivers.Slow.statuses = [() => new Promise(() => {})];
    const begun = performance.now();
    const { messageId } = await server.published({ chat: 'c', targetChannel: 'Slow' });
    await until(async () => (await server.queue('SlowDLQ')).depth === 1, 'it is a dead letter', 20_000);
    const ms = performance.now() - begun;
    assert.ok(ms > 9_500 && ms < 14_000, `after ${ms} ms`);
    assert.ok(JSON.stringify(await server.peek('SlowDLQ')).includes(messageId));
  });
});

describe('SIGHUP', () => {
  const { server, receivers } = channels({ Copy: { filter: { eventType: ['old'] } } });

  it('reloads filter policies', async () => {
    const old = await server.published({ chat: 'c', event: 'old' });
    assert.equal((await receivers.Copy.next()).data.messageId, old.messageId);
    server.writeConfig({ 'channels.Copy': { ...server.config['channels.Copy'], filter: { eventType: ['new'] } } });
    server.lines.drain();
    process.kill(server.process.pid, 'SIGHUP');
    await server.lines.next(({ data }) => /reload/.test(data?.event_type), 'a line about the reload');
    await server.published({ chat: 'c', event: 'old' });
    const next = await server.published({ chat: 'c', event: 'new' });
    assert.equal((await receivers.Copy.next()).data.messageId, next.messageId);
  });
});

describe('a webhook nobody answers', () => {
  const { secret } = new WebhookReceiver();
  const server = useServer({ config: { queues: { retry_base_ms: 10 }, 'channels.Down': { type: 'webhook', url: 'http://127.0.0.1:9/', secret }, 'channels.LinkLocal': { type: 'webhook', url: 'http://169.254.169.254/latest', secret } } });

  for (const name of ['Down', 'LinkLocal']) {
    it(`${name}: the dead letter says why`, async () => {
      const { messageId } = await server.published({ chat: 'c', targetChannel: name });
      await server.untilQueue(`${name}DLQ`, (queue) => queue.depth === 1, 'it is a dead letter');
      const [letter] = await server.peek(`${name}DLQ`);
      assert.ok(JSON.stringify(letter).includes(messageId));
    });
  }
});

describe('a queue over its limit', () => {
  const { server, receivers } = channels({ Slow: {}, Copy: { filter: { eventType: ['copied'] } } }, { queues: { max_depth: 20, retry_base_ms: 20 } });

  it('answers 503 Service overloaded for what its filter takes, and only for that', async () => {
    let release;
    const held = new Promise((resolve) => (release = resolve));
    receivers.Slow.statuses = [() => held];
    for (let index = 0; index < 20; index += 1) await server.published({ chat: 'c', targetChannel: 'Slow', content: index });
    // The message table's queue takes every message and has the same limit: it must not be what refuses.
    await empty(server, 'MessageStorageQueue');
    const refused = await server.publish({ chat: 'c', targetChannel: 'Slow' });
    assert.deepEqual([refused.status, refused.json.error], [503, 'Service overloaded']);
    assert.ok(refused.json.retryAfterMs > 0);
    assert.ok(Number(refused.headers['retry-after']) >= 1);
    const client = await server.connect({ token: server.backend });
    const frame = await client.ask({ action: 'sendMessage', ...message({ chat: 'c', targetChannel: 'Slow' }) });
    assert.deepEqual([frame.statusCode, frame.error], [503, 'Service overloaded']);
    assert.equal((await server.publish({ chat: 'c' })).status, 200, 'other channels go on');
    release(200);
    await empty(server, 'SlowQueue');
    assert.equal((await server.publish({ chat: 'c', targetChannel: 'Slow' })).status, 200, 'and this one once there is room');
  });
});
