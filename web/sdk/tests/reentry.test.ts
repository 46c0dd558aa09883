// Listeners that close and connect the client they listen to.
import { describe, expect, it } from 'vitest';
import { refusal, Screen, useWorld } from './simulation/world.ts';

const world = useWorld();

/** A device of a member of these chats, with a screen on each; not connected yet. */
function member(...chatIds: string[]) {
  const device = world().device('ann');
  const rooms = chatIds.map((chatId) => {
    world().server.store.grant('ann', `chat:${chatId}`);
    const screen = new Screen();
    const chat = device.client.chat(chatId);
    chat.subscribe(screen.listener);
    return { chat, screen };
  });
  return { device, client: device.client, rooms };
}

/** Calls `task` the first time only. */
function once(task: () => void) {
  let isDone = false;
  return () => {
    if (isDone) return;
    isDone = true;
    task();
  };
}

describe('close() in a listener', () => {
  it.each(['waiting', 'connecting'] as const)('of the state %s ends it', async (when) => {
    world().server.running = false;
    const { client } = member();
    client.onState(({ status }) => void (status === when && client.close()));
    const connecting = refusal(client.connect());
    expect(await world().clock.settle(connecting)).toMatchObject({ code: 'closed' });
    await world().run(60_000);
    expect(client.state.status).toBe('idle');
  });

  it.each(['joining', 'recovering', 'joined'] as const)('of a chat that is %s ends it', async (when) => {
    const { device, client, rooms } = member('one', 'two');
    if (when === 'recovering') for (const chatId of ['one', 'two']) client.chat(chatId, { history: 5 });
    rooms[0]!.chat.onStatus((status) => void (status === when && client.close()));
    const connecting = refusal(client.connect());
    expect(await world().clock.settle(connecting)).toMatchObject({ code: 'closed' });
    await world().run(60_000);
    expect(client.state.status).toBe('idle');
    expect(rooms.map(({ chat }) => chat.status)).toEqual(['idle', 'idle']);
    expect(device.errors).toEqual([]);
  });
});

describe('close() and connect() in a listener', () => {
  async function hears({ device, client, rooms }: ReturnType<typeof member>) {
    await world().run(10_000);
    expect(client.state.status).toBe('connected');
    expect(rooms.map(({ chat }) => chat.status)).toEqual(rooms.map(() => 'joined'));
    const before = rooms.map(({ screen }) => screen.shown.length);
    for (const { chat } of rooms) world().server.say(chat.chatId, 'hello');
    await world().run(100);
    expect(rooms.map(({ screen }, index) => screen.shown.length - before[index]!)).toEqual(rooms.map(() => 1));
    expect(device.errors).toEqual([]);
  }

  it('of the frame connected leaves no chat dead', async () => {
    const all = member('one', 'two');
    const again = once(() => void [all.client.close(), all.client.connect()]);
    all.client.onType('connected', again);
    all.client.connect();
    await hears(all);
  });

  it('of onReset leaves no chat dead', async () => {
    const all = member('one', 'two');
    await all.device.connected();
    all.client.onReset(once(() => void [all.client.close(), all.client.connect()]));
    world().server.store.epoch = 'another';
    all.device.line.cut();
    await hears(all);
  });

  it.each(['waiting', 'connecting'] as const)('of the state %s connects once', async (when) => {
    const all = member('one');
    const again = once(() => void [all.client.close(), all.client.connect()]);
    if (when === 'waiting') world().server.running = false;
    all.client.onState(({ status }) => void (status === when && again()));
    all.client.connect();
    await world().run(1000);
    world().server.start();
    await world().run(60_000);
    await hears(all);
    expect(all.device.line.sockets.filter(({ readyState }) => readyState === 1).length).toBe(1);
  });

  it.each(['joining', 'joined'] as const)('of a chat that is %s leaves no other chat dead', async (when) => {
    const all = member('one', 'two', 'three');
    const again = once(() => void [all.client.close(), all.client.connect()]);
    all.rooms[0]!.chat.onStatus((status) => void (status === when && again()));
    all.client.connect();
    await hears(all);
  });
});

describe('connect() in a listener', () => {
  it('of a chat that became idle by close() starts it again, and the state says so', async () => {
    const all = member('one', 'two');
    await all.device.connected();
    all.rooms[0]!.chat.onStatus(once(() => void all.client.connect()));
    all.client.close();
    expect(all.client.state.status).toBe('connecting');
    await all.device.until('connected');
    await world().run(1000);
    expect(all.rooms.map(({ chat }) => chat.status)).toEqual(['joined', 'joined']);
  });

  it('of a chat that became idle as the connection was refused for good starts it again', async () => {
    const all = member('one');
    await all.device.connected();
    const again = once(() => void all.client.connect());
    all.rooms[0]!.chat.onStatus((status) => void (status === 'idle' && again()));
    all.device.connection.close(4403);
    await world().run(1000);
    expect(all.client.state.status).toBe('connected');
    expect(all.rooms[0]!.chat.status).toBe('joined');
  });

  it('keeps what is published then', async () => {
    const all = member('one');
    await all.device.connected();
    let publishing: Promise<unknown> | undefined;
    all.rooms[0]!.chat.onStatus(once(() => {
      all.client.connect();
      publishing = all.rooms[0]!.chat.publish('again');
    }));
    all.client.close();
    expect(await world().clock.settle(publishing!)).toMatchObject({ sequenceNumber: 1 });
  });
});

describe('publish() right behind subscribe()', () => {
  it('goes out behind it', async () => {
    const { device, client } = member('one');
    await device.connected();
    world().server.store.grant('ann', 'chat:later');
    const chat = client.chat('later');
    chat.subscribe(() => {});
    await world().clock.settle(chat.publish('first'));
    const actions = world().server.frames.map(({ action }) => action as string);
    expect(actions.indexOf('sendMessage')).toBeGreaterThan(actions.lastIndexOf('subscribe'));
  });
});
