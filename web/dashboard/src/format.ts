// Numbers and times as people read them.

export type Unit = 'ms' | 's' | 'count' | 'per_second';

const whole = new Intl.NumberFormat('en', { maximumFractionDigits: 0 });
const tenth = new Intl.NumberFormat('en', { maximumFractionDigits: 1, minimumFractionDigits: 1 });
const fine = new Intl.NumberFormat('en', { maximumSignificantDigits: 2 });

function number(value: number): string {
  const size = Math.abs(value);
  if (Number.isInteger(value) || size >= 100) return whole.format(value);
  return size >= 1 ? tenth.format(value) : fine.format(value);
}

function milliseconds(value: number): string {
  if (value >= 60_000) return `${number(value / 60_000)} min`;
  if (value >= 10_000) return `${number(value / 1000)} s`;
  if (value > 0 && value < 1) return `${number(Math.round(value * 1000))} µs`;
  return `${number(value)} ms`;
}

export function duration(seconds: number): string {
  if (seconds < 120) return `${number(seconds)} s`;
  if (seconds < 7200) return `${number(Math.round(seconds / 60))} min`;
  if (seconds < 172_800) return `${number(Math.round(seconds / 3600))} h`;
  return `${number(Math.round(seconds / 86_400))} d`;
}

export function value(amount: number | null | undefined, unit: Unit): string {
  if (amount === null || amount === undefined) return '–';
  if (unit === 'ms') return milliseconds(amount);
  if (unit === 's') return duration(amount);
  return unit === 'per_second' ? `${number(amount)}/s` : number(amount);
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
