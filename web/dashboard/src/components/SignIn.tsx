import { type FormEvent, useCallback, useEffect, useRef, useState } from 'react';
import { Api, Refusal } from '../api';
import { cleanToken } from '../session';

const REASONS: Record<number, string> = {
  401: 'The server does not accept this token: it may have expired, or come from another issuer.',
  403: 'The token is valid, but has neither the scope carillon/metrics nor carillon/admin.',
};

interface Props {
  why?: string | undefined;
  /** A token that came with the link: tried at once. */
  offered?: string | undefined;
  onSignedIn: (token: string) => void;
}

export function SignIn({ why, offered, onSignedIn }: Props) {
  const [problem, setProblem] = useState(why);
  const [busy, setBusy] = useState(offered !== undefined);
  const field = useRef<HTMLTextAreaElement>(null);

  const attempt = useCallback(
    async (token: string) => {
      setBusy(true);
      setProblem(undefined);
      try {
        await new Api(token).alarms();
        onSignedIn(token);
      } catch (error) {
        const status = error instanceof Refusal ? error.status : 0;
        setProblem(REASONS[status] ?? (error instanceof Error ? error.message : String(error)));
        setBusy(false);
      }
    },
    [onSignedIn],
  );

  useEffect(() => {
    if (offered) void attempt(offered);
  }, [offered, attempt]);
  useEffect(() => {
    if (!busy) field.current?.focus();
  }, [busy]);

  const submit = (event: FormEvent) => {
    event.preventDefault();
    const token = cleanToken(field.current?.value ?? '');
    if (/^[\w-]+\.[\w-]+\.[\w-]+$/.test(token)) void attempt(token);
    else setProblem('This is no token: three parts with dots between them are expected.');
  };

  return (
    <main className="sign-in">
      <h1>NotificationService-Latency</h1>
      <form onSubmit={submit} noValidate>
        <label htmlFor="token">Token with the scope carillon/metrics or carillon/admin</label>
        <textarea id="token" ref={field} rows={5} spellCheck={false} autoComplete="off" autoCapitalize="off" disabled={busy} aria-describedby="problem about-token" aria-invalid={problem !== undefined} />
        <p id="problem" role="alert" className="problem">
          {problem}
        </p>
        <button type="submit" className="primary" disabled={busy}>
          {busy ? 'Signing in…' : 'Sign in'}
        </button>
        <p id="about-token" className="quiet">
          It stays in this tab until the tab is closed. In development, <code>script/run</code> prints a link that is signed in.
        </p>
      </form>
    </main>
  );
}
