import type { ServerClock } from './clock.js';
import type { CarillonError } from './errors.js';
import { isPassing } from './failure.js';
import type { Http } from './http.js';
import type { Environment, Latency, Message } from './types.js';

const everyMs = 10_000;
const batchLimit = 1000;
/** A page that goes away may send 64 KiB. */
const lastBatchLimit = 500;

const isPlausible = (ms: number) => ms >= -1000 && ms <= 3_600_000;

/** Measures live messages, into `last`, and tells the server in batches; without `request` nobody is told. */
export function makeLatencyMeter(environment: Environment, clock: ServerClock, last: Latency, request?: Http) {
  let samples: object[] = [];
  let timer: unknown;
  let isClosed = false;

  const keep = (all: object[]) => {
    samples = all.slice(-batchLimit);
    timer ??= environment.setTimeout(() => {
      timer = undefined;
      void send();
    }, everyMs);
  };

  const send = async (keepalive = false) => {
    const latencies = samples;
    samples = [];
    if (!latencies.length) return;
    try {
      await request!('POST /metrics', { body: JSON.stringify({ latencies, jitter: last.jitterMs }), keepalive });
    } catch (cause) {
      if (!isClosed && isPassing(cause as CarillonError)) keep([...latencies, ...samples]);
    }
  };

  return {
    /** A live message has just come in. */
    measure({ messageId, publishTimestamp, processorTimestamp = NaN }: Message): void {
      const endToEndMs = clock.now() - publishTimestamp;
      const networkMs = clock.now() - processorTimestamp;
      if (last.clockOffsetMs === undefined || !isPlausible(endToEndMs)) return;
      const sample: Record<string, unknown> = { messageId, endToEndMs };
      last.endToEndMs = endToEndMs;
      if (isPlausible(networkMs)) {
        const jitter = last.jitterMs ?? 0;
        last.jitterMs = jitter + (Math.abs(networkMs - (last.networkMs ?? networkMs)) - jitter) / 16;
        sample['networkMs'] = last.networkMs = networkMs;
      }
      isClosed = false;
      if (request) keep([...samples, sample]);
    },

    /** Sends what is left; the page may be going away. */
    async close(): Promise<void> {
      isClosed = true;
      environment.clearTimeout(timer);
      timer = undefined;
      samples = samples.slice(-lastBatchLimit);
      await send(true);
    },
  };
}
