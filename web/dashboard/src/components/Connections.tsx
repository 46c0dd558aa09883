import { type FormEvent, useState } from 'react';
import { type Api, type Connection, Refusal } from '../api';
import { time } from '../format';
import { visible } from '../visible_text';

const MOST_CHATS = 5;

type Found = { user: string; list: Connection[] } | { problem: string } | null;

const chats = (all: string[]): string => all.slice(0, MOST_CHATS).map(visible).join(', ') + (all.length > MOST_CHATS ? ` and ${all.length - MOST_CHATS} more` : '');

export function Connections({ api }: { api: Api }) {
  const [found, setFound] = useState<Found>(null);
  const [busy, setBusy] = useState(false);

  const look = async (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const user = String(new FormData(event.currentTarget).get('user')).trim();
    if (user === '') return setFound({ problem: 'A user id is needed.' });
    setBusy(true);
    try {
      setFound({ user, list: await api.connectionsOf(user) });
    } catch (error) {
      const denied = error instanceof Refusal && error.status === 403;
      setFound({ problem: denied ? 'Other users’ connections need the scope carillon/admin.' : error instanceof Error ? error.message : String(error) });
    }
    setBusy(false);
  };

  return (
    <div className="panel">
      <form className="look-up" onSubmit={look} noValidate>
        <label htmlFor="user">Connections of user</label>
        <input id="user" name="user" autoComplete="off" autoCapitalize="off" spellCheck={false} />
        <button type="submit" disabled={busy}>
          Look up
        </button>
      </form>
      <div role="status">
        {found && 'problem' in found && <p className="problem">{found.problem}</p>}
        {found && 'list' in found && <p>{found.list.length === 0 ? `${visible(found.user)} is not connected.` : `${found.list.length} of ${visible(found.user)}:`}</p>}
      </div>
      {found && 'list' in found && found.list.length > 0 && <ConnectionTable list={found.list} />}
    </div>
  );
}

function ConnectionTable({ list }: { list: Connection[] }) {
  return (
    <div className="scroll" tabIndex={0} role="group" aria-label="Connections found">
      <table data-table="connections">
        <thead>
          <tr>
            <th scope="col">Connection</th>
            <th scope="col">Chats</th>
            <th scope="col">Connected</th>
            <th scope="col">Last active</th>
            <th scope="col">Address</th>
            <th scope="col">Program</th>
          </tr>
        </thead>
        <tbody>
          {list.map((each) => (
            <tr key={each.connectionId}>
              <th scope="row">
                <code>{visible(each.connectionId)}</code>
              </th>
              <td className="text">{chats(each.chatIds)}</td>
              <td>{time(Date.parse(each.connectedAt))}</td>
              <td>{time(Date.parse(each.lastActiveAt))}</td>
              <td>{visible(each.sourceIp)}</td>
              <td className="text">{visible(each.userAgent)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
