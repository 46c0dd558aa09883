import { useState } from 'react';
import type { Api, Queue } from '../api';
import { duration, value } from '../format';
import type { Access } from '../live_data';
import { visible } from '../visible_text';
import { PeekDialog } from './PeekDialog';

interface Props {
  api: Api;
  queues: Access<Queue[]> | undefined;
  onChanged: () => void;
}

const isDeadLetterQueue = (queue: Queue): boolean => !queue.deadLetterQueue;

export function Queues({ api, queues, onChanged }: Props) {
  const [open, setOpen] = useState<string | null>(null);
  if (!queues) return <p className="nothing loading">Loading…</p>;
  if (!queues.granted) {
    return (
      <p className="panel nothing" data-denied="queues">
        Queues, their messages and redriving need the scope <code>carillon/admin</code>; this token has <code>carillon/metrics</code> only.
      </p>
    );
  }
  const opened = queues.value.find((queue) => queue.name === open);
  return (
    <div className="panel">
      <div className="scroll" tabIndex={0} role="group" aria-label="Queues">
        <table data-table="queues">
          <thead>
            <tr>
              <th scope="col">Queue</th>
              <th scope="col" className="number">
                Depth
              </th>
              <th scope="col" className="number">
                In flight
              </th>
              <th scope="col" className="number">
                Oldest
              </th>
              <th scope="col">
                <span className="unseen">Messages</span>
              </th>
            </tr>
          </thead>
          <tbody>
            {queues.value.map((queue) => (
              <tr key={queue.name} data-queue={queue.name} data-dead={isDeadLetterQueue(queue) && queue.depth > 0 ? '' : undefined}>
                <th scope="row">{visible(queue.name)}</th>
                <td className="number" data-value={queue.depth}>
                  {value(queue.depth, 'count')}
                </td>
                <td className="number">{value(queue.inFlight, 'count')}</td>
                <td className="number">{queue.depth > 0 ? duration(queue.oldestAgeSeconds) : '–'}</td>
                <td>
                  <button type="button" disabled={queue.depth === 0} aria-label={`Peek at the messages of ${queue.name}`} onClick={() => setOpen(queue.name)}>
                    Peek
                  </button>
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      {opened && <PeekDialog api={api} queue={opened.name} deadLetters={isDeadLetterQueue(opened)} onChanged={onChanged} onClose={() => setOpen(null)} />}
    </div>
  );
}
