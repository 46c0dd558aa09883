import type { ServerClock } from './clock.js';
import { CarillonError } from './errors.js';
import { failureOf, type Frame } from './failure.js';
import { makeScope, within, type Scope } from './scope.js';
import type { Environment, WebSocketLike } from './types.js';

const quickPings = 3;
const bufferLimit = 1_048_576;

export interface Connection extends Scope {
  /** Resolves with the frame's answer, rejects with its error. */
  request(frame: object, timeoutMs: number): Promise<Frame>;
  /** Whether so much may be sent without the socket's buffer growing too long. */
  hasRoom(bytes: number): boolean;
}

/** One WebSocket, from its opening to its end; it does not wait for the socket's own, which may take minutes. Nothing here throws into
 *  the socket's handlers. `prefix`: of request ids, which nobody else should be able to guess. `onFrame` gets the frames that answer no
 *  `request()`; what it throws is reported as a strange frame. `onLost` is called once; nothing follows. */
export function makeConnection(
  socket: WebSocketLike,
  environment: Environment,
  prefix: string,
  report: (error: CarillonError) => void,
  onFrame: (frame: Frame) => void,
  onLost: (error: CarillonError) => void,
): Connection {
  const requests = new Map<unknown, (frame: Frame) => void>();
  let count = 0;

  const connection: Connection = Object.assign(makeScope(environment), {
    request: (frame: object, timeoutMs: number) =>
      within(
        environment,
        timeoutMs,
        { scope: connection },
        (own) =>
          new Promise<Frame>((resolve, reject) => {
            const requestId = `${prefix}r${(count += 1)}`;
            own.add(() => requests.delete(requestId));
            requests.set(requestId, (answer) => (answer['error'] === undefined ? resolve(answer) : reject(failureOf(answer, answer['statusCode'] as number))));
            socket.send(JSON.stringify({ ...frame, requestId }));
          }),
      ),

    hasRoom: (bytes: number) => !socket.bufferedAmount || socket.bufferedAmount + bytes <= bufferLimit,
  });

  connection.add((error) => {
    socket.onmessage = socket.onclose = null;
    try {
      socket.close(1000);
    } catch {
      // It is gone in any case.
    }
    onLost(error);
  });
  socket.onmessage = ({ data }: { data: unknown }) => {
    try {
      const frame = JSON.parse(data as string) as Frame;
      (requests.get(frame['requestId']) ?? onFrame)(frame);
    } catch (cause) {
      report(new CarillonError('protocol', undefined, { cause }));
    }
  };
  socket.onclose = ({ code: closeCode = 1006, reason }: { code?: number; reason?: string }) =>
    connection.end(new CarillonError('connection_lost', reason || undefined, { closeCode }));
  // A close follows, which says all there is to know. The handler stays: the package `ws` throws without one.
  socket.onerror = () => {};
  return connection;
}

/** Pings: some at once, for the clock, then one per interval. One that is not answered within an interval ends the connection. */
export async function keepAlive(connection: Connection, environment: Environment, intervalMs: number, clock: ServerClock, quick = quickPings): Promise<void> {
  const sent = environment.monotonic();
  try {
    const { serverTime } = await connection.request({ action: 'ping' }, intervalMs);
    clock.pong(sent, serverTime as number);
  } catch (cause) {
    if ((cause as CarillonError).code === 'timeout') connection.end(new CarillonError('connection_lost'));
  }
  connection.after(quick > 1 ? 0 : intervalMs, () => void keepAlive(connection, environment, intervalMs, clock, quick - 1));
}
