import type { ServerClock } from './clock.js';
import { CarillonError } from './errors.js';
import { asCarillonError, isText } from './failure.js';
import type { Http } from './http.js';
import { numberOf } from './ordering.js';
import type { TargetStream } from './stream.js';
import { persist, sleep, type Scope } from './scope.js';
import type { Environment, HistoryOptions, HistoryPage, HistoryTarget, Message, MissingNumber } from './types.js';

const pageLimit = 1000;
/** Clocks differ, and messages of the same moment come in any order. */
const overlapMs = 2000;
/** Reads at a time; the server allows 32 of a user. */
const parallel = 4;
const firstPendingMs = 200;
const lastPendingMs = 2000;

export const isMessage = (value: Partial<Message> | null): value is Message => isText(value?.messageId) && isText(value.targetClass);

const ignore = () => {};

const timeOf = (time: HistoryOptions['from']) => (time === undefined || isText(time) ? time : new Date(time).toISOString());

export async function readHistory(
  request: Http,
  target: HistoryTarget,
  { from, to, signal, ...options }: HistoryOptions = {},
  scope?: Scope,
  sequences?: string,
): Promise<[HistoryPage, MissingNumber[]]> {
  const query = { ...target, ...options, fromTimestamp: timeOf(from), toTimestamp: timeOf(to), sequences };
  const { missing = [], ...page } = await request('GET /messages', { query, scope, signal });
  if (!Array.isArray(page['messages'])) throw new CarillonError('protocol');
  return [page as unknown as HistoryPage, missing as MissingNumber[]];
}

/** The messages of every page, one page after the other. */
export async function* walk(read: (startKey?: string) => Promise<HistoryPage>): AsyncIterableIterator<Message[]> {
  let page: HistoryPage | undefined;
  do {
    page = await read(page?.nextToken);
    yield page.messages;
  } while (page.nextToken);
}

/** Reads what streams miss from the history: their newest messages, those of a lost connection, gaps. */
export function makeRecovery(request: Http, environment: Environment, clock: ServerClock, report: (error: CarillonError) => void) {
  const lanes: Promise<void>[] = [];
  let count = 0;

  const giveUp = (stream: TargetStream, error: CarillonError) => {
    stream.since ??= clock.now();
    stream.finish();
    stream.ordering.release();
    if (error.code === 'forbidden' && stream.target.chatId !== undefined) stream.end('denied', error);
    else report(error);
  };

  /** Starts where there is something to do and nothing under way; `scope` ends with the connection. */
  return async (stream: TargetStream, scope?: Scope): Promise<void> => {
    if (!scope || stream.job || Array.isArray(stream.task)) return;
    const job = (stream.job = {});
    const isCurrent = () => stream.job === job && !scope.reason;
    let isReported = false;

    /** Again and again, unless it is refused. */
    const read = (options: HistoryOptions, sequences?: string) =>
      persist(
        environment,
        scope,
        async () => {
          const lane = (count += 1) % parallel;
          const turn = Promise.resolve(lanes[lane]).then(() => readHistory(request, stream.target, options, scope, sequences));
          lanes[lane] = turn.then(ignore, ignore);
          try {
            return await turn;
          } finally {
            // The stream was left or lost meanwhile: whatever was read is nobody's.
            if (!isCurrent()) throw new CarillonError('aborted');
          }
        },
        (error) => {
          const isFinal = /aborted|forbidden|invalid|not_found/.test(error.code);
          // Who waits for messages is told why they do not come.
          if (!isFinal && !isReported) {
            isReported = true;
            report(error);
          }
          return isFinal;
        },
      );

    const pages = (options: HistoryOptions) => walk(async (startKey) => (await read({ ...options, startKey }))[0]);

    const newest = async () => {
      const since = clock.now();
      const { history } = stream;
      const messages: Message[] = [];
      for await (const page of pages({ order: 'desc', limit: Math.min(history, pageLimit) })) if (messages.push(...page) >= history) break;
      stream.since = since;
      for (const message of messages.slice(0, history).reverse()) stream.ordering.accept(message, 'history');
    };

    const missed = async () => {
      stream.overflowed = false;
      for await (const page of pages({ order: 'asc', limit: pageLimit, from: stream.since! - overlapMs })) {
        for (const message of page) stream.ordering.accept(message, 'recovered');
        await fill();
      }
    };

    const fill = async () => {
      const { ordering } = stream;
      let wait = firstPendingMs;
      for (let gap; (gap = ordering.gap()); ) {
        const [from, to] = gap;
        const [{ messages }, missing] = await read({}, `${from}-${to}`);
        const gone = missing.filter(({ sequenceNumber: number, reason }) => reason !== 'pending' && number >= from && number <= to);
        for (const message of messages) if (numberOf(message)) ordering.accept(message, 'recovered');
        if (gone.length) stream.missing.emit(gone);
        ordering.skip(gone.map(({ sequenceNumber }) => sequenceNumber));
        const isStuck = ordering.gap()?.[0] === from;
        if (isStuck) await sleep(scope, wait);
        wait = isStuck ? Math.min(wait * 2, lastPendingMs) : firstPendingMs;
      }
    };

    while (isCurrent() && (stream.task || stream.ordering.gap())) {
      try {
        if (stream.task) {
          await (stream.task === 'history' ? newest() : missed());
          stream.task = 'recover';
          if (!stream.overflowed) stream.finish();
        } else await fill();
      } catch (cause) {
        if (isCurrent()) giveUp(stream, asCarillonError(cause));
      }
    }
    if (isCurrent()) stream.job = undefined;
  };
}
