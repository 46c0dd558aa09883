import type { Connection } from './connection.js';
import { CarillonError } from './errors.js';
import { isPassing, texts } from './failure.js';
import type { Deliver } from './ordering.js';
import { persist } from './scope.js';
import { makeStream, type TargetStream } from './stream.js';
import type { Environment, HistoryTarget, Message, TargetClass } from './types.js';

/** Chats per frame: 200 of the longest ids are still below the usual limit of a frame. */
const perFrame = 200;

export interface SubscriptionEvents {
  deliver: Deliver;
  /** What a listener threw. */
  failed(cause: unknown): void;
  /** It is in force: live messages come, those before may be missing. */
  joined(stream: TargetStream): void;
}

/** The streams there are, and which of them the server was asked for. `every`: connections ask for every chat (`chatId=*`). */
export function makeSubscriptions(environment: Environment, every: boolean, timeoutMs: number, events: SubscriptionEvents) {
  const streams = new Map<string, TargetStream>();
  let connection: Connection | undefined;
  /** What wanted chats are without a connection. */
  let offline: 'joining' | 'idle' = 'idle';

  /** The target's stream; made if need be. */
  const open = (target: HistoryTarget): TargetStream => {
    const { chatId, targetClass = 'chat', targetId = chatId } = target;
    const key = `${targetClass}:${targetId}`;
    let stream = streams.get(key)!;
    if (!stream) {
      streams.set(key, (stream = makeStream(target, events.deliver, events.failed)));
      stream.changed = () => {
        if (stream.wanted()) settle(stream);
        // At the end of this turn, as many changes cancel out.
        else queueMicrotask(() => settle(stream));
      };
    }
    return stream;
  };

  /** The server sends it without being asked. */
  const given = (target: HistoryTarget): TargetStream => {
    const stream = open(target);
    stream.pinned = true;
    stream.join([]);
    events.joined(stream);
    return stream;
  };

  const answered = (asked: TargetStream[], error: CarillonError, denied?: string[]) => {
    for (const stream of asked) {
      const chatId = stream.target.chatId!;
      // Left meanwhile, or left and joined again: the later answer counts.
      if (stream.task !== asked) continue;
      if (denied && !denied.includes(chatId)) events.joined(stream);
      else stream.end('denied', new CarillonError(error.code, error.message, { ...error, chatIds: [chatId] }));
    }
  };

  const ask = (asked: TargetStream[], through: Connection): Promise<unknown> => {
    // A listener may end the connection.
    for (const stream of asked) if (!through.reason) stream.join(asked);
    return persist(
      environment,
      through,
      () => through.request({ action: 'subscribe', chatIds: asked.map(({ target }) => target.chatId) }, timeoutMs),
      (error) => error.code === 'timeout' || !isPassing(error),
    ).then(
      ({ denied }) => answered(asked, new CarillonError('forbidden'), texts(denied)),
      (error: CarillonError): unknown => {
        if (error.code === 'timeout') through.end(error);
        if (through.reason) return;
        // One bad id refuses the whole frame.
        return asked[1] ? Promise.all(asked.map((stream) => ask([stream], through))) : answered(asked, error);
      },
    );
  };

  /** Asks for those that are wanted. */
  const join = (candidates: Iterable<TargetStream>, through: Connection): Promise<unknown> => {
    const wanted = [...candidates].filter((stream) => stream.wanted() && !stream.subscribed);
    const frames: Promise<unknown>[] = [];
    while (wanted.length) frames.push(ask(wanted.splice(0, perFrame), through));
    return Promise.all(frames);
  };

  const settle = (stream: TargetStream) => {
    if (!stream.wanted()) {
      const { chatId } = stream.target;
      if (stream.subscribed && !every) connection?.request({ action: 'unsubscribe', chatIds: [chatId] }, timeoutMs).catch(() => {});
      stream.end('idle');
      stream.reset();
    } else if (connection) void join([stream], connection);
    else stream.setStatus(offline);
  };

  return {
    open,

    /** Whose message this is; undefined: nobody wants it (any more). */
    of({ targetClass, targetId, chatId = targetId }: Message): TargetStream | undefined {
      const stream = open(targetClass === 'chat' ? { chatId } : { targetClass, targetId });
      if (targetClass !== 'chat' || stream.subscribed) return stream;
      return every ? given({ chatId }) : undefined;
    },

    /** A connection is there: joins everything. `targets`: ids of what it hears without asking. */
    start(opened: Connection, targets: Partial<Record<TargetClass, string>>, chatIds: string[]): Promise<unknown> {
      connection = opened;
      for (const [targetClass, targetId] of Object.entries(targets)) if (targetId) given({ targetClass: targetClass as TargetClass, targetId });
      if (every) for (const chatId of chatIds) given({ chatId });
      return join(streams.values(), opened);
    },

    /** No connection; `status`: of wanted chats until there is one. */
    stop(status: 'joining' | 'idle'): void {
      connection = undefined;
      offline = status;
      for (const stream of streams.values()) stream.end(stream.wanted() ? status : 'idle');
    },

    /** Everything seen was of another store. */
    reset(): void {
      for (const [key, stream] of streams) {
        stream.reset();
        if (stream.target.chatId === undefined) streams.delete(key);
      }
    },

    /** The server took a chat away. */
    deny(chatId: string, error: CarillonError): void {
      const stream = open({ chatId });
      if (!stream.subscribed) return;
      stream.finish();
      stream.end('denied', error);
    },
  };
}
