import type { ServerClock } from './clock.js';
import { keepAlive, makeConnection, type Connection } from './connection.js';
import { CarillonError, type ErrorCode } from './errors.js';
import { asCarillonError, type Frame } from './failure.js';
import { queryText, type Http, type Query } from './http.js';
import { makeScope, retryDelay, type Scope } from './scope.js';
import type { TokenSource } from './token.js';
import type { ClientOptions, ConnectionState, ConnectionStatus, Environment, WebSocketConstructor, WebSocketLike } from './types.js';

/** A connection that ends sooner counts as a failed attempt: a server that takes everybody and drops them is left in peace. */
const stableMs = 5000;
const longestDrainMs = 60_000;
/** A token that is asked for again so soon would not be another. */
const freshMs = 1000;
const renewalRetryMs = 10_000;
const subprotocol = 'carillon.v1';
/** What these say does not change by connecting again. */
const fatal: Record<number, ErrorCode> = { 1002: 'protocol', 1003: 'protocol', 1007: 'protocol', 1008: 'protocol', 4401: 'unauthorized', 4403: 'disconnected' };

export interface SessionEvents {
  /** The `connected` frame came; resolves when everything is subscribed. */
  opened(connection: Connection, frame: Frame): Promise<void>;
  frame(frame: Frame): void;
  /** `idle`: for good, until started again. */
  lost(error: CarillonError, status: 'joining' | 'idle'): void;
  changed(state: ConnectionState): void;
  report(error: CarillonError): void;
}

export interface Session {
  state: ConnectionState;
  /** The socket there is, usable yet or not. */
  socket?: Connection;
  /** Connected and subscribed. */
  connection?: Connection;
  start(): void;
  close(error: CarillonError): void;
  /** There is a new token. */
  renewed(token: string): void;
}

/** Connects, and again when the connection is lost, until told to stop or not let in. `url`, `query`: of the upgrade. */
export function makeSession(
  options: ClientOptions,
  environment: Environment,
  request: Http,
  tokens: TokenSource,
  clock: ServerClock,
  prefix: string,
  url: string,
  query: Query,
  events: SessionEvents,
): Session {
  const { reconnect = {}, timeoutMs = 10_000, pingIntervalMs = 15_000, pauseWhenOffline = true, pauseWhenHidden = true } = options;
  const backoff = reconnect || { maxAttempts: 0 };
  const { maxAttempts = Infinity } = backoff;
  let failures = 0;
  let life: Scope | undefined;
  /** An attempt is under way, or a connection there. */
  let isBusy = false;
  /** When the next attempt is. */
  let due = 0;
  let cancelStep: (() => void) | undefined;
  /** Why the last one ended. */
  let last: CarillonError | undefined;
  /** The upgrade was refused, as far as one can tell. */
  let wasRefused = false;
  let wantsToken = false;
  let openedAt = NaN;
  let returnAt = NaN;
  let cancelRenewal: (() => void) | undefined;

  const session: Session = {
    state: { status: 'idle', attempts: 0 },

    start() {
      if (life) return;
      life = makeScope(environment);
      wantsToken = true;
      life.add(environment.watch(step));
      due = failures = 0;
      last = undefined;
      isBusy = wasRefused = false;
      step();
    },

    close: (error) => finish('idle', error),

    renewed(token) {
      const { connection } = session;
      if (!connection) return;
      planRenewal(connection);
      connection.request({ action: 'refreshToken', token }, timeoutMs).catch((error) => connection.reason || events.report(error));
    },
  };

  const set = (status: ConnectionStatus, more?: Partial<ConnectionState>) => {
    const state = { status, attempts: failures, error: last, ...more };
    if (JSON.stringify(state) === JSON.stringify(session.state)) return;
    session.state = state;
    events.changed(state);
  };

  const finish = (status: 'idle' | 'stopped', error: CarillonError) => {
    life?.end(error);
    life = undefined;
    session.socket?.end(error);
    events.lost(error, 'idle');
    // A listener started it again.
    if (life) return;
    if (status === 'idle') failures = 0;
    last = status === 'stopped' ? error : undefined;
    set(status);
  };

  /** Goes on, as far as it is time to. Called whenever that may have changed. */
  const step = (): void => {
    const mine = life;
    if (!mine || isBusy) return;
    const left = due - environment.monotonic();
    cancelStep?.();
    if ((pauseWhenOffline && !environment.online()) || (pauseWhenHidden && environment.hidden())) {
      // After it, at once.
      due = 0;
      set('paused');
    } else if (left >= 1) {
      set('waiting', { retryAt: Math.round(environment.now() + left) });
      cancelStep = mine.after(left, step);
    } else {
      set('connecting');
      // A listener may have ended it.
      if (!mine.reason) void run(mine);
    }
  };

  const run = async (mine: Scope) => {
    isBusy = true;
    openedAt = returnAt = NaN;
    const error = (last = await attempt(mine));
    if (mine.reason) return;
    isBusy = false;
    const now = environment.monotonic();
    const isStable = now - openedAt >= stableMs;
    failures = isStable ? 0 : failures + 1;
    const final = verdict(error);
    if (final) return finish('stopped', final);
    const delay = retryDelay(environment, Math.max(failures - 1, 0), error, backoff);
    due = returnAt ? Math.max(returnAt, isStable ? 0 : now + delay) : now + delay;
    step();
  };

  /** One connection, from the token to its end: why it ended. */
  const attempt = async (scope: Scope): Promise<CarillonError> => {
    try {
      const token = await (wantsToken ? tokens.renew() : tokens.get());
      wantsToken = false;
      const buys = wasRefused || options.authentication === 'ticket';
      // What a refused upgrade says cannot be read in a browser; this can.
      const { ticket } = (buys ? await request('POST /tickets', { query, scope }) : {}) as { ticket?: string };
      if (scope.reason) throw scope.reason;
      const socket = open(ticket, token);
      return await new Promise((lost) => attend(socket, lost));
    } catch (cause) {
      const error = asCarillonError(cause);
      if (!scope.reason && (error !== cause || error.code === 'token_provider')) events.report(error);
      return error;
    }
  };

  const open = (ticket: string | undefined, token: string): WebSocketLike => {
    const Socket = options.WebSocket ?? (globalThis.WebSocket as WebSocketConstructor);
    try {
      return new Socket(url + queryText({ ...query, ticket }), ticket ? [subprotocol] : [subprotocol, `bearer.${token}`]);
    } catch {
      throw new CarillonError('invalid', 'WebSocket');
    }
  };

  const attend = (socket: WebSocketLike, lost: (error: CarillonError) => void) => {
    let greeted = false;
    wasRefused = true;
    const connection = makeConnection(
      socket,
      environment,
      prefix,
      events.report,
      (frame) => {
        if (greeted) return onFrame(connection, frame);
        if (frame['type'] !== 'connected') throw frame;
        greeted = true;
        cancel();
        void greet(connection, frame);
      },
      (error) => {
        if (life) events.lost(error, 'joining');
        session.socket = session.connection = undefined;
        lost(error);
      },
    );
    const cancel = connection.after(timeoutMs, () => connection.end(new CarillonError('timeout')));
    session.socket = connection;
  };

  const greet = async (connection: Connection, frame: Frame) => {
    wasRefused = false;
    last = undefined;
    void keepAlive(connection, environment, pingIntervalMs, clock);
    await events.opened(connection, frame).catch((cause) => connection.end(asCarillonError(cause)));
    if (connection.reason) return;
    session.connection = connection;
    openedAt = environment.monotonic();
    planRenewal(connection);
    const { connectionId, userId } = frame as { connectionId?: string; userId?: string };
    set('connected', { attempts: 0, connectionId, userId });
  };

  const onFrame = (connection: Connection, frame: Frame) => {
    if (frame['type'] === 'reconnect') {
      const afterMs = Math.min(Number(frame['afterMs']) || 0, longestDrainMs);
      returnAt = environment.monotonic() + afterMs;
      connection.after(afterMs, () => connection.end(new CarillonError('connection_lost', undefined, { closeCode: 1001 })));
    }
    if (frame['type'] === 'tokenExpiring' && tokens.age() >= freshMs) renew(connection);
    events.frame(frame);
  };

  const renew = (connection: Connection): void => {
    tokens.renew().catch((error) => {
      events.report(error);
      connection.after(renewalRetryMs, () => renew(connection));
    });
  };

  const planRenewal = (connection: Connection) => {
    const ms = tokens.renewal();
    cancelRenewal?.();
    if (!isNaN(ms)) cancelRenewal = connection.after(ms, () => renew(connection));
  };

  /** The error to stop with; undefined: it is worth another attempt. */
  const verdict = (error: CarillonError): CarillonError | undefined => {
    const { code, closeCode = 0, status } = error;
    if (code === 'unauthorized' || code === 'forbidden' || (code === 'invalid' && !status)) return error;
    wantsToken ||= closeCode === 4401;
    if (fatal[closeCode] && !(wantsToken && tokens.renewable))
      return new CarillonError(fatal[closeCode], error.message, {
        closeCode,
        cause: error,
      });
    if (failures >= maxAttempts) return new CarillonError('gave_up', undefined, { cause: error });
  };

  return session;
}
