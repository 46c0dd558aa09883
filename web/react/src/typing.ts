/** Said again while somebody goes on typing. */
const REPEAT_MS = 3000;
/** Without a further key somebody does not type any more. */
const PAUSE_MS = 4000;
/** What was not said again for so long is over: the end of it may have been lost. */
const FORGET_MS = 7000;

type Timer = ReturnType<typeof setTimeout>;

/** Who types: we, told to the others at most every three seconds, and the others, as long as they say so. */
export class Typing {
  readonly #tell: (on: boolean) => void;
  readonly #changed: () => void;
  readonly #others = new Map<string, Timer>();
  #users: readonly string[] = [];
  #told: number | undefined;
  #pause: Timer | undefined;

  constructor(tell: (on: boolean) => void, changed: () => void) {
    this.#tell = tell;
    this.#changed = changed;
  }

  users(): readonly string[] {
    return this.#users;
  }

  /** A key was pressed, or the field is empty again. */
  set(on: boolean): void {
    clearTimeout(this.#pause);
    if (!on) {
      if (this.#told !== undefined) this.#tell(false);
      this.#told = undefined;
      return;
    }
    this.#pause = setTimeout(() => this.set(false), PAUSE_MS);
    const now = performance.now();
    if (this.#told !== undefined && now - this.#told < REPEAT_MS) return;
    this.#told = now;
    this.#tell(true);
  }

  /** A message says it too. */
  sent(): void {
    clearTimeout(this.#pause);
    this.#told = undefined;
  }

  heard(user: string, on: boolean): void {
    const known = this.#others.has(user);
    clearTimeout(this.#others.get(user));
    if (on) this.#others.set(user, setTimeout(() => this.heard(user, false), FORGET_MS));
    else this.#others.delete(user);
    if (known !== on) this.#publish();
  }

  /** Nobody types. */
  forget(): void {
    for (const timer of this.#others.values()) clearTimeout(timer);
    this.#others.clear();
    this.#publish();
  }

  stop(): void {
    this.set(false);
    this.forget();
  }

  #publish(): void {
    this.#users = [...this.#others.keys()];
    this.#changed();
  }
}
