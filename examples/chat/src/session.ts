// Who is signed in: whoever has the link that `carillon serve --dev` prints. Its token stays in this tab, and the
// server gives two people tokens of their own for it.
const KEY = 'carillon.token';

export interface Participant {
  userId: string;
  token: string;
}

interface Answer {
  chatId: string;
  users: Participant[];
}

/** What the server thinks of the link's token. */
export class NotSignedIn extends Error {}

/** Keeps the token of a `…/try/#token=…` link, which the address loses at once; answers whether there was one. */
export function keepLinkToken(): boolean {
  const token = new URLSearchParams(location.hash.slice(1)).get('token');
  if (token !== null) history.replaceState(null, '', location.pathname + location.search);
  if (token) sessionStorage.setItem(KEY, token);
  return Boolean(token);
}

/** The token of this tab. */
export const keptToken = (): string | null => sessionStorage.getItem(KEY);

/** The token in what somebody pasted: a whole link, or the token alone. */
export function keepPasted(pasted: string): string {
  const text = pasted.trim();
  const token = /[#&]token=([^&\s]+)/.exec(text)?.[1] ?? text.replace(/^Bearer\s+/i, '');
  sessionStorage.setItem(KEY, token);
  return token;
}

async function ask(server: URL, token: string): Promise<Answer> {
  let response: Response;
  try {
    response = await fetch(new URL('try/session', server), { method: 'POST', headers: { authorization: `Bearer ${token}` } });
  } catch {
    throw new Error('The server does not answer.');
  }
  if (response.status === 401) throw new NotSignedIn('The link is no longer good: it lasts for 24 hours, and for the data that the server was started with.');
  if (response.status === 403) throw new NotSignedIn('That token is of somebody who may not open this page.');
  if (response.status === 404) throw new Error('This page works under “carillon serve --dev” only.');
  if (!response.ok) throw new Error(`The server answered ${response.status}.`);
  return (await response.json()) as Answer;
}

/** The two people's tokens: each is given out once, and then there are fresh ones. */
export class Session {
  readonly chatId: string;
  readonly people: readonly string[];
  readonly #server: URL;
  readonly #token: string;
  readonly #fresh = new Map<string, string>();

  private constructor(server: URL, token: string, answer: Answer) {
    this.#server = server;
    this.#token = token;
    this.chatId = answer.chatId;
    this.people = answer.users.map(({ userId }) => userId);
    this.#keep(answer);
  }

  static async open(server: URL, token: string): Promise<Session> {
    return new Session(server, token, await ask(server, token));
  }

  async tokenOf(userId: string): Promise<string> {
    if (!this.#fresh.has(userId)) this.#keep(await ask(this.#server, this.#token));
    const token = this.#fresh.get(userId);
    this.#fresh.delete(userId);
    if (token === undefined) throw new NotSignedIn(`The server has no token for ${userId}.`);
    return token;
  }

  #keep({ users }: Answer): void {
    for (const { userId, token } of users) this.#fresh.set(userId, token);
  }
}
