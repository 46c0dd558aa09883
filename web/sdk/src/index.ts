export { CarillonClient } from './client.js';
export { Chat } from './chat.js';
export { CarillonError, type ErrorCode, type ErrorDetails } from './errors.js';
export type * from './types.js';
