// Text of strangers, with whatever would hide, reorder or overwrite written out.

// Controls but line feed and tab, bidi controls, zero-width and other invisible characters, lone surrogates. Not
// U+FE0F, which half of all emoji end in.
const UNSEEN =
  /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180e\u200b-\u200f\u2028-\u202f\u205f-\u206f\u3164\ufe00-\ufe0e\ufeff\uffa0\ufff9-\ufffb\p{Cs}]|[\u{e0000}-\u{e0fff}]/gu;

export const visible = (text: string): string =>
  text.replace(UNSEEN, (character) => `\\u{${character.codePointAt(0)!.toString(16)}}`);

const MOST_CHARACTERS = 4000;

/** A message's payload as JSON, cut where it would be too much to look at. */
export function shownPayload(payload: unknown): string {
  const text = JSON.stringify(payload, null, 2) ?? '';
  const shown = visible(text.slice(0, MOST_CHARACTERS));
  return text.length > MOST_CHARACTERS ? `${shown}\n… ${text.length - MOST_CHARACTERS} more characters` : shown;
}
