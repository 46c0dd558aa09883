// CONTRACT §1: the program, its configuration, its data directory and how it ends.
import assert from 'node:assert/strict';
import { chmodSync, existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { after, describe, it } from 'node:test';
import { HS256_AUTH, Server, removeDirectory, run, temporaryDirectory, toml, unique, useServer } from './harness.mjs';
import { HS256_SECRET } from './tokens.mjs';
import { WebhookReceiver } from './webhooks.mjs';

const COMMANDS = [
  'serve', 'token', 'publish', 'listen', 'messages', 'trace', 'permissions', 'connections', 'queues', 'backup', 'restore', 'verify', 'bench', 'config',
];

describe('usage', () => {
  it('prints help everywhere and exits 0', async () => {
    const { code, stdout } = await run(['--help']);
    assert.equal(code, 0);
    for (const command of COMMANDS) assert.match(stdout, new RegExp(`\\b${command}\\b`), command);
    for (const command of COMMANDS) {
      const help = await run([command, '--help']);
      assert.equal(help.code, 0, `${command} --help`);
      assert.match(help.stdout, /--help/);
    }
  });

  it('prints a version', async () => {
    const { code, stdout } = await run(['--version']);
    assert.equal(code, 0);
    assert.match(stdout, /\d+\.\d+\.\d+/);
    assert.equal((await run(['serve', '--version'])).code, 0);
  });

  for (const args of [[], ['no-such-command'], ['serve', '--no-such-flag'], ['token'], ['queues', 'dance'], ['token', '--user', 'a', '--ttl', 'soon'], ['publish', '--content', 'x']]) {
    it(`exits 2 on: carillon ${args.join(' ')}`, async () => {
      const { code, stderr, stdout } = await run(args);
      assert.equal(code, 2, stdout + stderr);
      assert.notEqual(stderr.trim(), '');
    });
  }
});

describe('a configuration that cannot be', () => {
  const directory = temporaryDirectory();
  const file = path.join(directory, 'carillon.toml');
  after(() => removeDirectory(directory));

  const start = async (text, env = {}) => {
    writeFileSync(file, text);
    return run(['serve', '--config', file, '--listen', '127.0.0.1:0', '--data', path.join(directory, 'data')], { env });
  };
  const auth = toml({ auth: HS256_AUTH });
  const email = `[channels.Email]\ntype = "webhook"\nurl = "http://127.0.0.1:1/"\nsecret = "whsec_c2VjcmV0IG9mIDI0IGJ5dGVzIGF0IGxlYXN0"\n`;

  // [what, configuration, what the line must name]
  const cases = [
    ['an unknown key', `${auth}\n[gateway]\nlissten = "x"\n`, ['lissten']],
    ['an unknown section', `${auth}\n[gatevay]\nlisten = "127.0.0.1:0"\n`, ['gatevay']],
    ['a wrong type', `${auth}\n[gateway]\nmax_message_bytes = "many"\n`, ['max_message_bytes', 'many']],
    ['an impossible number', `${auth}\n[gateway]\nheartbeat_seconds = -5\n`, ['heartbeat_seconds', '-5']],
    ['an impossible duration', `${auth}\n[topics.fifo]\ndeduplication_window = "soon"\n`, ['deduplication_window', 'soon']],
    ['an impossible choice', `${auth}\n[publish]\nuser_targets = "everybody"\n`, ['user_targets', 'everybody', 'shared_chat']],
    ['an impossible address', `${auth}\n[gateway]\nlisten = "nowhere"\n`, ['listen', 'nowhere']],
    ['an impossible log level', `${auth}\n[log]\nlevel = "loud"\n`, ['level', 'loud', 'debug']],
    ['an unknown algorithm', toml({ auth: { ...HS256_AUTH, algorithms: ['none'] } }), ['algorithms', 'none']],
    ['a channel of an unknown type', `${auth}\n[channels.Email]\ntype = "pigeon"\nurl = "http://127.0.0.1:1/"\n`, ['type', 'pigeon', 'webhook']],
    ['an unknown filter operator', `${auth}\n${email}filter = { eventType = [{ like = "x" }] }\n`, ['filter', 'like']],
    ['auth without an issuer', toml({ auth: { audience: 'a', hs256_secret: HS256_SECRET } }), ['issuer']],
    ['auth without an audience', toml({ auth: { issuer: 'https://i.example', hs256_secret: HS256_SECRET } }), ['audience']],
  ];
  for (const [what, text, names] of cases) {
    it(`stops the start with one line: ${what}`, async () => {
      const { code, stdout, stderr } = await start(text);
      assert.notEqual(code, 0);
      const lines = (stderr + stdout).trim().split('\n');
      assert.equal(lines.length, 1, stderr + stdout);
      for (const name of names) assert.ok(lines[0].includes(name), `${name} is not in: ${lines[0]}`);
    });
  }

  it('refuses a secret that is too short and does not print it', async () => {
    const { code, stderr, stdout } = await start(toml({ auth: { ...HS256_AUTH, hs256_secret: 'only-31-bytes-are-not-enough-ok' } }));
    assert.notEqual(code, 0);
    assert.match(stderr + stdout, /hs256_secret/);
    assert.match(stderr + stdout, /32/);
    assert.doesNotMatch(stderr + stdout, /only-31-bytes/);
  });

  it('names the line of a syntax error', async () => {
    const { code, stderr, stdout } = await start('[gateway]\nlisten = \n');
    assert.notEqual(code, 0);
    assert.match(stderr + stdout, /line 2|:2/);
  });

  it('treats an impossible value from the environment the same', async () => {
    const { code, stderr, stdout } = await start(auth, { CARILLON_GATEWAY_HEARTBEAT_SECONDS: 'never' });
    assert.notEqual(code, 0);
    assert.match(stderr + stdout, /never/);
  });

  it('says so when the file is not there', async () => {
    const { code, stderr, stdout } = await run(['serve', '--config', path.join(directory, 'absent.toml')]);
    assert.notEqual(code, 0);
    assert.match(stderr + stdout, /absent\.toml/);
  });

  it('refuses to start without [auth] and without --dev', async () => {
    const { code, stderr, stdout } = await start('[gateway]\nstage = "x"\n');
    assert.notEqual(code, 0);
    assert.match(stderr + stdout, /auth/);
    assert.match(stderr + stdout, /--dev/);
  });
});

describe('where a setting comes from', () => {
  it('is the environment before the file, and a flag before both', async () => {
    const server = new Server({
      config: { gateway: { stage: 'fromfile', listen: '127.0.0.1:1', max_message_bytes: 2000 } },
      env: { CARILLON_GATEWAY_STAGE: 'fromenv', CARILLON_GATEWAY_LISTEN: '127.0.0.1:2', CARILLON_GATEWAY_ALLOWED_ORIGINS: 'https://a.example,https://b.example' },
    });
    await server.start();
    try {
      assert.equal((await server.get('/fromenv/health')).status, 200);
      assert.equal((await server.get('/fromfile/health')).status, 404);
      const big = await server.publish({ chat: 'c', content: 'x'.repeat(3000) });
      assert.equal(big.status, 413, 'the file still counts for the rest');
      for (const origin of ['https://a.example', 'https://b.example']) {
        const { headers } = await server.get('/health', { headers: { origin } });
        assert.equal(headers['access-control-allow-origin'], origin, 'lists are comma-separated');
      }
    } finally {
      await server.stop();
    }
  });

  it('only warns about names in the environment that it does not know', async () => {
    const server = new Server({ env: { CARILLON_SERVICE_PORT_8080_TCP: 'tcp://10.0.0.1:8080' } });
    await server.start();
    try {
      assert.equal((await server.get('/health')).status, 200);
      await server.lines.next(({ data, text }) => /warn/i.test(data?.level) && text.includes('CARILLON_SERVICE_PORT_8080_TCP'), 'a warning that names the variable');
    } finally {
      await server.stop();
    }
  });
});

describe('the data directory', () => {
  const server = useServer();

  it('is only the owner\'s', () => {
    assert.equal(statSync(server.dataDirectory).mode & 0o777, 0o700);
  });

  it('is used by one server at a time', async () => {
    const { code, stderr, stdout } = await run(['serve', '--config', server.configFile, '--listen', '127.0.0.1:0', '--data', server.dataDirectory]);
    assert.notEqual(code, 0);
    assert.ok((stderr + stdout).includes(server.dataDirectory), stderr + stdout);
    assert.equal((await server.get('/health')).status, 200);
    assert.equal((await server.publish({ chat: unique('chat') })).status, 200, 'the first one still writes');
  });

  it('can be used again after the server that had it is gone', async () => {
    await server.kill9();
    await server.start();
    assert.equal((await server.publish({ chat: unique('chat') })).status, 200);
  });

  it('is refused, not repaired, when a file in it is damaged', async () => {
    const other = new Server();
    await other.start();
    await other.published({ chat: 'c', messageType: 'fifo' });
    await other.terminate();
    const current = findFile(other.dataDirectory, 'CURRENT');
    assert.ok(current, 'the store has no CURRENT file');
    writeFileSync(current, 'MANIFEST-999999\n');
    const { code, stderr, stdout } = await run(['serve', '--config', other.configFile, '--listen', '127.0.0.1:0', '--data', other.dataDirectory]);
    assert.notEqual(code, 0);
    assert.match(stderr + stdout, /MANIFEST-999999|CURRENT/, 'the file is named');
    assert.equal(readFileSync(current, 'utf8'), 'MANIFEST-999999\n', 'nothing was repaired');
    await other.stop();
  });
});

function findFile(directory, name) {
  for (const entry of readdirSync(directory, { withFileTypes: true, recursive: true })) {
    if (entry.name === name) return path.join(entry.parentPath ?? entry.path, entry.name);
  }
  return undefined;
}

describe('ending', () => {
  for (const signal of ['SIGTERM', 'SIGINT']) {
    it(`${signal} exits 0 and keeps what was acknowledged`, async () => {
      const server = new Server();
      await server.start();
      const first = await server.published({ chat: 'c', messageType: 'fifo', messageDeduplicationId: 'd' });
      const { code } = await server.terminate(signal);
      assert.equal(code, 0);
      await server.start();
      const again = await server.published({ chat: 'c', messageType: 'fifo', messageDeduplicationId: 'd' });
      assert.deepEqual([again.messageId, again.deduplicated], [first.messageId, true]);
      await server.stop();
    });
  }
});

describe('SIGHUP', () => {
  it('reloads the log level and the rate limits', async () => {
    const server = new Server({ config: { limits: { publish_per_second: 0.001, publish_burst: 1 }, log: { level: 'info' } } });
    await server.start();
    try {
      await server.grant('alice', 'c');
      assert.equal((await server.publish({ chat: 'c' }, { user: 'alice' })).status, 200);
      assert.equal((await server.publish({ chat: 'c' }, { user: 'alice' })).status, 429);
      server.writeConfig({ limits: { publish_per_second: 1000, publish_burst: 1000 } });
      server.lines.drain();
      process.kill(server.process.pid, 'SIGHUP');
      await server.lines.next(({ data }) => /reload/.test(data?.event_type), 'a line about the reload');
      assert.equal((await server.publish({ chat: 'c' }, { user: 'alice' })).status, 200);
    } finally {
      await server.stop();
    }
  });

  it('keeps the running configuration when the new one is broken', async () => {
    const server = new Server();
    await server.start();
    try {
      writeFileSync(server.configFile, 'nonsense = \n');
      server.lines.drain();
      process.kill(server.process.pid, 'SIGHUP');
      await server.lines.next(({ data }) => /^(warn|error)/i.test(data?.level), 'a complaint');
      assert.equal((await server.publish({ chat: 'c' })).status, 200);
    } finally {
      await server.stop();
    }
  });
});

describe('the start', () => {
  const server = useServer();

  it('raises the limit of open files and logs it', async () => {
    await server.lines.next(({ text }) => /open.?files|nofile/i.test(text), 'a line about open files');
    const limits = readFileSync(`/proc/${server.process.pid}/limits`, 'utf8');
    const [, soft, hard] = /Max open files\s+(\d+)\s+(\d+)/.exec(limits);
    assert.equal(soft, hard);
  });

  it('logs a line with event_type listening and the real port', async () => {
    const line = await server.lines.next(({ data }) => data?.event_type === 'listening', 'the line listening');
    assert.equal(line.data.port, server.port);
  });

  /** What a server says that ends at once with 1, the log's lines left out. */
  async function refusalOf(name, config, listen) {
    const file = path.join(server.directory, `${name}.toml`);
    writeFileSync(file, toml({ auth: HS256_AUTH, ...config }));
    const { code, signal, stderr, stdout } = await run(['serve', '--config', file, '--listen', listen, '--data', path.join(server.directory, name)]);
    assert.deepEqual([code, signal, stdout], [1, null, ''], stderr);
    return stderr.trim().split('\n').filter((line) => !line.startsWith('{'));
  }

  it('says in one line when it cannot listen', async () => {
    const lines = await refusalOf('taken', {}, `127.0.0.1:${server.port}`);
    assert.equal(lines.length, 1, lines.join('\n'));
    assert.match(lines[0], new RegExp(`^carillon: .*\\b${server.port}\\b`));
  });

  it('says in one line when it cannot listen for [internal]', async () => {
    const lines = await refusalOf('internal-taken', { internal: { listen: `127.0.0.1:${server.port}` } }, '127.0.0.1:0');
    assert.equal(lines.length, 1, lines.join('\n'));
    assert.match(lines[0], new RegExp(`^carillon: .*\\b${server.port}\\b`));
  });

  it('says it, too, while a webhook is under way', async () => {
    const receiver = await new WebhookReceiver().start();
    const config = { 'channels.Email': { type: 'webhook', url: receiver.url, secret: receiver.secret } };
    const before = new Server({ config });
    try {
      receiver.statuses = [new Promise(() => {})]; // never answers
      await before.start();
      await before.published({ chat: unique('chat'), targetChannel: 'Email' });
      await receiver.next(() => true, 'the webhook');
      await before.kill9();
      const { code, signal, stderr } = await run(['serve', '--config', before.configFile, '--listen', `127.0.0.1:${server.port}`, '--data', before.dataDirectory]);
      assert.deepEqual([code, signal], [1, null], stderr);
    } finally {
      await before.stop();
      await receiver.stop();
    }
  });

  it('says so when the data directory cannot be made', async () => {
    const file = path.join(server.directory, 'a-file');
    writeFileSync(file, '');
    const { code, stderr, stdout } = await run(['serve', '--config', server.configFile, '--listen', '127.0.0.1:0', '--data', path.join(file, 'data')]);
    assert.notEqual(code, 0);
    assert.ok((stderr + stdout).includes(file), stderr + stdout);
  });
});

describe('an existing data directory that others could read', () => {
  it('is made 0700', async () => {
    const directory = temporaryDirectory();
    chmodSync(directory, 0o755);
    const server = new Server();
    server.dataDirectory = directory;
    await server.start();
    assert.equal(statSync(directory).mode & 0o777, 0o700);
    await server.stop();
    removeDirectory(directory);
    assert.ok(!existsSync(directory));
  });
});
