// CONTRACT §7: sequence numbers.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { fifo, unique, useServer } from './harness.mjs';

describe('sequence numbers', () => {
  const server = useServer();
  const number = async (fields, options) => (await server.published(fifo({ content: unique(''), ...fields }), options)).sequenceNumber;

  it('are consecutive per chat from 1, over both ways in and for all senders', async () => {
    const [a, b] = [unique('a'), unique('b')];
    const [alice] = await server.chatWith(a, ['alice']);
    const all = [await number({ chat: a }), await number({ chat: b }), await number({ chat: a }, { user: 'alice' })];
    all.push((await alice.ask({ action: 'sendMessage', ...fifo({ chat: a }) })).sequenceNumber, await number({ to: `chat:${a}` }), await number({ chat: b }));
    assert.deepEqual(all, [1, 1, 2, 3, 4, 2]);
  });

  it('are per chat whatever the group', async () => {
    const chat = unique('chat');
    assert.deepEqual([await number({ chat, messageGroupId: 'x' }), await number({ chat, messageGroupId: 'y' }), await number({ chat })], [1, 2, 3]);
  });

  it('are in answer and frame alike', async () => {
    const chat = unique('chat');
    const [client] = await server.chatWith(chat, ['alice']);
    for (let index = 1; index <= 3; index += 1) assert.equal(await number({ chat }), index);
    assert.deepEqual((await client.messages(3)).map((frame) => frame.sequenceNumber), [1, 2, 3]);
  });

  it('have no gap and no repeat under concurrency', async () => {
    const chat = unique('chat');
    const numbers = await Promise.all(Array.from({ length: 200 }, () => number({ chat })));
    assert.deepEqual(numbers.toSorted((x, y) => x - y), Array.from({ length: 200 }, (_, index) => index + 1));
  });

  it('are not for standard messages or other targets', async () => {
    assert.equal((await server.published({ chat: unique('chat') })).sequenceNumber, undefined);
    for (const to of ['user:u', 'org:o', 'all']) assert.equal(await number({ to }), undefined, to);
  });

  it('are not taken by what is refused', async () => {
    const chat = unique('chat');
    assert.equal((await server.publish(fifo({ chat }), { user: unique('stranger') })).status, 403);
    assert.equal((await server.publish(fifo({ chat, targetChannel: 'Nowhere' }))).status, 400);
    assert.equal(await number({ chat }), 1);
  });

  for (const [where, place] of [['beside the payload', (field) => field], ['in the payload', (field) => ({ payload: field })]]) {
    it(`generateSequence:false ${where} turns them off`, async () => {
      const chat = unique('chat');
      const [client] = await server.chatWith(chat, ['alice']);
      const { messageId, sequenceNumber } = await server.published(fifo({ chat, ...place({ generateSequence: false }) }));
      assert.equal(sequenceNumber, undefined);
      const frame = await client.message(messageId);
      assert.equal(frame.sequenceNumber, undefined);
      assert.match(frame.queueSequenceNumber, /^\d{20}$/);
      assert.equal(await number({ chat, ...place({ generateSequence: true }) }), 1);
    });

    it(`customSequence ${where} is carried instead, the counter untouched`, async () => {
      const chat = unique('chat');
      const [client] = await server.chatWith(chat, ['alice']);
      for (const customSequence of [7, 7, 1, Number.MAX_SAFE_INTEGER]) {
        const answer = await server.published(fifo({ chat, content: unique(''), ...place({ customSequence }) }));
        assert.equal(answer.sequenceNumber, customSequence);
        const { data } = await client.nextMessage();
        assert.deepEqual([data.sequenceNumber, data.sequenceSource], [customSequence, 'client']);
      }
      assert.equal(await number({ chat }), 1);
      assert.equal((await client.nextMessage()).data.sequenceSource, undefined);
    });
  }

  it('customSequence is an integer from 1 to 2^53-1', async () => {
    for (const value of ['0', '-1', '1.5', '9007199254740992', '1e300', '"7"', 'true', '[]']) {
      const body = JSON.stringify(fifo({ chat: 'c', customSequence: 0 })).replace('"customSequence":0', `"customSequence":${value}`);
      assert.equal((await server.post('/publish', body, { token: server.backend })).status, 400, value);
    }
  });

  it('generateSequence is a boolean', async () => {
    for (const value of ['false', 0, []]) assert.equal((await server.publish(fifo({ chat: 'c', generateSequence: value }))).status, 400, JSON.stringify(value));
  });

  it('go on after a restart and after kill -9', async () => {
    const [a, b] = [unique('a'), unique('b')];
    for (let index = 1; index <= 3; index += 1) assert.equal(await number({ chat: a }), index);
    assert.equal(await number({ chat: b }), 1);
    await server.kill9();
    await server.start();
    assert.deepEqual([await number({ chat: a }), await number({ chat: b })], [4, 2]);
    await server.restart();
    assert.deepEqual([await number({ chat: a }), await number({ chat: b })], [5, 3]);
  });
});

describe('queueSequenceNumber', () => {
  const server = useServer();

  it('rises strictly within a group, over a restart too', async () => {
    const chat = unique('chat');
    let last = '';
    for (let round = 0; round < 3; round += 1) {
      const [client] = await server.chatWith(chat, ['alice']);
      for (let index = 0; index < 5; index += 1) await server.published(fifo({ chat, content: unique('') }));
      for (const frame of await client.messages(5)) {
        assert.match(frame.queueSequenceNumber, /^\d{20}$/);
        assert.ok(frame.queueSequenceNumber > last, `${frame.queueSequenceNumber} after ${last}`);
        last = frame.queueSequenceNumber;
      }
      if (round === 0) await server.restart();
      if (round === 1) {
        await server.kill9();
        await server.start();
      }
    }
  });
});
