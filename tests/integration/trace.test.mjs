// CONTRACT §10: GET /messages/{messageId}/status, /trace and `carillon trace`: what became of a message.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { buryFor } from './dead_letters.mjs';
import { assertRefused, fifo, run, unique, until, useServer, using } from './harness.mjs';
import { WebhookReceiver } from './webhooks.mjs';

const GONE = '01890000-0000-7000-8000-000000000000';

const status = (server, id, options = { token: server.admin }) => server.get(`/messages/${id}/status`, options);
const trace = (server, id, options = { token: server.admin }) => server.get(`/messages/${id}/trace`, options);

/** The status once `state` is reached. */
async function reached(server, id, state, options) {
  return until(async () => {
    const { json } = await status(server, id, options);
    return json?.state === state && json;
  }, `message ${id} is ${state}`);
}

describe('the status of a message', () => {
  const receiver = using(new WebhookReceiver());
  const server = useServer();
  server.prepare = async () => {
    server.config = { queues: { retry_base_ms: 10 }, 'channels.Email': { type: 'webhook', url: receiver.url, secret: receiver.secret } };
  };

  it('is delivered, with the number of connections', async () => {
    const chat = unique('chat');
    const clients = await server.chatWith(chat, ['ann', 'bob', 'bob']);
    const { messageId } = await server.published({ chat }, { user: 'ann' });
    for (const client of clients) await client.message(messageId);
    const answer = await reached(server, messageId, 'delivered', { user: 'ann' });
    assert.deepEqual(answer, { messageId, state: 'delivered', delivered: 3, failed: [], stored: true });
  });

  it('is stored when nobody was there', async () => {
    const { messageId } = await server.published({ chat: unique('chat') });
    assert.deepEqual(await reached(server, messageId, 'stored', { token: server.backend }), { messageId, state: 'stored', delivered: 0, failed: [], stored: true });
  });

  it('is processing while a delivery is under way, queued behind it', async () => {
    let release;
    const held = new Promise((resolve) => (release = resolve));
    receiver.statuses = [() => held];
    const sent = [];
    for (let index = 0; index < 2; index += 1) sent.push((await server.published(fifo({ chat: 'g', targetChannel: 'Email', content: unique('') }))).messageId);
    await receiver.next();
    assert.equal((await reached(server, sent[0], 'processing')).stored, true);
    assert.equal((await status(server, sent[1])).json.state, 'queued');
    receiver.statuses = [200];
    release(200);
    for (const each of sent) assert.equal((await reached(server, each, 'delivered')).delivered, 1);
  });

  it('is failed once it is a dead letter, with the reason, and again delivered after a redrive', async () => {
    receiver.statuses = [500];
    const { messageId } = await server.published({ chat: 'g', targetChannel: 'Email', content: unique('') });
    const answer = await reached(server, messageId, 'failed');
    assert.deepEqual([answer.delivered, answer.stored], [0, true]);
    const { json } = await trace(server, messageId);
    const queue = json.queues.find((each) => each.state === 'dead_letter');
    assert.deepEqual([queue.queue, queue.deadLetterQueue, queue.attempts], ['EmailQueue', 'EmailDLQ', 3]);
    assert.ok(queue.reason.length > 0);
    receiver.statuses = [200];
    assert.equal((await server.post('/queues/EmailDLQ/redrive', { messageIds: [messageId] }, { token: server.admin })).status, 200);
    assert.equal((await reached(server, messageId, 'delivered')).delivered, 1);
  });

  it('is for its sender and carillon/admin; 404 for others and for absent ones alike', async () => {
    const chat = unique('chat');
    for (const user of ['sender', 'reader', 'owner']) await server.grant(user, chat, user === 'owner' ? 'owner' : 'member');
    const { messageId } = await server.published({ chat }, { user: 'sender' });
    const shown = ({ status: code, text, headers: { date, ...headers } }) => ({ code, text, headers });
    for (const ask of [status, trace]) {
      assert.equal((await ask(server, messageId, { user: 'sender' })).status, 200);
      assert.equal((await ask(server, messageId)).status, 200);
      const absent = shown(await ask(server, GONE, { user: 'reader' }));
      assert.equal(absent.code, 404);
      for (const options of [{ user: 'reader' }, { user: 'owner' }, { user: 'stranger' }, { token: server.backend }]) assert.deepEqual(shown(await ask(server, messageId, options)), absent);
      assert.equal((await ask(server, 'nonsense')).status, 404);
      assertRefused(await ask(server, messageId, {}), 401, 'Unauthorized');
    }
  });

  it('is still there after a restart', async () => {
    const chat = unique('chat');
    const [client] = await server.chatWith(chat, ['ann']);
    const { messageId } = await server.published({ chat });
    await client.message(messageId);
    const before = await reached(server, messageId, 'delivered');
    await server.restart();
    assert.deepEqual((await status(server, messageId)).json, before);
  });
});

describe('a message that a connection did not take', () => {
  const server = useServer({ config: { gateway: { max_outbound_bytes: 262_144 + 65_536 }, queues: { retry_base_ms: 50 } } });

  it('is failed, with its recipient; trace names queue, attempts and reason', async () => {
    const [user, chat] = [unique('slow'), unique('chat')];
    const [good] = await server.chatWith(chat, [unique('good')]);
    const { messageId } = await buryFor(server, user, chat);
    good.terminate();
    const { json } = await status(server, messageId);
    assert.deepEqual([json.state, json.stored, json.failed.map((each) => each.userId)], ['failed', true, [user]]);
    assert.ok(json.failed[0].reason.length > 0);
    const traced = (await trace(server, messageId)).json;
    const letter = traced.queues.find((each) => each.state === 'dead_letter');
    assert.deepEqual([letter.queue, letter.deadLetterQueue, letter.attempts], ['WebSocketFifoQueue', 'WebSocketFifoDLQ', 3]);
    assert.equal(letter.failed[0].userId, user);
    assert.ok(!JSON.stringify(traced).includes('xxxx'), 'no content');

    const { code, stdout, stderr } = await run(['trace', messageId], { env: { CARILLON_URL: server.url, CARILLON_TOKEN: server.admin } });
    assert.equal(code, 0, stderr);
    for (const part of [messageId, user, 'failed', 'WebSocketFifoDLQ', 'queues redrive']) assert.ok(stdout.includes(part), `${part} is not in ${stdout}`);
  });
});

describe('a message past its retention', () => {
  const server = useServer({ config: { history: { retention: '3s' } } });

  it('is expired for its sender, and 404 for others', async () => {
    const chat = unique('chat');
    const { messageId } = await server.published({ chat });
    const answer = await reached(server, messageId, 'expired', { token: server.backend });
    assert.equal(answer.messageId, messageId);
    assertRefused(await status(server, messageId, { user: 'stranger' }), 404, 'Not found');
    assertRefused(await server.get(`/messages/${messageId}`, { token: server.admin }), 404, 'Not found');
  });
});

describe('carillon trace', () => {
  const server = useServer();
  const command = (args, token = server.admin) => run(['trace', ...args], { env: { CARILLON_URL: server.url, CARILLON_TOKEN: token } });

  it('says where a message is and who got it', async () => {
    const chat = unique('chat');
    const [client] = await server.chatWith(chat, ['ann']);
    const { messageId } = await server.published(fifo({ chat }));
    await client.message(messageId);
    await reached(server, messageId, 'delivered');
    const { code, stdout, stderr } = await command([messageId]);
    assert.equal(code, 0, stderr);
    for (const part of [messageId, chat, 'delivered', 'ann']) assert.ok(stdout.includes(part), `${part} is not in ${stdout}`);
    const json = JSON.parse((await command([messageId, '--json'])).stdout);
    assert.deepEqual([json.messageId, json.state, json.delivered, json.deliveredTo], [messageId, 'delivered', 1, ['ann']]);
    const sender = JSON.parse((await command([messageId, '--json'], server.backend)).stdout);
    assert.equal(sender.deliveredTo, undefined, 'the sender gets the number');
  });

  it('fails with 1 for what is not there', async () => {
    const { code, stderr } = await command([GONE]);
    assert.equal(code, 1);
    assert.match(stderr, /Not found/i);
    assert.equal((await command([])).code, 2);
  });
});
