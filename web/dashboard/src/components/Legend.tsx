import type { Point } from '../api';
import { value } from '../format';
import type { Line, WidgetPlan } from '../widgets';
import type { Columns } from './Widget';

interface Props {
  plan: WidgetPlan;
  columns: Columns;
  points: ReadonlyMap<string, ReadonlyMap<number, Point>>;
  index: number | null;
  caption: string;
}

const isEvents = (line: Line): boolean => line.statistic === 'sum' || line.statistic === 'rate';

/** Of events how many in all, of the rest the highest value. */
function overall(line: Line, values: (number | null)[], points: ReadonlyMap<number, Point> | undefined): number | null {
  if (!points || points.size === 0) return null;
  if (isEvents(line)) return [...points.values()].reduce((sum, point) => sum + point.sum, 0);
  return values.reduce<number | null>((most, each) => (each !== null && (most === null || each > most) ? each : most), null);
}

/** The read-out below a chart: what the cursor is at, else the newest values. It says in text what the chart draws. */
export function Legend({ plan, columns, points, index, caption }: Props) {
  const total = plan.lines.some(isEvents);
  const highest = plan.lines.some((line) => !isEvents(line));
  return (
    <table className="legend" data-start={index === null ? '' : columns.starts[index]}>
      <thead>
        <tr>
          <th scope="col">
            <span className="unseen">Line</span>
          </th>
          <th scope="col" className="number">
            {caption}
          </th>
          <th scope="col" className="number">
            {total && highest ? 'highest / total' : total ? 'total' : 'highest'}
          </th>
        </tr>
      </thead>
      <tbody>
        {plan.lines.map((line, number) => {
          const values = columns.values[number]!;
          const now = index === null ? null : values[index];
          const all = overall(line, values, points.get(line.metric));
          return (
            <tr key={`${line.metric}.${line.statistic}`} data-line={`${line.metric}.${line.statistic}`}>
              <th scope="row">
                <Swatch line={line} />
                {line.label}
              </th>
              <td className="number" data-value={now ?? ''}>
                {value(now, line.unit)}
              </td>
              <td className="number" data-overall={all ?? ''}>
                {value(all, isEvents(line) ? 'count' : line.unit)}
              </td>
            </tr>
          );
        })}
      </tbody>
    </table>
  );
}

function Swatch({ line }: { line: Line }) {
  return (
    <svg className="swatch" viewBox="0 0 18 6" aria-hidden="true">
      <line x1="0" y1="3" x2="18" y2="3" strokeWidth="2.5" strokeDasharray={line.dash?.join(' ')} style={{ stroke: `var(${line.colour})` }} />
    </svg>
  );
}
