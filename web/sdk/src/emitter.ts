import type { Unsubscribe } from './types.js';

export interface Emitter<Values extends unknown[]> {
  /** How many listeners. */
  size(): number;
  /** The same function twice is two listeners. */
  add(listener: (...values: Values) => unknown): Unsubscribe;
  emit(...values: Values): void;
}

/** Listeners, each on its own: what one throws (or rejects with) is reported and stops no other. */
export function makeEmitter<Values extends unknown[]>(report: (cause: unknown) => void): Emitter<Values> {
  const entries = new Set<[(...values: Values) => unknown]>();
  return {
    size: () => entries.size,
    add(listener) {
      const entry: [typeof listener] = [listener];
      entries.add(entry);
      return () => void entries.delete(entry);
    },
    emit(...values) {
      for (const [listener] of [...entries]) {
        try {
          const result = listener(...values);
          if (result instanceof Promise) result.catch(report);
        } catch (cause) {
          report(cause);
        }
      }
    },
  };
}
