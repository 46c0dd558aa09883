import { time, value } from '../format';
import type { WidgetPlan } from '../widgets';
import type { Columns } from './Widget';

const MOST_ROWS = 200;

/** A chart's values as text, newest first. */
export function ValueTable({ plan, columns }: { plan: WidgetPlan; columns: Columns }) {
  const rows = columns.starts
    .map((start, index) => ({ start, values: columns.values.map((line) => line[index]!) }))
    .filter(({ values }) => values.some((each) => each !== null))
    .reverse()
    .slice(0, MOST_ROWS);
  return (
    <div className="scroll" tabIndex={0} role="group" aria-label={`Values of ${plan.title}`}>
      <table>
        <thead>
          <tr>
            <th scope="col">Time</th>
            {plan.lines.map((line) => (
              <th key={line.label} scope="col" className="number">
                {line.label}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map(({ start, values }) => (
            <tr key={start} data-start={start}>
              <th scope="row">{time(start)}</th>
              {values.map((each, index) => (
                <td key={plan.lines[index]!.label} className="number" data-value={each ?? ''}>
                  {value(each, plan.lines[index]!.unit)}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
