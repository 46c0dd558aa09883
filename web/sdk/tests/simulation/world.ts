// Joins clock, server and devices, and holds against every test what must be true of all.
import { afterEach, beforeEach, expect, vi } from 'vitest';
import { CarillonClient, type CarillonError, type ClientOptions, type ConnectionState, type Delivery, type Environment, type Message } from '../../src/index.ts';
import { Clock, flush, seededRandom } from './clock.ts';
import { Line, type Place, simulatedFetch, socketClass } from './network.ts';
import { SimulatedServer } from './server.ts';

export const URL_OF_SERVER = 'ws://carillon.test/dvl';

/** Somebody's browser: a client, its line, its clock, what it said. */
export class Device {
  line = new Line();
  client: CarillonClient;
  /** Takes the listener of errors away, so that they go to the console. */
  ignoreErrors: () => void;
  states: ConnectionState[] = [];
  errors: CarillonError[] = [];
  /** How far its clock is ahead of the server's. */
  skewMs = 0;
  #online = true;
  #hidden = false;
  #watchers = new Set<() => void>();

  constructor(readonly world: World, readonly userId: string, options: Partial<ClientOptions>) {
    const place: Place = { clock: world.clock, server: world.server, line: this.line, thrown: world.thrown };
    this.client = new CarillonClient({
      url: URL_OF_SERVER,
      token: () => world.server.token(userId),
      WebSocket: socketClass(place),
      fetch: simulatedFetch(place),
      ...options,
      environment: { ...this.#environment(), ...options.environment },
    });
    this.client.onState((state) => this.states.push(state));
    this.ignoreErrors = this.client.onError((error) => this.errors.push(error));
  }

  #environment(): Environment {
    const { clock } = this.world;
    let ids = 0;
    return {
      now: () => clock.time + this.skewMs,
      monotonic: () => clock.elapsed + 12_345,
      setTimeout: (task, ms) => clock.timer(ms, task, this),
      clearTimeout: (timer) => clock.cancel(timer as never),
      random: () => this.world.random(),
      uuid: () => `${this.userId}-${(ids += 1)}`,
      online: () => this.#online,
      hidden: () => this.#hidden,
      watch: (changed) => {
        this.#watchers.add(changed);
        return () => this.#watchers.delete(changed);
      },
    };
  }

  set online(online: boolean) {
    this.#online = online;
    this.line.offline = !online;
    for (const changed of this.#watchers) changed();
  }

  set hidden(hidden: boolean) {
    this.#hidden = hidden;
    for (const changed of this.#watchers) changed();
  }

  get watchers() {
    return this.#watchers.size;
  }

  get status() {
    return this.client.state.status;
  }

  get connection() {
    return this.line.socket.connection;
  }

  /** connect(), until it is done; the device. */
  async connected() {
    await this.world.clock.settle(this.client.connect());
    return this;
  }

  /** Lets time pass until the client has this status. */
  until(status: string, ms?: number) {
    return this.world.clock.until(() => this.status === status, `${this.userId} to be ${status}`, ms);
  }
}

/** What a listener got, in the order of its arrival. */
export class Screen {
  shown: { message: Message; delivery: Delivery }[] = [];
  listener = (message: Message, delivery: Delivery) => void this.shown.push({ message, delivery: { ...delivery } });

  get contents() {
    return this.shown.map(({ message }) => message.payload.content);
  }

  get numbers() {
    return this.shown.map(({ message }) => message.sequenceNumber);
  }

  get ways() {
    return this.shown.map(({ delivery }) => (delivery.late ? `${delivery.via} late` : delivery.via));
  }
}

export class World {
  clock = new Clock();
  server = new SimulatedServer(this.clock);
  random: () => number;
  thrown: unknown[] = [];
  devices: Device[] = [];

  constructor(seed = 1) {
    this.random = seededRandom(seed);
  }

  device(userId: string, options: Partial<ClientOptions> = {}) {
    const device = new Device(this, userId, options);
    this.devices.push(device);
    return device;
  }

  /** Members of a chat, connected, with a screen each on it. */
  async chat(chatId: string, users: string[], options: Partial<ClientOptions> = {}) {
    const all = [];
    for (const userId of users) {
      this.server.store.grant(userId, `chat:${chatId}`);
      const device = this.device(userId, options);
      const screen = new Screen();
      const chat = device.client.chat(chatId);
      chat.subscribe(screen.listener);
      await device.connected();
      await this.clock.until(() => chat.status === 'joined', `${userId} to have joined`);
      all.push({ device, screen, chat, client: device.client });
    }
    return all;
  }

  run(ms: number) {
    return this.clock.run(ms);
  }

  /** Closes every client and looks at what is left. */
  async finish() {
    for (const { client, line } of this.devices) {
      line.silent = false;
      await this.clock.settle(client.close(), 60_000);
    }
    await flush();
    expect(this.thrown, 'thrown into the event handlers of a socket').toEqual([]);
    for (const device of this.devices) {
      expect(this.clock.openTimers(device), `open timers of ${device.userId} after close()`).toBe(0);
      expect(device.watchers, `page listeners of ${device.userId} after close()`).toBe(0);
      expect(device.status).toBe('idle');
      expect(device.line.sockets.filter(({ readyState }) => readyState < 2), 'sockets left open').toEqual([]);
    }
  }
}

/** A world per test. The platform's own timers are not to be used. */
export function useWorld() {
  const holder = { world: undefined as World | undefined };
  beforeEach(() => {
    holder.world = new World();
    vi.spyOn(globalThis, 'setTimeout');
    vi.spyOn(globalThis, 'setInterval');
  });
  afterEach(async () => {
    try {
      await holder.world!.finish();
      expect([vi.mocked(setTimeout).mock.calls.length, vi.mocked(setInterval).mock.calls.length], 'timers of the platform').toEqual([0, 0]);
    } finally {
      vi.restoreAllMocks();
    }
  });
  return () => holder.world!;
}

/** The error that a promise is rejected with; fails when it is not. */
export function refusal(promise: Promise<unknown>): Promise<CarillonError> {
  const refused = promise.then(
    (value) => Promise.reject(new Error(`resolved with ${JSON.stringify(value)}`)),
    (error: CarillonError) => error,
  );
  refused.catch(() => {});
  return refused;
}

/** The same, letting time pass until then. */
export const rejection = (clock: Clock, promise: Promise<unknown>, ms?: number) => clock.settle(refusal(promise), ms);
