import { describe, expect, it } from 'vitest';
import type { ClientOptions } from '../src/index.ts';
import { seededRandom } from './simulation/clock.ts';
import { type Device, Screen, useWorld } from './simulation/world.ts';

const world = useWorld();

async function room(setUp: (device: Device) => void = () => {}, options: Partial<ClientOptions> = {}) {
  world().server.store.grant('ann', 'chat:room');
  const device = world().device('ann', options);
  setUp(device);
  const screen = new Screen();
  device.client.chat('room').subscribe(screen.listener);
  await device.connected();
  await world().run(2000);
  return { device, screen, client: device.client };
}

const sent = () => world().server.metrics.flatMap(({ latencies }) => latencies as { messageId: string; endToEndMs: number; networkMs: number }[]);

describe('the clock offset', () => {
  it.each([0, 90_000, -90_000, 86_400_000])('is found with a clock that is %i ms ahead', async (skewMs) => {
    const { client } = await room((device) => (device.skewMs = skewMs));
    expect(client.latency.clockOffsetMs! + skewMs).toBeCloseTo(0, 5);
    expect(client.latency.roundTripMs).toBe(20);
  });

  it('is not known before the first pong', async () => {
    expect(world().device('ann').client.latency).toEqual({});
  });

  it.each([1, 2, 3, 4, 5])('with noise that differs by direction is that of the shortest round trip (seed %i)', async (seed) => {
    const random = seededRandom(seed);
    const { client } = await room((device) => {
      device.skewMs = 12_345;
      device.line.up = () => 5 + (random() < 0.5 ? 0 : random() * 400);
      device.line.down = () => 5 + (random() < 0.5 ? 0 : random() * 100);
    });
    await world().run(120_000);
    expect(Math.abs(client.latency.clockOffsetMs! + 12_345)).toBeLessThan(40);
  });

  it('does not suffer from one slow answer', async () => {
    const { client, device } = await room();
    device.line.up = () => 3000;
    await world().run(20_000);
    expect(client.latency.clockOffsetMs).toBeCloseTo(0, 5);
    expect(client.latency.roundTripMs).toBe(3010);
  });

  it('is right where our clock was set during a ping', async () => {
    const { client, device } = await room((ann) => (ann.line.up = () => 100));
    device.line.up = () => 90;
    await world().run(13_050);
    device.skewMs = 60_000;
    await world().run(1000);
    expect(client.latency.roundTripMs).toBe(100);
    expect(client.latency.clockOffsetMs).toBeCloseTo(-59_960, 5);
  });

  it('follows a clock that was set', async () => {
    const { client, device } = await room();
    device.skewMs = 60_000;
    await world().run(15_000 * 10);
    expect(client.latency.clockOffsetMs).toBeCloseTo(-60_000, 5);
  });
});

describe('latencies', () => {
  it('go to POST /metrics in a batch every ten seconds', async () => {
    await room((device) => (device.skewMs = 5000));
    for (let second = 0; second < 25; second += 1) {
      world().server.say('room', second);
      await world().run(1000);
    }
    await world().run(10_000);
    expect(sent().length).toBe(25);
    for (const { endToEndMs, networkMs, messageId } of sent()) {
      expect(endToEndMs).toBeCloseTo(10, 3);
      expect(networkMs).toBeCloseTo(10, 3);
      expect(messageId).toMatch(/^m-/);
    }
    const times = world().server.requestsTo('POST', '/metrics').map(({ at }) => at);
    for (const [index, at] of times.entries()) if (index > 0) expect(at - times[index - 1]!).toBeGreaterThanOrEqual(9900);
  });

  it('are the way from publishing and from the processor, on the server\'s clock', async () => {
    const { device, client } = await room((ann) => (ann.skewMs = -40_000));
    const now = world().clock.time;
    device.connection.send({
      type: 'message', messageId: 'slow', chatId: 'room', targetClass: 'chat', targetId: 'room', messageType: 'standard', eventType: 'x', payload: { chatId: 'room', eventType: 'x', content: 1 },
      userId: 'x', timestamp: '', publishTimestamp: now - 500, processorTimestamp: now - 100, targetChannel: 'WebSocket',
    });
    await world().run(10_100);
    expect(client.latency.endToEndMs).toBeCloseTo(510, 3);
    expect(client.latency.networkMs).toBeCloseTo(110, 3);
    expect(sent()).toEqual([{ messageId: 'slow', endToEndMs: expect.closeTo(510, 3), networkMs: expect.closeTo(110, 3) }]);
  });

  it('carry the jitter, smoothed as in RFC 3550', async () => {
    let slow = false;
    const { client } = await room((device) => (device.line.down = () => ((slow = !slow) ? 10 : 26)));
    let jitter = 0;
    const transits: number[] = [];
    client.onMessage(() => transits.push(client.latency.networkMs!));
    for (let index = 0; index < 40; index += 1) {
      world().server.say('room', index);
      await world().run(100);
    }
    for (const [index, ms] of transits.entries()) if (index > 0) jitter += (Math.abs(ms - transits[index - 1]!) - jitter) / 16;
    expect(client.latency.jitterMs).toBeCloseTo(jitter, 3);
    await world().run(10_000);
    expect(world().server.metrics.at(-1)!.jitter).toBeGreaterThan(0);
  });

  it('of what was recovered or read do not count', async () => {
    const { device, screen } = await room();
    await world().run(10_000);
    device.online = false;
    device.line.cut();
    for (let index = 0; index < 5; index += 1) world().server.say('room', index);
    await world().run(20_000);
    device.online = true;
    await device.until('connected');
    await world().run(20_000);
    expect(screen.contents.length).toBe(5);
    expect(sent()).toEqual([]);
  });

  it('that are absurd are left out', async () => {
    const { device } = await room();
    const now = world().clock.time;
    for (const [index, publishTimestamp] of [now + 60_000, now - 4_000_000, Number.NaN, now - 5].entries()) {
      device.connection.send({ type: 'message', messageId: `a${index}`, targetClass: 'user', targetId: 'ann', messageType: 'standard', eventType: 'x', payload: { eventType: 'x', content: 1 }, userId: 'x', timestamp: '', publishTimestamp, processorTimestamp: publishTimestamp });
    }
    await world().run(12_000);
    expect(sent().map(({ messageId }) => messageId)).toEqual(['a3']);
  });

  it('are at most 1000 per batch, the newest', async () => {
    await room();
    for (let index = 0; index < 1500; index += 1) world().server.say('room', index);
    await world().run(30_000);
    for (const { latencies } of world().server.metrics) expect(latencies.length).toBeLessThanOrEqual(1000);
    const ids = sent().map(({ messageId }) => messageId);
    expect(ids).toContain(world().server.store.messages('chat:room').at(-1)!.messageId);
    expect(new Set(ids).size).toBe(ids.length);
  });

  it('that could not be sent go with the next batch, once', async () => {
    await room();
    let faults = 2;
    world().server.onHttp = ({ path }) => (path === '/metrics' && (faults -= 1) >= 0 ? 'fail' : undefined);
    world().server.say('room', 1);
    await world().run(10_000);
    world().server.say('room', 2);
    await world().run(40_000);
    expect(sent().length).toBe(2);
  });

  it('that are never taken stay bounded, and disturb nobody', async () => {
    const { device, screen } = await room();
    world().server.onHttp = ({ path }) => (path === '/metrics' ? { status: 503, body: { error: 'Service overloaded', retryAfterMs: 1000 } } : undefined);
    for (let round = 0; round < 6; round += 1) {
      for (let index = 0; index < 500; index += 1) world().server.say('room', index);
      await world().run(10_000);
    }
    for (const { body } of world().server.requestsTo('POST', '/metrics')) expect(body.latencies.length).toBeLessThanOrEqual(1000);
    expect(screen.shown.length).toBe(3000);
    expect(device.status).toBe('connected');
  });

  it('that the server finds invalid (400) are not sent for ever', async () => {
    await room();
    world().server.onHttp = ({ path }) => (path === '/metrics' ? { status: 400, body: { error: 'Invalid parameter' } } : undefined);
    world().server.say('room', 1);
    await world().run(120_000);
    expect(world().server.requestsTo('POST', '/metrics').length).toBeLessThanOrEqual(2);
  });

  it('that fail to be sent while it closes are not sent for ever', async () => {
    const { client } = await room();
    world().server.onHttp = ({ path }) => (path === '/metrics' ? 'hang' : undefined);
    world().server.say('room', 1);
    await world().run(11_000);
    world().server.onHttp = ({ path }) => (path === '/metrics' ? { status: 503, body: {} } : undefined);
    await world().clock.settle(client.close());
    await world().run(60_000);
    expect(world().server.requestsTo('POST', '/metrics').length).toBe(1);
  });

  it('are right where our clock was set meanwhile', async () => {
    const { device } = await room();
    device.skewMs = 60_000;
    world().server.say('room', 1);
    await world().run(15_000);
    expect(sent()).toEqual([{ messageId: expect.any(String), endToEndMs: expect.closeTo(10, 3), networkMs: expect.closeTo(10, 3) }]);
  });

  it('that are left at close() are sent, by a request that outlives the page', async () => {
    const { client } = await room();
    world().server.say('room', 1);
    await world().run(1000);
    await world().clock.settle(client.close());
    await world().run(1000);
    expect(sent().length).toBe(1);
    expect(world().server.requestsTo('POST', '/metrics').at(-1)!.keepalive).toBe(true);
  });

  it('are not sent when there are none, nor when metrics are off', async () => {
    await room();
    await world().run(60_000);
    const { client } = await room(undefined, { metrics: false });
    await world().clock.settle(client.close());
    expect(world().server.requestsTo('POST', '/metrics').length).toBe(0);
    const again = await room(undefined, { metrics: false });
    world().server.say('room', 1);
    await world().run(30_000);
    await world().clock.settle(again.client.close());
    expect(world().server.metrics.filter(({ latencies }) => latencies.length > 1)).toEqual([]);
  });
});
