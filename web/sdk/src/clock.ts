import type { Environment, Latency } from './types.js';

const remembered = 8;

export type ServerClock = ReturnType<typeof makeServerClock>;

/** The server's clock, from pings: of the last eight the one with the shortest round trip, which is off by half of it at most. What is
 *  known of it goes into `latency`. */
export function makeServerClock({ now }: Environment, latency: Latency) {
  let samples: [offsetMs: number, roundTripMs: number][] = [];
  let offset = 0;

  const take = (offsetMs: number, roundTripMs: number) => {
    samples = [...samples, [offsetMs, roundTripMs] as (typeof samples)[0]].slice(-remembered);
    offset = [...samples].sort((a, b) => a[1] - b[1])[0]![0];
  };

  return {
    /** A new connection: samples of the last one may be from before our clock was set. `serverTime` is some latency old. */
    begin(serverTime: number): void {
      samples = [];
      take(serverTime - now() || offset, Infinity);
    },
    /** A ping sent at `sent` (ours) was answered just now with `serverTime`. */
    pong(sent: number, serverTime: number): void {
      const received = now();
      if (!(serverTime >= 0 && received >= sent)) return;
      take(serverTime - (sent + received) / 2, (latency.roundTripMs = received - sent));
      latency.clockOffsetMs = offset;
    },
    /** Epoch milliseconds there; as good as can be known. */
    now: (): number => now() + offset,
  };
}
