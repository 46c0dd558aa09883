import { describe, expect, it } from 'vitest';
import { CarillonError } from '../src/index.ts';
import { rejection, useWorld } from './simulation/world.ts';

const world = useWorld();
const MINUTE_MS = 60_000;

/** A provider that counts, with tokens of this lifetime. */
function provider(userId: string, ttlMs: number) {
  const given: string[] = [];
  return { given, token: () => (given.push(world().server.token(userId, { ttlMs })), given.at(-1)!) };
}

describe('a refused upgrade', () => {
  it('asks POST /tickets, and stops with unauthorized at 401', async () => {
    const ann = world().device('ann', { token: world().server.token('ann', { ttlMs: -1000 }) });
    const error = await rejection(world().clock, ann.client.connect());
    expect(error).toBeInstanceOf(CarillonError);
    expect(error).toMatchObject({ code: 'unauthorized', status: 401 });
    expect(ann.client.state).toMatchObject({ status: 'stopped', error });
    await world().run(120_000);
    expect([world().server.upgrades.length, world().server.requestsTo('POST', '/tickets').length]).toEqual([1, 1]);
  });

  it('at 401 asks a token provider once for a better one, which connects', async () => {
    const { server } = world();
    const tokens = [server.token('ann', { ttlMs: -1000 }), server.token('ann')];
    const ann = await world().device('ann', { token: () => tokens.shift()! }).connected();
    expect(tokens).toEqual([]);
    expect(ann.status).toBe('connected');
  });

  it('stops when the provider has no better one either', async () => {
    let asked = 0;
    const ann = world().device('ann', { token: () => ((asked += 1), world().server.token('ann', { ttlMs: -1000 })) });
    expect(await rejection(world().clock, ann.client.connect())).toMatchObject({ code: 'unauthorized' });
    await world().run(120_000);
    expect(asked).toBe(2);
    expect(ann.status).toBe('stopped');
  });

  it('stops with forbidden at 403, and says why', async () => {
    const ann = world().device('ann', { orgId: 'acme' });
    const error = await rejection(world().clock, ann.client.connect());
    expect(error).toMatchObject({ code: 'forbidden', status: 403 });
    expect(`${error.message} ${error.details}`).toContain('No access to org');
    await world().run(120_000);
    expect(world().server.upgrades.length).toBe(1);
    const [request] = world().server.requestsTo('POST', '/tickets');
    expect(request!.query.get('orgId')).toBe('acme');
    expect([...request!.query.keys()]).toEqual(['orgId']);
  });

  it('names the chats that were denied', async () => {
    world().server.onUpgrade = () => 403;
    world().server.onHttp = () => ({ status: 403, body: { error: 'Forbidden - No chat access', chatIds: ['a', 'b'] } });
    const error = await rejection(world().clock, world().device('ann').client.connect());
    expect(error).toMatchObject({ code: 'forbidden', chatIds: ['a', 'b'] });
  });

  it('that was no refusal of ours (201) uses the ticket for the next attempt', async () => {
    let refusals = 1;
    world().server.onUpgrade = () => ((refusals -= 1) >= 0 ? 502 : undefined);
    const ann = await world().device('ann').connected();
    expect(world().server.upgrades.map(({ ticket }) => ticket)).toEqual([false, true]);
    expect(ann.line.socket.protocols).toEqual(['carillon.v1']);
  });

  it('does not use a ticket that is too old', async () => {
    let refusals = 1;
    world().server.onUpgrade = () => ((refusals -= 1) >= 0 ? 502 : undefined);
    const ann = world().device('ann', { reconnect: { baseMs: 60_000, maxMs: 60_000, jitter: 'none' } });
    await world().clock.settle(ann.client.connect(), 300_000);
    expect(world().server.upgrades.length).toBe(2);
  });

  it.each([
    ['503 with retryAfterMs', { status: 503, body: { error: 'Service overloaded', retryAfterMs: 7000 } }],
    ['429 with Retry-After', { status: 429, body: { error: 'Too many requests' }, headers: { 'retry-after': '7' } }],
  ])('at %s waits as long as it is told', async (_, answer) => {
    let refusing = true;
    world().random = () => 0;
    world().server.onUpgrade = () => (refusing ? 503 : undefined);
    world().server.onHttp = ({ path }) => (refusing && path === '/tickets' ? answer : undefined);
    const ann = world().device('ann');
    const connecting = ann.client.connect();
    await ann.until('waiting');
    expect(ann.client.state.retryAt! - world().clock.time).toBeGreaterThanOrEqual(6900);
    refusing = false;
    await world().clock.settle(connecting);
  });

  it('without a network goes on with backoff', async () => {
    world().server.running = false;
    const ann = world().device('ann');
    const connecting = ann.client.connect();
    await world().run(20_000);
    expect(['waiting', 'connecting']).toContain(ann.status);
    world().server.start();
    await world().clock.settle(connecting);
  });

  it('a revocation while connected is found at the next connection', async () => {
    world().server.store.grant('ann', 'org:acme');
    const ann = await world().device('ann', { orgId: 'acme' }).connected();
    world().server.store.revoke('ann', 'org:acme');
    ann.line.cut();
    await ann.until('stopped');
    expect(ann.client.state.error).toMatchObject({ code: 'forbidden' });
  });
});

describe('a token', () => {
  it('is refreshed a minute before it expires, on the connection that there is', async () => {
    const { given, token } = provider('ann', 10 * MINUTE_MS);
    const ann = await world().device('ann', { token }).connected();
    expect(given.length).toBe(1);
    await world().run(8.9 * MINUTE_MS);
    expect(given.length).toBe(1);
    await world().run(0.2 * MINUTE_MS);
    expect(given.length).toBe(2);
    expect(world().server.framesOf('refreshToken').map((frame) => frame.token)).toEqual([given[1]]);
    await world().run(60 * MINUTE_MS);
    expect(ann.line.sockets.length).toBe(1);
    expect(ann.status).toBe('connected');
  });

  it('is refreshed at tokenExpiring, where our clock is wrong', async () => {
    const { given, token } = provider('ann', 10 * MINUTE_MS);
    const ann = world().device('ann', { token });
    ann.skewMs = -30 * MINUTE_MS;
    await ann.connected();
    await world().run(25 * MINUTE_MS);
    expect(given.length).toBeGreaterThanOrEqual(3);
    expect(ann.line.sockets.length).toBe(1);
    expect(ann.status).toBe('connected');
  });

  it('of a clock that is far ahead does not make it ask without end', async () => {
    const { given, token } = provider('ann', 10 * MINUTE_MS);
    const ann = world().device('ann', { token });
    ann.skewMs = 30 * MINUTE_MS;
    await ann.connected();
    await world().run(30 * MINUTE_MS);
    expect(given.length).toBeLessThan(40);
    expect(ann.status).toBe('connected');
  });

  it('that lasts less than a minute does not make it ask without end', async () => {
    const { given, token } = provider('ann', 30_000);
    const ann = await world().device('ann', { token }).connected();
    await world().run(5 * MINUTE_MS);
    expect(given.length).toBeLessThan(60);
    expect(ann.states.filter(({ status }) => status === 'stopped')).toEqual([]);
  });

  it('that is static is not refreshed, and ends in unauthorized', async () => {
    const ann = await world().device('ann', { token: world().server.token('ann', { ttlMs: 5 * MINUTE_MS }) }).connected();
    await world().run(6 * MINUTE_MS);
    expect(world().server.framesOf('refreshToken')).toEqual([]);
    expect(ann.client.state).toMatchObject({ status: 'stopped', error: { code: 'unauthorized' } });
  });

  it('that a request is refused with (401) is asked for once, and the request repeated', async () => {
    const { given, token } = provider('ann', 60 * MINUTE_MS);
    const ann = await world().device('ann', { token }).connected();
    world().server.revokedTokens.add(given[0]!);
    const page = await world().clock.settle(ann.client.history({ targetClass: 'user', targetId: 'ann' }));
    expect(page.messages).toEqual([]);
    expect(given.length).toBe(2);
  });

  it('that is refused again fails the request with unauthorized', async () => {
    let asked = 0;
    const ann = await world().device('ann', { token: () => ((asked += 1), world().server.token('ann')) }).connected();
    world().server.onHttp = () => ({ status: 401, body: { error: 'Unauthorized' } });
    expect(await rejection(world().clock, ann.client.history({ chatId: 'x' }))).toMatchObject({ code: 'unauthorized', status: 401 });
    expect(asked).toBe(2);
  });

  it('is asked for once at a time, however many want it', async () => {
    const { server, clock } = world();
    let running = 0;
    let most = 0;
    const token = async () => {
      most = Math.max(most, (running += 1));
      await new Promise<void>((resolve) => void clock.schedule(200, resolve));
      running -= 1;
      return server.token('ann');
    };
    const ann = await world().device('ann', { token }).connected();
    let refusals = 5;
    server.onHttp = () => ((refusals -= 1) >= 0 ? { status: 401, body: { error: 'Unauthorized' } } : undefined);
    await clock.settle(Promise.all(Array.from({ length: 5 }, () => ann.client.history({ targetClass: 'user', targetId: 'ann' }))));
    expect(most).toBe(1);
  });

  it('may come from a promise', async () => {
    await world().device('ann', { token: async () => world().server.token('ann') }).connected();
  });

  it.each([
    ['throws', () => { throw new Error('no session'); }],
    ['rejects', () => Promise.reject(new Error('no session'))],
  ])('whose provider %s is reported, and tried again', async (_, fail) => {
    let failures = 2;
    const ann = world().device('ann', { token: () => ((failures -= 1) >= 0 ? fail() : world().server.token('ann')) });
    await ann.connected();
    expect(ann.errors.length).toBeGreaterThanOrEqual(1);
    expect(ann.errors[0]).toMatchObject({ name: 'CarillonError', code: 'token_provider', cause: { message: 'no session' } });
  });

  it.each(['opaque', 'a.b.c', `x.${'A'.repeat(100_000)}.y`, `x.${Buffer.from('{"exp":"soon"}').toString('base64url')}.y`, `x.${Buffer.from('{"exp":1e308}').toString('base64url')}.y`, `x.${Buffer.from('null').toString('base64url')}.y`])(
    'that cannot be read does no harm (%#)',
    async (token) => {
      world().server.identify = () => ({ userId: 'ann', expiresAt: Number.MAX_SAFE_INTEGER, scopes: [] });
      const ann = await world().device('ann', { token: () => token }).connected();
      await world().run(2 * MINUTE_MS);
      expect(ann.status).toBe('connected');
    },
  );

  it('stands in no error where the WebSocket does not take it', async () => {
    const token = 'to ken';
    const strict = class {
      constructor(_: string, protocols: string[]) {
        throw new SyntaxError(`The subprotocol '${protocols[1]}' is invalid.`);
      }
    };
    const ann = world().device('ann', { token, WebSocket: strict as never });
    const error = await rejection(world().clock, ann.client.connect());
    expect(error).toMatchObject({ code: 'invalid' });
    for (let at: unknown = error; at instanceof Error; at = at.cause) expect(at.message).not.toContain(token);
  });

  it('stands in no URL and no error', async () => {
    const token = world().server.token('ann', { ttlMs: -1000 });
    const ann = world().device('ann', { token });
    const error = await rejection(world().clock, ann.client.connect());
    const texts = [...world().server.requests.map(({ query }) => String(query)), ...world().server.upgrades.map(({ url }) => url.href), JSON.stringify(error), error.message, String(error.details), JSON.stringify(ann.states)];
    for (const text of texts) expect(text).not.toContain(token);
  });
});

describe('a provider that never answers', () => {
  /** Hangs while `hangs`. */
  function hanging() {
    const state = { hangs: true };
    const token = () => (state.hangs ? new Promise<string>(() => {}) : world().server.token('ann'));
    return { state, token };
  }

  it('is given up after timeoutMs, reported and asked again', async () => {
    const { state, token } = hanging();
    const ann = world().device('ann', { token, timeoutMs: 3000 });
    const connecting = ann.client.connect();
    await world().run(3500);
    expect(ann.errors).toMatchObject([{ code: 'token_provider', cause: { code: 'timeout' } }]);
    state.hangs = false;
    await world().clock.settle(connecting);
  });

  it('keeps no request longer than timeoutMs, nor from being aborted', async () => {
    const { state, token } = hanging();
    const ann = world().device('ann', { token, timeoutMs: 3000 });
    const controller = new AbortController();
    const reading = rejection(world().clock, ann.client.history({ chatId: 'x' }, { signal: controller.signal }));
    controller.abort();
    expect(await reading).toMatchObject({ code: 'aborted' });
    const before = world().clock.time;
    expect((await rejection(world().clock, ann.client.history({ chatId: 'x' }))).name).toBe('CarillonError');
    expect(world().clock.time - before).toBeLessThanOrEqual(3000);
    state.hangs = false;
    await world().clock.settle(ann.client.history({ targetClass: 'user', targetId: 'ann' }));
  });

  it('once does not end a publish by HTTP, nor does one that throws', async () => {
    let failures = 1;
    world().server.store.grant('ann', 'chat:room');
    const token = () => {
      if ((failures -= 1) >= 0) throw new Error('no session');
      return world().server.token('ann');
    };
    const ann = world().device('ann', { token });
    expect(await world().clock.settle(ann.client.publish({ chatId: 'room', content: 1 }, { via: 'http' }))).toMatchObject({ messageType: 'standard' });
  });
});
