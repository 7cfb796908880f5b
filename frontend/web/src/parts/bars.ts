/** Plain pictures of counts: stacked columns over time, and lines of the last minutes. */
import { h, s } from "../kernel/view";

export interface Column {
  label: string;
  parts: { kind: string; value: number }[];
  pick?: () => void;
}

const HIGH = 90;

/** Stacked columns; where they can be picked, each is a button that says what it holds. */
export function columns(list: Column[], label: string): HTMLElement {
  const most = Math.max(1, ...list.map((one) => one.parts.reduce((all, part) => all + part.value, 0)));
  return h(
    "div",
    { class: "columns", role: "group", "aria-label": label },
    list.map((one) => {
      const total = one.parts.reduce((all, part) => all + part.value, 0);
      const words = `${one.label}: ${one.parts.map((part) => `${part.value} ${part.kind}`).join(", ")}`;
      return h(
        "button",
        { type: "button", title: words, "aria-label": words, disabled: total === 0, onclick: () => one.pick?.() },
        one.parts.map((part) => h("i", { class: part.kind, "style:height": `${(part.value / most) * HIGH}px` })),
      );
    }),
  );
}

/** Lines over the same seconds, on one scale; where fewer are known than fit, they end at the right. */
export function lines(sets: { kind: string; values: number[] }[], room: number, label: string): HTMLElement {
  const most = Math.max(1, ...sets.flatMap((one) => one.values));
  const step = 600 / Math.max(1, room - 1);
  const from = (values: number[]) => Math.max(0, 600 - (values.length - 1) * step);
  const path = (values: number[]) => {
    return values.map((value, at) => `${at ? "L" : "M"}${(from(values) + at * step).toFixed(1)} ${(118 - (value / most) * 110).toFixed(1)}`).join("");
  };
  return h(
    "div",
    { class: "lines", role: "img", "aria-label": label },
    h("span", { class: "top" }, String(Math.ceil(most))),
    s(
      "svg",
      { viewBox: "0 0 600 120", preserveAspectRatio: "none", "aria-hidden": "true" },
      [8, 63, 118].map((y) => s("line", { x1: 0, x2: 600, y1: y, y2: y, class: "grid" })),
      sets.map((one) => [
        s("path", { class: `area ${one.kind}`, d: one.values.length > 1 ? `${path(one.values)}L600 118L${from(one.values).toFixed(1)} 118Z` : "" }),
        s("path", { class: `edge ${one.kind}`, d: path(one.values) }),
      ]),
    ),
  );
}

export function legend(kinds: [kind: string, name: string][]): HTMLElement {
  return h("p", { class: "legend" }, kinds.map(([kind, name]) => h("span", null, h("i", { class: kind }), name)));
}
