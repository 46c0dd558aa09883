/** The element that `selector` names below `root`; it is there, or the page is broken. */
export function find<Found extends Element = HTMLElement>(root: ParentNode, selector: string): Found {
  const found = root.querySelector<Found>(selector);
  if (!found) throw new Error(`nothing on the page is ${selector}`);
  return found;
}

/** A new element that holds text, which is never markup. */
export function textElement<Tag extends keyof HTMLElementTagNameMap>(tag: Tag, className: string, text: string): HTMLElementTagNameMap[Tag] {
  const made = document.createElement(tag);
  made.className = className;
  made.textContent = text;
  return made;
}

/** Shows a problem, or none. */
export function showProblem(place: HTMLElement, text: string | undefined): void {
  place.hidden = text === undefined;
  place.textContent = text ?? '';
}

export const textOf = (thrown: unknown): string => (thrown instanceof Error ? thrown.message : String(thrown));
