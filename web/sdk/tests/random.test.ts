// Many clients, random faults, then quiet: everybody has shown everything once, in order, without a gap.
import { describe, expect, it } from 'vitest';
import type { FrameFault, HttpFault } from './simulation/server.ts';
import { Screen, World } from './simulation/world.ts';

const USERS = ['ann', 'ben', 'cem', 'dia', 'eva'];
const CHATS = ['one', 'two'];
const TURNS = 120;
const OPTIONS = { pingIntervalMs: 2000, timeoutMs: 2000, publishTimeoutMs: 240_000, reconnect: { baseMs: 100, maxMs: 2000 } };

class Turmoil {
  world: World;
  screens = new Map<string, Screen>();
  publishing: Promise<unknown>[] = [];
  wanted = 0;

  constructor(readonly seed: number) {
    this.world = new World(seed);
  }

  chance(probability: number) {
    return this.world.random() < probability;
  }

  async start() {
    const { world } = this;
    for (const user of USERS) {
      for (const chat of CHATS) world.server.store.grant(user, `chat:${chat}`);
      const device = world.device(user, OPTIONS);
      device.skewMs = (world.random() - 0.5) * 1_000_000;
      device.line.up = () => 1 + world.random() * 60;
      device.line.down = () => 1 + world.random() * 60;
      for (const chat of CHATS) {
        const screen = new Screen();
        this.screens.set(`${user}/${chat}`, screen);
        device.client.chat(chat).subscribe(screen.listener);
      }
      await device.connected();
    }
    // What comes first is where a screen begins.
    for (const chat of CHATS) world.server.say(chat, (this.wanted += 1));
    await world.run(500);
    for (const device of world.devices) device.line.onFrame = ({ type }) => (type === 'message' ? this.#frameFault() : undefined);
    world.server.onFrame = ({ action }) => (action === 'sendMessage' ? this.#publishFault() : undefined);
    world.server.onHttp = () => this.#httpFault();
    world.server.onUpgrade = () => (this.chance(0.1) ? 503 : this.chance(0.05) ? 'hang' : this.chance(0.05) ? 'mute' : undefined);
  }

  #frameFault() {
    if (this.chance(0.03)) return 'drop' as const;
    if (this.chance(0.05)) return 'duplicate' as const;
    return this.chance(0.05) ? { delayMs: this.world.random() * 400 } : undefined;
  }

  #publishFault(): FrameFault | undefined {
    if (this.chance(0.03)) return 'lose';
    return this.chance(0.05) ? { error: 'Service overloaded', statusCode: 503, retryAfterMs: 100 } : undefined;
  }

  #httpFault(): HttpFault | undefined {
    if (this.chance(0.04)) return 'fail';
    if (this.chance(0.04)) return 'lose';
    if (this.chance(0.02)) return 'hang';
    return this.chance(0.06) ? { status: 503, body: { error: 'Service overloaded', retryAfterMs: 200 } } : undefined;
  }

  /** One turn of what people and networks do. */
  async turn() {
    const { world } = this;
    for (const device of world.devices) {
      if (this.chance(0.4)) {
        const chat = CHATS[Math.floor(world.random() * CHATS.length)]!;
        const via = this.chance(0.3) ? 'http' : 'socket';
        this.publishing.push(device.client.publish({ chatId: chat, content: (this.wanted += 1), type: 'fifo' }, { via }));
      }
      if (this.chance(0.02)) device.line.cut();
      if (this.chance(0.02)) device.line.silent = true;
      else if (this.chance(0.2)) device.line.silent = false;
      if (this.chance(0.01)) device.online = false;
      else if (this.chance(0.3)) device.online = true;
    }
    if (this.chance(0.01)) world.server.crash();
    else if (this.chance(0.4)) world.server.start();
    if (this.chance(0.01)) world.server.drain(300, 600);
    await world.run(world.random() * 500);
  }

  async quiet() {
    const { world } = this;
    world.server.start();
    world.server.onFrame = world.server.onHttp = world.server.onUpgrade = undefined;
    for (const device of world.devices) {
      device.line.onFrame = undefined;
      device.line.silent = false;
      device.online = true;
    }
    await world.clock.settle(Promise.all(this.publishing), 300_000);
    for (const device of world.devices) await device.until('connected');
    await world.run(10_000);
    // Shows what was dropped last.
    for (const chat of CHATS) world.server.say(chat, (this.wanted += 1));
    await world.run(60_000);
  }

  check() {
    const { store } = this.world.server;
    const all = CHATS.flatMap((chat) => store.messages(`chat:${chat}`).map(({ payload }) => payload.content as number));
    expect(all.toSorted((a, b) => a - b), 'every logical publish is stored once').toEqual(Array.from({ length: this.wanted }, (_, index) => index + 1));
    for (const [name, screen] of this.screens) {
      const chat = name.split('/')[1]!;
      const first = screen.numbers[0]!;
      const wanted = store.messages(`chat:${chat}`).filter(({ sequenceNumber }) => sequenceNumber! >= first);
      expect(screen.numbers, name).toEqual(wanted.map(({ sequenceNumber }) => sequenceNumber));
      expect(first, `${name} began at the beginning`).toBe(1);
      expect(screen.shown.filter(({ delivery }) => delivery.late), `${name}: late`).toEqual([]);
    }
  }
}

const given = process.env.CARILLON_SDK_SEED;
const seeds = given ? [Number(given)] : Array.from({ length: Number(process.env.CARILLON_SDK_SEEDS ?? 12) }, (_, index) => 1000 + index);

describe('random faults', () => {
  it.each(seeds)('with seed %i: every client shows every message once, in order, without a gap', async (seed) => {
    const turmoil = new Turmoil(seed);
    try {
      await turmoil.start();
      for (let turn = 0; turn < TURNS; turn += 1) await turmoil.turn();
      await turmoil.quiet();
      turmoil.check();
      await turmoil.world.finish();
    } catch (error) {
      throw new Error(`seed ${seed} (CARILLON_SDK_SEED=${seed} repeats it): ${String(error)}`, { cause: error });
    }
  });
});
