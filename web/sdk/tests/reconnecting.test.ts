import { describe, expect, it } from 'vitest';
import type { ReconnectOptions } from '../src/index.ts';
import { type Device, rejection, useWorld } from './simulation/world.ts';

const world = useWorld();

/** The delays between attempts that fail, as the state tells them. */
async function delays(device: Device, count: number) {
  const all: number[] = [];
  const stop = device.client.onState(({ status, retryAt }) => status === 'waiting' && all.push(retryAt! - world().clock.time));
  device.client.connect().catch(() => {});
  await world().clock.until(() => all.length >= count || device.status === 'stopped', `${count} delays`, 3_600_000);
  stop();
  return all;
}

function failing(reconnect?: ReconnectOptions) {
  world().server.running = false;
  return world().device('ann', reconnect && { reconnect });
}

describe('backoff', () => {
  it('grows exponentially from 500 ms up to 30 s', async () => {
    world().random = () => 0.999_999;
    const all = await delays(failing(), 9);
    const wanted = [500, 1000, 2000, 4000, 8000, 16_000, 30_000, 30_000, 30_000];
    for (const [index, ms] of all.entries()) expect(Math.abs(ms - wanted[index]!)).toBeLessThan(1);
  });

  it('has full jitter: down to nothing', async () => {
    world().random = () => 0;
    const ann = failing();
    ann.client.connect().catch(() => {});
    await world().run(1000);
    // Nothing but the way to the server and back.
    expect(ann.states.filter(({ status }) => status === 'connecting').length).toBeGreaterThanOrEqual(1);
    expect(ann.client.state.attempts).toBeGreaterThan(20);
  });

  it('has full jitter: spread over the whole of it', async () => {
    const all = await delays(failing({ baseMs: 1000, maxMs: 1000 }), 400);
    expect(Math.min(...all)).toBeGreaterThanOrEqual(0);
    expect(Math.max(...all)).toBeLessThanOrEqual(1000);
    const mean = all.reduce((sum, ms) => sum + ms, 0) / all.length;
    expect(mean).toBeGreaterThan(400);
    expect(mean).toBeLessThan(600);
    expect(all.filter((ms) => ms < 100).length).toBeGreaterThan(10);
    expect(all.filter((ms) => ms > 900).length).toBeGreaterThan(10);
  });

  it('without jitter is exactly that', async () => {
    expect(await delays(failing({ baseMs: 100, maxMs: 1000, jitter: 'none' }), 6)).toEqual([100, 200, 400, 800, 1000, 1000]);
  });

  it('waits in fact as long as it says', async () => {
    world().server.onUpgrade = () => 503;
    const ann = world().device('ann', { reconnect: { baseMs: 700, maxMs: 700, jitter: 'none' } });
    const times: number[] = [];
    ann.client.onState(({ status }) => times.push(status === 'waiting' ? world().clock.time : -world().clock.time));
    ann.client.connect().catch(() => {});
    await world().run(10_000);
    const waits = times.flatMap((at, index) => (at > 0 && times[index + 1] ? [-times[index + 1]! - at] : []));
    expect(waits.length).toBeGreaterThan(5);
    for (const ms of waits) expect(ms).toBe(700);
  });

  it('begins anew once a connection held for five seconds', async () => {
    world().random = () => 0.999_999;
    const ann = await world().device('ann').connected();
    const waits: number[] = [];
    ann.client.onState(({ status, retryAt }) => status === 'waiting' && waits.push(Math.round(retryAt! - world().clock.time)));
    for (const holdMs of [6000, 0, 0, 0, 6000]) {
      await world().run(holdMs);
      ann.line.cut();
      await ann.until('connected');
    }
    expect(waits).toEqual([500, 500, 1000, 2000, 500]);
  });

  it('does not hammer a server that accepts and drops', async () => {
    world().random = () => 0.999_999;
    const ann = await world().device('ann').connected();
    ann.client.onState(({ status }) => status === 'connected' && ann.connection.close(1011));
    ann.connection.close(1011);
    await world().run(60_000);
    expect(world().server.upgrades.length).toBeLessThan(10);
  });
});

describe('maxAttempts', () => {
  const seeds: ReconnectOptions = { baseMs: 3000, maxMs: 3000, jitter: 'none', maxAttempts: 5 };

  it('of the seeds: five attempts, three seconds apart, then it gives up', async () => {
    const ann = await world().device('ann', { reconnect: seeds }).connected();
    await world().run(10_000);
    world().server.crash();
    const before = world().clock.time;
    const attempts: number[] = [];
    ann.client.onState(({ status }) => status === 'connecting' && attempts.push(world().clock.time - before));
    await ann.until('stopped');
    expect(attempts.length).toBe(5);
    for (const [index, at] of attempts.entries()) expect(Math.abs(at - 3000 * (index + 1))).toBeLessThan(300);
    expect(ann.client.state).toMatchObject({ status: 'stopped', attempts: 5, error: { code: 'gave_up' } });
  });

  it('counts the first connection too, and rejects connect()', async () => {
    const ann = failing(seeds);
    const error = await rejection(world().clock, ann.client.connect());
    expect(error).toMatchObject({ name: 'CarillonError', code: 'gave_up' });
    expect(ann.states.filter(({ status }) => status === 'connecting').length).toBe(5);
  });

  it('is over with connect(), which starts anew', async () => {
    const ann = failing(seeds);
    await rejection(world().clock, ann.client.connect());
    world().server.start();
    await ann.connected();
    expect(ann.client.state.attempts).toBe(0);
  });

  it('reconnect: false never tries again', async () => {
    const ann = await world().device('ann', { reconnect: false }).connected();
    ann.line.cut();
    await world().run(120_000);
    expect(ann.status).toBe('stopped');
    expect(ann.client.state.error).toMatchObject({ name: 'CarillonError' });
    expect(ann.line.sockets.length).toBe(1);
  });
});

describe('offline and hidden', () => {
  it.each(['offline', 'hidden'])('pauses while %s, and goes on at once when that ends', async (what) => {
    const ann = await world().device('ann').connected();
    const set = (on: boolean) => (what === 'offline' ? (ann.online = !on) : (ann.hidden = on));
    set(true);
    ann.line.cut();
    await world().run(600_000);
    expect(ann.status).toBe('paused');
    expect(ann.line.sockets.length).toBe(1);
    expect(world().server.requestsTo('POST', '/tickets').length).toBe(0);
    set(false);
    await ann.until('connected', 100);
  });

  it.each(['offline', 'hidden'])('pauses while %s also between attempts', async (what) => {
    const ann = failing({ baseMs: 20_000, jitter: 'none' });
    ann.client.connect().catch(() => {});
    await ann.until('waiting');
    if (what === 'offline') ann.online = false;
    else ann.hidden = true;
    await world().run(1);
    expect(ann.status).toBe('paused');
    world().server.start();
    ann.online = true;
    ann.hidden = false;
    await ann.until('connected', 200);
  });

  it('a hidden page keeps the connection that it has', async () => {
    const ann = await world().device('ann').connected();
    ann.hidden = true;
    await world().run(300_000);
    expect(ann.status).toBe('connected');
    expect(ann.line.sockets.length).toBe(1);
  });

  it('stays paused while one of the two holds', async () => {
    const ann = await world().device('ann').connected();
    ann.hidden = true;
    ann.online = false;
    ann.line.cut();
    await world().run(1000);
    ann.online = true;
    await world().run(1000);
    expect(ann.status).toBe('paused');
    ann.hidden = false;
    await ann.until('connected', 200);
  });

  it('starting while offline waits for the network', async () => {
    const ann = world().device('ann');
    ann.online = false;
    const connecting = ann.client.connect();
    await world().run(60_000);
    expect(ann.status).toBe('paused');
    expect(ann.line.sockets.length).toBe(0);
    ann.online = true;
    await world().clock.settle(connecting, 1000);
  });

  it('can be turned off', async () => {
    const ann = world().device('ann', { pauseWhenHidden: false, pauseWhenOffline: false });
    ann.hidden = true;
    await ann.connected();
    ann.online = false;
    ann.line.offline = false;
    ann.line.cut();
    await ann.until('waiting');
    await ann.until('connected');
  });

  it('pausing counts no attempts', async () => {
    const ann = await world().device('ann', { reconnect: { maxAttempts: 1 } }).connected();
    await world().run(10_000);
    ann.online = false;
    ann.line.cut();
    await world().run(600_000);
    ann.online = true;
    await ann.until('connected', 1000);
  });
});

describe('close codes', () => {
  it.each([1000, 1001, 1005, 1011, 1012, 1013, 3000, 4000, 4408, 4999])('%i: connects again', async (code) => {
    const ann = await world().device('ann').connected();
    const first = ann.client.state.connectionId;
    ann.connection.close(code);
    await world().clock.until(() => ann.status !== 'connected', 'the loss');
    await ann.until('connected');
    expect(ann.client.state.connectionId).not.toBe(first);
  });

  it('1006, the network: connects again', async () => {
    const ann = await world().device('ann').connected();
    ann.line.cut();
    await world().clock.until(() => ann.status !== 'connected', 'the loss');
    await ann.until('connected');
    expect(ann.line.sockets.length).toBe(2);
  });

  it.each([1002, 1003, 1007, 1008])('%i: stops, as trying again would not help', async (code) => {
    const ann = await world().device('ann').connected();
    ann.connection.close(code, 'why');
    await ann.until('stopped', 1000);
    expect(ann.client.state.error).toMatchObject({ name: 'CarillonError', code: 'protocol', closeCode: code });
    await world().run(120_000);
    expect(ann.line.sockets.length).toBe(1);
  });

  it('4403: stops, as an operator said', async () => {
    const ann = await world().device('ann').connected();
    ann.connection.close(4403);
    await ann.until('stopped', 1000);
    expect(ann.client.state.error).toMatchObject({ code: 'disconnected', closeCode: 4403 });
    await world().run(120_000);
    expect(ann.line.sockets.length).toBe(1);
  });

  it('4401 with a token provider: connects with a new token', async () => {
    const ann = await world().device('ann').connected();
    const [, before] = ann.line.socket.protocols;
    ann.connection.close(4401);
    await world().clock.until(() => ann.status !== 'connected', 'the loss');
    await ann.until('connected');
    const { protocols, url } = ann.line.socket;
    expect(protocols[1] ?? url).not.toBe(before);
    expect(world().server.upgrades.length).toBe(2);
  });

  it('4401 with a static token: stops', async () => {
    const ann = await world().device('ann', { token: world().server.token('ann') }).connected();
    ann.connection.close(4401);
    await ann.until('stopped', 1000);
    expect(ann.client.state.error).toMatchObject({ code: 'unauthorized', closeCode: 4401 });
  });
});

describe('a drain', () => {
  it('connects again after the time that it was told, before the close comes', async () => {
    const [ann] = await world().chat('room', ['ann']);
    const { device, screen } = ann!;
    await world().run(10_000);
    const { server } = world();
    const old = device.line.socket;
    server.drain(1730, 8000);
    server.draining = false;
    const before = world().clock.time;
    await world().clock.until(() => device.line.sockets.length === 2, 'another socket');
    expect(world().clock.time - before).toBeGreaterThanOrEqual(1730);
    expect(world().clock.time - before).toBeLessThan(1900);
    await device.until('connected');
    server.say('room', 'on the new one');
    await world().run(10_000);
    expect(screen.contents).toEqual(['on the new one']);
    expect(old.readyState).toBe(3);
    expect(device.line.sockets.length).toBe(2);
  });

  it('that closes earlier waits no less than it was told', async () => {
    const ann = await world().device('ann').connected();
    const before = world().clock.time;
    world().server.drain(5000, 100);
    world().server.draining = false;
    await world().clock.until(() => ann.line.sockets.length === 2, 'another socket');
    expect(world().clock.time - before).toBeGreaterThanOrEqual(5000);
  });

  it('shows what was published in between', async () => {
    const [ann] = await world().chat('room', ['ann']);
    world().server.drain(500, 100);
    await world().run(200);
    world().server.draining = false;
    world().server.say('room', 'missed');
    await ann!.device.until('connected');
    await world().run(1000);
    expect(ann!.screen.contents).toEqual(['missed']);
  });
});

describe('a half-open connection', () => {
  it('is found by a ping without an answer, and replaced', async () => {
    const ann = await world().device('ann', { pingIntervalMs: 5000 }).connected();
    await world().run(7000);
    ann.line.silent = true;
    await world().clock.until(() => ann.status !== 'connected', 'the loss', 10_100);
    ann.line.silent = false;
    await ann.until('connected');
  });

  it('is not seen where there is none: quiet hours pass', async () => {
    const ann = await world().device('ann').connected();
    await world().run(3_000_000);
    expect(ann.line.sockets.length).toBe(1);
  });

  it('is not mistaken for one whose answer was read too late', async () => {
    const ann = await world().device('ann', { pingIntervalMs: 5000 }).connected();
    await world().run(1000);
    const pings = () => world().server.framesOf('ping').length;
    for (const before = pings(); pings() === before; ) await world().run(1);
    world().clock.stall(20_000);
    await world().run(60_000);
    expect(ann.line.sockets.length).toBe(1);
    expect(ann.status).toBe('connected');
  });

  it('pings every 15 seconds by itself', async () => {
    await world().device('ann').connected();
    await world().run(1000);
    const before = world().server.framesOf('ping').length;
    await world().run(150_000);
    expect(world().server.framesOf('ping').length - before).toBe(10);
  });

  it('whose frames come after all changes nothing', async () => {
    const [ann] = await world().chat('room', ['ann'], { pingIntervalMs: 5000 });
    const { device, screen } = ann!;
    const old = device.line.socket;
    const stale = old.connection;
    device.line.silent = true;
    await world().clock.until(() => device.status !== 'connected', 'the loss');
    device.line.silent = false;
    await device.until('connected');
    old.deliverRaw(JSON.stringify({ type: 'unsubscribed', chatId: 'room', reason: 'permission revoked' }));
    stale.close(4403);
    world().server.say('room', 'hello');
    await world().run(1000);
    expect(screen.contents).toEqual(['hello']);
    expect(device.status).toBe('connected');
  });
});

it('shows everything once over any number of reconnections', async () => {
  const [ann] = await world().chat('room', ['ann']);
  for (let round = 0; round < 20; round += 1) {
    world().server.say('room', round);
    if (round % 3 === 0) ann!.device.line.cut();
    await world().run(700);
  }
  await ann!.device.until('connected');
  await world().run(5000);
  expect(ann!.screen.contents).toEqual(Array.from({ length: 20 }, (_, index) => index));
});
