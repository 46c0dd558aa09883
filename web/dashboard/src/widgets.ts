// What is drawn, in the order of the page. The first seven are those of the cloud's dashboard.
import type { Point } from './api';
import type { Unit } from './format';

export type Statistic = 'p50' | 'p90' | 'p95' | 'p99' | 'avg' | 'min' | 'max' | 'sum' | 'rate';

export interface Line {
  metric: string;
  statistic: Statistic;
  label: string;
  colour: string;
  dash?: number[];
  unit: Unit;
  /** With an axis of its own, on the right. */
  right?: boolean;
}

export interface WidgetPlan {
  id: string;
  title: string;
  about: string;
  /** Whether clients measure it: then nothing comes of itself. */
  byClients?: boolean;
  wide?: boolean;
  lines: Line[];
}

const percentiles = (metric: string, of: Statistic[]): Line[] => {
  const dashes: Partial<Record<Statistic, number[]>> = { p95: [6, 3], p99: [2, 3] };
  return of.map((statistic) => ({ metric, statistic, label: statistic, colour: `--${statistic}`, dash: dashes[statistic], unit: 'ms' as const }));
};
const FOUR: Statistic[] = ['p50', 'p90', 'p95', 'p99'];
const events = (metric: string, label: string, colour: string, dash?: number[]): Line => ({ metric, statistic: 'sum', label, colour, dash, unit: 'count' });

export const LATENCY_WIDGETS: WidgetPlan[] = [
  {
    id: 'end-to-end',
    title: 'End-to-End Latency Percentiles',
    about: 'From publishing to receiving, as clients measured it.',
    byClients: true,
    wide: true,
    lines: percentiles('ClientEndToEndLatency', FOUR),
  },
  {
    id: 'breakdown',
    title: 'Latency Breakdown',
    about: 'Publisher→Processor is measured by the server, Processor→Client by clients. Averages.',
    lines: [
      { metric: 'PublisherToProcessorLatency', statistic: 'avg', label: 'Publisher→Processor', colour: '--p50', unit: 'ms' },
      { metric: 'ClientNetworkLatency', statistic: 'avg', label: 'Processor→Client', colour: '--p95', dash: [6, 3], unit: 'ms' },
    ],
  },
  {
    id: 'extremes',
    title: 'Average & Extremes',
    about: 'Of end-to-end latency, as clients measured it.',
    byClients: true,
    lines: [
      { metric: 'ClientEndToEndLatency', statistic: 'avg', label: 'average', colour: '--p50', unit: 'ms' },
      { metric: 'ClientEndToEndLatency', statistic: 'min', label: 'least', colour: '--p90', dash: [2, 3], unit: 'ms' },
      { metric: 'ClientEndToEndLatency', statistic: 'max', label: 'most', colour: '--p99', dash: [6, 3], unit: 'ms' },
    ],
  },
  {
    id: 'publisher-to-processor',
    title: 'Publisher→Processor Percentiles',
    about: 'From taking a message in to handing it to delivery, inside the server.',
    lines: percentiles('PublisherToProcessorLatency', FOUR),
  },
  {
    id: 'network',
    title: 'Network Latency Percentiles',
    about: 'From the processor to receiving, as clients measured it.',
    byClients: true,
    lines: percentiles('ClientNetworkLatency', FOUR),
  },
  {
    id: 'jitter',
    title: 'Jitter Analysis',
    about: 'How much latency differs between consecutive messages, as clients measured it.',
    byClients: true,
    lines: [...percentiles('ClientJitter', ['p50', 'p95']), { metric: 'ClientJitter', statistic: 'avg', label: 'average', colour: '--p90', dash: [2, 3], unit: 'ms' }],
  },
  {
    id: 'throughput',
    title: 'Message Throughput',
    about: 'Messages accepted, and how many took longer than high_latency_ms.',
    lines: [
      { metric: 'MessagesPublished', statistic: 'rate', label: 'messages', colour: '--p50', unit: 'per_second' },
      { ...events('HighLatencyMessageCount', 'high latency', '--p99', [2, 3]), right: true },
    ],
  },
];

export const ERROR_WIDGETS: WidgetPlan[] = [
  {
    id: 'delivery-errors',
    title: 'Delivery Errors',
    about: 'Messages that some or all recipients did not get, and attempts made again.',
    lines: [
      events('DeliveryFailure', 'failed for all', '--p99', [2, 3]),
      events('PartialFailure', 'failed for some', '--p95', [6, 3]),
      events('UndeliveredMessage', 'nobody connected', '--p90'),
      events('DeliveryRetries', 'retries', '--p50'),
    ],
  },
  {
    id: 'request-errors',
    title: 'Refusals and Errors',
    about: 'HTTP answers 4xx and 5xx, refused messages, tokens and client measurements.',
    lines: [
      events('HttpServerErrors', 'HTTP 5xx', '--p99', [2, 3]),
      events('HttpClientErrors', 'HTTP 4xx', '--p95', [6, 3]),
      events('PublishRefused', 'messages refused', '--p50'),
      events('AuthorizationsRefused', 'tokens refused', '--p90'),
      events('ClientSamplesRefused', 'measurements refused', '--quiet', [6, 3]),
    ],
  },
];

export const QUEUE_WIDGET: WidgetPlan = {
  id: 'queue-levels',
  title: 'Queue Depth and Dead Letters',
  about: 'Highest in each period; the age is that of the oldest message in any queue.',
  lines: [
    { metric: 'QueueDepth', statistic: 'max', label: 'in queues', colour: '--p50', unit: 'count' },
    { metric: 'DeadLetters', statistic: 'max', label: 'dead letters', colour: '--p99', dash: [2, 3], unit: 'count' },
    { metric: 'QueueAge', statistic: 'max', label: 'oldest', colour: '--p95', dash: [6, 3], unit: 's', right: true },
  ],
};

export const CONNECTION_WIDGET: WidgetPlan = {
  id: 'connection-levels',
  title: 'Connections',
  about: 'Live at most in each period; opened and closed in it.',
  lines: [
    { metric: 'Connections', statistic: 'max', label: 'live', colour: '--p50', unit: 'count' },
    { ...events('ConnectionsOpened', 'opened', '--p90', [6, 3]), right: true },
    { ...events('ConnectionsClosed', 'closed', '--p99', [2, 3]), right: true },
  ],
};

export const ALL_METRICS = [
  ...new Set([...LATENCY_WIDGETS, ...ERROR_WIDGETS, QUEUE_WIDGET, CONNECTION_WIDGET].flatMap((each) => each.lines.map((line) => line.metric))),
];

/** Too short to be divided by: the server looks at its counters once a second. */
const LEAST_SECONDS = 3;

/** What `line` shows for a period that began at `start`; a rate of the current one is over what has passed of it. */
export function valueOf(point: Point | undefined, line: Line, start: number, period: number, now: number): number | null {
  if (!point) return null;
  if (line.statistic !== 'rate') return point[line.statistic];
  const seconds = Math.min(period, (now - start) / 1000);
  return seconds < LEAST_SECONDS ? null : point.sum / seconds;
}
