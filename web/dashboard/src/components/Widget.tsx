import { useMemo, useState } from 'react';
import { time } from '../format';
import type { Snapshot } from '../live_data';
import type { Theme } from '../theme';
import { type WidgetPlan, valueOf } from '../widgets';
import { Chart } from './Chart';
import { Legend } from './Legend';
import { ValueTable } from './ValueTable';

interface Props {
  plan: WidgetPlan;
  data: Snapshot;
  theme: Theme;
  onZoom: (from: number, to: number) => void;
}

/** The values of all lines at the starts of all periods. */
export interface Columns {
  starts: number[];
  values: (number | null)[][];
}

function columnsOf(plan: WidgetPlan, { span, at, series }: Snapshot): Columns {
  const ms = span.period * 1000;
  const starts = Array.from({ length: Math.max(1, Math.ceil((span.to - span.from) / ms)) }, (_, index) => span.from + index * ms);
  const values = plan.lines.map((line) => starts.map((start) => valueOf(series.get(line.metric)?.get(start), line, start, span.period, at)));
  return { starts, values };
}

function lastWithValue({ starts, values }: Columns): number | null {
  for (let index = starts.length - 1; index >= 0; index -= 1) if (values.some((line) => line[index] !== null)) return index;
  return null;
}

export function Widget({ plan, data, theme, onZoom }: Props) {
  const [cursor, setCursor] = useState<number | null>(null);
  const [asTable, setAsTable] = useState(false);
  const columns = useMemo(() => columnsOf(plan, data), [plan, data]);
  const latest = useMemo(() => lastWithValue(columns), [columns]);
  const shown = cursor !== null && cursor < columns.starts.length ? cursor : latest;
  const refusal = plan.lines.map((line) => data.refused.get(line.metric)).find(Boolean);
  const title = `${plan.id}-title`;

  return (
    <article className={plan.wide ? 'widget wide' : 'widget'} data-widget={plan.id} aria-labelledby={title}>
      <header>
        <h3 id={title}>{plan.title}</h3>
        <button type="button" aria-pressed={asTable} aria-label={`Table of ${plan.title}`} onClick={() => setAsTable(!asTable)} disabled={latest === null}>
          Table
        </button>
      </header>
      <p className="quiet">{plan.about}</p>
      <div className="plot">
        {latest !== null && !asTable && <Chart plan={plan} columns={columns} theme={theme} onCursor={setCursor} onZoom={onZoom} />}
        {latest !== null && asTable && <ValueTable plan={plan} columns={columns} />}
        {latest === null && <Nothing plan={plan} loaded={data.loaded} refusal={refusal} />}
      </div>
      <Legend plan={plan} columns={columns} points={data.series} index={shown} caption={shown === null ? '–' : `${cursor === null ? 'latest, ' : ''}${time(columns.starts[shown]!)}`} />
    </article>
  );
}

function Nothing({ plan, loaded, refusal }: { plan: WidgetPlan; loaded: boolean; refusal: string | undefined }) {
  if (!loaded) return <p className="nothing loading">Loading…</p>;
  if (refusal) return <p className="nothing problem">{refusal}</p>;
  return (
    <p className="nothing">
      No samples in this range.
      {plan.byClients && (
        <>
          {' '}
          Clients report with <code>POST /metrics</code>.
        </>
      )}
    </p>
  );
}
