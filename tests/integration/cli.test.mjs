// CONTRACT §1, §14: the client commands, against a server that runs.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { describe, it } from 'node:test';
import { BINARY, Inbox, cleanEnvironment, fifo, message, run, unique, useServer, using } from './harness.mjs';
import { HS256_SECRET } from './tokens.mjs';
import { WebhookReceiver } from './webhooks.mjs';

/** Runs a client command against `server` as the user of `token`. */
async function client(server, token, ...args) {
  return run(args, { env: { CARILLON_URL: server.url, CARILLON_TOKEN: token } });
}

async function succeeds(server, token, ...args) {
  const { code, stdout, stderr } = await client(server, token, ...args);
  assert.equal(code, 0, `${args.join(' ')}: ${stdout}${stderr}`);
  assert.ok(!stdout.includes(token) && !stderr.includes(token), 'the token was printed');
  return stdout;
}

/** A running `carillon listen`; its stdout lines in `lines`. */
async function listening(server, token, ...args) {
  const child = spawn(BINARY, ['listen', ...args], { env: cleanEnvironment({ CARILLON_URL: server.url, CARILLON_TOKEN: token }), stdio: ['ignore', 'pipe', 'pipe'] });
  const lines = new Inbox('lines of carillon listen');
  createInterface({ input: child.stdout }).on('line', (line) => lines.push(line));
  const exited = new Promise((resolve) => child.on('close', (code) => (lines.end(`exit ${code}`), resolve(code))));
  const first = await lines.next(() => true, 'the first line');
  return { child, lines, exited, first };
}

describe('publish and listen', () => {
  const server = useServer();

  it('listen shows what publish and a plain client send, one JSON line per frame', async () => {
    const chat = unique('chat');
    await server.grant('alice', chat);
    const { child, lines, exited, first } = await listening(server, server.token('alice'), '--chat', chat);
    assert.equal(JSON.parse(first).type, 'connected');
    await succeeds(server, server.token('alice'), 'publish', '--chat', chat, '--content', 'from the command line', '--type', 'fifo', '--event-type', 'greeting');
    const one = JSON.parse(await lines.next());
    assert.deepEqual([one.payload, one.messageType, one.sequenceNumber], [{ chatId: chat, eventType: 'greeting', content: 'from the command line' }, 'fifo', 1]);
    const plain = await server.connect({ as: 'alice', chats: [chat], plain: true });
    plain.send({ action: 'sendMessage', ...message({ chat, content: 'from ws' }) });
    assert.equal(JSON.parse(await lines.next()).payload.content, 'from ws');
    child.kill('SIGINT');
    assert.equal(await exited, 0);
  });

  it('publish takes a fresh deduplication id per call', async () => {
    const chat = unique('chat');
    const [one] = await server.chatWith(chat, ['alice']);
    for (let index = 0; index < 2; index += 1) await succeeds(server, server.backend, 'publish', '--chat', chat, '--content', 'same', '--type', 'fifo');
    assert.deepEqual((await one.messages(2)).map((frame) => frame.sequenceNumber), [1, 2]);
  });

  it('publish reaches classes and all', async () => {
    const bob = await server.connect({ as: 'bob' });
    await succeeds(server, server.backend, 'publish', '--target', 'user:bob', '--content', 'for bob');
    assert.equal((await bob.nextMessage()).data.payload.content, 'for bob');
    await succeeds(server, server.backend, 'publish', '--target', 'all', '--content', 'for all');
    assert.equal((await bob.nextMessage()).data.targetClass, 'all');
  });

  it('listen takes org, hub and project', async () => {
    const token = server.token({ user: 'carol', claims: { 'custom:orgId': 'o', 'custom:hubId': 'h', 'custom:projectId': 'p' } });
    const { child, lines, exited } = await listening(server, token, '--org', 'o', '--hub', 'h', '--project', 'p');
    for (const to of ['org:o', 'hub:h', 'project:p']) {
      const { messageId } = await server.published({ to });
      assert.equal(JSON.parse(await lines.next()).messageId, messageId);
    }
    child.kill('SIGTERM');
    assert.equal(await exited, 0);
  });

  it('listen escapes control and bidi characters', async () => {
    const chat = unique('chat');
    await server.grant('alice', chat);
    const { child, lines, exited } = await listening(server, server.token('alice'), '--chat', chat);
    const content = 'a\u001b[31m\u0007\u0085\u202e\u2066b\u200f';
    await server.published({ chat, content });
    await server.post('/publish', `{"targetChannel":"WebSocket","payload":{"chatId":"${chat}","eventType":"e",\n"content":"raw \u202e\u009b"}}`, { token: server.backend });
    for (const wanted of [content, 'raw \u202e\u009b']) {
      const line = await lines.next();
      assert.doesNotMatch(line, /[\u0000-\u001f\u007f-\u009f\u200e\u200f\u202a-\u202e\u2066-\u2069]/, JSON.stringify(line));
      assert.equal(JSON.parse(line).payload.content, wanted, 'it is still the same value');
    }
    child.kill('SIGINT');
    await exited;
  });

  it('failures exit 1 with the server\'s reason', async () => {
    const refused = await client(server, server.token('stranger'), 'publish', '--chat', unique('secret'), '--content', 'x');
    assert.equal(refused.code, 1);
    assert.match(refused.stderr, /Forbidden - No chat access/);
    const unauthorized = await client(server, 'nonsense', 'publish', '--chat', 'c', '--content', 'x');
    assert.equal(unauthorized.code, 1);
    assert.match(unauthorized.stderr, /Unauthorized/);
    const nobody = await run(['publish', '--chat', 'c', '--content', 'x', '--url', 'http://127.0.0.1:9', '--token', 'x']);
    assert.equal(nobody.code, 1);
    assert.match(nobody.stderr, /127\.0\.0\.1:9/);
    const listen = await client(server, server.token('stranger'), 'listen', '--chat', unique('secret'));
    assert.equal(listen.code, 1);
    assert.match(listen.stderr, /Forbidden - No chat access/);
  });

  it('--url and --token are taken before the environment', async () => {
    const { code, stderr } = await run(['publish', '--chat', 'c', '--content', 'x', '--url', server.url, '--token', server.backend], { env: { CARILLON_URL: 'http://127.0.0.1:9', CARILLON_TOKEN: 'nonsense' } });
    assert.equal(code, 0, stderr);
  });
});

describe('token', () => {
  const server = useServer();

  it('--config signs with the configuration\'s hs256_secret', async () => {
    const { code, stdout, stderr } = await run(['token', '--config', server.configFile, '--user', 'dave', '--scope', 'carillon/publish', '--scope', 'carillon/metrics']);
    assert.equal(code, 0, stderr);
    const token = server.secret(stdout.trim());
    assert.equal((await server.connect({ token })).hello.userId, 'dave');
    assert.equal((await server.publish({ to: 'all' }, { token })).status, 200);
    assert.ok(!stdout.includes(HS256_SECRET) && !stderr.includes(HS256_SECRET));
  });
});

describe('permissions, connections and queues', () => {
  const receiver = using(new WebhookReceiver());
  const server = useServer();
  server.prepare = async () => {
    server.config = { queues: { retry_base_ms: 10 }, 'channels.Email': { type: 'webhook', url: receiver.url, secret: receiver.secret } };
  };
  const asAdmin = (...args) => succeeds(server, server.admin, ...args);

  it('permissions grant, list and revoke', async () => {
    const chat = unique('chat');
    assert.match(await asAdmin('permissions', 'grant', '--user', 'erin', '--chat', chat), /member/);
    assert.equal((await server.publish({ chat }, { user: 'erin' })).status, 200);
    assert.equal(JSON.parse(await asAdmin('permissions', 'grant', '--user', 'erin', '--chat', chat, '--role', 'viewer', '--json')).role, 'viewer');
    assert.equal((await server.publish({ chat }, { user: 'erin' })).status, 403);
    const denied = await client(server, server.token('erin'), 'permissions', 'grant', '--user', 'x', '--chat', chat);
    assert.deepEqual([denied.code, /Forbidden/.test(denied.stderr)], [1, true]);
    await asAdmin('permissions', 'revoke', '--user', 'erin', '--chat', chat);
    assert.equal((await server.refused({ as: 'erin', chats: [chat] })).status, 403);
  });

  it('connections', async () => {
    const one = await server.connect({ as: 'frank' });
    const text = await asAdmin('connections', '--user', 'frank');
    assert.ok(text.includes(one.hello.connectionId) && text.includes('frank'), text);
    assert.ok(JSON.stringify(JSON.parse(await asAdmin('connections', '--json'))).includes(one.hello.connectionId));
  });

  it('queues list, peek, redrive and purge', async () => {
    assert.match(await asAdmin('queues', 'list'), /WebSocketFifoQueue/);
    assert.ok(JSON.stringify(JSON.parse(await asAdmin('queues', 'list', '--json'))).includes('EmailFifoDLQ'));
    receiver.statuses = [500];
    const { messageId } = await server.published(fifo({ chat: 'c', targetChannel: 'Email', content: 'bad\u001b[2J' }));
    await server.untilQueue('EmailFifoDLQ', (queue) => queue.depth === 1, 'it is a dead letter');
    const peeked = await asAdmin('queues', 'peek', 'EmailFifoDLQ');
    assert.ok(peeked.includes(messageId), peeked);
    assert.doesNotMatch(peeked, /\u001b/);
    receiver.statuses = [200];
    receiver.deliveries.drain();
    await asAdmin('queues', 'redrive', 'EmailFifoDLQ');
    assert.equal((await receiver.next()).data.messageId, messageId);
    receiver.statuses = [500];
    await server.published(fifo({ chat: 'c', targetChannel: 'Email', content: 'worse' }));
    await server.untilQueue('EmailFifoDLQ', (queue) => queue.depth === 1, 'it is a dead letter');
    await asAdmin('queues', 'purge', 'EmailFifoDLQ');
    assert.equal((await server.queue('EmailFifoDLQ')).depth, 0);
    const absent = await client(server, server.admin, 'queues', 'peek', 'NoSuchQueue');
    assert.equal(absent.code, 1);
  });

  it('config check and print, without secrets', async () => {
    assert.equal((await run(['config', 'check', '--config', server.configFile])).code, 0);
    const printed = await run(['config', 'print', '--config', server.configFile]);
    assert.equal(printed.code, 0);
    assert.match(printed.stdout, /max_message_bytes/);
    for (const secret of [HS256_SECRET, receiver.secret]) assert.ok(!printed.stdout.includes(secret), 'a secret was printed');
    const bad = path.join(server.directory, 'bad.toml');
    writeFileSync(bad, '[gateway]\nport = 1\n');
    const refused = await run(['config', 'check', '--config', bad]);
    assert.notEqual(refused.code, 0);
    assert.match(refused.stderr + refused.stdout, /port/);
  });

  it('bench counts what was lost, duplicated or reordered', async () => {
    const { code, stdout, stderr } = await client(server, server.admin, 'bench', 'fanout', '--connections', '20', '--messages', '50', '--json');
    assert.equal(code, 0, stderr);
    assert.match(stdout, /"lost":\s*0\b/);
    assert.match(stdout, /"duplicated":\s*0\b/);
    assert.match(stdout, /"reordered":\s*0\b/);
  });
});
