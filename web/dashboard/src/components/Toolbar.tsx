import { type FormEvent, useState } from 'react';
import { PRESETS, type Range } from '../ranges';
import type { Theme } from '../theme';

interface Props {
  range: Range;
  onRange: (range: Range) => void;
  paused: boolean;
  onPause: () => void;
  theme: Theme;
  onToggleTheme: () => void;
  onSignOut: () => void;
}

export function Toolbar({ range, onRange, paused, onPause, theme, onToggleTheme, onSignOut }: Props) {
  const [custom, setCustom] = useState(false);
  return (
    <header className="bar">
      <h1>NotificationService-Latency</h1>
      <div className="segments" role="group" aria-label="Time range">
        {PRESETS.map(({ label, seconds }) => (
          <button
            key={seconds}
            type="button"
            aria-pressed={range.kind === 'last' && range.seconds === seconds}
            onClick={() => {
              setCustom(false);
              onRange({ kind: 'last', seconds });
            }}
          >
            {label}
          </button>
        ))}
        <button type="button" aria-pressed={range.kind === 'between'} aria-expanded={custom} aria-controls="custom-range" onClick={() => setCustom(!custom)}>
          Custom
        </button>
      </div>
      <div className="actions">
        <button type="button" aria-pressed={paused} onClick={onPause}>
          {paused ? 'Resume' : 'Pause'}
        </button>
        <button type="button" onClick={onToggleTheme}>
          {theme === 'dark' ? 'Light' : 'Dark'}
        </button>
        <button type="button" onClick={onSignOut}>
          Sign out
        </button>
      </div>
      <div id="custom-range" className="custom" hidden={!custom}>
        {custom && <CustomRange range={range} onRange={onRange} />}
      </div>
    </header>
  );
}

/** `ms` as an input of type datetime-local has it. */
function localText(ms: number): string {
  const date = new Date(ms);
  return new Date(ms - date.getTimezoneOffset() * 60_000).toISOString().slice(0, 16);
}

function CustomRange({ range, onRange }: { range: Range; onRange: (range: Range) => void }) {
  const now = Date.now();
  const [problem, setProblem] = useState('');
  const submit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    const [from, to] = [Date.parse(String(form.get('from'))), Date.parse(String(form.get('to')))];
    if (Number.isNaN(from) || Number.isNaN(to)) return setProblem('Both times are needed.');
    if (from >= to) return setProblem('The end must come after the beginning.');
    setProblem('');
    onRange({ kind: 'between', from, to });
  };
  return (
    <form onSubmit={submit} noValidate>
      <label>
        From <input type="datetime-local" name="from" defaultValue={localText(range.kind === 'between' ? range.from : now - range.seconds * 1000)} />
      </label>
      <label>
        to <input type="datetime-local" name="to" defaultValue={localText(range.kind === 'between' ? range.to : now)} />
      </label>
      <button type="submit" className="primary">
        Show
      </button>
      <span role="alert" className="problem">
        {problem}
      </span>
    </form>
  );
}
