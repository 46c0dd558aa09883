import styles from './Avatar.module.css';

const HUES = 8;

/** A coloured circle with the name's first letter; the same name has the same colour everywhere. */
export function Avatar({ name }: { name: string }) {
  let sum = 0;
  for (const character of name) sum = (sum * 31 + (character.codePointAt(0) ?? 0)) % 997;
  return <span className={styles.avatar} data-hue={sum % HUES} aria-hidden="true">{[...name][0]?.toUpperCase()}</span>;
}
