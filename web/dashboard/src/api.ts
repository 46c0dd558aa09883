// The server's answers. Paths are relative to the page, so that they work below any stage or proxy prefix.

export interface Point {
  timestamp: string;
  count: number;
  sum: number;
  min: number;
  max: number;
  avg: number;
  p50: number;
  p90: number;
  p95: number;
  p99: number;
}

export type AlarmState = 'OK' | 'ALARM' | 'INSUFFICIENT_DATA';

export interface Alarm {
  name: string;
  metric: string;
  statistic: string;
  threshold: number;
  unit: string;
  period: number;
  evaluationPeriods: number;
  state: AlarmState;
  since: string;
  value: number | null;
  reason: string;
  runbook: string;
}

export interface Queue {
  name: string;
  type: string;
  depth: number;
  inFlight: number;
  oldestAgeSeconds: number;
  deadLetterQueue?: string;
}

export interface QueuedMessage {
  messageId: string;
  messageType: string;
  targetClass: string;
  targetId?: string;
  eventType: string;
  payload: unknown;
  userId: string;
  timestamp: string;
  sequenceNumber?: number;
  attempts: number;
  enqueuedAt: string;
  reason?: string;
  failed?: { userId: string; connectionId?: string; reason: string }[];
}

export interface Connection {
  connectionId: string;
  userId: string;
  chatIds: string[];
  connectedAt: string;
  lastActiveAt: string;
  sourceIp: string;
  userAgent: string;
}

/** The server answered, and not with what was asked for. */
export class Refusal extends Error {
  constructor(
    readonly status: number,
    message: string,
  ) {
    super(message);
  }
}

/** The server did not answer. */
export class Unreachable extends Error {}

const PATIENCE_MS = 20_000;
let clockOffsetMs = 0;

/** The server's clock: the one that series are measured by. Within a second of `Date.now()`, it is that. */
export const serverNow = (): number => Date.now() + clockOffsetMs;

function noteClock(date: string | null): void {
  const offset = date === null ? Number.NaN : Date.parse(date) - Date.now();
  if (!Number.isNaN(offset)) clockOffsetMs = Math.abs(offset) > 2000 ? offset : 0;
}

async function answerOf(response: Response): Promise<unknown> {
  try {
    return await response.json();
  } catch {
    return undefined;
  }
}

export class Api {
  constructor(private readonly token: string) {}

  async call<T>(method: string, path: string, body?: unknown): Promise<T> {
    const headers: Record<string, string> = { authorization: `Bearer ${this.token}` };
    if (body !== undefined) headers['content-type'] = 'application/json';
    let response: Response;
    try {
      response = await fetch(path, {
        method,
        headers,
        body: body === undefined ? null : JSON.stringify(body),
        cache: 'no-store',
        credentials: 'omit',
        redirect: 'error',
        signal: AbortSignal.timeout(PATIENCE_MS),
      });
    } catch {
      throw new Unreachable('The server cannot be reached');
    }
    noteClock(response.headers.get('date'));
    const answer = await answerOf(response);
    if (response.ok && answer !== undefined) return answer as T;
    const said = (answer as { error?: unknown } | undefined)?.error;
    throw new Refusal(response.status, typeof said === 'string' ? said : `The server answered ${response.status}`);
  }

  async series(metric: string, from: number, to: number, period: number): Promise<Point[]> {
    const query = new URLSearchParams({ metric, from: String(from), to: String(to), period: String(period) });
    return (await this.call<{ points: Point[] }>('GET', `series?${query}`)).points;
  }

  alarms = async () => (await this.call<{ alarms: Alarm[] }>('GET', 'alarms')).alarms;
  queues = () => this.call<Queue[]>('GET', '../queues');
  connectionCount = async () => (await this.call<{ count: number }>('GET', '../websocket/connections')).count;

  async peek(queue: string, limit: number): Promise<QueuedMessage[]> {
    return (await this.call<{ messages: QueuedMessage[] }>('GET', `../queues/${encodeURIComponent(queue)}/messages?limit=${limit}`)).messages;
  }

  /** All of the queue's messages without `messageIds`. Answers how many there were. */
  async redrive(queue: string, messageIds?: string[]): Promise<number> {
    const body = messageIds ? { messageIds } : {};
    return (await this.call<{ redriven: number }>('POST', `../queues/${encodeURIComponent(queue)}/redrive`, body)).redriven;
  }

  async connectionsOf(userId: string): Promise<Connection[]> {
    const query = new URLSearchParams({ userId });
    return (await this.call<{ connections: Connection[] }>('GET', `../connections?${query}`)).connections;
  }
}
