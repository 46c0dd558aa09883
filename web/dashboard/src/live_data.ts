// What the page shows, kept up to date: all of the range once, then only the newest points. One at a time asks the
// server; nothing asks while the tab is hidden or the reader has paused.
import { type Alarm, Api, type Point, type Queue, Refusal, serverNow } from './api';
import { type Range, type Span, sameRange, spanOf } from './ranges';
import { ALL_METRICS } from './widgets';

const EVERY_MS = 5000;
const LONGEST_WAIT_MS = 60_000;
const MINUTE = 60_000;

export type Access<T> = { granted: true; value: T } | { granted: false };

/** The figures on top. A number that the server has not given yet is undefined, one there is none of null. */
export interface Current {
  p50?: number | null;
  p95?: number | null;
  perSecond?: number | null;
  connections?: number;
}

export interface Snapshot {
  span: Span;
  /** When the points were fetched, by the server's clock. */
  at: number;
  loaded: boolean;
  series: ReadonlyMap<string, ReadonlyMap<number, Point>>;
  /** Metrics that the server refuses to give, and why. */
  refused: ReadonlyMap<string, string>;
  current: Current;
  alarms?: Alarm[];
  queues?: Access<Queue[]>;
  /** Nothing is being got: why, and when it is tried again. */
  failure?: { text: string; retryAt: number; denied: boolean };
}

export class LiveData {
  private listeners = new Set<() => void>();
  private snapshot: Snapshot;
  private series = new Map<string, Map<number, Point>>();
  private refused = new Map<string, string>();
  private fetchedTo: number | null = null;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private generation = 0;
  private failures = 0;
  private paused = false;

  constructor(
    readonly api: Api,
    private range: Range,
    private readonly onSignedOut: (why: string) => void,
  ) {
    this.snapshot = { span: spanOf(range, serverNow()), at: serverNow(), loaded: false, series: this.series, refused: this.refused, current: {} };
  }

  subscribe = (listener: () => void): (() => void) => {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  };
  read = (): Snapshot => this.snapshot;

  start(): () => void {
    document.addEventListener('visibilitychange', this.onVisibility);
    this.refresh();
    return () => {
      document.removeEventListener('visibilitychange', this.onVisibility);
      this.generation += 1;
      clearTimeout(this.timer);
    };
  }

  setRange(range: Range): void {
    if (sameRange(range, this.range)) return;
    this.range = range;
    this.series = new Map();
    this.refused = new Map();
    this.fetchedTo = null;
    this.change({ span: spanOf(range, serverNow()), loaded: false, series: this.series, refused: this.refused });
    this.refresh();
  }

  setPaused(paused: boolean): void {
    this.paused = paused;
    if (paused) clearTimeout(this.timer);
    else this.refresh();
  }

  /** Now, instead of when the time comes. What is still under way is not looked at any more. */
  refresh = (): void => {
    clearTimeout(this.timer);
    this.generation += 1;
    void this.run(this.generation);
  };

  private onVisibility = (): void => {
    if (document.hidden) clearTimeout(this.timer);
    else if (!this.paused) this.refresh();
  };

  private change(part: Partial<Snapshot>): void {
    this.snapshot = { ...this.snapshot, ...part };
    for (const each of this.listeners) each();
  }

  private async run(generation: number): Promise<void> {
    let wait = EVERY_MS;
    try {
      const span = spanOf(this.range, serverNow());
      const [, current, alarms, queues] = await Promise.all([this.fetchSeries(span, generation), this.fetchCurrent(), this.api.alarms(), this.fetchQueues()]);
      if (generation !== this.generation) return;
      this.failures = 0;
      this.change({ span, at: serverNow(), loaded: true, series: new Map(this.series), refused: new Map(this.refused), current, alarms, queues, failure: undefined });
    } catch (error) {
      if (generation !== this.generation) return;
      wait = this.fail(error);
      if (wait === 0) return;
    }
    if (!document.hidden && !this.paused) this.timer = setTimeout(this.refresh, wait);
  }

  /** How long to wait before the next attempt; 0: there is none. */
  private fail(error: unknown): number {
    const status = error instanceof Refusal ? error.status : 0;
    if (status === 401) {
      this.onSignedOut('The server does not accept the token any more. Sign in again.');
      return 0;
    }
    const wait = Math.min(LONGEST_WAIT_MS, EVERY_MS * 2 ** this.failures);
    this.failures += 1;
    const text = status === 403 ? 'This token has neither the scope carillon/metrics nor carillon/admin.' : error instanceof Error ? error.message : String(error);
    this.change({ failure: { text, retryAt: Date.now() + wait, denied: status === 403 } });
    return wait;
  }

  private async fetchSeries(span: Span, generation: number): Promise<void> {
    const ms = span.period * 1000;
    // The period before the one that was current then may have got more since.
    const from = this.fetchedTo === null ? span.from : Math.max(span.from, Math.floor(this.fetchedTo / ms) * ms - ms);
    const fetched = await Promise.all(ALL_METRICS.map((metric) => this.fetchOne(metric, from, span)));
    if (generation !== this.generation) return;
    ALL_METRICS.forEach((metric, index) => this.merge(metric, fetched[index]!, span));
    this.fetchedTo = span.to;
  }

  private async fetchOne(metric: string, from: number, span: Span): Promise<Point[] | string> {
    try {
      return await this.api.series(metric, from, Math.floor(span.to), span.period);
    } catch (error) {
      if (error instanceof Refusal && (error.status === 400 || error.status === 404)) return error.message;
      throw error;
    }
  }

  private merge(metric: string, fetched: Point[] | string, span: Span): void {
    if (typeof fetched === 'string') {
      this.refused.set(metric, fetched);
      return;
    }
    this.refused.delete(metric);
    const points = new Map(this.series.get(metric));
    for (const point of fetched) points.set(Date.parse(point.timestamp), point);
    for (const start of points.keys()) if (start < span.from) points.delete(start);
    this.series.set(metric, points);
  }

  private async fetchCurrent(): Promise<Current> {
    const now = Math.floor(serverNow());
    const minute = Math.floor(now / MINUTE) * MINUTE;
    const slot = Math.floor(now / 10_000) * 10_000;
    const [latencies, published, connections] = await Promise.all([
      this.api.series('ClientEndToEndLatency', minute - MINUTE, now, 60),
      this.api.series('MessagesPublished', slot - 20_000, slot, 10),
      this.api.connectionCount(),
    ]);
    const latency = latencies.at(-1);
    const slotPoint = published.at(-1);
    return { p50: latency?.p50 ?? null, p95: latency?.p95 ?? null, perSecond: slotPoint ? slotPoint.sum / 10 : null, connections };
  }

  private async fetchQueues(): Promise<Access<Queue[]>> {
    // Asked again, it would only be counted as an error again: scopes do not change during a token's life.
    if (this.snapshot.queues?.granted === false) return this.snapshot.queues;
    try {
      return { granted: true, value: await this.api.queues() };
    } catch (error) {
      if (error instanceof Refusal && error.status === 403) return { granted: false };
      throw error;
    }
  }
}
