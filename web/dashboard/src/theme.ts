// Light or dark: the system's choice, or the reader's.
export type Theme = 'light' | 'dark';
const KEY = 'carillon.theme';
export const system = matchMedia('(prefers-color-scheme: dark)');

const chosen = (): Theme | null => {
  const value = localStorage.getItem(KEY);
  return value === 'light' || value === 'dark' ? value : null;
};

export function applyTheme(): Theme {
  const choice = chosen();
  if (choice) document.documentElement.dataset.theme = choice;
  else delete document.documentElement.dataset.theme;
  return choice ?? (system.matches ? 'dark' : 'light');
}

/** What is chosen from now on; the system's own choice is followed again once the reader is back at it. */
export function chooseTheme(theme: Theme): void {
  if ((theme === 'dark') === system.matches) localStorage.removeItem(KEY);
  else localStorage.setItem(KEY, theme);
}
