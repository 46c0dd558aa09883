// The time that is shown, and in how many points.

export type Range = { kind: 'last'; seconds: number } | { kind: 'between'; from: number; to: number };

/** From and to in ms since 1970, whole periods; the period in seconds. */
export interface Span {
  from: number;
  to: number;
  period: number;
}

const MINUTE = 60;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

export const PRESETS = [
  { label: '15 min', seconds: 15 * MINUTE },
  { label: '1 h', seconds: HOUR },
  { label: '3 h', seconds: 3 * HOUR },
  { label: '24 h', seconds: DAY },
  { label: '7 d', seconds: 7 * DAY },
  { label: '30 d', seconds: 30 * DAY },
] as const;

const PERIODS = [10, 30, MINUTE, 5 * MINUTE, 15 * MINUTE, HOUR, 6 * HOUR];
const MOST_POINTS = 800;
/** Slots of ten seconds are kept for a day; whatever begins earlier is made of slots of five minutes. */
const FINE_SLOTS_S = DAY - HOUR;

export function spanOf(range: Range, now: number): Span {
  const to = range.kind === 'last' ? now : range.to;
  const from = range.kind === 'last' ? now - range.seconds * 1000 : range.from;
  const seconds = (to - from) / 1000;
  const least = now - from > FINE_SLOTS_S * 1000 ? 5 * MINUTE : 10;
  const period = PERIODS.find((each) => each >= least && seconds / each <= MOST_POINTS) ?? DAY;
  const ms = period * 1000;
  return { from: Math.floor(from / ms) * ms, to, period };
}

export const sameRange = (a: Range, b: Range): boolean => JSON.stringify(a) === JSON.stringify(b);
