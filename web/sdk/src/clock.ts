import type { Environment, Latency } from './types.js';

const remembered = 8;

export type ServerClock = ReturnType<typeof makeServerClock>;

/** The server's clock, from pings: of the last eight the one with the shortest round trip, which is off by half of it at most. What is
 *  known of it goes into `latency`. */
export function makeServerClock({ now, monotonic }: Environment, latency: Latency) {
  let samples: [offsetMs: number, roundTripMs: number][] = [];
  /** The server's clock minus what never steps: ours may be set at any time. */
  let offset = now() - monotonic();

  const take = (offsetMs: number, roundTripMs: number) => {
    samples = [...samples, [offsetMs, roundTripMs] as (typeof samples)[0]].slice(-remembered);
    offset = [...samples].sort((a, b) => a[1] - b[1])[0]![0];
  };

  return {
    /** A new connection: samples of the last one may be from before this machine slept. `serverTime` is some latency old. */
    begin(serverTime: number): void {
      samples = [];
      take(serverTime - monotonic() || offset, Infinity);
    },
    /** A ping sent at `sent` (monotonic) was answered just now with `serverTime`. */
    pong(sent: number, serverTime: number): void {
      const received = monotonic();
      if (!(serverTime >= 0 && received >= sent)) return;
      take(serverTime - (sent + received) / 2, (latency.roundTripMs = received - sent));
      latency.clockOffsetMs = offset + received - now();
    },
    /** Epoch milliseconds there; as good as can be known. */
    now: (): number => monotonic() + offset,
  };
}
