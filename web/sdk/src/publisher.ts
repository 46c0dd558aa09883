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
  go(connection: Connection): void;
}

export type Publisher = ReturnType<typeof makePublisher>;

function bodyOf(publication: Publication, messageDeduplicationId?: string): object {
  const { chatId, targetClass, targetId, content, eventType = 'message', type, groupId, deduplicationId: _, channel, payload, ...rest } = publication;
  return {
    action: 'sendMessage',
    targetChannel: channel ?? 'WebSocket',
    messageType: type ?? 'standard',
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
  let waiting: Item[] = [];
  let connection: Connection | undefined;
  let isPaused = false;
  /** The one that the server closed 1009 for. */
  let tooLarge: Item | undefined;
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
    if (isPaused) return;
    const queue = waiting.sort((a, b) => a.order - b.order);
    waiting = [];
    for (const item of queue) {
      if (item.scope.reason) continue;
      if (connection && !connection.hasRoom(item.bytes)) pause(fullBufferMs);
      if (!connection || isPaused || sent.size >= windowLimit) waiting.push(item);
      else item.go(connection);
    }
  };

  const overSocket = (frame: object, order: number, bytes: number, scope: Scope) =>
    new Promise<Frame>((resolve, reject) => {
      const item: Item = {
        order,
        bytes,
        scope,
        go(through) {
          sent.add(item);
          through
            .request(frame, longestMs)
            .finally(() => {
              sent.delete(item);
              pump();
            })
            .then(resolve, (cause) => reject(item === tooLarge ? new CarillonError('too_large', undefined, { cause }) : cause));
        },
      };
      waiting.push(item);
      pump();
    });

  const end = (way: 'socket' | 'http', error: CarillonError) => {
    scopes[way].end(error);
    scopes[way] = makeScope(environment);
    isPaused = false;
  };

  return {
    end,

    async publish(publication: Publication, via: 'socket' | 'http', { timeoutMs = publishTimeoutMs, signal }: PublishOptions): Promise<Receipt> {
      const isEphemeral = publication.type === 'ephemeral';
      const isOverSocket = via === 'socket';
      const id = isEphemeral ? undefined : (publication.deduplicationId ?? environment.uuid());
      const frame = bodyOf(publication, id);
      const order = (count += 1);
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
      if (isEphemeral && isOverSocket && !connection) throw new CarillonError('not_connected');
      if (isOverSocket && waiting.length >= (connection ? connectedWaitingLimit : waitingLimit)) throw new CarillonError('rate_limited');
      return within(environment, Math.min(timeoutMs, longestMs), scopes[via], signal, async (scope) => {
        const { requestId: _, ...receipt } = await persist(
          environment,
          scope,
          () => (isOverSocket ? overSocket(frame, order, bytes, scope) : request('POST /publish', { body, headers, scope })),
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
    lost({ closeCode }: CarillonError): void {
      connection = undefined;
      tooLarge = closeCode === 1009 ? [...sent].sort((a, b) => b.bytes - a.bytes)[0] : undefined;
    },
  };
}
