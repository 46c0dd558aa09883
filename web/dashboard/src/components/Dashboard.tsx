import { useEffect, useState, useSyncExternalStore } from 'react';
import type { Api } from '../api';
import { LiveData } from '../live_data';
import type { Range } from '../ranges';
import type { Theme } from '../theme';
import { CONNECTION_WIDGET, ERROR_WIDGETS, LATENCY_WIDGETS, QUEUE_WIDGET, type WidgetPlan } from '../widgets';
import { Alarms } from './Alarms';
import { Connections } from './Connections';
import { Current } from './Current';
import { Queues } from './Queues';
import { Status } from './Status';
import { Toolbar } from './Toolbar';
import { Widget } from './Widget';

interface Props {
  api: Api;
  theme: Theme;
  onToggleTheme: () => void;
  onSignOut: (why?: string) => void;
}

export function Dashboard({ api, theme, onToggleTheme, onSignOut }: Props) {
  const [range, setRange] = useState<Range>({ kind: 'last', seconds: 3600 });
  const [paused, setPaused] = useState(false);
  // One for the life of the page: another range or a pause is told to it below.
  const [live] = useState(() => new LiveData(api, range, onSignOut));
  const data = useSyncExternalStore(live.subscribe, live.read);

  useEffect(() => live.start(), [live]);
  useEffect(() => live.setRange(range), [live, range]);
  const pause = () => {
    setPaused(!paused);
    live.setPaused(!paused);
  };

  const widget = (plan: WidgetPlan) => <Widget key={plan.id} plan={plan} data={data} theme={theme} onZoom={(from, to) => setRange({ kind: 'between', from, to })} />;
  return (
    <>
      <Toolbar range={range} onRange={setRange} paused={paused} onPause={pause} theme={theme} onToggleTheme={onToggleTheme} onSignOut={() => onSignOut()} />
      <main className="dashboard">
        <Status data={data} paused={paused} onRetry={live.refresh} />
        <Current data={data} />
        <section aria-labelledby="latency" className="grid">
          <h2 id="latency">Latency and throughput</h2>
          {LATENCY_WIDGETS.map(widget)}
        </section>
        <section aria-labelledby="errors" className="grid pair">
          <h2 id="errors">Error rates</h2>
          {ERROR_WIDGETS.map(widget)}
        </section>
        <section aria-labelledby="queues" className="grid pair">
          <h2 id="queues">Queues and dead letters</h2>
          {widget(QUEUE_WIDGET)}
          <Queues api={api} queues={data.queues} onChanged={live.refresh} />
        </section>
        <section aria-labelledby="connections" className="grid pair">
          <h2 id="connections">Connections</h2>
          {widget(CONNECTION_WIDGET)}
          <Connections api={api} />
        </section>
        <section aria-labelledby="alarms" className="grid">
          <h2 id="alarms" tabIndex={-1}>
            Alarms
          </h2>
          <Alarms alarms={data.alarms} />
        </section>
      </main>
    </>
  );
}
