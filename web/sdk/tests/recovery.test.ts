import { describe, expect, it } from 'vitest';
import type { ClientOptions } from '../src/index.ts';
import type { Frame } from './simulation/server.ts';
import { type Device, Screen, useWorld } from './simulation/world.ts';

const world = useWorld();

async function room(options: Partial<ClientOptions> = {}) {
  const [ann] = await world().chat('room', ['ann'], options);
  return ann!;
}

/** Loses the connection, lets `meanwhile` happen, and lets the device come back. */
async function away(device: Device, meanwhile: () => void | Promise<void>) {
  device.online = false;
  device.line.cut();
  await world().run(30_000);
  await meanwhile();
  await world().run(30_000);
  device.online = true;
  await device.until('connected');
}

const say = (from: number, to: number, more: Frame = {}) => {
  for (let content = from; content <= to; content += 1) world().server.say('room', content, more);
};
const upTo = (last: number) => Array.from({ length: last }, (_, index) => index + 1);
const reads = () => world().server.requestsTo('GET', '/messages').map(({ query }) => Object.fromEntries(query));

describe('after a reconnect', () => {
  it('shows what was missed, in order, once, and then what comes', async () => {
    const { device, screen } = await room();
    say(1, 3);
    await world().run(100);
    await away(device, () => say(4, 6));
    await world().run(1000);
    say(7, 8);
    await world().run(1000);
    expect(screen.contents).toEqual(upTo(8));
    expect(screen.ways).toEqual(['live', 'live', 'live', 'recovered', 'recovered', 'recovered', 'live', 'live']);
  });

  it('shows standard messages that were missed, by time', async () => {
    const { device, screen } = await room();
    say(1, 2, { messageType: 'standard' });
    await world().run(100);
    await away(device, () => say(3, 5, { messageType: 'standard' }));
    await world().run(1000);
    expect(screen.contents).toEqual(upTo(5));
  });

  it('shows what was missed of a chat where nothing was seen yet', async () => {
    const { device, screen } = await room();
    await away(device, () => say(1, 3));
    await world().run(1000);
    expect(screen.contents).toEqual([1, 2, 3]);
  });

  it('shows nothing of the time before it joined', async () => {
    say(1, 4);
    await world().run(500);
    const { device, screen } = await room();
    say(5, 5);
    await world().run(100);
    await away(device, () => say(6, 6));
    await world().run(1000);
    expect(screen.contents).toEqual([5, 6]);
  });

  it('reads pages of 1000 through nextToken', async () => {
    const { device, screen } = await room();
    say(1, 1);
    await world().run(100);
    await away(device, () => say(2, 2601));
    await world().run(10_000);
    expect(screen.contents).toEqual(upTo(2601));
    for (const { limit } of reads()) expect(Number(limit)).toBeLessThanOrEqual(1000);
  });

  it('holds live messages of the chat back until it has caught up', async () => {
    const { device, screen, chat } = await room();
    say(1, 1);
    await world().run(100);
    world().server.onHttp = ({ path }) => (path === '/messages' ? { status: 503, body: { error: 'Service overloaded', retryAfterMs: 1000 } } : undefined);
    await away(device, () => say(2, 3, { messageType: 'standard' }));
    await world().clock.until(() => chat.status === 'recovering', 'recovering');
    say(4, 5, { messageType: 'standard' });
    say(6, 6);
    await world().run(200);
    expect(screen.contents).toEqual([1]);
    world().server.onHttp = undefined;
    await world().clock.until(() => chat.status === 'joined', 'joined');
    expect(screen.contents).toEqual(upTo(6));
    expect(device.client.state.status).toBe('connected');
  });

  it('recovers the user\'s own messages and those of org, hub and project, never those of all', async () => {
    for (const target of ['org:acme', 'hub:north', 'project:x1']) world().server.store.grant('ann', target);
    const ann = world().device('ann', { orgId: 'acme', hubId: 'north', projectId: 'x1' });
    const screen = new Screen();
    ann.client.onMessage(screen.listener);
    await ann.connected();
    await world().run(5000);
    await away(ann, () => {
      for (const [targetClass, targetId] of [['user', 'ann'], ['org', 'acme'], ['hub', 'north'], ['project', 'x1'], ['all', undefined]] as const) {
        world().server.publish('bob', { payload: { targetClass, ...(targetId && { targetId }), eventType: 'x', content: targetClass } });
      }
    });
    await world().run(2000);
    expect(screen.contents.toSorted()).toEqual(['hub', 'org', 'project', 'user']);
    expect(reads().filter(({ targetClass }) => targetClass === 'all')).toEqual([]);
  });

  it.each([
    ['the network fails', 'fail' as const],
    ['there is no answer', 'hang' as const],
    ['503', { status: 503, body: { error: 'Service overloaded', retryAfterMs: 500 } }],
    ['429', { status: 429, body: { error: 'Too many requests' }, headers: { 'retry-after': '1' } }],
    ['500', { status: 500, body: { error: 'Internal error' } }],
  ])('reads again when %s', async (_, fault) => {
    const { device, screen } = await room();
    say(1, 1);
    await world().run(100);
    let faults = 3;
    world().server.onHttp = ({ path }) => (path === '/messages' && (faults -= 1) >= 0 ? fault : undefined);
    await away(device, () => say(2, 4));
    await world().run(120_000);
    expect(screen.contents).toEqual([1, 2, 3, 4]);
    expect(device.line.sockets.length).toBe(2);
  });

  it('that can read nothing says so once, and goes on', async () => {
    const { device, screen, chat } = await room();
    say(1, 1);
    await world().run(100);
    world().server.onHttp = ({ path }) => (path === '/messages' ? { status: 500, body: { error: 'Internal error' } } : undefined);
    await away(device, () => say(2, 2));
    await world().run(300_000);
    expect(chat.status).toBe('recovering');
    // The chat's reads, and those of the user's own messages.
    expect(device.errors.map(({ code, status }) => [code, status])).toEqual([['unavailable', 500], ['unavailable', 500]]);
    world().server.onHttp = undefined;
    await world().run(60_000);
    expect(screen.contents).toEqual([1, 2]);
  });

  it('fails in the middle of a page walk, and neither loses nor repeats', async () => {
    const { device, screen } = await room();
    say(1, 1);
    await world().run(100);
    let count = 0;
    world().server.onHttp = ({ path }) => (path === '/messages' && (count += 1) % 2 === 0 ? 'lose' : undefined);
    await away(device, () => say(2, 3500));
    await world().run(60_000);
    expect(screen.contents).toEqual(upTo(3500));
  });

  it('a 403 denies the chat, and gives what was held', async () => {
    const { device, screen, chat } = await room();
    say(1, 1);
    await world().run(100);
    world().server.onHttp = ({ path }) => (path === '/messages' ? { status: 403, body: { error: 'Forbidden - No chat access' } } : undefined);
    await away(device, () => say(2, 2));
    await world().run(2000);
    expect([chat.status, chat.error?.code]).toEqual(['denied', 'forbidden']);
    expect(screen.contents[0]).toBe(1);
  });

  it('a chat that is denied at the reconnect says so', async () => {
    const { device, chat } = await room();
    world().server.store.revoke('ann', 'chat:room');
    await away(device, () => {});
    await world().run(1000);
    expect([chat.status, chat.error?.code]).toEqual(['denied', 'forbidden']);
    expect(device.status).toBe('connected');
  });

  it('and another loss while it catches up begins again from what was seen last', async () => {
    const { device, screen } = await room();
    say(1, 1);
    await world().run(100);
    let cuts = 5;
    world().server.onHttp = ({ path }) => {
      if (path === '/messages' && (cuts -= 1) >= 0) device.line.cut();
      return undefined;
    };
    await away(device, () => say(2, 2500));
    await world().run(240_000);
    say(2501, 2501);
    await world().run(5000);
    expect(screen.contents).toEqual(upTo(2501));
  });

  it.each([-86_400_000, 86_400_000])('a clock that is %i ms off changes nothing', async (skewMs) => {
    world().server.store.grant('ann', 'chat:room');
    const ann = world().device('ann');
    ann.skewMs = skewMs;
    const screen = new Screen();
    ann.client.chat('room').subscribe(screen.listener);
    await ann.connected();
    await away(ann, () => say(1, 3, { messageType: 'standard' }));
    await world().run(1000);
    expect(screen.contents).toEqual([1, 2, 3]);
    for (const { fromTimestamp } of reads()) if (fromTimestamp) expect(Math.abs(Date.parse(fromTimestamp) - world().clock.time)).toBeLessThan(300_000);
  });

  it('fills gaps that the connection had before it was lost', async () => {
    const { device, screen } = await room();
    device.line.onFrame = (frame) => (frame.sequenceNumber === 2 ? 'drop' : undefined);
    world().server.onHttp = ({ query }) => (query.has('sequences') ? 'hang' : undefined);
    say(1, 4);
    await world().run(200);
    expect(screen.contents).toEqual([1]);
    world().server.onHttp = undefined;
    device.line.onFrame = undefined;
    await away(device, () => say(5, 6));
    await world().run(20_000);
    expect(screen.contents).toEqual(upTo(6));
  });

  it('every chat that is heard through * is recovered', async () => {
    world().server.store.grant('ann', 'chat:room');
    const ann = world().device('ann', { chatIds: '*' });
    const screen = new Screen();
    ann.client.onMessage(screen.listener);
    await ann.connected();
    say(1, 1);
    await world().run(100);
    await away(ann, () => say(2, 3));
    await world().run(1000);
    say(4, 4);
    await world().run(1000);
    expect(screen.contents).toEqual(upTo(4));
  });

  it('a crash of the server loses nothing and repeats nothing', async () => {
    const [ann, bob] = await world().chat('room', ['ann', 'bob']);
    const published: Promise<unknown>[] = [];
    for (let round = 0; round < 10; round += 1) {
      for (let index = 0; index < 5; index += 1) published.push(bob!.chat.publish(round * 5 + index));
      await world().run(Math.floor(world().random() * 30));
      world().server.crash();
      await world().run(500);
      world().server.start();
      await world().run(1000);
    }
    await world().clock.settle(Promise.all(published));
    await world().run(30_000);
    const wanted = world().server.store.messages('chat:room').map(({ payload }) => payload.content);
    expect(wanted.toSorted((a, b) => a - b)).toEqual(Array.from({ length: 50 }, (_, index) => index));
    expect(ann!.screen.contents).toEqual(wanted);
    expect(bob!.screen.contents).toEqual(wanted);
  });
});

describe('another store (storeEpoch)', () => {
  it('starts afresh: says so, and takes the numbers from 1 again', async () => {
    const { device, screen, client } = await room();
    let resets = 0;
    client.onReset(() => (resets += 1));
    say(1, 5);
    await world().run(100);
    await away(device, () => world().server.store.replace('epoch-2'));
    await world().run(1000);
    expect(resets).toBe(1);
    say(11, 13);
    await world().run(2000);
    expect(screen.contents).toEqual([1, 2, 3, 4, 5, 11, 12, 13]);
    expect(screen.ways.slice(5)).toEqual(['live', 'live', 'live']);
  });

  it('the same epoch resets nothing', async () => {
    const { device, client } = await room();
    let resets = 0;
    client.onReset(() => (resets += 1));
    await away(device, () => {});
    await away(device, () => {});
    expect(resets).toBe(0);
  });

  it('is noticed across close() and connect()', async () => {
    const { device, client } = await room();
    let resets = 0;
    client.onReset(() => (resets += 1));
    await world().clock.settle(client.close());
    world().server.store.replace('epoch-2');
    await device.connected();
    expect(resets).toBe(1);
  });

  it('reads the history of chats that show it again', async () => {
    world().server.store.grant('ann', 'chat:room');
    say(1, 3);
    const ann = world().device('ann');
    const screen = new Screen();
    ann.client.chat('room', { history: 10 }).subscribe(screen.listener);
    await ann.connected();
    await world().run(1000);
    await away(ann, () => {
      world().server.store.replace('epoch-2');
      say(11, 12);
    });
    await world().run(2000);
    expect(screen.contents).toEqual([1, 2, 3, 11, 12]);
  });
});
