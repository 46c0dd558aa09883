import { useEffect, useState } from 'react';
import { useWebSocketManager } from '../hooks/useWebSocketManager';
import styles from './ConnectionStatus.module.css';

const TEXTS: Record<string, string> = {
  idle: 'Not connected',
  connecting: 'Connecting …',
  connected: 'Live',
  waiting: 'Connection lost, trying again …',
  paused: 'Offline: waits for the network',
  stopped: 'Not connected',
};
/** A connection that comes back sooner is not worth a word. */
const BLINK_MS = 300;

/** How the connection is; the texts change no faster than one can read. */
export function ConnectionStatus() {
  const { status, error, attempts, reconnect } = useWebSocketManager();
  const [shown, setShown] = useState(status);
  useEffect(() => {
    const timer = setTimeout(() => setShown(status), status === 'connected' || status === 'stopped' ? 0 : BLINK_MS);
    return () => clearTimeout(timer);
  }, [status]);

  // Why it failed is shown as the status.
  const tryAgain = () => void reconnect().catch(() => {});

  // Between attempts it goes from waiting to connecting and back, which is one state for who waits.
  const lost = shown === 'connecting' && attempts > 0 ? 'waiting' : shown;
  return (
    <div className={styles.status} data-status={status}>
      <span className={styles.dot} data-look={lost} />
      <span role="status">{TEXTS[lost]}{lost === 'stopped' && error ? `: ${error.message}` : ''}</span>
      {lost === 'stopped' && <button type="button" onClick={tryAgain}>Reconnect</button>}
    </div>
  );
}
