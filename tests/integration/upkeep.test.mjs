// CONTRACT §1, §14: backup, restore and verify, beside a live server and without one.
import assert from 'node:assert/strict';
import { cpSync, existsSync, lstatSync, mkdirSync, readFileSync, readdirSync, renameSync, statSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import { after, describe, it } from 'node:test';
import { Server, fifo, message, removeDirectory, run, temporaryDirectory, unique, until, useServer, within } from './harness.mjs';

const elsewhere = temporaryDirectory();
after(() => removeDirectory(elsewhere));
const fresh = (name) => path.join(elsewhere, unique(name));

async function succeeds(...args) {
  const { code, stdout, stderr } = await run([...args, '--json'], { ms: 60_000 });
  assert.equal(code, 0, `${args.join(' ')}: ${stdout}${stderr}`);
  return JSON.parse(stdout);
}

/** The command fails and says why in one line on stderr (a server's log lines aside). */
async function refused(pattern, ...args) {
  const { code, stdout, stderr } = await run(args, { ms: 60_000 });
  assert.equal(code, 1, `${args.join(' ')}: ${stdout}${stderr}`);
  const said = stderr.trim().split('\n').filter((line) => !line.startsWith('{'));
  assert.equal(said.length, 1, stderr);
  assert.match(said[0], pattern);
}

/** A server on a restored data directory. */
async function serving(dataDirectory, check) {
  const server = new Server();
  server.dataDirectory = dataDirectory;
  await server.start();
  try {
    return await check(server);
  } finally {
    await server.stop();
  }
}

const history = async (server, chat) => {
  const { status, json, text } = await server.get(`/messages?chatId=${chat}&limit=1000&order=asc`, { token: server.admin });
  assert.equal(status, 200, text);
  return json.messages.map(({ messageId }) => messageId);
};

describe('beside a live server', () => {
  const server = useServer();

  it('a backup holds everything answered before it began, and publishing goes on meanwhile', async () => {
    const chat = unique('chat');
    const out = fresh('backup');
    const before = [];
    for (let index = 0; index < 50; index += 1) before.push((await server.published(fifo({ chat, content: index }))).messageId);
    await server.grant('alice', chat, 'owner');

    let done = false;
    const during = (async () => {
      let answered = 0;
      for (; !done; answered += 1) await server.published(fifo({ chat, content: `meanwhile ${answered}` }));
      return answered;
    })();
    const report = await succeeds('backup', '--data', server.dataDirectory, '--out', out);
    done = true;
    assert.ok((await during) > 0);
    assert.equal(report.backup, 1);
    assert.equal(statSync(out).mode & 0o777, 0o700);

    const epoch = (await server.connect({ as: 'alice', chats: [chat] })).hello.storeEpoch;
    assert.equal(report.storeEpoch, epoch);
    const data = fresh('restored');
    await succeeds('restore', '--in', out, '--data', data);
    await serving(data, async (restored) => {
      assert.deepEqual((await history(restored, chat)).slice(0, before.length), before);
      const hello = (await restored.connect({ as: 'alice', chats: [chat] })).hello;
      assert.notEqual(hello.storeEpoch, epoch, 'clients see that the store is another one');
      assert.equal(hello.storeEpoch.length, epoch.length);
      const { sequenceNumber } = await restored.published(fifo({ chat, content: 'afterwards' }));
      assert.equal(sequenceNumber, (await history(restored, chat)).length, 'no gap and no repeat');
    });
  });

  it('keeps as many backups as it is told', async () => {
    const out = fresh('backup');
    for (let index = 1; index <= 3; index += 1) {
      const report = await succeeds('backup', '--data', server.dataDirectory, '--out', out, '--keep', '2');
      assert.equal(report.backup, index);
    }
    await refused(/there is no backup 1 .*2, 3/, 'restore', '--in', out, '--data', fresh('data'), '--backup', '1');
    await succeeds('restore', '--in', out, '--data', fresh('data'), '--backup', '2');
  });

  it('verify finds nothing in a sound store', async () => {
    await server.published(message({ chat: unique('chat') }));
    const report = await succeeds('verify', '--data', server.dataDirectory);
    assert.equal(report.ok, true);
    assert.ok(report.records > 0);
    assert.deepEqual(report.findings, []);
  });

  it('the control socket is for its user only, and is gone with the server', async () => {
    const control = path.join(server.dataDirectory, 'control');
    assert.equal(lstatSync(control).mode & 0o777, 0o600);
    assert.ok(lstatSync(control).isSocket());
    await server.restart();
    assert.ok(lstatSync(control).isSocket());
    await server.kill9();
    assert.ok(existsSync(control), 'stale after a crash');
    await server.start();
    assert.equal((await succeeds('verify', '--data', server.dataDirectory)).ok, true);
    await server.terminate();
    assert.ok(!existsSync(control));
    await server.start();
  });

  it('answers nonsense with an error and goes on', async () => {
    const ask = (text) => within(new Promise((resolve, reject) => {
      const socket = net.connect(path.join(server.dataDirectory, 'control'));
      let answer = '';
      socket.on('connect', () => socket.write(text));
      socket.on('data', (chunk) => (answer += chunk));
      socket.on('error', (error) => (error.code === 'EPIPE' || error.code === 'ECONNRESET' ? resolve(answer) : reject(error)));
      socket.on('close', () => resolve(answer));
    }), 'an answer on the control socket', 30_000);
    for (const text of ['what\n', '[]\n', '{}\n', '{"command":"format"}\n', '{"command":"backup"}\n', '{"command":"backup","out":"relative"}\n', `{"command":"backup","out":"/tmp/\\u0000x"}\n`]) {
      assert.equal(typeof JSON.parse(await ask(text)).error, 'string', text);
    }
    assert.equal(await ask('x'.repeat(100_000)), '', 'a line without end');
    assert.equal(JSON.parse((await ask('{"command":"verify"}\n')).trim().split('\n').at(-1)).result.ok, true);
  });

  it('a silent client holds up neither the next one nor the end of the server', async () => {
    const silent = net.connect(path.join(server.dataDirectory, 'control'));
    silent.on('error', () => {});
    await new Promise((resolve) => silent.on('connect', resolve));
    assert.equal((await succeeds('verify', '--data', server.dataDirectory)).ok, true);
    const another = net.connect(path.join(server.dataDirectory, 'control'));
    another.on('error', () => {});
    await new Promise((resolve) => another.on('connect', resolve));
    assert.equal((await server.terminate()).code, 0);
    silent.destroy();
    another.destroy();
    await server.start();
  });

  it('refuses to back up into the data directory, or over something else', async () => {
    await refused(/data directory/, 'backup', '--data', server.dataDirectory, '--out', path.join(server.dataDirectory, 'backup'));
    assert.ok(!existsSync(path.join(server.dataDirectory, 'backup')));
    const full = fresh('full');
    mkdirSync(full);
    writeFileSync(path.join(full, 'photo'), 'x');
    await refused(/not empty/, 'backup', '--data', server.dataDirectory, '--out', full);
    assert.deepEqual(readdirSync(full), ['photo']);
  });
});

describe('without a server', () => {
  const server = useServer();

  it('backup, restore and verify work on the directory itself, however deep it lies', async () => {
    const chat = unique('chat');
    const { messageId } = await server.published(fifo({ chat }));
    await server.terminate();
    const deep = path.join(elsewhere, ...Array.from({ length: 12 }, () => 'a-rather-long-name'));
    mkdirSync(path.dirname(deep), { recursive: true });
    const home = server.dataDirectory;
    renameSync(home, deep);
    const out = fresh('backup');
    await succeeds('backup', '--data', deep, '--out', out);
    assert.equal((await succeeds('verify', '--data', deep)).ok, true);
    await serving(deep, async (other) => assert.equal((await succeeds('verify', '--data', other.dataDirectory)).ok, true, 'a socket with a long path'));
    const data = fresh('restored');
    await succeeds('restore', '--in', out, '--data', data);
    assert.equal((await succeeds('verify', '--data', data)).ok, true);
    await serving(data, async (restored) => assert.deepEqual(await history(restored, chat), [messageId]));
    await refused(/not empty/, 'restore', '--in', out, '--data', data);
    renameSync(deep, home);
    await server.start();
  });

  it('an interrupted restore is neither served nor mistaken for a store', async () => {
    const out = fresh('backup');
    const chat = unique('chat');
    const { messageId } = await server.published(fifo({ chat }));
    await succeeds('backup', '--data', server.dataDirectory, '--out', out);
    const data = fresh('restored');
    mkdirSync(path.join(data, 'store.new'), { recursive: true });
    writeFileSync(path.join(data, 'restoring'), 'backup 1\n');
    writeFileSync(path.join(data, 'store.new', 'CURRENT'), 'half');
    await refused(/run carillon restore again/, 'serve', '--dev', '--listen', '127.0.0.1:0', '--data', data);
    await succeeds('restore', '--in', out, '--data', data);
    await serving(data, async (restored) => assert.deepEqual(await history(restored, chat), [messageId]));
  });

  it('says what is missing', async () => {
    const nowhere = fresh('nowhere');
    await refused(/there is no store in/, 'backup', '--data', nowhere, '--out', fresh('out'));
    await refused(/there is no store in/, 'verify', '--data', nowhere);
    await refused(/there are no backups/, 'restore', '--in', nowhere, '--data', fresh('data'));
    assert.ok(!existsSync(nowhere));
    for (const args of [['backup', '--data', 'x'], ['restore', '--in', 'x'], ['verify'], ['backup', '--data', 'x', '--out', 'y', '--keep', 'some']]) {
      assert.equal((await run(args)).code, 2, args.join(' '));
    }
  });

  it('verify names what is damaged', async () => {
    await server.published(fifo({ chat: unique('chat'), content: 'x'.repeat(1000) }));
    await server.restart();
    await server.terminate();
    const store = path.join(server.dataDirectory, 'store');
    const table = readdirSync(store).find((name) => name.endsWith('.sst'));
    const copy = fresh('damaged');
    cpSync(server.dataDirectory, copy, { recursive: true });
    const file = path.join(copy, 'store', table);
    const bytes = readFileSync(file);
    bytes[30] ^= 0x55;
    writeFileSync(file, bytes);
    const { code, stdout, stderr } = await run(['verify', '--data', copy]);
    assert.equal(code, 1);
    assert.match(stdout + stderr, new RegExp(table));
    await server.start();
    await until(async () => (await server.get('/ready')).status === 200, 'the server is ready');
  });
});
