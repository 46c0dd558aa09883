// CONTRACT §1, §14: `carillon messages` and `permissions list`, against a server that runs.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import net from 'node:net';
import { createInterface } from 'node:readline';
import { describe, it } from 'node:test';
import { BINARY, Inbox, cleanEnvironment, fifo, message, run, unique, useServer } from './harness.mjs';

const environment = (server, token) => ({ CARILLON_URL: server.url, CARILLON_TOKEN: token });
const command = (server, args, token = server.admin) => run(args, { env: environment(server, token) });

async function succeeds(server, args, token) {
  const { code, stdout, stderr } = await command(server, args, token);
  assert.equal(code, 0, `${args.join(' ')}: ${stdout}${stderr}`);
  return stdout;
}

/** A port that stays while the server behind it is started anew on another one. */
class FixedPort {
  sockets = new Set();

  static async before(server) {
    const port = new FixedPort();
    port.listener = net.createServer((near) => {
      const far = net.connect({ port: server.port, host: '127.0.0.1' });
      for (const [one, other] of [[near, far], [far, near]]) {
        port.sockets.add(one);
        one.on('error', () => other.destroy()).on('close', () => (port.sockets.delete(one), other.destroy())).pipe(other);
      }
    });
    await new Promise((resolve) => port.listener.listen(0, '127.0.0.1', resolve));
    port.url = `http://127.0.0.1:${port.listener.address().port}`;
    return port;
  }

  async stop() {
    for (const socket of this.sockets) socket.destroy();
    await new Promise((resolve) => this.listener.close(resolve));
  }
}

const lines = (text) => text.split('\n').filter(Boolean);
const idsOf = (text) => lines(text).map((line) => JSON.parse(line).messageId).filter(Boolean);

describe('carillon messages', () => {
  const server = useServer();
  const fill = async (chat, count) => {
    const sent = [];
    for (let index = 0; index < count; index += 1) sent.push((await server.published(fifo({ chat, content: `text ${index}`, messageDeduplicationId: unique('id') }))).messageId);
    return sent;
  };

  it('shows a table that reads like a chat: the newest at the bottom', async () => {
    const chat = unique('chat');
    await fill(chat, 3);
    const shown = await succeeds(server, ['messages', '--chat', chat]);
    const places = ['text 0', 'text 1', 'text 2'].map((text) => shown.indexOf(text));
    assert.ok(places.every((place) => place >= 0), shown);
    assert.deepEqual(places, places.toSorted((a, b) => a - b), 'the newest is the last line');
    assert.match(shown, /backend/);
  });

  it('--json prints an item per line; --limit and --all', async () => {
    const chat = unique('chat');
    const sent = await fill(chat, 60);
    assert.deepEqual(new Set(idsOf(await succeeds(server, ['messages', '--chat', chat, '--json', '--limit', '5']))), new Set(sent.slice(-5)));
    assert.equal(idsOf(await succeeds(server, ['messages', '--chat', chat, '--json'])).length, 50);
    for (let batch = 0; batch < 10; batch += 1) {
      const messages = Array.from({ length: 100 }, (_, index) => message({ chat, content: index }));
      sent.push(...(await server.post('/publish/batch', { messages }, { token: server.backend })).json.successful.map((each) => each.messageId));
    }
    assert.deepEqual(idsOf(await succeeds(server, ['messages', '--chat', chat, '--json', '--all', '--asc'])), sent, 'more than one page');
  });

  it('--sequences prints those and says why others are missing', async () => {
    const chat = unique('chat');
    await fill(chat, 3);
    const shown = await succeeds(server, ['messages', '--chat', chat, '--sequences', '2-4']);
    for (const part of ['text 1', 'text 2', '4', 'not_issued']) assert.ok(shown.includes(part) || shown.includes(part.replace('_', ' ')), `${part}: ${shown}`);
    assert.ok(!shown.includes('text 0'), shown);
  });

  it('other targets, time bounds, refusals', async () => {
    const user = unique('user');
    const { messageId, timestamp } = await server.published({ to: `user:${user}`, content: 'for you' });
    assert.deepEqual(idsOf(await succeeds(server, ['messages', '--target', `user:${user}`, '--json', '--from', timestamp, '--to', timestamp], server.token(user))), [messageId]);
    const refused = await command(server, ['messages', '--chat', unique('secret')], server.token('stranger'));
    assert.equal(refused.code, 1);
    assert.match(refused.stderr, /Forbidden - No chat access/);
    for (const args of [['messages'], ['messages', '--chat', 'c', '--target', 'org:o'], ['messages', '--chat', 'c', '--limit', '0']]) assert.equal((await command(server, args)).code, 2, args.join(' '));
  });

  it('escapes control and bidi characters', async () => {
    const chat = unique('chat');
    await server.published({ chat, content: 'a\u001b[31m\u0007\u202e\u2066b' });
    for (const args of [['messages', '--chat', chat], ['messages', '--chat', chat, '--json']]) {
      assert.doesNotMatch(await succeeds(server, args), /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/);
    }
  });

  it('--follow prints the newest, then what comes, each once, over a restart of the server too', async () => {
    const chat = unique('chat');
    await server.grant('alice', chat);
    const sent = await fill(chat, 5);
    const port = await FixedPort.before(server);
    const child = spawn(BINARY, ['messages', '--chat', chat, '--follow', '--json', '--limit', '3'], { env: cleanEnvironment(environment(port, server.token('alice'))), stdio: ['ignore', 'pipe', 'pipe'] });
    const shown = new Inbox('lines of carillon messages');
    let errors = '';
    child.stderr.on('data', (chunk) => (errors += chunk));
    createInterface({ input: child.stdout }).on('line', (line) => shown.push(JSON.parse(line).messageId));
    const exited = new Promise((resolve) => child.on('close', (code) => (shown.end(`exit ${code}: ${errors}`), resolve(code))));
    try {
      const seen = [];
      const expect = async (count) => {
        while (seen.length < count) seen.push(await shown.next());
      };
      await expect(3);
      sent.push(...await fill(chat, 20));
      await expect(23);
      await server.kill9();
      await server.start();
      sent.push(...await fill(chat, 5));
      await expect(28);
      sent.push(...await fill(chat, 5));
      await expect(33);
      assert.deepEqual(seen, sent.slice(2));
    } finally {
      child.kill('SIGINT');
      await exited;
      await port.stop();
    }
    assert.equal(await exited, 0, errors);
  });
});

describe('carillon permissions list', () => {
  const server = useServer();

  it('by user and by chat, as a table and as JSON, every page', async () => {
    const [user, chat] = [unique('user'), unique('chat')];
    await succeeds(server, ['permissions', 'grant', '--user', user, '--chat', chat, '--role', 'owner']);
    await succeeds(server, ['permissions', 'grant', '--user', user, '--target', `org:${chat}`, '--role', 'viewer']);
    await succeeds(server, ['permissions', 'grant', '--user', 'bob', '--chat', chat]);
    const ofUser = await succeeds(server, ['permissions', 'list', '--user', user], server.token(user));
    for (const part of [`chat:${chat}`, `org:${chat}`, 'owner', 'viewer', 'root-admin']) assert.ok(ofUser.includes(part), `${part}: ${ofUser}`);
    const ofChat = await succeeds(server, ['permissions', 'list', '--chat', chat], server.token('bob'));
    for (const part of [user, 'bob', 'member']) assert.ok(ofChat.includes(part), `${part}: ${ofChat}`);
    const json = JSON.parse(lines(await succeeds(server, ['permissions', 'list', '--chat', chat, '--json']))[0]);
    assert.deepEqual(json.users.map(({ userId, role }) => [userId, role]).toSorted(), [['bob', 'member'], [user, 'owner']].toSorted());

    for (let index = 0; index < 1005; index += 1) await server.grant(`many-${index}`, chat, 'viewer');
    assert.equal(lines(await succeeds(server, ['permissions', 'list', '--chat', chat])).length, 1 + 1007, 'a heading and everybody');
    const pages = lines(await succeeds(server, ['permissions', 'list', '--chat', chat, '--json'])).map((line) => JSON.parse(line).users.length);
    assert.deepEqual(pages, [1000, 7]);
  });

  it('revoke, and what is refused', async () => {
    const chat = unique('chat');
    await server.grant('bob', chat);
    assert.match(await succeeds(server, ['permissions', 'revoke', '--user', 'bob', '--chat', chat], server.token('bob')), /Permission revoked/);
    for (const args of [['revoke', '--user', 'bob', '--chat', chat], ['list', '--chat', chat], ['list', '--user', 'alice'], ['grant', '--user', 'bob', '--chat', chat]]) {
      const { code, stderr } = await command(server, ['permissions', ...args], server.token('bob'));
      assert.deepEqual([code, /Forbidden|Not found/.test(stderr)], [1, true], `${args.join(' ')}: ${stderr}`);
    }
  });
});
