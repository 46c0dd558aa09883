import { describe, expect, expectTypeOf, it, vi } from 'vitest';
import type { Message } from '../src/index.ts';
import { Screen, useWorld } from './simulation/world.ts';

const world = useWorld();

async function room() {
  const [ann] = await world().chat('room', ['ann']);
  return ann!;
}

describe('subscriptions', () => {
  it('by chat: several subscribers each get every message', async () => {
    const { chat, screen } = await room();
    const second = new Screen();
    chat.subscribe(second.listener);
    world().server.say('room', 'hello');
    await world().run(100);
    expect([screen.contents, second.contents]).toEqual([['hello'], ['hello']]);
  });

  it('by chat: only that chat', async () => {
    const { screen, client } = await room();
    world().server.store.grant('ann', 'chat:other');
    const other = new Screen();
    client.chat('other').subscribe(other.listener);
    await world().run(100);
    world().server.say('room', 'here');
    world().server.say('other', 'there');
    await world().run(100);
    expect([screen.contents, other.contents]).toEqual([['here'], ['there']]);
  });

  it('by eventType, typed, several each', async () => {
    const { client } = await room();
    const prices: number[] = [];
    const all = new Screen();
    client.onEvent<{ price: number }>('quote', (message) => {
      expectTypeOf(message).toEqualTypeOf<Message<{ price: number }>>();
      prices.push(message.payload.content.price);
    });
    client.onEvent('quote', all.listener);
    world().server.say('room', { price: 3 }, { payload: { eventType: 'quote' } });
    world().server.say('room', { price: 4 }, { payload: { eventType: 'other' } });
    await world().run(100);
    expect(prices).toEqual([3]);
    expect(all.contents).toEqual([{ price: 3 }]);
  });

  it('by the type of a frame: broadcasts, several each', async () => {
    const { client } = await room();
    const seen: unknown[] = [];
    client.onType<{ type: 'comment.created'; data: { postId: string } }>('comment.created', (frame) => seen.push(frame.data.postId));
    client.onType('comment.created', (frame) => seen.push(frame));
    const frame = { type: 'comment.created', data: { postId: 'p1' }, timestamp: '2026-01-01T00:00:00.000Z' };
    world().server.broadcast(frame);
    world().server.broadcast({ type: 'comment.deleted', data: {} });
    await world().run(100);
    expect(seen).toEqual(['p1', frame]);
  });

  it('by the type of a frame: the server\'s own', async () => {
    const { client } = await room();
    const seen: string[] = [];
    client.onType<{ type: string; chatId: string }>('unsubscribed', (frame) => seen.push(frame.chatId));
    world().server.revoke('ann', 'room');
    await world().run(100);
    expect(seen).toEqual(['room']);
  });

  it('names of the language are types like others', async () => {
    const { client } = await room();
    const seen: string[] = [];
    for (const type of ['constructor', '__proto__', 'toString']) client.onType(type, (frame) => seen.push(frame.type));
    for (const type of ['constructor', '__proto__', 'toString', 'hasOwnProperty']) world().server.broadcast({ type });
    await world().run(100);
    expect(seen).toEqual(['constructor', '__proto__', 'toString']);
  });

  it('of every message', async () => {
    const { client } = await room();
    const screen = new Screen();
    client.onMessage(screen.listener);
    world().server.say('room', 1);
    world().server.publish('bob', { payload: { targetClass: 'user', targetId: 'ann', eventType: 'x', content: 2 } });
    world().server.publish('bob', { payload: { targetClass: 'all', eventType: 'x', content: 3 } });
    await world().run(100);
    expect(screen.contents).toEqual([1, 2, 3]);
    expect(screen.ways).toEqual(['live', 'live', 'live']);
  });

  it('end with their unsubscribe, which may be called again', async () => {
    const { client, chat } = await room();
    const screens = [new Screen(), new Screen(), new Screen()];
    const stops = [client.onMessage(screens[0]!.listener), client.onEvent('chat', screens[1]!.listener), chat.subscribe(screens[2]!.listener)];
    world().server.say('room', 1);
    await world().run(100);
    for (const stop of [...stops, ...stops]) stop();
    world().server.say('room', 2);
    await world().run(100);
    for (const screen of screens) expect(screen.contents).toEqual([1]);
  });

  it('of one listener twice are two', async () => {
    const { client } = await room();
    const screen = new Screen();
    const stop = client.onMessage(screen.listener);
    client.onMessage(screen.listener);
    stop();
    stop();
    world().server.say('room', 1);
    await world().run(100);
    expect(screen.contents).toEqual([1]);
  });

  it('may be ended and made while a message is told', async () => {
    const { client } = await room();
    const seen: string[] = [];
    const stop = client.onMessage(() => {
      seen.push('once');
      stop();
      client.onMessage(() => seen.push('new'));
    });
    client.onMessage(() => seen.push('other'));
    world().server.say('room', 1);
    await world().run(100);
    world().server.say('room', 2);
    await world().run(100);
    expect(seen.filter((name) => name === 'once').length).toBe(1);
    expect(seen.filter((name) => name === 'other').length).toBe(2);
    expect(seen.at(-1)).toBe('new');
  });

  it('do not get what the server leaves out for the sender', async () => {
    const [ann, bob] = await world().chat('room', ['ann', 'bob']);
    await world().clock.settle(ann!.chat.publish('quiet', { excludeSender: true }));
    await world().run(100);
    expect([ann!.screen.contents, bob!.screen.contents]).toEqual([[], ['quiet']]);
  });
});

describe('a chat', () => {
  it('is the same object per id', async () => {
    const { client, chat } = await room();
    expect(client.chat('room')).toBe(chat);
    expect(client.chat('room')).not.toBe(client.chat('other'));
  });

  it('is joined with the first listener and left with the last', async () => {
    const { server } = world();
    server.store.grant('ann', 'chat:one');
    const ann = await world().device('ann').connected();
    const chat = ann.client.chat('one');
    await world().run(100);
    expect([chat.status, ann.connection.chats.size]).toEqual(['idle', 0]);
    const stops = [chat.subscribe(() => {}), chat.subscribe(() => {})];
    await world().run(100);
    expect([chat.status, ann.connection.chats.has('one')]).toEqual(['joined', true]);
    stops[0]!();
    await world().run(100);
    expect(ann.connection.chats.has('one')).toBe(true);
    stops[1]!();
    await world().run(100);
    expect([chat.status, ann.connection.chats.has('one')]).toEqual(['idle', false]);
  });

  it('left and joined again hears what comes then', async () => {
    const { client, chat } = await room();
    const stop = chat.subscribe(() => {});
    stop();
    const screens = [new Screen(), new Screen()];
    const again = client.chat('room').subscribe(screens[0]!.listener);
    world().server.say('room', 1);
    await world().run(100);
    again();
    await world().run(100);
    client.chat('room').subscribe(screens[1]!.listener);
    await world().run(100);
    world().server.say('room', 2);
    await world().run(100);
    expect([screens[0]!.contents, screens[1]!.contents]).toEqual([[1], [2]]);
  });

  it('left and joined within one moment stays joined', async () => {
    world().server.store.grant('ann', 'chat:one');
    const ann = await world().device('ann').connected();
    const screen = new Screen();
    for (let turn = 0; turn < 5; turn += 1) ann.client.chat('one').subscribe(() => {})();
    ann.client.chat('one').subscribe(screen.listener);
    await world().run(200);
    world().server.say('one', 'hello');
    await world().run(200);
    expect(screen.contents).toEqual(['hello']);
    expect(ann.client.chat('one').status).toBe('joined');
  });

  it('is left while nothing is connected: not joined at the next connection', async () => {
    world().server.store.grant('ann', 'chat:one');
    const ann = await world().device('ann').connected();
    const stop = ann.client.chat('one').subscribe(() => {});
    await world().run(100);
    ann.line.cut();
    stop();
    await ann.until('connected');
    await world().run(1000);
    expect(ann.connection.chats.has('one')).toBe(false);
  });

  it('that is denied says so, and others do not suffer', async () => {
    const { client, screen } = await room();
    const locked = client.chat('locked');
    const statuses: string[] = [];
    locked.onStatus(() => statuses.push(locked.status));
    locked.subscribe(() => {});
    await world().run(100);
    expect(statuses).toEqual(['joining', 'denied']);
    expect(locked.error).toMatchObject({ name: 'CarillonError', code: 'forbidden', chatIds: ['locked'] });
    world().server.say('room', 'hello');
    await world().run(100);
    expect(screen.contents).toEqual(['hello']);
  });

  it('that is taken away is denied, and joined again once it may', async () => {
    const { chat, device, screen } = await room();
    world().server.revoke('ann', 'room');
    await world().run(100);
    expect([chat.status, chat.error?.code]).toEqual(['denied', 'forbidden']);
    world().server.store.grant('ann', 'chat:room');
    device.line.cut();
    await device.until('connected');
    await world().run(2000);
    expect([chat.status, chat.error]).toEqual(['joined', undefined]);
    world().server.say('room', 'back');
    await world().run(100);
    expect(screen.contents).toEqual(['back']);
  });

  it('that is denied is asked for again by another subscribe()', async () => {
    const { client } = await room();
    const locked = client.chat('locked');
    const screen = new Screen();
    locked.subscribe(screen.listener);
    await world().run(100);
    world().server.store.grant('ann', 'chat:locked');
    locked.subscribe(() => {});
    await world().run(100);
    expect(locked.status).toBe('joined');
    world().server.say('locked', 'open');
    await world().run(100);
    expect(screen.contents).toEqual(['open']);
  });
});

describe('a listener that throws', () => {
  const boom = () => {
    throw new Error('boom');
  };

  it('is reported, and stops nobody', async () => {
    const { client, chat, device, screen } = await room();
    client.onMessage(boom);
    client.onEvent('chat', boom);
    chat.subscribe(boom);
    const after = new Screen();
    client.onMessage(after.listener);
    chat.subscribe(after.listener);
    world().server.say('room', 1);
    world().server.say('room', 2);
    await world().run(100);
    expect(screen.contents).toEqual([1, 2]);
    expect(after.contents.length).toBe(4);
    expect(device.errors.length).toBe(6);
    for (const error of device.errors) expect(error).toMatchObject({ name: 'CarillonError', code: 'listener', cause: { message: 'boom' } });
    expect(device.status).toBe('connected');
  });

  it('of states, frames, chats, losses and errors does no harm either', async () => {
    const { client, chat, device } = await room();
    client.onState(boom);
    client.onType('unsubscribed', boom);
    client.onReset(boom);
    client.onError(boom);
    chat.onStatus(boom);
    chat.onMissing(boom);
    vi.spyOn(console, 'error').mockImplementation(() => {});
    world().server.revoke('ann', 'room');
    await world().run(100);
    world().server.store.replace('epoch-2');
    device.line.cut();
    await device.until('connected');
    expect(device.errors.filter(({ code }) => code === 'listener').length).toBeGreaterThanOrEqual(3);
  });

  it('is told on the console when nobody listens to errors', async () => {
    const { client, device } = await room();
    device.ignoreErrors();
    const log = vi.spyOn(console, 'error').mockImplementation(() => {});
    client.onMessage(boom);
    world().server.say('room', 1);
    await world().run(100);
    expect(log).toHaveBeenCalledTimes(1);
    expect(JSON.stringify(log.mock.calls)).not.toContain('bearer');
  });
});

describe('what no server would send', () => {
  it.each([
    'no JSON', '', '{', '[]', '[{}]', 'null', '1', 'true', '"text"', '{}', '{"type":1}', '{"type":null}', '{"type":{}}',
    '{"type":"message"}', '{"type":"message","messageId":1}', '{"type":"message","messageId":"x","payload":null}',
    '{"type":"message","messageId":"x","messageType":"fifo","sequenceNumber":"1","chatId":"room"}',
    '{"type":"message","messageId":"y","messageType":"fifo","sequenceNumber":-1,"chatId":"room","payload":{}}',
    '{"type":"message","messageId":"z","messageType":"fifo","sequenceNumber":1.5,"chatId":"room","payload":{}}',
    '{"type":"connected"}', '{"type":"subscribed"}', '{"type":"pong"}', '{"type":"reconnect"}', '{"type":"reconnect","afterMs":"soon"}',
    '{"type":"tokenExpiring"}', '{"type":"unsubscribed"}', '{"type":"unsubscribed","chatId":{}}', '{"requestId":"none"}', '{"error":1}', '{"error":"x","statusCode":"y","requestId":[]}',
    new ArrayBuffer(3), undefined, null, 7,
  ])('breaks nothing (%#: %s)', async (data) => {
    const { device, screen, chat } = await room();
    device.line.socket.deliverRaw(data);
    await world().run(100);
    await device.until('connected');
    world().server.say('room', 'still here');
    await world().run(1000);
    expect(screen.contents.at(-1)).toBe('still here');
    expect(chat.status).toBe('joined');
  });

  it('is reported when it is no JSON', async () => {
    const { device } = await room();
    device.line.socket.deliverRaw('secret content that is no JSON');
    await world().run(100);
    expect(device.errors.map(({ code }) => code)).toEqual(['protocol']);
    expect(device.errors[0]!.message).not.toContain('secret');
  });

  it('unknown types and members are passed over in silence', async () => {
    const { device } = await room();
    world().server.broadcast({ type: 'of.a.later.version', more: { things: [] } });
    await world().run(100);
    expect(device.errors).toEqual([]);
  });
});
