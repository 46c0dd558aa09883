import { useCallback, useEffect, useRef, useState } from 'react';
import type { Api, QueuedMessage } from '../api';
import { visible } from '../visible_text';
import { QueuedMessageView } from './QueuedMessageView';

const MOST_SHOWN = 20;

interface Props {
  api: Api;
  queue: string;
  /** Whether it can be redriven. */
  deadLetters: boolean;
  onChanged: () => void;
  onClose: () => void;
}

const reasonOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
const messages = (count: number): string => (count === 1 ? '1 message' : `${count} messages`);

export function PeekDialog({ api, queue, deadLetters, onChanged, onClose }: Props) {
  const dialog = useRef<HTMLDialogElement>(null);
  const [list, setList] = useState<QueuedMessage[] | null>(null);
  const [problem, setProblem] = useState('');
  const [selected, setSelected] = useState<ReadonlySet<string>>(new Set());

  const load = useCallback(async () => {
    try {
      setList(await api.peek(queue, MOST_SHOWN));
      setProblem('');
    } catch (error) {
      setProblem(reasonOf(error));
    }
  }, [api, queue]);
  useEffect(() => {
    dialog.current?.showModal();
    void load();
  }, [load]);

  const toggle = (id: string) => {
    const next = new Set(selected);
    if (!next.delete(id)) next.add(id);
    setSelected(next);
  };
  const redriven = () => {
    setSelected(new Set());
    void load();
    onChanged();
  };

  return (
    <dialog ref={dialog} aria-labelledby="peek-title" onClose={onClose}>
      <header>
        <h2 id="peek-title">{visible(queue)}</h2>
        <button type="button" onClick={() => dialog.current?.close()}>
          Close
        </button>
      </header>
      {problem && (
        <p role="alert" className="problem">
          {problem}
        </p>
      )}
      {!list && !problem && <p className="nothing loading">Loading…</p>}
      {list && <p className="quiet">{list.length === MOST_SHOWN ? `The oldest ${MOST_SHOWN} messages.` : `${messages(list.length)}, oldest first.`}</p>}
      {deadLetters && list && <Redrive api={api} queue={queue} selected={[...selected]} empty={list.length === 0} onDone={redriven} />}
      <ol className="messages" tabIndex={0} aria-label="Messages">
        {list?.map((message) => (
          <QueuedMessageView key={message.messageId} message={message} onSelect={deadLetters ? () => toggle(message.messageId) : undefined} selected={selected.has(message.messageId)} />
        ))}
      </ol>
    </dialog>
  );
}

interface RedriveProps {
  api: Api;
  queue: string;
  selected: string[];
  empty: boolean;
  onDone: () => void;
}

/** Asks once more before anything is sent again, and says what came of it. */
function Redrive({ api, queue, selected, empty, onDone }: RedriveProps) {
  const [asked, setAsked] = useState<{ ids?: string[] } | null>(null);
  const [busy, setBusy] = useState(false);
  const [result, setResult] = useState('');

  const redrive = async () => {
    setBusy(true);
    try {
      setResult(`${messages(await api.redrive(queue, asked?.ids))} redriven.`);
      onDone();
    } catch (error) {
      setResult(`Nothing was redriven: ${reasonOf(error)}`);
    }
    setBusy(false);
    setAsked(null);
  };

  return (
    <div className="redrive">
      {asked ? (
        <fieldset disabled={busy}>
          <legend>
            Send {asked.ids ? messages(asked.ids.length) : 'all messages of this queue'} once more to those who did not get {asked.ids?.length === 1 ? 'it' : 'them'}?
          </legend>
          <button type="button" className="primary" autoFocus onClick={redrive}>
            {busy ? 'Redriving…' : 'Redrive'}
          </button>
          <button type="button" onClick={() => setAsked(null)}>
            Cancel
          </button>
        </fieldset>
      ) : (
        <>
          <button type="button" disabled={empty} onClick={() => setAsked({})}>
            Redrive all
          </button>
          <button type="button" disabled={selected.length === 0} onClick={() => setAsked({ ids: selected })}>
            Redrive selected{selected.length > 0 && ` (${selected.length})`}
          </button>
        </>
      )}
      <p role="status">{result}</p>
    </div>
  );
}
