// CONTRACT §10: GET /messages?sequences=: what was missed, and why a number is absent.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { assertRefused, fifo, unique, until, useServer } from './harness.mjs';
import { ids, page, read } from './history_reader.mjs';

const numbers = ({ messages }) => messages.map((each) => each.sequenceNumber);

describe('sequences', () => {
  const server = useServer();
  const fill = async (chat, count, fields, content = '') => {
    const answers = [];
    for (let index = 0; index < count; index += 1) answers.push(await server.published(fifo({ chat, content: [unique(''), content], ...fields })));
    return answers;
  };

  it('returns those, ascending, whatever the order they are asked in', async () => {
    const chat = unique('chat');
    const sent = ids(await fill(chat, 10));
    for (const [list, wanted] of [['3,5-9', [3, 5, 6, 7, 8, 9]], ['5-9,3', [3, 5, 6, 7, 8, 9]], ['1-10', [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]], ['7', [7]], ['4-6,5-7,6', [4, 5, 6, 7]], ['2-2', [2]]]) {
      const answer = await page(server, { chat, sequences: list });
      assert.deepEqual(numbers(answer), wanted, list);
      assert.deepEqual(ids(answer.messages), wanted.map((each) => sent[each - 1]));
      assert.deepEqual(answer.missing, [], list);
      assert.equal(answer.nextToken, undefined);
    }
  });

  it('says not_issued above the counter only', async () => {
    const chat = unique('chat');
    await fill(chat, 3);
    const answer = await page(server, { chat, sequences: '2-5,9007199254740991' });
    assert.deepEqual(numbers(answer), [2, 3]);
    assert.deepEqual(answer.missing, [4, 5, 9007199254740991].map((sequenceNumber) => ({ sequenceNumber, reason: 'not_issued' })));
    const empty = await page(server, { chat: unique('chat'), sequences: '1' });
    assert.deepEqual(empty, { messages: [], count: 0, missing: [{ sequenceNumber: 1, reason: 'not_issued' }] });
  });

  it('what a client missed while it was away, it gets back exactly', async () => {
    const chat = unique('chat');
    const [first] = await server.chatWith(chat, ['alice']);
    const seen = [];
    for (let index = 0; index < 3; index += 1) {
      const [{ messageId }] = await fill(chat, 1);
      seen.push((await first.message(messageId)).sequenceNumber);
    }
    await first.close();
    const missed = await fill(chat, 5);
    const again = await server.connect({ as: 'alice', chats: [chat] });
    const [{ messageId, sequenceNumber }] = await fill(chat, 1);
    await again.message(messageId);
    const gap = `${seen.at(-1) + 1}-${sequenceNumber - 1}`;
    const answer = await page(server, { chat, sequences: gap }, { user: 'alice' });
    assert.deepEqual([ids(answer.messages), answer.missing], [ids(missed), []]);
  });

  it('finds every message with a number that publishers gave', async () => {
    const chat = unique('chat');
    const [server1] = await fill(chat, 1);
    const custom = await fill(chat, 2, { customSequence: 1 });
    const high = await fill(chat, 1, { customSequence: 40 });
    const answer = await page(server, { chat, sequences: '1,40,41' });
    assert.deepEqual(ids(answer.messages), [server1.messageId, ...ids(custom), ...ids(high)], 'the chat\'s own first');
    assert.deepEqual(answer.messages.map((each) => each.sequenceSource), [undefined, 'client', 'client', 'client']);
    assert.deepEqual(answer.missing, [{ sequenceNumber: 41, reason: 'not_issued' }]);
  });

  it('a publisher\'s own number hides nothing that the chat has issued', async () => {
    const chat = unique('chat');
    await fill(chat, 30, { customSequence: 2 });
    await fill(chat, 2);
    const answer = await page(server, { chat, sequences: '1-3' });
    assert.deepEqual(numbers(answer), [1, 2, ...Array(30).fill(2)]);
    assert.deepEqual(answer.missing, [{ sequenceNumber: 3, reason: 'not_issued' }]);
  });

  it('takes 1000 numbers and no more, and nothing that is no list', async () => {
    const chat = unique('chat');
    await fill(chat, 2);
    assert.equal((await page(server, { chat, sequences: '1-1000' })).missing.length, 998);
    for (const bad of ['', '0', '1-1001', '-1', '5-3', '1,,2', '1,', 'x', '1-', '-', '1-2-3', '1.5', '9007199254740992', '99999999999999999999', '1-9007199254740991', '0x1', `1${',1'.repeat(20_000)}`]) {
      const { status } = await read(server, { chat, sequences: bad });
      assert.ok(status === 400 || (bad.length > 10_000 && [400, 414, 431].includes(status)), `${bad.slice(0, 40)} → ${status}`);
    }
    assertRefused(await read(server, { to: 'user:root-admin', sequences: '1' }), 400, 'Invalid parameter');
    assertRefused(await read(server, { chat, sequences: '1' }, { user: 'stranger' }), 403, 'Forbidden - No chat access');
  });

  it('with big messages: what does not fit is pending, and comes when asked again', async () => {
    const chat = unique('chat');
    await fill(chat, 30, {}, 'x'.repeat(250_000));
    const found = new Set();
    let wanted = '1-30';
    for (let asked = 0; wanted !== '' && asked < 10; asked += 1) {
      const answer = await page(server, { chat, sequences: wanted });
      for (const each of answer.messages) found.add(each.sequenceNumber);
      assert.ok(answer.missing.every(({ reason }) => reason === 'pending'), JSON.stringify(answer.missing));
      wanted = answer.missing.map(({ sequenceNumber }) => sequenceNumber).join(',');
    }
    assert.equal(found.size, 30);
  });

  it('while publishing goes on, never gives up a number that was answered', async () => {
    const chat = unique('chat');
    let highest = 0;
    let going = true;
    const publishing = Array.from({ length: 16 }, async () => {
      while (going) highest = Math.max(highest, (await server.published(fifo({ chat, content: unique('') }))).sequenceNumber);
    });
    await until(() => highest > 0, 'the first answer');
    for (let round = 0; round < 60; round += 1) {
      const known = highest;
      const answer = await page(server, { chat, sequences: `${Math.max(1, known - 50)}-${known + 50}` });
      const have = new Set(numbers(answer));
      const reasons = new Map(answer.missing.map(({ sequenceNumber, reason }) => [sequenceNumber, reason]));
      for (let number = Math.max(1, known - 50); number <= known + 50; number += 1) {
        assert.notEqual(have.has(number), reasons.has(number), `${number} is either there or missing`);
        assert.notEqual(reasons.get(number), 'expired');
        if (number <= known) assert.ok(have.has(number), `${number} was answered and is ${reasons.get(number)}`);
      }
      const issued = numbers(answer).at(-1) ?? 0;
      for (const [number, reason] of reasons) assert.ok(reason !== 'not_issued' || number > issued, `${number}: ${reason}, though ${issued} is there`);
    }
    going = false;
    await Promise.all(publishing);
  });
});

describe('sequences past retention', () => {
  const server = useServer({ config: { history: { retention: '3s' } } });

  it('are expired below what the chat still keeps; a counter goes on', async () => {
    const chat = unique('chat');
    for (let index = 0; index < 3; index += 1) await server.published(fifo({ chat, content: index }));
    await until(async () => (await page(server, { chat })).count === 0, 'all are past their retention');
    const gone = await page(server, { chat, sequences: '1-4' });
    assert.deepEqual(gone.messages, []);
    assert.deepEqual(gone.missing.map(({ reason }) => reason), ['expired', 'expired', 'expired', 'not_issued']);
    const { sequenceNumber } = await server.published(fifo({ chat, content: 'next' }));
    assert.equal(sequenceNumber, 4);
    const answer = await page(server, { chat, sequences: '2-5' });
    assert.deepEqual(numbers(answer), [4]);
    assert.deepEqual(answer.missing, [{ sequenceNumber: 2, reason: 'expired' }, { sequenceNumber: 3, reason: 'expired' }, { sequenceNumber: 5, reason: 'not_issued' }]);
  });
});
