import { describe, expect, it, vi } from 'vitest';
import { CarillonClient, CarillonError } from '../src/index.ts';
import { refusal, Screen, URL_OF_SERVER, useWorld } from './simulation/world.ts';

const world = useWorld();

describe('connecting', () => {
  it('offers carillon.v1 and the token as subprotocols, never in the URL', async () => {
    const token = world().server.token('ann');
    const ann = await world().device('ann', { token }).connected();
    expect(ann.line.socket.protocols).toEqual(['carillon.v1', `bearer.${token}`]);
    expect(ann.line.socket.url).not.toContain(token);
  });

  it('buys a ticket first when asked to, so that no long-lived token is in an upgrade', async () => {
    const token = world().server.token('ann');
    const ann = await world().device('ann', { token, authentication: 'ticket' }).connected();
    expect(ann.line.socket.protocols).toEqual(['carillon.v1']);
    expect(new URL(ann.line.socket.url).searchParams.get('ticket')).toMatch(/^ticket-/);
    const [request] = world().server.requestsTo('POST', '/tickets');
    expect(request!.headers.get('authorization')).toBe(`Bearer ${token}`);
  });

  it('buys another ticket for every connection', async () => {
    const ann = await world().device('ann', { authentication: 'ticket' }).connected();
    ann.line.cut();
    await ann.until('waiting');
    await ann.until('connected');
    const tickets = world().server.upgrades.map(({ url }) => url.searchParams.get('ticket'));
    expect(new Set(tickets).size).toBe(tickets.length);
  });

  it('names org, hub and project in the query', async () => {
    for (const target of ['org:acme', 'hub:north', 'project:x1']) world().server.store.grant('ann', target);
    const ann = await world().device('ann', { orgId: 'acme', hubId: 'north', projectId: 'x1' }).connected();
    expect(Object.fromEntries(new URL(ann.line.socket.url).searchParams)).toEqual({ orgId: 'acme', hubId: 'north', projectId: 'x1' });
  });

  it('asks for every chat with *', async () => {
    const { server } = world();
    server.store.grant('ann', 'chat:one');
    const ann = world().device('ann', { chatIds: '*' });
    const screen = new Screen();
    ann.client.onMessage(screen.listener);
    await ann.connected();
    server.store.grant('ann', 'chat:later');
    server.say('one', 'first');
    server.say('later', 'second');
    await world().run(100);
    expect(screen.contents).toEqual(['first', 'second']);
  });

  it('subscribes to the given chats by frames, so that a denied one refuses nothing', async () => {
    const { server } = world();
    server.store.grant('ann', 'chat:one');
    const ann = world().device('ann', { chatIds: ['one', 'locked'] });
    const screen = new Screen();
    ann.client.onMessage(screen.listener);
    await ann.connected();
    expect(new URL(ann.line.socket.url).searchParams.has('chatId')).toBe(false);
    server.say('one', 'hello');
    await world().run(100);
    expect(screen.contents).toEqual(['hello']);
    expect(ann.client.chat('locked').status).toBe('denied');
    expect(ann.client.chat('locked').error).toMatchObject({ code: 'forbidden' });
    expect(ann.client.chat('one').status).toBe('joined');
  });

  it('subscribes to at most 1000 chats per frame', async () => {
    const chatIds = Array.from({ length: 2345 }, (_, index) => `chat-${index}`);
    for (const chat of chatIds) world().server.store.grant('ann', `chat:${chat}`);
    const ann = await world().device('ann', { chatIds }).connected();
    for (const { chatIds: asked } of world().server.framesOf('subscribe')) expect(asked.length).toBeLessThanOrEqual(1000);
    expect(ann.connection.chats.size).toBe(2345);
  });

  it('resolves when the subscriptions are in force', async () => {
    world().server.store.grant('ann', 'chat:one');
    const ann = world().device('ann', { chatIds: ['one'] });
    let resolved = false;
    const connecting = ann.client.connect().then(() => (resolved = true));
    await world().clock.until(() => ann.line.socket.readyState === 1, 'the socket to open');
    expect(resolved).toBe(false);
    await world().clock.settle(connecting);
    expect(ann.connection.chats.has('one')).toBe(true);
  });

  it('is idempotent: many calls, one socket', async () => {
    const ann = world().device('ann');
    const calls = [ann.client.connect(), ann.client.connect()];
    await world().clock.settle(Promise.all(calls));
    await world().clock.settle(ann.client.connect());
    expect(ann.line.sockets.length).toBe(1);
  });

  it('tells every change of the state as a new object', async () => {
    const ann = world().device('ann');
    expect(ann.status).toBe('idle');
    expect(ann.client.state).toBe(ann.client.state);
    await ann.connected();
    expect(ann.states.map(({ status }) => status)).toEqual(['connecting', 'connected']);
    expect(ann.client.state).toBe(ann.states.at(-1));
    expect(ann.client.state).toMatchObject({ attempts: 0, userId: 'ann', connectionId: ann.connection.id });
    await world().clock.settle(ann.client.close());
    expect(ann.states.at(-1)).toMatchObject({ status: 'idle' });
    expect(new Set(ann.states).size).toBe(ann.states.length);
  });

  it.each([
    ['https://carillon.test', 'wss://carillon.test/', 'https://carillon.test/tickets'],
    ['http://carillon.test/dvl/', 'ws://carillon.test/dvl', 'http://carillon.test/dvl/tickets'],
    ['wss://carillon.test/some/prefix', 'wss://carillon.test/some/prefix', 'https://carillon.test/some/prefix/tickets'],
  ])('takes %s as its URL', async (url, socketUrl, ticketUrl) => {
    const asked: string[] = [];
    const ann = world().device('ann', {
      url,
      authentication: 'ticket',
      fetch: async (input) => (asked.push(String(input)), new Response('{"ticket":"t","expiresAt":"2026-01-01T00:00:30.000Z"}', { status: 201 })),
    });
    const connecting = ann.client.connect();
    connecting.catch(() => {});
    await world().clock.until(() => ann.line.sockets.length > 0, 'a socket');
    const opened = new URL(ann.line.socket.url);
    opened.search = '';
    expect([opened.href, asked[0]]).toEqual([socketUrl, ticketUrl]);
    await world().clock.settle(ann.client.close());
  });

  it.each(['carillon.test', 'ftp://carillon.test', ''])('refuses "%s" as a URL', async (url) => {
    const make = async () => {
      const client = new CarillonClient({ url, token: 'x', WebSocket: world().device('ann').line as never, fetch });
      await client.connect();
    };
    await expect(make()).rejects.toBeInstanceOf(Error);
  });

  it('gives an upgrade up that is not answered in time, and tries again', async () => {
    let hang = true;
    world().server.onUpgrade = () => (hang ? 'hang' : undefined);
    const ann = world().device('ann', { timeoutMs: 4000 });
    const connecting = ann.client.connect();
    await ann.until('waiting', 4100);
    expect(world().clock.elapsed).toBeGreaterThanOrEqual(4000);
    hang = false;
    await world().clock.settle(connecting);
  });

  it('gives a connection up whose first frame does not come', async () => {
    let mute = true;
    world().server.onUpgrade = () => (mute ? 'mute' : undefined);
    const ann = world().device('ann', { timeoutMs: 4000 });
    const connecting = ann.client.connect();
    await ann.until('waiting', 4500);
    mute = false;
    await world().clock.settle(connecting);
  });

  it('gives a connection up whose subscriptions are not answered', async () => {
    world().server.store.grant('ann', 'chat:one');
    let swallow = true;
    world().server.onFrame = ({ action }) => (swallow && action === 'subscribe' ? 'swallow' : undefined);
    const ann = world().device('ann', { timeoutMs: 4000, chatIds: ['one'] });
    const connecting = ann.client.connect();
    await ann.until('waiting', 40_000);
    swallow = false;
    await world().clock.settle(connecting);
    expect(ann.connection.chats.has('one')).toBe(true);
  });

  it('says clearly that there is no WebSocket', async () => {
    vi.stubGlobal('WebSocket', undefined);
    try {
      const make = async () => {
        const client = new CarillonClient({ url: URL_OF_SERVER, token: 'x', fetch });
        await client.connect();
      };
      const error = await make().catch((caught: unknown) => caught);
      expect(error).toBeInstanceOf(CarillonError);
      expect(String(error)).toContain('WebSocket');
    } finally {
      vi.unstubAllGlobals();
    }
  });
});

describe('closing', () => {
  it('closes 1000, is idle and stays so', async () => {
    const ann = await world().device('ann').connected();
    const { socket } = ann.line;
    await world().clock.settle(ann.client.close());
    await world().run(60_000);
    expect(ann.status).toBe('idle');
    expect(ann.line.sockets.length).toBe(1);
    expect(socket.readyState).toBe(3);
    expect(ann.states.at(-1)!.error).toBeUndefined();
  });

  it('before it is connected rejects connect() with closed', async () => {
    const ann = world().device('ann');
    const connecting = refusal(ann.client.connect());
    await world().clock.settle(ann.client.close());
    expect(await world().clock.settle(connecting)).toMatchObject({ name: 'CarillonError', code: 'closed' });
  });

  it('can be followed by connect()', async () => {
    world().server.store.grant('ann', 'chat:one');
    const ann = world().device('ann');
    const screen = new Screen();
    ann.client.chat('one').subscribe(screen.listener);
    await ann.connected();
    await world().clock.settle(ann.client.close());
    await ann.connected();
    world().server.say('one', 'again');
    await world().run(100);
    expect(screen.contents).toEqual(['again']);
  });

  it('twice, or before anything, does nothing', async () => {
    const ann = world().device('ann');
    await world().clock.settle(ann.client.close());
    await ann.connected();
    await world().clock.settle(Promise.all([ann.client.close(), ann.client.close()]));
    expect(ann.status).toBe('idle');
  });

  it('while it waits for the next attempt leaves no timer', async () => {
    world().server.running = false;
    const ann = world().device('ann');
    ann.client.connect().catch(() => {});
    await ann.until('waiting');
    await world().clock.settle(ann.client.close());
    expect(world().clock.openTimers(ann)).toBe(0);
  });

  it('does not wait for a server that is silent', async () => {
    const ann = await world().device('ann').connected();
    ann.line.silent = true;
    const before = world().clock.time;
    await world().clock.settle(ann.client.close(), 30_000);
    expect(world().clock.time - before).toBeLessThanOrEqual(10_000);
    expect(ann.status).toBe('idle');
  });

  it('with a request under way ends the request', async () => {
    const ann = await world().device('ann').connected();
    world().server.onHttp = () => 'hang';
    const reading = refusal(ann.client.history({ targetClass: 'user', targetId: 'ann' }));
    await world().run(50);
    await world().clock.settle(ann.client.close());
    expect((await world().clock.settle(reading)).name).toBe('CarillonError');
  });
});
