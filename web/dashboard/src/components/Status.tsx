import { useEffect, useState } from 'react';
import { time } from '../format';
import type { Snapshot } from '../live_data';

interface Props {
  data: Snapshot;
  paused: boolean;
  onRetry: () => void;
}

/** Whether the page is live, and what is wrong when it is not. */
export function Status({ data, paused, onRetry }: Props) {
  if (data.failure) return <Failure failure={data.failure} onRetry={onRetry} />;
  const text = !data.loaded ? 'Loading…' : paused ? `Paused at ${time(data.at)}` : `Live, updated ${time(data.at)}`;
  return (
    <p className="status" data-status={!data.loaded ? 'loading' : paused ? 'paused' : 'live'}>
      <span className="dot" aria-hidden="true" />
      {text}
    </p>
  );
}

function Failure({ failure, onRetry }: { failure: NonNullable<Snapshot['failure']>; onRetry: () => void }) {
  const [seconds, setSeconds] = useState(0);
  useEffect(() => {
    const count = () => setSeconds(Math.max(0, Math.ceil((failure.retryAt - Date.now()) / 1000)));
    count();
    const timer = setInterval(count, 1000);
    return () => clearInterval(timer);
  }, [failure]);
  return (
    <div className="status" data-status="failing">
      <span className="dot" aria-hidden="true" />
      <strong role="alert">{failure.text}</strong>
      <span>Trying again in {seconds} s.</span>
      <button type="button" onClick={onRetry}>
        Try now
      </button>
    </div>
  );
}
