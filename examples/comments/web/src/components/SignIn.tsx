import { type FormEvent, useId, useState } from 'react';
import { wordsFor } from '../lib/api';
import styles from './SignIn.module.css';

export function SignIn({ signIn }: { signIn: (name: string) => Promise<void> }) {
  const [name, setName] = useState('');
  const [problem, setProblem] = useState('');
  const [busy, setBusy] = useState(false);
  const id = useId();

  const submit = async (event: FormEvent) => {
    event.preventDefault();
    setBusy(true);
    setProblem('');
    try {
      await signIn(name.trim());
    } catch (error) {
      setProblem(wordsFor(error));
      setBusy(false);
    }
  };

  return (
    <section className={styles.card} aria-labelledby={`${id}-title`}>
      <h2 id={`${id}-title`}>Join in</h2>
      <form onSubmit={(event) => void submit(event)}>
        <label htmlFor={id}>Your name</label>
        <div className={styles.row}>
          <input
            id={id}
            value={name}
            onChange={(event) => setName(event.target.value)}
            required
            maxLength={64}
            pattern="\s*[A-Za-z0-9._\-]+\s*"
            title="Letters, digits, dots, dashes and underscores"
            autoComplete="off"
            autoCapitalize="none"
            spellCheck={false}
            aria-describedby={`${id}-hint ${id}-problem`}
          />
          <button className="primary" disabled={busy || !name.trim()}>Sign in</button>
        </div>
        <p id={`${id}-hint`} className="quiet">Any name of letters, digits, dots and dashes. This is a demonstration: there are no passwords.</p>
        <p id={`${id}-problem`} className="problem" role="alert">{problem}</p>
      </form>
    </section>
  );
}
