import type { Connection } from './connection.js';
import { CarillonError } from './errors.js';
import { isPassing, type Frame } from './failure.js';
import type { Http } from './http.js';
import { makeScope, persist, within, type Scope } from './scope.js';
import type { ClientOptions, Environment, Publication, PublishOptions, Receipt } from './types.js';

const waitingLimit = 1000;
const connectedWaitingLimit = 10_000;
/** Unanswered ones on the socket. */
const windowLimit = 256;
const fullBufferMs = 50;
/** The server remembers ids for five minutes. */
const longestMs = 240_000;

/** `,"requestId":"…"` */
const requestIdBytes = 40;

interface Item {
  order: number;
  bytes: number;
  /** Ends when nobody waits for it any more. */
  scope: Scope;
  /** Ends it where it may not be sent any more. */
  review(): void;
  go(connection: Connection): void;
}

export type Publisher = ReturnType<typeof makePublisher>;

function bodyOf(publication: Publication, messageDeduplicationId?: string): object {
  const { chatId, targetClass, targetId, content, eventType = 'message', type = 'standard', groupId, deduplicationId: _, channel = 'WebSocket', payload, ...rest } = publication;
  return {
    action: 'sendMessage',
    targetChannel: channel,
    messageType: type,
    messageGroupId: groupId,
    messageDeduplicationId,
    ...rest,
    payload: { ...payload, chatId, targetClass, targetId, eventType, content },
  };
}

/** Publishes each thing once: one id per logical send, sent again with it until it is answered. */
export function makePublisher(
  environment: Environment,
  request: Http,
  { maxMessageBytes = 262_144, publishTimeoutMs = 30_000 }: Pick<ClientOptions, 'maxMessageBytes' | 'publishTimeoutMs'>,
) {
  const sent = new Set<Item>();
  const waiting: Item[] = [];
  let connection: Connection | undefined;
  let isPaused = false;
  const scopes = { socket: makeScope(environment), http: makeScope(environment) };
  let count = 0;

  const pause = (ms: number) => {
    if (isPaused || !ms) return;
    isPaused = true;
    scopes.socket.after(ms, () => {
      isPaused = false;
      pump();
    });
  };

  /** Sends what may be sent, in the order in which it was published. */
  const pump = (): void => {
    for (const item of waiting.splice(0).sort((a, b) => a.order - b.order)) {
      item.review();
      if (item.scope.reason) continue;
      if (connection && !connection.hasRoom(item.bytes)) pause(fullBufferMs);
      if (!connection || isPaused || sent.size >= windowLimit) waiting.push(item);
      else item.go(connection);
    }
  };

  const overSocket = (frame: object, turn: Omit<Item, 'go'>) =>
    new Promise<Frame>((resolve, reject) => {
      const item: Item = {
        ...turn,
        go(through) {
          sent.add(item);
          through
            .request(frame, longestMs)
            .finally(() => {
              sent.delete(item);
              pump();
            })
            .then(resolve, reject);
        },
      };
      waiting.push(item);
      pump();
    });

  return {
    /** Rejects what is under way. */
    end(error: CarillonError, ...ways: ('socket' | 'http')[]): void {
      for (const way of ways) {
        scopes[way].end(error);
        scopes[way] = makeScope(environment);
      }
      isPaused = false;
    },

    async publish(publication: Publication, via: 'socket' | 'http', { timeoutMs = publishTimeoutMs, signal }: PublishOptions): Promise<Receipt> {
      const isEphemeral = publication.type === 'ephemeral';
      const isOverSocket = via === 'socket';
      const id = isEphemeral ? undefined : (publication.deduplicationId ?? environment.uuid());
      const frame = bodyOf(publication, id);
      const order = (count += 1);
      const began = environment.now();
      let body = '';
      let headers: Record<string, string> | undefined;
      try {
        body = JSON.stringify(frame);
        // The body has it too, and counts; a header takes less than all of Unicode.
        if (id) headers = { 'Idempotency-Key': encodeURIComponent(id) };
      } catch (cause) {
        throw new CarillonError('invalid', undefined, { cause });
      }
      const bytes = new Blob([body]).size + (isOverSocket ? requestIdBytes : 0);
      if (bytes > maxMessageBytes) throw new CarillonError('too_large');
      // Those that timed out leave their places.
      pump();
      if (isOverSocket && waiting.length >= (connection ? connectedWaitingLimit : waitingLimit)) throw new CarillonError('rate_limited');
      return within(environment, Math.min(timeoutMs, longestMs), { scope: scopes[via], signal }, async (scope) => {
        const review = () => {
          if (isEphemeral && isOverSocket && !connection) scope.end(new CarillonError('not_connected'));
          // Timers stand still while a machine sleeps.
          if (environment.now() - began > longestMs) scope.end(new CarillonError('timeout'));
        };
        const { requestId: _, ...receipt } = await persist(
          environment,
          scope,
          () => {
            review();
            return isOverSocket ? overSocket(frame, { order, bytes, scope, review }) : request('POST /publish', { body, headers, scope });
          },
          // What has no id could be published twice.
          (error) => isEphemeral || !(error.code === 'connection_lost' || isPassing(error)),
          // Over the socket all wait, or later ones would overtake it.
          isOverSocket ? pause : undefined,
        );
        return receipt as unknown as Receipt;
      });
    },

    /** Subscribed: what waits goes out, what was not answered first. */
    open(opened: Connection): void {
      connection = opened;
      pump();
    },

    /** The connection is lost. When the server closed 1009, the largest of what was not answered must be the reason. */
    lost(cause: CarillonError): void {
      connection = undefined;
      pump();
      if (cause.closeCode === 1009) [...sent].sort((a, b) => b.bytes - a.bytes)[0]?.scope.end(new CarillonError('too_large', undefined, { cause }));
    },
  };
}
