import { describe, expect, it } from 'vitest';
import type { Frame } from './simulation/server.ts';
import { useWorld } from './simulation/world.ts';

const world = useWorld();
type Numbers = (number | undefined)[];

/** ann in a chat where these numbers do not reach her over the socket. */
async function room(lost: number[] = []) {
  const [ann] = await world().chat('room', ['ann']);
  const dropped = new Set(lost);
  ann!.device.line.onFrame = (frame) => (frame.type === 'message' && frame.chatId === 'room' && !frame.sequenceSource && dropped.delete(frame.sequenceNumber) ? 'drop' : undefined);
  const asked = () => world().server.requestsTo('GET', '/messages').flatMap(({ query }) => query.get('sequences') ?? []);
  const missing: string[] = [];
  ann!.chat.onMissing((all) => missing.push(...all.map(({ sequenceNumber, reason }) => `${sequenceNumber} ${reason}`)));
  return { ...ann!, asked, missing };
}

const say = (count: number, chat = 'room') => Array.from({ length: count }, () => world().server.say(chat, `${chat} ${world().server.store.counter(chat) + 1}`));
const upTo = (last: number, first = 1): Numbers => Array.from({ length: last - first + 1 }, (_, index) => first + index);

describe('per-chat sequence tracking', () => {
  it('asks for nothing where nothing is missing', async () => {
    const { screen, asked } = await room();
    say(50);
    await world().run(1000);
    expect(screen.numbers).toEqual(upTo(50));
    expect(asked()).toEqual([]);
  });

  it('begins with the first number that it sees', async () => {
    say(7);
    await world().run(60_000);
    const { screen, asked } = await room();
    say(2);
    await world().run(1000);
    expect(screen.numbers).toEqual([8, 9]);
    expect(asked()).toEqual([]);
  });

  it('fetches a gap through sequences= and shows it in its place', async () => {
    const { screen, asked } = await room([3, 4, 6]);
    say(8);
    await world().run(5000);
    expect(screen.numbers).toEqual(upTo(8));
    expect(screen.ways.slice(2, 6)).toEqual(['recovered', 'recovered', expect.any(String), 'recovered']);
    expect(screen.shown.every(({ delivery }) => !delivery.late)).toBe(true);
    expect(asked().length).toBeGreaterThan(0);
    expect(asked().join()).toMatch(/^3(-|,)/);
  });

  it('shows each once, however often the server repeats it', async () => {
    const { screen, device } = await room();
    device.line.onFrame = (frame) => (frame.type === 'message' ? 'duplicate' : undefined);
    say(20);
    await world().run(2000);
    expect(screen.numbers).toEqual(upTo(20));
  });

  it('puts in order what overtook', async () => {
    const { screen, device } = await room();
    device.line.onFrame = (frame) => (frame.type === 'message' && frame.sequenceNumber % 4 === 1 && frame.sequenceNumber > 1 ? { delayMs: 300 } : undefined);
    for (let turn = 0; turn < 5; turn += 1) {
      say(8);
      await world().run(70);
    }
    await world().run(5000);
    expect(screen.numbers).toEqual(upTo(40));
  });

  it('splits a large gap into requests of at most 1000 numbers', async () => {
    const { screen, asked } = await room(upTo(2600, 2) as number[]);
    say(2601);
    await world().run(20_000);
    expect(screen.numbers).toEqual(upTo(2601));
    for (const text of asked()) {
      const count = text.split(',').reduce((sum, part) => {
        const [first, last = first] = part.split('-').map(Number);
        return sum + last! - first! + 1;
      }, 0);
      expect(count).toBeLessThanOrEqual(1000);
    }
  });

  it('of one chat does not keep another waiting', async () => {
    const { screen, client } = await room([2]);
    world().server.store.grant('ann', 'chat:other');
    const other: unknown[] = [];
    client.chat('other').subscribe((message) => other.push(message.sequenceNumber));
    await world().run(100);
    world().server.onHttp = () => 'hang';
    say(3);
    say(3, 'other');
    await world().run(500);
    expect([screen.numbers, other]).toEqual([[1], [1, 2, 3]]);
    world().server.onHttp = undefined;
    await world().run(60_000);
    expect(screen.numbers).toEqual([1, 2, 3]);
  });

  it.each([
    ['the network fails', 'fail' as const],
    ['there is no answer', 'hang' as const],
    ['503', { status: 503, body: { error: 'Service overloaded', retryAfterMs: 300 } }],
    ['429', { status: 429, body: { error: 'Too many requests' }, headers: { 'retry-after': '1' } }],
    ['500', { status: 500, body: { error: 'Internal error' } }],
    ['what is no JSON', { status: 200, body: undefined }],
    ['nonsense', { status: 200, body: { messages: 'none' } }],
  ])('asks again when %s', async (_, fault) => {
    const { screen } = await room([2, 3]);
    let faults = 3;
    world().server.onHttp = ({ query }) => (query.has('sequences') && (faults -= 1) >= 0 ? fault : undefined);
    say(5);
    await world().run(120_000);
    expect(screen.numbers).toEqual(upTo(5));
  });
});

describe('missing', () => {
  it('expired: is told, and passed over', async () => {
    const { screen, missing } = await room([2, 3]);
    say(5);
    world().server.store.expire('room', 3);
    await world().run(5000);
    expect(screen.numbers).toEqual([1, 4, 5]);
    expect(missing).toEqual(['2 expired', '3 expired']);
  });

  it('not_issued: is told, and passed over', async () => {
    const { screen, missing, device } = await room();
    say(1);
    await world().run(100);
    device.connection.send({ ...makeMessage(5, 'from elsewhere') });
    await world().run(5000);
    expect(screen.numbers).toEqual([1, 5]);
    expect(missing).toEqual(['2 not_issued', '3 not_issued', '4 not_issued']);
  });

  it('pending: is asked for again until it is there', async () => {
    const { screen, missing, asked } = await room([2]);
    say(3);
    world().server.store.hold('room', 2);
    await world().run(3000);
    expect(screen.numbers).toEqual([1]);
    expect(asked().length).toBeGreaterThan(2);
    expect(asked().length).toBeLessThan(20);
    world().server.store.pending.clear();
    await world().run(5000);
    expect(screen.numbers).toEqual([1, 2, 3]);
    expect(missing).toEqual([]);
  });

  it('pending, and then live: is not asked for any more', async () => {
    const { screen, device, asked } = await room([2]);
    say(3);
    world().server.store.hold('room', 2);
    await world().run(1000);
    const { position: _, ...message } = world().server.store.messages('chat:room')[1]!;
    device.connection.send(message);
    await world().run(100);
    expect(screen.numbers).toEqual([1, 2, 3]);
    const count = asked().length;
    await world().run(10_000);
    expect(asked().length).toBe(count);
  });
});

function makeMessage(sequenceNumber: number, content: string, more: Frame = {}): Frame {
  return {
    type: 'message', messageId: `made-${sequenceNumber}-${content}`, chatId: 'room', targetClass: 'chat', targetId: 'room', messageType: 'fifo', messageGroupId: 'room', sequenceNumber,
    eventType: 'chat', payload: { chatId: 'room', eventType: 'chat', content }, userId: 'x', timestamp: new Date(world().clock.time).toISOString(), publishTimestamp: world().clock.time,
    processorTimestamp: world().clock.time, targetChannel: 'WebSocket', ...more,
  };
}

describe('numbers that promise nothing', () => {
  it('of a client (sequenceSource) are ignored: shown at once, no gap', async () => {
    const { screen, asked } = await room();
    say(2);
    world().server.say('room', 'mine', { customSequence: 1000 });
    world().server.say('room', 'mine again', { customSequence: 1 });
    say(2);
    await world().run(2000);
    expect(screen.contents).toEqual(['room 1', 'room 2', 'mine', 'mine again', 'room 3', 'room 4']);
    expect(screen.shown.map(({ delivery }) => delivery.late)).toEqual(Array(6).fill(false));
    expect(asked()).toEqual([]);
  });

  it('of a client do not fill the place of one that expired', async () => {
    const { screen, missing } = await room([3]);
    say(2);
    world().server.say('room', 'mine', { customSequence: 3 });
    say(2);
    world().server.store.expire('room', 3);
    await world().run(5000);
    expect(screen.contents).toEqual(['room 1', 'room 2', 'mine', 'room 4']);
    expect(missing).toEqual(['3 expired']);
  });

  it('standard, ephemeral and unnumbered ones are shown at once, also while a gap is open', async () => {
    const { screen } = await room([2]);
    world().server.onHttp = () => ({ status: 503, body: { error: 'Service overloaded', retryAfterMs: 5000 } });
    say(3);
    world().server.say('room', 'standard', { messageType: 'standard' });
    world().server.say('room', 'ephemeral', { messageType: 'ephemeral' });
    world().server.say('room', 'unnumbered', { generateSequence: false });
    await world().run(100);
    expect(screen.contents).toEqual(['room 1', 'standard', 'ephemeral', 'unnumbered']);
    world().server.onHttp = undefined;
    await world().run(30_000);
    expect(screen.contents.slice(4)).toEqual(['room 2', 'room 3']);
  });
});

describe('deduplication', () => {
  it('goes by messageId only: the same content and number twice are two messages', async () => {
    const { screen, device } = await room();
    const same = { userId: 'x', publishTimestamp: world().clock.time };
    device.connection.send(makeMessage(7, 'same', { ...same, messageId: 'one', messageType: 'standard' }));
    device.connection.send(makeMessage(7, 'same', { ...same, messageId: 'two', messageType: 'standard' }));
    device.connection.send(makeMessage(7, 'same', { ...same, messageId: 'one', messageType: 'standard' }));
    await world().run(100);
    expect(screen.shown.map(({ message }) => message.messageId)).toEqual(['one', 'two']);
  });

  it('holds across what is live, recovered and live again', async () => {
    const { screen, device } = await room([2]);
    say(3);
    await world().run(2000);
    for (const { position: _, ...message } of world().server.store.messages('chat:room')) device.connection.send(message);
    await world().run(100);
    expect(screen.numbers).toEqual([1, 2, 3]);
  });

  it('holds for messages that are no chat\'s', async () => {
    const { client, device } = await room();
    const seen: string[] = [];
    client.onMessage(({ messageId }) => seen.push(messageId));
    device.line.onFrame = () => 'duplicate';
    world().server.publish('bob', { payload: { targetClass: 'user', targetId: 'ann', eventType: 'x', content: 1 } });
    world().server.publish('bob', { payload: { targetClass: 'all', eventType: 'x', content: 2 } });
    await world().run(100);
    expect(seen.length).toBe(2);
  });
});

describe('a redriven message', () => {
  it('that was never shown is shown late', async () => {
    const { screen, device } = await room([2]);
    say(3);
    const { position: _, ...second } = world().server.store.messages('chat:room')[1]!;
    world().server.store.expire('room', 2);
    await world().run(5000);
    expect(screen.numbers).toEqual([1, 3]);
    device.connection.send(second);
    await world().run(100);
    expect(screen.numbers).toEqual([1, 3, 2]);
    expect(screen.ways.at(-1)).toBe('live late');
  });

  it('that was shown already is not shown again', async () => {
    const { screen, device } = await room();
    say(3);
    await world().run(100);
    const { position: _, ...second } = world().server.store.messages('chat:room')[1]!;
    device.connection.send({ ...second, queueSequenceNumber: '00000000000000000099' });
    await world().run(100);
    expect(screen.numbers).toEqual([1, 2, 3]);
  });
});

describe('bounds', () => {
  it('of what waits behind a gap: over it the history is read on', async () => {
    const { screen } = await room([2]);
    world().server.onHttp = ({ query }) => (query.has('sequences') ? { status: 503, body: { error: 'Service overloaded', retryAfterMs: 10_000 } } : undefined);
    say(10_500);
    await world().run(5000);
    expect(screen.numbers).toEqual([1]);
    world().server.onHttp = undefined;
    await world().run(120_000);
    expect(screen.numbers).toEqual(upTo(10_500));
  });

  it('of remembered ids: the newest ten thousand at least', async () => {
    const { screen, device } = await room();
    say(10_000);
    await world().run(1000);
    const { position: _, ...early } = world().server.store.messages('chat:room')[5]!;
    device.connection.send(early);
    await world().run(100);
    expect(screen.shown.length).toBe(10_000);
  });
});
