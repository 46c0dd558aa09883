import { makeServerClock } from './clock.js';
import type { Connection } from './connection.js';
import { makeEmitter } from './emitter.js';
import { platform } from './environment.js';
import { CarillonError } from './errors.js';
import { isText, texts, type Frame } from './failure.js';
import { makeHttp } from './http.js';
import { makeLatencyMeter } from './latency.js';
import { makePublisher } from './publisher.js';
import { isMessage, makeRecovery } from './recovery.js';
import { makeSession, type Session } from './session.js';
import { makeSubscriptions } from './subscriptions.js';
import { makeTokenSource } from './token.js';
import type { ClientOptions, ConnectionState, Delivery, Environment, Latency, Message, TypedFrame } from './types.js';

export type Core = ReturnType<typeof makeCore>;

/** The parts of a client, joined. */
export function makeCore(options: ClientOptions) {
  const { chatIds, orgId, hubId, projectId, timeoutMs = 10_000, publishVia = 'socket' } = options;
  const every = chatIds === '*';
  const [, base] = /^(?:ws|http)(s?:\/\/[^?#]*[^?#/])/.exec(options.url) ?? [];
  if (!base) throw new CarillonError('invalid', 'url');
  const environment: Environment = { ...platform, ...options.environment };
  const prefix = `${environment.uuid().slice(0, 13)}-`;

  const errors = makeEmitter<[CarillonError]>((cause) => console.error(cause));
  const report = (error: CarillonError) => (errors.size() ? errors.emit(error) : console.error(error));
  const failed = (cause: unknown) => report(new CarillonError('listener', undefined, { cause }));
  const states = makeEmitter<[ConnectionState]>(failed);
  const messages = makeEmitter<[Message, Delivery]>(failed);
  const frames = makeEmitter<[TypedFrame]>(failed);
  const resets = makeEmitter<[]>(failed);

  const latency: Latency = {};
  const clock = makeServerClock(environment, latency);
  const tokens = makeTokenSource(options.token, environment, timeoutMs, clock.now, (token) => session.renewed(token));
  const request = makeHttp(`http${base}`, options.fetch, environment, tokens, timeoutMs);
  const meter = makeLatencyMeter(environment, clock, latency, options.metrics === false ? undefined : request);
  const recover = makeRecovery(request, environment, clock, report);
  const publisher = makePublisher(environment, request, options);
  const subscriptions = makeSubscriptions(environment, every, timeoutMs, {
    failed,
    deliver(message, delivery) {
      messages.emit(message, delivery);
      frames.emit(message as unknown as TypedFrame);
    },
    joined(stream) {
      stream.begin(clock.now());
      void recover(stream, session.socket);
    },
  });

  /** Of whom and of which store everything seen so far was. */
  let store: string | undefined;
  /** Whose everything is that was published since it was started. */
  let user: unknown;

  const opened = async (connection: Connection, frame: Frame) => {
    const { userId, storeEpoch, serverTime } = frame;
    const present = `${storeEpoch} ${userId}`;
    clock.begin(serverTime as number);
    if (user && user !== userId) publisher.end(new CarillonError('forbidden'), 'socket', 'http');
    user = userId;
    if (store && store !== present) {
      subscriptions.reset();
      resets.emit();
    }
    store = present;
    frames.emit(frame as TypedFrame);
    if (connection.reason) return;
    // What it hears without asking, as far as it can be read again.
    const targets = { user: userId as string, org: orgId, hub: hubId, project: projectId };
    await subscriptions.start(connection, targets, texts(frame['chatIds']));
    if (!connection.reason) publisher.open(connection);
  };

  const receive = (message: Message) => {
    const stream = subscriptions.of(message);
    if (!stream || stream.ordering.knows(message)) return;
    meter.measure(message);
    stream.receive(message);
    if (!stream.job && stream.ordering.gap()) void recover(stream, session.socket);
  };

  const onFrame = (frame: Frame) => {
    const { type, requestId, chatId } = frame;
    // An answer that nobody waits for any more.
    if (String(requestId).startsWith(prefix)) return;
    if (type === 'message' && isMessage(frame)) return receive(frame);
    if (type === 'unsubscribed' && isText(chatId))
      subscriptions.deny(chatId, new CarillonError('forbidden', undefined, { details: frame['reason'] as string, chatIds: [chatId] }));
    if (isText(type) && type !== 'message') frames.emit(frame as TypedFrame);
    else throw frame;
  };

  const upgrade = { chatId: every ? '*' : undefined, orgId, hubId, projectId };
  const session: Session = makeSession(options, environment, request, tokens, clock, prefix, `ws${base}`, upgrade, {
    opened,
    report,
    frame: onFrame,
    changed: states.emit,
    lost(error, status) {
      publisher.lost(error);
      if (status === 'idle') {
        user = undefined;
        publisher.end(error, 'socket');
      }
      // Its listeners may connect again, and publish.
      subscriptions.stop(status);
    },
  });
  if (!every) for (const chatId of texts(chatIds)) subscriptions.open({ chatId }).pinned = true;

  return { errors, states, messages, frames, resets, latency, request, meter, publisher, subscriptions, session, timeoutMs, publishVia };
}
