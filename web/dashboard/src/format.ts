// Numbers and times as people read them.

export type Unit = 'ms' | 's' | 'count' | 'per_second';

const whole = new Intl.NumberFormat('en', { maximumFractionDigits: 0 });
const three = new Intl.NumberFormat('en', { minimumSignificantDigits: 3, maximumSignificantDigits: 3 });
const small = new Intl.NumberFormat('en', { minimumFractionDigits: 3, maximumFractionDigits: 3 });

/** What is measured has three digits, zeros too, so that numbers beside one another look alike; or three decimals. */
function measured(value: number): string {
  const size = Math.abs(value);
  if (size >= 100) return whole.format(value);
  return size >= 1 || size === 0 ? three.format(value) : small.format(value);
}

const number = (value: number): string => (Number.isInteger(value) ? whole.format(value) : measured(value));

/** The unit that numbers up to `most` are told in, and how many of `unit` it is. */
function scaleOf(most: number, unit: Unit): [suffix: string, size: number] {
  if (unit === 'ms') return most >= 60_000 ? [' min', 60_000] : most >= 10_000 ? [' s', 1000] : [' ms', 1];
  if (unit === 's') return most >= 172_800 ? [' d', 86_400] : most >= 7200 ? [' h', 3600] : most >= 120 ? [' min', 60] : [' s', 1];
  return unit === 'per_second' ? ['/s', 1] : ['', 1];
}

export function duration(seconds: number): string {
  const [suffix, size] = scaleOf(seconds, 's');
  return whole.format(seconds / size) + suffix;
}

export function value(amount: number | null | undefined, unit: Unit): string {
  if (amount === null || amount === undefined) return '–';
  if (unit === 'count') return number(amount);
  const [suffix, size] = scaleOf(Math.abs(amount), unit);
  return measured(amount / size) + suffix;
}

const MOST_DECIMALS = 3;

/** The marks of an axis: in one unit, with as many decimals as it takes to tell them apart. Counts are whole or not marked. */
export function marks(splits: number[], unit: Unit): string[] {
  const [suffix, size] = scaleOf(Math.max(...splits.map(Math.abs)), unit);
  const shown = splits.map((each) => each / size);
  const isExact = (digits: number): boolean => shown.every((each) => Math.abs(each - Number(each.toFixed(digits))) < 1e-9);
  let digits = 0;
  while (unit !== 'count' && digits < MOST_DECIMALS && !isExact(digits)) digits += 1;
  const format = new Intl.NumberFormat('en', { minimumFractionDigits: digits, maximumFractionDigits: digits });
  return shown.map((each) => (unit === 'count' && !Number.isInteger(each) ? '' : format.format(each) + suffix));
}

const clock = new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit', second: '2-digit' });
const day = new Intl.DateTimeFormat('en-GB', { day: 'numeric', month: 'short', hour: '2-digit', minute: '2-digit' });

/** `ms` since 1970 in the reader's zone; with the date when that is not today. */
export function time(ms: number): string {
  return new Date(ms).toDateString() === new Date().toDateString() ? clock.format(ms) : day.format(ms);
}

export function ago(ms: number, now: number): string {
  const seconds = Math.max(0, Math.round((now - ms) / 1000));
  return seconds < 5 ? 'just now' : `${duration(seconds)} ago`;
}
