// CONTRACT §11: the queues and how operators look into them and act on them.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { fifo, message, unique, useServer, using } from './harness.mjs';
import { WebhookReceiver } from './webhooks.mjs';

describe('GET /queues', () => {
  const server = useServer();

  it('lists every queue with its figures', async () => {
    const { status, json } = await server.get('/queues', { token: server.admin });
    assert.equal(status, 200);
    assert.ok(Array.isArray(json), 'a list');
    const wanted = [
      ['WebSocketFifoQueue', 'fifo', 'WebSocketFifoDLQ'], ['WebSocketStandardQueue', 'standard', 'WebSocketStandardDLQ'], ['MessageStorageQueue', undefined, 'MessageStorageDLQ'],
      ['WebSocketFifoDLQ', undefined, undefined], ['WebSocketStandardDLQ', undefined, undefined], ['MessageStorageDLQ', undefined, undefined],
    ];
    assert.deepEqual(json.map(({ name }) => name).toSorted(), wanted.map(([name]) => name).toSorted());
    for (const [name, type, deadLetterQueue] of wanted) {
      const queue = json.find((one) => one.name === name);
      assert.deepEqual(Object.keys(queue).filter((key) => key !== 'deadLetterQueue').sort(), ['depth', 'inFlight', 'name', 'oldestAgeSeconds', 'type'], name);
      if (type) assert.equal(queue.type, type, name);
      assert.equal(queue.deadLetterQueue, deadLetterQueue, name);
      for (const key of ['depth', 'inFlight', 'oldestAgeSeconds']) assert.ok(Number.isInteger(queue[key]) && queue[key] >= 0, `${name}.${key}`);
    }
  });

  it('is for carillon/admin, as all of it is', async () => {
    for (const [method, path] of [['GET', '/queues'], ['GET', '/queues/WebSocketFifoDLQ/messages'], ['DELETE', '/queues/WebSocketFifoDLQ/messages'], ['POST', '/queues/WebSocketFifoDLQ/redrive']]) {
      assert.equal((await server.request(method, path, { user: 'alice' })).status, 403, `${method} ${path}`);
      assert.equal((await server.request(method, path, { token: server.backend })).status, 403, `${method} ${path}`);
      assert.equal((await server.request(method, path)).status, 401, `${method} ${path}`);
    }
  });

  it('unknown queues are 404', async () => {
    for (const [method, path] of [['GET', '/queues/None/messages'], ['DELETE', '/queues/None/messages'], ['POST', '/queues/None/redrive']]) {
      assert.equal((await server.request(method, path, { token: server.admin })).status, 404, `${method} ${path}`);
    }
  });

  it('only a dead letter queue can be redriven', async () => {
    const { status } = await server.post('/queues/WebSocketFifoQueue/redrive', {}, { token: server.admin });
    assert.equal(status, 400);
  });

  it('no live connection: the message is done, and UndeliveredMessage is counted', async () => {
    server.lines.drain();
    const { messageId } = await server.published(fifo({ chat: unique('empty') }));
    await server.lines.next(({ text, data }) => /undelivered_?message/i.test(text) && data.messageId === messageId, 'a line UndeliveredMessage');
    for (const name of ['WebSocketFifoQueue', 'MessageStorageQueue']) await server.untilQueue(name, (queue) => queue.depth === 0, `${name} is empty`);
    assert.equal((await server.queue('WebSocketFifoDLQ')).depth, 0);
  });
});

describe('dead letters', () => {
  const receiver = using(new WebhookReceiver());
  const server = useServer();
  server.prepare = async () => {
    server.config = { queues: { retry_base_ms: 10 }, 'channels.Email': { type: 'webhook', url: receiver.url, secret: receiver.secret } };
  };
  const bury = async (count) => {
    receiver.statuses = [500];
    const ids = [];
    for (let index = 0; index < count; index += 1) ids.push((await server.published(message({ chat: 'c', targetChannel: 'Email', content: unique('') }))).messageId);
    await server.untilQueue('EmailDLQ', (queue) => queue.depth === count, `${count} are dead letters`);
    receiver.deliveries.drain();
    receiver.statuses = [200];
    return ids;
  };
  const idsIn = async (limit) => (await server.peek('EmailDLQ', limit)).map((letter) => JSON.stringify(letter).match(/[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f-]{21}/)[0]);
  const purge = () => server.delete('/queues/EmailDLQ/messages', { token: server.admin });

  it('can be looked at, oldest first, without being taken', async () => {
    const ids = await bury(3);
    assert.deepEqual((await idsIn(10)).toSorted(), ids.toSorted());
    assert.deepEqual(await idsIn(10), await idsIn(10));
    assert.equal((await idsIn(2)).length, 2);
    assert.equal((await server.queue('EmailDLQ')).depth, 3);
    for (const limit of ['0', '-1', 'x', '1e9']) {
      const { status } = await server.get(`/queues/EmailDLQ/messages?limit=${limit}`, { token: server.admin });
      assert.ok(status === 400 || (limit === '1e9' && status === 200), `limit=${limit} → ${status}`);
    }
    await purge();
  });

  it('purge removes them', async () => {
    await bury(2);
    const { status } = await purge();
    assert.ok(status === 200 || status === 204, String(status));
    assert.equal((await server.queue('EmailDLQ')).depth, 0);
    assert.deepEqual(await idsIn(10), []);
  });

  it('redrive moves those that are named, or all', async () => {
    const ids = await bury(3);
    const one = await server.post('/queues/EmailDLQ/redrive', { messageIds: [ids[1]] }, { token: server.admin });
    assert.equal(one.status, 200, one.text);
    assert.equal((await receiver.next()).data.messageId, ids[1]);
    await server.untilQueue('EmailDLQ', (queue) => queue.depth === 2, 'two are left');
    const unknown = await server.post('/queues/EmailDLQ/redrive', { messageIds: ['01890000-0000-7000-8000-000000000000'] }, { token: server.admin });
    assert.equal(unknown.status, 404);
    for (const body of [{ messageIds: 'x' }, { messageIds: [7] }, { messageIds: ['nonsense'] }]) {
      assert.ok([400, 404].includes((await server.post('/queues/EmailDLQ/redrive', body, { token: server.admin })).status), JSON.stringify(body));
    }
    assert.equal((await server.queue('EmailDLQ')).depth, 2, 'a bad redrive moves nothing');
    assert.equal((await server.request('POST', '/queues/EmailDLQ/redrive', { token: server.admin })).status, 200, 'without a body: all');
    const again = new Set([(await receiver.next()).data.messageId, (await receiver.next()).data.messageId]);
    assert.deepEqual(again, new Set([ids[0], ids[2]]));
    await server.untilQueue('EmailDLQ', (queue) => queue.depth === 0, 'none is left');
  });

  it('what is in flight and waiting is counted', async () => {
    let release;
    const held = new Promise((resolve) => (release = resolve));
    receiver.statuses = [() => held];
    await server.published(fifo({ chat: 'g', targetChannel: 'Email', content: unique('') }));
    await server.published(fifo({ chat: 'g', targetChannel: 'Email', content: unique('') }));
    await receiver.next();
    const queue = await server.queue('EmailFifoQueue');
    assert.deepEqual([queue.depth, queue.inFlight], [2, 1]);
    release(200);
    receiver.statuses = [200];
    await server.untilQueue('EmailFifoQueue', ({ depth, inFlight }) => depth === 0 && inFlight === 0, 'all is done');
  });
});

describe('[queues] max_attempts', () => {
  const receiver = using(new WebhookReceiver());
  const server = useServer();
  server.prepare = async () => {
    server.config = { queues: { retry_base_ms: 10, max_attempts: 1 }, 'channels.Email': { type: 'webhook', url: receiver.url, secret: receiver.secret } };
  };

  it('is as configured', async () => {
    receiver.statuses = [500];
    await server.published({ chat: 'c', targetChannel: 'Email' });
    await server.untilQueue('EmailDLQ', (queue) => queue.depth === 1, 'it is a dead letter');
    assert.equal(receiver.count, 1);
  });
});
