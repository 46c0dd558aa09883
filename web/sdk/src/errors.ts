/** What went wrong, for programs. Texts are for people and may change. */
export type ErrorCode =
  /** The token is missing, bad or expired, and no better one was to be had. */
  | 'unauthorized'
  /** The token is good, but not for this. */
  | 'forbidden'
  /** An operator closed the connection (4403). */
  | 'disconnected'
  /** What was sent is not as the protocol wants it. */
  | 'invalid'
  | 'not_found'
  | 'too_large'
  /** Over a limit; `retryAfterMs` says when to come back. */
  | 'rate_limited'
  /** The service is overloaded, draining or failing. */
  | 'unavailable'
  /** No connection, and what was asked for does not wait for one. */
  | 'not_connected'
  /** The connection went before the answer came: the outcome is not known. */
  | 'connection_lost'
  /** No answer in time: the outcome is not known. */
  | 'timeout'
  /** `maxAttempts` failed. */
  | 'gave_up'
  | 'aborted'
  /** `close()` was called. */
  | 'closed'
  /** The server sent what is no Carillon. */
  | 'protocol'
  /** A listener threw; `cause` is what. */
  | 'listener'
  /** A token provider threw; `cause` is what. */
  | 'token_provider';

export interface ErrorDetails {
  status?: number;
  closeCode?: number;
  details?: string;
  retryAfterMs?: number;
  /** Chats that the refusal is about. */
  chatIds?: string[];
  cause?: unknown;
}

/** Every error of this package. */
export class CarillonError extends Error {
  declare readonly name: 'CarillonError';
  readonly code!: ErrorCode;
  /** HTTP status, or `statusCode` of an error frame. */
  readonly status?: number;
  readonly closeCode?: number;
  readonly details?: string;
  readonly retryAfterMs?: number;
  readonly chatIds?: string[];

  constructor(code: ErrorCode, message: string = code, details?: ErrorDetails) {
    super(message, details);
    Object.assign(this, details, { name: 'CarillonError', code });
  }
}
