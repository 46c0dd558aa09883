import { useEffect, useState } from 'react';
import { type Theme, applyTheme, chooseTheme, system } from './theme';

/** The theme, and what switches to the other one. */
export function useTheme(): [Theme, () => void] {
  const [theme, setTheme] = useState(applyTheme);
  useEffect(() => {
    const follow = () => setTheme(applyTheme());
    system.addEventListener('change', follow);
    return () => system.removeEventListener('change', follow);
  }, []);
  const toggle = () => {
    chooseTheme(theme === 'dark' ? 'light' : 'dark');
    setTheme(applyTheme());
  };
  return [theme, toggle];
}
