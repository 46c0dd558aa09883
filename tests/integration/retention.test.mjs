// CONTRACT §10: what retention has ended is gone from reads at once, and from disk without anybody publishing.
import assert from 'node:assert/strict';
import { readdirSync, statSync } from 'node:fs';
import path from 'node:path';
import { describe, it } from 'node:test';
import { fifo, run, unique, until, useServer } from './harness.mjs';

const RETENTION_MS = 8_000;
const MESSAGES = 400;
const CONTENT_BYTES = 40_000;

/** What the data directory takes on disk, in bytes. */
function diskUse(directory) {
  let total = 0;
  for (const entry of readdirSync(directory, { withFileTypes: true, recursive: true })) {
    try {
      if (entry.isFile()) total += statSync(path.join(entry.parentPath ?? entry.path, entry.name)).blocks * 512;
    } catch {
      // removed meanwhile
    }
  }
  return total;
}

/** Text that does not compress. */
function noise(bytes, seed) {
  let state = seed + 1;
  let text = '';
  while (text.length < bytes) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    text += state.toString(36);
  }
  return text.slice(0, bytes);
}

describe('a short retention', () => {
  const server = useServer({ config: { history: { retention: `${RETENTION_MS / 1000}s` }, limits: { publish_per_second: 0 } } });
  const page = (chat) => server.get(`/messages?chatId=${chat}&limit=1000&fromTimestamp=2020-01-01T00:00:00Z`, { token: server.admin });

  it('gives the disk back on a server that is idle', async () => {
    const chat = unique('chat');
    let last;
    for (let index = 0; index < MESSAGES; index += 1) last = await server.published(fifo({ chat, content: noise(CONTENT_BYTES, index) }));
    const peak = diskUse(server.dataDirectory);
    assert.ok(peak > MESSAGES * CONTENT_BYTES, `${peak} bytes on disk`);

    const expiry = Date.parse(last.timestamp) + RETENTION_MS;
    await until(() => Date.now() > expiry, 'the retention is over', RETENTION_MS + 5_000);
    const { json } = await page(chat);
    assert.deepEqual([json.messages, json.count], [[], 0], 'gone from reads at once');
    assert.equal((await server.get(`/messages/${last.messageId}`, { token: server.admin })).status, 404);
    const gaps = await server.get(`/messages?chatId=${chat}&sequences=1-3,${MESSAGES + 1}`, { token: server.admin });
    assert.deepEqual(gaps.json.missing.map(({ reason }) => reason), ['expired', 'expired', 'expired', 'not_issued']);

    await until(() => diskUse(server.dataDirectory) < peak / 5, 'the disk is given back', 90_000);
    const { sequenceNumber } = await server.published(fifo({ chat }));
    assert.equal(sequenceNumber, MESSAGES + 1, 'the counter stays');
    const verified = await run(['verify', '--data', server.dataDirectory, '--json'], { ms: 60_000 });
    assert.equal(verified.code, 0, verified.stdout + verified.stderr);
  });
});
