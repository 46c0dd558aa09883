import { useCallback, useEffect, useMemo, useState } from 'react';
import { Api } from '../api';
import { forgetToken, storeToken, storedToken, tokenOfLink } from '../session';
import { useTheme } from '../use_theme';
import { Dashboard } from './Dashboard';
import { SignIn } from './SignIn';

interface Session {
  token?: string;
  /** Why there is no token any more. */
  why?: string | undefined;
  /** A token that came with a link, not tried yet. */
  offered?: string;
}

const opening = (): Session => {
  const offered = tokenOfLink();
  if (offered) return { offered };
  const token = storedToken();
  return token ? { token } : {};
};

export function App() {
  const [session, setSession] = useState<Session>(opening);
  const [theme, toggleTheme] = useTheme();

  // A signed-in link may be opened in a tab that has the page already.
  useEffect(() => {
    const take = () => {
      const offered = tokenOfLink();
      if (offered) setSession({ offered });
    };
    addEventListener('hashchange', take);
    return () => removeEventListener('hashchange', take);
  }, []);

  const signIn = useCallback((token: string) => {
    storeToken(token);
    setSession({ token });
  }, []);
  const signOut = useCallback((why?: string) => {
    forgetToken();
    setSession({ why });
  }, []);

  const { token, why, offered } = session;
  const api = useMemo(() => (token === undefined ? null : new Api(token)), [token]);

  if (api) return <Dashboard key={token} api={api} theme={theme} onToggleTheme={toggleTheme} onSignOut={signOut} />;
  return <SignIn why={why} offered={offered} onSignedIn={signIn} />;
}
