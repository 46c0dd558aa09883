// Who is signed in: the token is in this tab's sessionStorage and nowhere else.
const KEY = 'carillon.token';

/** The token of a `…/dashboard/#token=…` link. The address loses it at once, before anything else can see it. */
export function tokenOfLink(): string | null {
  const token = new URLSearchParams(location.hash.slice(1)).get('token');
  if (token !== null) history.replaceState(null, '', location.pathname + location.search);
  return token || null;
}

export const storedToken = (): string | null => sessionStorage.getItem(KEY);
export const storeToken = (token: string): void => sessionStorage.setItem(KEY, token);
export const forgetToken = (): void => sessionStorage.removeItem(KEY);

/** What somebody pasted, without what is easily pasted with it. */
export const cleanToken = (pasted: string): string => pasted.trim().replace(/^Bearer\s+/i, '');
