import { type Unit, value } from '../format';
import type { Snapshot } from '../live_data';

/** The row of big numbers: how it is now, whatever range the charts show. */
export function Current({ data }: { data: Snapshot }) {
  const { p50, p95, perSecond, connections } = data.current;
  const alarming = data.alarms?.filter((each) => each.state === 'ALARM').length;
  return (
    <>
      <p className="unseen" role="status">
        {alarming ? `Alarms on: ${alarming}` : ''}
      </p>
      <dl className="tiles" aria-label="Now">
        <Tile id="p50" name="End to end, p50" about="of this minute" amount={p50} unit="ms" />
        <Tile id="p95" name="End to end, p95" about="of this minute" amount={p95} unit="ms" />
        <Tile id="rate" name="Messages" about="over 10 s" amount={perSecond} unit="per_second" />
        <Tile id="connections" name="Connections" about="live" amount={connections} unit="count" />
        <div className="tile" data-tile="alarms" data-state={alarming ? 'ALARM' : 'OK'}>
          <dt>Alarms</dt>
          <dd>
            <a href="#alarms">{alarming === undefined ? '–' : alarming === 0 ? 'none' : alarming}</a>
            <small>of {data.alarms?.length ?? '–'}</small>
          </dd>
        </div>
      </dl>
    </>
  );
}

function Tile({ id, name, about, amount, unit }: { id: string; name: string; about: string; amount: number | null | undefined; unit: Unit }) {
  return (
    <div className="tile" data-tile={id}>
      <dt>{name}</dt>
      <dd>
        <span data-value={amount ?? ''}>{value(amount, unit)}</span>
        <small>{about}</small>
      </dd>
    </div>
  );
}
