// Publishes that wait: for a connection, for their turn, for a token; and what ends them.
import { describe, expect, it } from 'vitest';
import type { ClientOptions } from '../src/index.ts';
import { refusal, useWorld } from './simulation/world.ts';

const world = useWorld();

async function room(options: Partial<ClientOptions> = {}) {
  const [ann] = await world().chat('room', ['ann'], options);
  return ann!;
}
const contents = () => world().server.store.messages('chat:room').map(({ payload }) => payload.content);
const stalled = ({ action }: { action?: string }) => (action === 'sendMessage' ? ('swallow' as const) : undefined);

describe('a publish', () => {
  it.each(['socket', 'http'] as const)('is not sent again after the machine slept longer than the server remembers (%s)', async (via) => {
    const { client, device } = await room({ timeoutMs: 5000 });
    world().server.onFrame = ({ action }) => (action === 'sendMessage' ? 'mute' : undefined);
    world().server.onHttp = ({ path }) => (path === '/publish' ? 'lose' : undefined);
    const publishing = refusal(client.publish({ chatId: 'room', content: 'once', type: 'fifo' }, { via }));
    await world().run(100);
    const carriedOut = [...world().server.framesOf('sendMessage'), ...world().server.requestsTo('POST', '/publish')].length;
    // Timers stand still meanwhile.
    device.skewMs += 600_000;
    world().server.onFrame = world().server.onHttp = undefined;
    device.line.cut();
    expect(await world().clock.settle(publishing)).toMatchObject({ code: 'timeout' });
    await world().run(10_000);
    expect([...world().server.framesOf('sendMessage'), ...world().server.requestsTo('POST', '/publish')].length).toBe(carriedOut);
    expect(new Set(contents())).toEqual(new Set(['once']));
  });

  it('that waited through such a sleep ends with timeout, too', async () => {
    const { chat, device } = await room();
    device.online = false;
    await world().run(20_000);
    const publishing = refusal(chat.publish('late'));
    device.skewMs += 600_000;
    device.online = true;
    expect(await world().clock.settle(publishing)).toMatchObject({ code: 'timeout' });
    await device.until('connected');
    await world().run(1000);
    expect(contents()).toEqual([]);
  });

  it('may wait again where a thousand before it have timed out', async () => {
    const ann = world().device('ann', { publishTimeoutMs: 1000 });
    const publish = () => refusal(ann.client.publish({ chatId: 'room', content: 1 }));
    const all = Array.from({ length: 1000 }, publish);
    for (const ended of await world().clock.settle(Promise.all(all))) expect(ended.code).toBe('timeout');
    expect(await world().clock.settle(publish())).toMatchObject({ code: 'timeout' });
  });

  it.each(['socket', 'http'] as const)('of one user never goes out as another (%s)', async (via) => {
    let user = 'ann';
    const { client, device } = await room({ token: () => world().server.token(user) });
    world().server.store.grant('ben', 'chat:room');
    world().server.onFrame = stalled;
    world().server.onHttp = ({ path }) => (path === '/publish' ? { status: 503, body: {} } : undefined);
    const publishing = refusal(client.publish({ chatId: 'room', content: 'of ann' }, { via }));
    await world().run(100);
    user = 'ben';
    device.connection.close(4401);
    expect(await world().clock.settle(publishing)).toMatchObject({ code: 'forbidden' });
    world().server.onFrame = world().server.onHttp = undefined;
    await world().run(60_000);
    expect(contents()).toEqual([]);
    await world().clock.settle(client.publish({ chatId: 'room', content: 'of ben' }, { via }));
    expect(world().server.store.messages('chat:room').map(({ userId }) => userId)).toEqual(['ben']);
  });

  it('made between close() and connect() is of the user who connects', async () => {
    let user = 'ann';
    const { client } = await room({ token: () => world().server.token(user) });
    world().server.store.grant('ben', 'chat:room');
    await world().clock.settle(client.close());
    user = 'ben';
    const publishing = client.publish({ chatId: 'room', content: 'of ben' });
    client.connect();
    expect(await world().clock.settle(publishing)).toMatchObject({ messageType: 'standard' });
  });
});

describe('an ephemeral publish that waits for its turn', () => {
  it('rejects when the connection goes, and is not sent with the next one', async () => {
    const { chat, device } = await room();
    world().server.onFrame = stalled;
    const all = Array.from({ length: 256 }, (_, index) => chat.publish(index));
    const typing = refusal(chat.publish({ typing: true }, { type: 'ephemeral' }));
    await world().run(100);
    world().server.onFrame = undefined;
    device.line.cut();
    expect(await world().clock.settle(typing)).toMatchObject({ code: 'not_connected' });
    await world().clock.settle(Promise.all(all));
    expect(world().server.framesOf('sendMessage').filter(({ messageType }) => messageType === 'ephemeral')).toEqual([]);
  });
});
