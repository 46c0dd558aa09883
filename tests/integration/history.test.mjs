// CONTRACT §10: GET /messages: pages, order, limits, time bounds, page tokens.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { assertRefused, fifo, message, unique, useServer } from './harness.mjs';
import { contents, ids, page, read, walk } from './history_reader.mjs';

const KINDS = ['fifo', 'standard'];

/** Publishes `count` messages one after the other; their answers. */
async function fill(server, chat, count, content = '') {
  const answers = [];
  for (let index = 0; index < count; index += 1) answers.push(await server.published({ messageType: KINDS[index % 2], chat, content: [unique(''), content] }));
  return answers;
}

describe('a page', () => {
  const server = useServer();

  it('is newest first, order=asc reverses', async () => {
    const chat = unique('chat');
    const sent = ids(await fill(server, chat, 7));
    assert.deepEqual(ids((await page(server, { chat })).messages), sent.toReversed());
    assert.deepEqual(ids((await page(server, { chat, order: 'desc' })).messages), sent.toReversed());
    assert.deepEqual(ids((await page(server, { chat, order: 'asc' })).messages), sent);
  });

  it('holds items as subscribers got them, without processorTimestamp', async () => {
    const chat = unique('chat');
    const [client] = await server.chatWith(chat, ['alice']);
    const odd = '{"targetChannel":"WebSocket","messageType":"fifo","correlationId":"c-1","payload":{"eventType":"e",  "chatId":"' + chat + '","content":{"b":1.50,"a":"\\u00e9é"},"more":[1, 2]}}';
    await server.post('/publish', odd, { token: server.backend });
    await client.ask({ action: 'sendMessage', ...fifo({ chat, customSequence: 77 }) });
    await server.published({ chat, content: null });
    const frames = [];
    for (let index = 0; index < 3; index += 1) frames.push(await client.nextMessage());
    const { text } = await read(server, { chat, order: 'asc' });
    for (const frame of frames) {
      const item = frame.text.replace(/"processorTimestamp":\d+,?/, '');
      assert.ok(text.includes(item), `${item} is not in ${text}`);
    }
    assert.ok(!text.includes('processorTimestamp'));
  });

  it('has limit 50 unless asked otherwise, 1 to 1000', async () => {
    const chat = unique('chat');
    const messages = Array.from({ length: 100 }, (_, index) => message({ chat, content: index }));
    for (let batch = 0; batch < 11; batch += 1) await server.post('/publish/batch', { messages }, { token: server.backend });
    for (const [limit, expected] of [[undefined, 50], [1, 1], [50, 50], [51, 51], [1000, 1000]]) {
      const { count, nextToken } = await page(server, { chat, limit });
      assert.equal(count, expected);
      assert.ok(nextToken);
    }
    for (const limit of ['0', '-1', '1001', '1.5', 'x', '1e2', '99999999999999999999', '']) assertRefused(await read(server, { chat, limit }), 400, 'Invalid parameter');
    const all = await walk(server, { chat, limit: 1000 });
    assert.deepEqual([all.length, new Set(ids(all)).size], [1100, 1100]);
  });

  it('has a nextToken only when there is more', async () => {
    const chat = unique('chat');
    await fill(server, chat, 3);
    assert.equal((await page(server, { chat, limit: 3 })).nextToken, undefined);
    const { nextToken } = await page(server, { chat, limit: 2 });
    const last = await page(server, { chat, limit: 2, startKey: nextToken });
    assert.deepEqual([last.count, last.nextToken], [1, undefined]);
    assert.deepEqual(await page(server, { chat: unique('empty') }), { messages: [], count: 0 });
  });

  it('ends at 4 MiB too', async () => {
    const chat = unique('chat');
    const big = 'x'.repeat(250_000);
    const sent = ids(await fill(server, chat, 40, big));
    for (const order of ['asc', 'desc']) {
      const first = await read(server, { chat, limit: 1000, order });
      assert.ok(first.text.length <= 4.5 * 1024 * 1024 && first.text.length > 3 * 1024 * 1024, `${first.text.length} bytes`);
      assert.ok(first.json.nextToken);
      assert.deepEqual(ids(await walk(server, { chat, limit: 1000, order })), order === 'asc' ? sent : sent.toReversed());
    }
  });

  it('nextToken is an alias of startKey', async () => {
    const chat = unique('chat');
    await fill(server, chat, 4);
    const { nextToken } = await page(server, { chat, limit: 2 });
    assert.deepEqual(await page(server, { chat, limit: 2, nextToken }), await page(server, { chat, limit: 2, startKey: nextToken }));
  });
});

describe('a walk', () => {
  const server = useServer();

  for (const order of ['asc', 'desc']) {
    for (const limit of [1, 3, 10]) {
      it(`${order} in pages of ${limit} is complete and free of duplicates while messages arrive`, async () => {
        const chat = unique('chat');
        const before = ids(await fill(server, chat, 25));
        const later = [];
        const between = async () => {
          if (later.length < 12) later.push(...ids(await fill(server, chat, 2)));
        };
        const found = ids(await walk(server, { chat, limit, order }, { between }));
        assert.equal(new Set(found).size, found.length, 'a message came twice');
        assert.deepEqual(found, order === 'desc' ? before.toReversed() : [...before, ...later]);
      });
    }
  }

  it('the limit may change from page to page', async () => {
    const chat = unique('chat');
    const sent = ids(await fill(server, chat, 12));
    const first = await page(server, { chat, limit: 2 });
    const second = await page(server, { chat, limit: 7, startKey: first.nextToken });
    const third = await page(server, { chat, startKey: second.nextToken });
    assert.deepEqual(ids([...first.messages, ...second.messages, ...third.messages]), sent.toReversed());
  });

  it('goes on after a restart', async () => {
    const chat = unique('chat');
    const sent = ids(await fill(server, chat, 6));
    const first = await page(server, { chat, limit: 3 });
    await server.kill9();
    await server.start();
    const second = await page(server, { chat, limit: 3, startKey: first.nextToken });
    assert.deepEqual(ids([...first.messages, ...second.messages]), sent.toReversed());
  });
});

describe('time bounds', () => {
  const server = useServer();

  it('are inclusive at the millisecond, and two messages in the same millisecond are two', async () => {
    const chat = unique('chat');
    const messages = Array.from({ length: 60 }, (_, index) => message({ chat, content: index }));
    for (let batch = 0; batch < 6; batch += 1) await server.post('/publish/batch', { messages }, { token: server.backend });
    const all = await walk(server, { chat, order: 'asc', limit: 1000 });
    assert.equal(all.length, 360);
    const times = all.map((each) => each.publishTimestamp);
    assert.deepEqual(times, times.toSorted((a, b) => a - b), 'timestamps never step backwards');
    assert.ok(new Set(times).size < times.length, 'several in one millisecond');
    for (const at of [...new Set(times)].slice(0, 5).concat(times.at(-1))) {
      const moment = new Date(at).toISOString();
      const expect = async (query, wanted) => {
        for (const order of ['asc', 'desc']) {
          const found = ids(await walk(server, { chat, order, limit: 7, ...query }));
          assert.deepEqual(found, ids(order === 'asc' ? wanted : wanted.toReversed()), JSON.stringify({ order, ...query }));
        }
      };
      await expect({ fromTimestamp: moment, toTimestamp: moment }, all.filter((each) => each.publishTimestamp === at));
      await expect({ fromTimestamp: moment }, all.filter((each) => each.publishTimestamp >= at));
      await expect({ toTimestamp: moment }, all.filter((each) => each.publishTimestamp <= at));
      await expect({ toTimestamp: new Date(at - 1).toISOString() }, all.filter((each) => each.publishTimestamp < at));
      await expect({ fromTimestamp: new Date(at + 1).toISOString() }, all.filter((each) => each.publishTimestamp > at));
    }
  });

  it('are ISO 8601 with any offset and precision', async () => {
    const chat = unique('chat');
    const [{ timestamp }] = await fill(server, chat, 1);
    const at = Date.parse(timestamp);
    const shifted = (hours, text) => new Date(at + hours * 3_600_000).toISOString().replace('Z', text);
    for (const same of [timestamp, timestamp.replace('Z', '+00:00'), shifted(2, '+02:00'), shifted(-5, '-05:00'), timestamp.replace('Z', '000Z')]) {
      assert.equal((await page(server, { chat, fromTimestamp: same, toTimestamp: same })).count, 1, same);
    }
    for (const bad of ['yesterday', '2026', '2026-13-01T00:00:00Z', '2026-02-30T00:00:00Z', '1760000000000', '2026-01-01T00:00:00', '']) {
      for (const name of ['fromTimestamp', 'toTimestamp']) assertRefused(await read(server, { chat, [name]: bad }), 400, 'Invalid parameter');
    }
    assertRefused(await read(server, { chat, fromTimestamp: '2026-01-02T00:00:00Z', toTimestamp: '2026-01-01T00:00:00Z' }), 400, 'Invalid parameter');
    assert.equal((await page(server, { chat, toTimestamp: '1970-01-01T00:00:00Z' })).count, 0);
    assert.equal((await page(server, { chat, fromTimestamp: '2100-01-01T00:00:00Z' })).count, 0);
  });
});

describe('a page token', () => {
  const server = useServer();
  const from = '2020-01-01T00:00:00Z';
  const to = '2100-01-01T00:00:00Z';

  it('is bound to user, target, order and time bounds; any other use is 400', async () => {
    const [chat, other] = [unique('chat'), unique('chat')];
    for (const each of [chat, other]) {
      for (const user of ['ann', 'bob']) await server.grant(user, each, 'viewer');
      await fill(server, each, 3);
    }
    const query = { chat, limit: 1, order: 'asc', fromTimestamp: from, toTimestamp: to };
    const { nextToken: startKey } = await page(server, query, { user: 'ann' });
    assert.equal((await page(server, { ...query, startKey }, { user: 'ann' })).count, 1);
    const refuse = async (changed, options = { user: 'ann' }) => assertRefused(await read(server, { ...query, startKey, ...changed }, options), 400, 'Invalid parameter');
    await refuse({}, { user: 'bob' });
    await refuse({}, { token: server.admin });
    await refuse({ chat: other });
    await refuse({ order: 'desc' });
    await refuse({ order: undefined });
    await refuse({ fromTimestamp: undefined });
    await refuse({ toTimestamp: undefined });
    await refuse({ fromTimestamp: '2020-01-01T00:00:00.001Z' });
    await refuse({ toTimestamp: '2099-12-31T00:00:00Z' });
    await refuse({ chat: undefined, to: 'user:ann' });
    assert.equal((await page(server, { ...query, limit: 2, startKey }, { user: 'ann' })).count, 2, 'the limit may change');
  });

  it('is tamper-evident', async () => {
    const chat = unique('chat');
    await fill(server, chat, 3);
    const { nextToken } = await page(server, { chat, limit: 1 });
    const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
    const bad = ['x', '!', '%', 'AAAA', nextToken.slice(1), nextToken.slice(0, -1), `${nextToken}A`, `${nextToken}=`, nextToken + nextToken, 'A'.repeat(5000), 'A'.repeat(nextToken.length)];
    for (let index = 0; index < nextToken.length; index += 1) {
      const changed = alphabet[(alphabet.indexOf(nextToken[index]) + 1) % 64];
      bad.push(nextToken.slice(0, index) + changed + nextToken.slice(index + 1));
    }
    for (const startKey of bad) {
      const answer = await read(server, { chat, startKey });
      assertRefused(answer, 400, 'Invalid parameter');
    }
    assertRefused(await server.get(`/messages?chatId=${chat}&startKey=%zz`, { token: server.admin }), 400, 'Invalid parameter');
  });

  it('of a chat that was left is refused with 403', async () => {
    const chat = unique('chat');
    await server.grant('ann', chat, 'viewer');
    await fill(server, chat, 3);
    const { nextToken: startKey } = await page(server, { chat, limit: 1 }, { user: 'ann' });
    await server.revoke('ann', chat);
    assertRefused(await read(server, { chat, limit: 1, startKey }, { user: 'ann' }), 403, 'Forbidden - No chat access');
  });
});

describe('what cannot be read', () => {
  const server = useServer();

  it('is 400, 401, 403 or 405 as written', async () => {
    const chat = unique('chat');
    await server.published({ chat });
    for (const query of ['', '?chatId=', '?chatId=*', '?chatId=a%2Cb', '?chatId=%ff', `?chatId=${'x'.repeat(257)}`, '?chatId=a&chatId=b', '?targetClass=org', '?targetClass=king&targetId=x', '?targetId=x', `?chatId=${chat}&targetClass=org&targetId=o`, `?chatId=${chat}&order=up`, '?targetClass=all&targetId=x']) {
      const { status, json } = await server.get(`/messages${query}`, { token: server.admin });
      assert.equal(status, 400, `${query} → ${JSON.stringify(json).slice(0, 200)}`);
    }
    assertRefused(await server.get(`/messages?chatId=${chat}`), 401, 'Unauthorized');
    assertRefused(await read(server, { chat }, { user: 'stranger' }), 403, 'Forbidden - No chat access');
    const { status, headers } = await server.post('/messages', {}, { token: server.admin });
    assert.deepEqual([status, headers.allow?.includes('GET')], [405, true]);
  });

  it('is the same for a chat that exists and one that does not', async () => {
    const [known, absent] = [unique('chat'), unique('chat')];
    await server.published(fifo({ chat: known }));
    for (const query of [{}, { sequences: '1' }, { order: 'asc', fromTimestamp: '2026-01-01T00:00:00Z' }]) {
      const answers = [];
      for (const chat of [known, absent]) {
        const { status, text, headers: { date, ...headers } } = await read(server, { chat, ...query }, { user: 'stranger' });
        answers.push({ status, text, headers });
      }
      assert.deepEqual(answers[0], answers[1]);
      assert.equal(answers[0].status, 403);
    }
  });

  it('an answer is not kept by caches', async () => {
    const { headers } = await read(server, { chat: unique('chat') });
    assert.equal(headers['cache-control'], 'no-store');
  });

  it('contents come back whole', async () => {
    const chat = unique('chat');
    const content = 'é😀\u0000\u2028"\\';
    await server.published({ chat, content });
    assert.deepEqual(contents((await page(server, { chat })).messages), [content]);
  });
});
