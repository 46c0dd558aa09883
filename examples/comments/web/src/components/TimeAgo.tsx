import { useEffect, useState } from 'react';

const TICK_MS = 30_000;
const UNITS: [Intl.RelativeTimeFormatUnit, number][] = [['day', 86_400_000], ['hour', 3_600_000], ['minute', 60_000]];
const relative = new Intl.RelativeTimeFormat('en', { numeric: 'auto' });
const absolute = new Intl.DateTimeFormat('en', { dateStyle: 'medium', timeStyle: 'short' });

function agoOf(ms: number): string {
  const unit = UNITS.find(([, length]) => ms >= length);
  return unit ? relative.format(-Math.floor(ms / unit[1]), unit[0]) : 'just now';
}

/** How long ago `iso` was, kept up to date. */
export function TimeAgo({ iso }: { iso: string }) {
  const [now, setNow] = useState(Date.now);
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), TICK_MS);
    return () => clearInterval(timer);
  }, []);
  const time = Date.parse(iso);
  if (Number.isNaN(time)) return null;
  return <time dateTime={iso} title={absolute.format(time)}>{agoOf(now - time)}</time>;
}
