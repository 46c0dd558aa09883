import { CommentsApi } from './api';

/** A token is renewed this long before it expires. */
const MARGIN_MS = 60_000;

/** Who one is, with a token that is good for now. Nothing secret is kept anywhere but in memory. */
export class Session {
  private current?: { token: string; expiresAt: number };
  private asked?: Promise<string>;
  private readonly api: CommentsApi;

  constructor(apiUrl: string, readonly userId: string) {
    this.api = new CommentsApi(apiUrl);
  }

  /** The present token while it lasts. */
  async token(): Promise<string> {
    const { current } = this;
    return current && current.expiresAt - Date.now() > MARGIN_MS ? current.token : this.fresh();
  }

  /** A new token. Those who ask at the same time get the same one. */
  fresh(): Promise<string> {
    this.asked ??= this.api
      .signIn(this.userId)
      .then((answer) => (this.current = answer).token)
      .finally(() => (this.asked = undefined));
    return this.asked;
  }
}
