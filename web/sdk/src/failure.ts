import { CarillonError, type ErrorCode } from './errors.js';

/** A JSON object, of which nothing is known yet. */
export type Frame = Record<string, unknown>;

const codes: Record<number, ErrorCode> = {
  401: 'unauthorized',
  403: 'forbidden',
  404: 'not_found',
  408: 'unavailable',
  413: 'too_large',
  429: 'rate_limited',
};
/** Nobody is asked to wait longer than this, whatever a server says. */
const longestRetryMs = 300_000;

export const isText = (value: unknown): value is string => typeof value === 'string';
/** The texts in it, or it, as far as it is one. */
export const texts = (value: unknown): string[] => [value].flat().filter(isText);

/** An error frame, or an answer over HTTP that is not 2xx. `retryAfter`: the header, in seconds. */
export function failureOf(body: Frame, status = 500, retryAfter?: string | null): CarillonError {
  const { error, details, retryAfterMs, chatId, chatIds = chatId } = body;
  const wait = Number(retryAfterMs ?? Number(retryAfter) * 1000);
  return new CarillonError(codes[status] ?? (status < 500 ? 'invalid' : 'unavailable'), error as string | undefined, {
    status,
    details: details as string,
    retryAfterMs: wait > 0 ? Math.min(wait, longestRetryMs) : undefined,
    chatIds: texts(chatIds),
  });
}

/** Whether the same may succeed a moment later. */
export const isPassing = ({ code }: CarillonError): boolean => /rate_limited|unavailable|timeout|token_provider/.test(code);

/** Whatever was thrown, typed. */
export const asCarillonError = (cause: unknown): CarillonError =>
  cause instanceof CarillonError ? cause : new CarillonError('unavailable', String(cause), { cause });
