import type { Alarm } from '../api';
import { duration, time, value } from '../format';
import { visible } from '../visible_text';

const STATES: Record<string, string> = { OK: 'OK', ALARM: 'ALARM', INSUFFICIENT_DATA: 'Insufficient data' };
/** Alarming ones first, then by name. */
const ORDER = ['ALARM', 'INSUFFICIENT_DATA', 'OK'];

const amount = (alarm: Alarm, figure: number | null): string =>
  alarm.unit === 'ms' || alarm.unit === 's' ? value(figure, alarm.unit) : value(figure, 'count');

/** Only a paragraph of the runbook that comes with the page is linked to, whatever the answer holds. */
function runbookLink(alarm: Alarm): string {
  const id = /#([\w-]+)$/.exec(alarm.runbook)?.[1];
  return id ? `runbook.html#${id}` : 'runbook.html';
}

export function Alarms({ alarms }: { alarms: Alarm[] | undefined }) {
  if (!alarms) return <p className="nothing loading">Loading…</p>;
  if (alarms.length === 0) return <p className="nothing">No alarm is configured.</p>;
  const sorted = [...alarms].sort((a, b) => ORDER.indexOf(a.state) - ORDER.indexOf(b.state) || a.name.localeCompare(b.name));
  return (
    <div className="panel wide scroll" tabIndex={0} role="group" aria-label="Alarms">
      <table data-table="alarms">
        <thead>
          <tr>
            <th scope="col">Alarm</th>
            <th scope="col">State</th>
            <th scope="col">Since</th>
            <th scope="col" className="number">
              Value
            </th>
            <th scope="col">Condition</th>
            <th scope="col">Reason</th>
            <th scope="col">What to do</th>
          </tr>
        </thead>
        <tbody>
          {sorted.map((alarm) => (
            <tr key={alarm.name} data-alarm={alarm.name} data-state={alarm.state}>
              <th scope="row">{visible(alarm.name)}</th>
              <td>
                <span className="state">{STATES[alarm.state] ?? alarm.state}</span>
              </td>
              <td>{time(Date.parse(alarm.since))}</td>
              <td className="number">{amount(alarm, alarm.value)}</td>
              <td className="text">
                {alarm.statistic} of {alarm.metric} over {amount(alarm, alarm.threshold)}, {alarm.evaluationPeriods} × {duration(alarm.period)}
              </td>
              <td className="text">{visible(alarm.reason)}</td>
              <td>
                <a href={runbookLink(alarm)}>Runbook: {visible(alarm.name)}</a>
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
