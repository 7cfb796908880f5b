/** Small things that every screen is made of. */
import { onEnd } from "../kernel/signal";
import type { Child } from "../kernel/view";
import { h } from "../kernel/view";
import { icon, type IconName } from "./icons";

/** A card with a heading; what stands beside the heading comes as `aside`. */
export function card(name: string, title: Child, body: Child, aside?: Child): HTMLElement {
  const id = `card-${name}`;
  return h(
    "section",
    { class: `card ${name}`, "aria-labelledby": id },
    h("header", null, h("h2", { id }, title), aside ? h("div", { class: "aside" }, aside) : null),
    body,
  );
}

/** What is said where there is nothing yet, and what to do about it. */
export function nothing(text: Child, action?: Child): HTMLElement {
  return h("div", { class: "nothing" }, h("p", null, text), action ?? null);
}

/** What is said where something could not be had. */
export function fault(text: Child, again: () => void): HTMLElement {
  return h(
    "div",
    { class: "nothing fault", role: "alert" },
    icon("alert", 20),
    h("p", null, text),
    h("button", { type: "button", class: "button", onclick: again }, "Try again"),
  );
}

export function iconButton(name: IconName, label: string, onclick: (event: Event) => void, more: Record<string, unknown> = {}): HTMLButtonElement {
  return h("button", { type: "button", class: "icon-button", "aria-label": label, title: label, onclick, ...more }, icon(name));
}

/** A word in a coloured pill. */
export const pill = (text: Child, kind: string) => h("span", { class: `pill ${kind}` }, text);

export const key = (text: string) => h("kbd", null, text);

/** When what has the focus goes away, the next thing to do has it: nobody is sent back to the top. */
export function passFocusOn<E extends HTMLElement>(element: E, to: string): E {
  onEnd(() => {
    if (element.contains(document.activeElement)) setTimeout(() => document.querySelector<HTMLElement>(to)?.focus(), 0);
  });
  return element;
}

let ids = 0;

/** A labelled field. The hint belongs to it for those who listen, too. */
export function field(label: string, input: HTMLElement, hint?: Child): HTMLElement {
  ids += 1;
  const id = input.id || `field-${ids}`;
  input.id = id;
  if (hint) input.setAttribute("aria-describedby", `${id}-hint`);
  return h(
    "div",
    { class: "field" },
    h("label", { for: id }, label),
    input,
    hint ? h("p", { class: "hint", id: `${id}-hint` }, hint) : null,
  );
}

/** One number with its name. */
export function figure(name: string, value: Child, note?: Child, kind = ""): HTMLElement {
  return h("div", { class: `figure ${kind}` }, h("dt", null, name), h("dd", null, value), note ? h("dd", { class: "note" }, note) : null);
}
