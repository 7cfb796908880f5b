/**
 * Filters of the log: a form whose fields become a query, after a moment of quiet. On a phone they
 * are folded away behind a button that counts those in use.
 */
import { effect, signal, type Signal } from "../kernel/signal";
import { h } from "../kernel/view";
import { COMMAND_NAMES } from "../words/command";
import { commandTitle } from "../words/say";
import { icon } from "./icons";
import { field } from "./pieces";

export type Query = Record<string, string>;

const OUTCOMES = ["accepted", "rejected", "filled", "expired", "quote", "quote_refused"];

interface Field {
  name: string;
  label: string;
  placeholder?: string;
  choices?: readonly string[];
  words?: (choice: string) => string;
}

export const OWN_FILTERS: Field[] = [
  { name: "command", label: "Command", choices: [...COMMAND_NAMES, "REGISTER"], words: commandTitle },
  { name: "outcome", label: "Result", choices: OUTCOMES },
  { name: "stock", label: "Stock", placeholder: "Any" },
  { name: "text", label: "Text in a message", placeholder: "Any" },
];

export const ALL_FILTERS: Field[] = [
  { name: "user", label: "User", placeholder: "Any" },
  ...OWN_FILTERS,
  { name: "tx", label: "Transactions", placeholder: "1..500" },
  { name: "amount", label: "Amounts", placeholder: "100..5000" },
  { name: "since", label: "Since", placeholder: "-10m" },
  { name: "until", label: "Until", placeholder: "-1m" },
];

const QUIET_MS = 250;
let forms = 0;

export function filters(fields: Field[], query: Signal<Query>, label: string): HTMLElement {
  let timer: ReturnType<typeof setTimeout>;
  forms += 1;
  const id = `filters-${forms}`;
  const unfolded = signal(false);
  const inUse = () => Object.keys(query()).length;
  const take = () => {
    const said = [...new FormData(form)].map(([name, value]) => [name, String(value).trim()] as const).filter(([, value]) => value !== "");
    query.set(Object.fromEntries(said));
  };
  const form: HTMLFormElement = h(
    "form",
    {
      class: "filters",
      role: "search",
      "aria-label": label,
      onsubmit: (event: Event) => {
        event.preventDefault();
        clearTimeout(timer);
        take();
      },
      oninput: () => {
        clearTimeout(timer);
        timer = setTimeout(take, QUIET_MS);
      },
    },
    h(
      "button",
      { type: "button", class: "button small fold", "aria-expanded": () => String(unfolded()), "aria-controls": id, onclick: () => unfolded.update((open) => !open) },
      icon("filter", 15),
      "Filters",
      () => (inUse() > 0 ? h("b", { class: "count" }, inUse(), h("span", { class: "unseen" }, " in use")) : null),
    ),
    h("div", { class: "fields", id, "class:unfolded": unfolded }, fields.map((one) => field(one.label, control(one, query)))),
    () => (inUse() > 0 ? h("button", { type: "button", class: "button small clear", onclick: () => (form.reset(), clear(form), query.set({})) }, "Clear") : null),
  );
  return form;
}

function control(one: Field, query: Signal<Query>): HTMLElement {
  // A facet that was clicked changes the query from outside: the field shows it.
  const value = () => query()[one.name] ?? "";
  if (one.choices) {
    const extra = () => (value() && !one.choices!.includes(value()) ? h("option", { value: value() }, value()) : null);
    const select = h("select", { name: one.name }, h("option", { value: "" }, "Any"), one.choices.map((choice) => h("option", { value: choice }, one.words?.(choice) ?? choice.replaceAll("_", " "))), extra, null);
    return follow(select, value);
  }
  return follow(h("input", { name: one.name, placeholder: one.placeholder ?? "", autocomplete: "off", spellcheck: "false" }), value);
}

function follow<E extends HTMLInputElement | HTMLSelectElement>(element: E, value: () => string): E {
  effect(() => {
    if (document.activeElement !== element || element instanceof HTMLSelectElement) element.value = value();
  });
  return element;
}

function clear(form: HTMLFormElement): void {
  for (const one of form.elements) if (one instanceof HTMLInputElement || one instanceof HTMLSelectElement) one.value = "";
}

export const query = () => signal<Query>({});
