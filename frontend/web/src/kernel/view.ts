/**
 * Elements with live parts: a property or child that is a function follows the signals it reads.
 * There is no second tree to compare; what changes is changed where it stands.
 */
import { effect, onEnd, root, signal, untracked, type Signal } from "./signal";

export type Child = Node | string | number | null | undefined | false | (() => Child) | Child[];
type Prop = unknown;
export type Props = Record<string, Prop>;

const SVG = "http://www.w3.org/2000/svg";

/** An HTML element. `onclick` and its like listen; `class:on` switches a class. */
export function h<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  props?: Props | null,
  ...children: Child[]
): HTMLElementTagNameMap[K] {
  return furnish(document.createElement(tag), props, children);
}

/** An SVG element. */
export function s<K extends keyof SVGElementTagNameMap>(
  tag: K,
  props?: Props | null,
  ...children: Child[]
): SVGElementTagNameMap[K] {
  return furnish(document.createElementNS(SVG, tag) as SVGElementTagNameMap[K], props, children);
}

function furnish<E extends Element>(element: E, props: Props | null | undefined, children: Child[]): E {
  // Children first: a select can take its value only once its options are there.
  append(element, children);
  for (const [name, value] of Object.entries(props ?? {})) {
    if (name.startsWith("on")) {
      element.addEventListener(name.slice(2), value as EventListener);
    } else if (name === "ref") {
      (value as (element: E) => void)(element);
    } else if (typeof value === "function") {
      effect(() => put(element, name, (value as () => Prop)()));
    } else {
      put(element, name, value);
    }
  }
  return element;
}

function put(element: Element, name: string, value: Prop): void {
  if (name.startsWith("class:")) {
    element.classList.toggle(name.slice(6), Boolean(value));
  } else if (name.startsWith("style:")) {
    // By the object model: a style attribute would be against the page's security policy.
    (element as HTMLElement).style.setProperty(name.slice(6), String(value));
  } else if (name === "value" || name === "checked" || name === "disabled" || name === "hidden") {
    (element as unknown as Props)[name] = value;
  } else if (value === null || value === undefined || value === false) {
    element.removeAttribute(name);
  } else {
    element.setAttribute(name, value === true ? "" : String(value));
  }
}

function append(parent: Node, children: Child[]): void {
  for (const child of children) {
    if (Array.isArray(child)) append(parent, child);
    else if (typeof child === "function") parent.appendChild(live(child));
    else if (child instanceof Node) parent.appendChild(child);
    else if (child !== null && child !== undefined && child !== false) {
      parent.appendChild(document.createTextNode(String(child)));
    }
  }
}

/** A place whose content follows a function: all that stands between two marks. */
function live(content: () => Child): Node {
  const piece = document.createDocumentFragment();
  const start = piece.appendChild(document.createComment(""));
  const end = piece.appendChild(document.createComment(""));
  let text: Text | undefined;
  effect(() => {
    const next = content();
    const plain = typeof next === "string" || typeof next === "number";
    if (text && plain) {
      if (text.data !== String(next)) text.data = String(next);
      return;
    }
    while (start.nextSibling && start.nextSibling !== end) start.nextSibling.remove();
    const fresh = document.createDocumentFragment();
    append(fresh, [next]);
    text = plain ? (fresh.firstChild as Text) : undefined;
    end.parentNode?.insertBefore(fresh, end);
  });
  return piece;
}

/**
 * A list whose elements stay while their key stays, so that focus, motion and countdowns survive
 * a change of the list.
 */
export function each<T>(
  items: () => readonly T[],
  key: (item: T) => string | number,
  view: (item: Signal<T>) => Element,
): Node {
  const piece = document.createDocumentFragment();
  const end = document.createComment("");
  piece.appendChild(end);
  const known = new Map<string | number, { item: Signal<T>; element: Element; close: () => void }>();
  effect(() => {
    const list = items();
    untracked(() => {
      const keys = new Set(list.map(key));
      for (const [name, row] of known) {
        if (keys.has(name)) continue;
        row.close();
        row.element.remove();
        known.delete(name);
      }
      let at: ChildNode | null = null;
      for (const item of [...list].reverse()) {
        const name = key(item);
        let row = known.get(name);
        if (row) {
          row.item.set(item);
        } else {
          const cell = signal(item);
          const [element, close] = root(() => view(cell));
          row = { item: cell, element, close };
          known.set(name, row);
        }
        const before: ChildNode = at ?? end;
        if (row.element.nextSibling !== before) end.parentNode?.insertBefore(row.element, before);
        at = row.element;
      }
    });
  });
  onEnd(() => known.forEach((row) => row.close()));
  return piece;
}
