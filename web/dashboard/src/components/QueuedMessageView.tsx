import type { QueuedMessage } from '../api';
import { time } from '../format';
import { shownPayload, visible } from '../visible_text';

const MOST_FAILED = 20;

interface Props {
  message: QueuedMessage;
  selected: boolean;
  onSelect?: (() => void) | undefined;
}

/** One message as text: what strangers wrote is never markup, and nothing in it is invisible. */
export function QueuedMessageView({ message, selected, onSelect }: Props) {
  const target = message.targetId === undefined ? message.targetClass : `${message.targetClass}:${message.targetId}`;
  const failed = message.failed ?? [];
  return (
    <li data-message={message.messageId}>
      <label className="heading">
        {onSelect && <input type="checkbox" checked={selected} onChange={onSelect} aria-label={`Select ${message.messageId}`} />}
        <code>{message.messageId}</code>
      </label>
      <p className="quiet">
        {visible(message.messageType)} to {visible(target)}
        {message.sequenceNumber !== undefined && `, number ${message.sequenceNumber}`} · {visible(message.eventType)} by {visible(message.userId)} · {time(Date.parse(message.timestamp))} · {message.attempts} attempts
      </p>
      {message.reason && <p>{visible(message.reason)}</p>}
      {failed.length > 0 && (
        <ul>
          {failed.slice(0, MOST_FAILED).map((each) => (
            <li key={`${each.userId} ${each.connectionId}`}>
              {visible(each.userId)}: {visible(each.reason)}
            </li>
          ))}
          {failed.length > MOST_FAILED && <li>… {failed.length - MOST_FAILED} more</li>}
        </ul>
      )}
      <pre tabIndex={0} aria-label={`Payload of ${message.messageId}`}>
        {shownPayload(message.payload)}
      </pre>
    </li>
  );
}
