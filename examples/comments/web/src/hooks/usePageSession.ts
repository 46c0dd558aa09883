import { useCallback, useEffect, useState } from 'react';
import { type Config, readConfig } from '../lib/config';
import { Session } from '../lib/session';

const KEY = 'comments.name';

/** Who uses this tab. Only the name is kept over a reload: the demo gives a token to any name. */
export function usePageSession() {
  const [config, setConfig] = useState<Config>();
  const [session, setSession] = useState<Session | null>();

  useEffect(() => {
    let left = false;
    void readConfig().then((read) => {
      if (left) return;
      const name = sessionStorage.getItem(KEY);
      setConfig(read);
      setSession(name ? new Session(read.apiUrl, name) : null);
    });
    return () => {
      left = true;
    };
  }, []);

  /** Rejects with an ApiError when the service does not take the name. */
  const signIn = useCallback(async (name: string) => {
    if (!config) return;
    const next = new Session(config.apiUrl, name);
    await next.fresh();
    sessionStorage.setItem(KEY, name);
    setSession(next);
  }, [config]);

  const signOut = useCallback(() => {
    sessionStorage.removeItem(KEY);
    setSession(null);
  }, []);

  /** `session`: undefined until it is known, null when nobody is signed in. */
  return { config, session, signIn, signOut };
}
