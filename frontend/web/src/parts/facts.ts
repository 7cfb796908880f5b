/** What a follower or a proof says of itself, whatever it says: names made readable, units kept. */
import { h } from "../kernel/view";
import type { Facts } from "../door/types";
import { age, moment } from "../words/clock";
import { count } from "../words/money";
import { pill } from "./pieces";

const ago = (ms: number) => (ms < 1_000 ? "just now" : `${age(ms)} ago`);

const UNITS: [suffix: string, show: (value: number) => string][] = [
  ["_per_s", (value) => `${count(value)}/s`],
  ["_ago_s", (value) => ago(value * 1_000)],
  ["_ago_ms", (value) => ago(value)],
  ["_lag_ms", (value) => age(value)],
  ["_at_ms", (value) => moment(value)],
  ["time_ms", (value) => moment(value)],
  ["_ms", (value) => (value > 1e11 ? moment(value) : `${count(value)} ms`)],
  ["_us", (value) => `${count(value)} µs`],
  ["_s", (value) => `${value.toFixed(1)} s`],
  ["_bytes", (value) => `${count(value)} bytes`],
];

/** Words of the machine, such as `not_checked`, as people write them; other text stays as it is. */
const inWords = (text: string) => (/^[a-z]+(_[a-z]+)+$/.test(text) ? text.replaceAll("_", " ") : text);

export function readable(name: string, value: unknown): [name: string, text: string] {
  const unit = typeof value === "number" ? UNITS.find(([suffix]) => name.endsWith(suffix)) : undefined;
  const words = (unit ? name.slice(0, name.length - unit[0].length) || "time" : name).replaceAll("_", " ");
  const label = words.charAt(0).toUpperCase() + words.slice(1);
  if (unit) return [label, unit[1](value as number)];
  if (typeof value === "number") return [label, Number.isInteger(value) ? count(value) : value.toFixed(2)];
  if (typeof value === "boolean") return [label, value ? "yes" : "no"];
  if (value === null || value === undefined) return [label, "–"];
  if (Array.isArray(value)) return [label, count(value.length)];
  return [label, typeof value === "object" ? JSON.stringify(value) : inWords(String(value))];
}

export function factList(facts: Facts): HTMLElement {
  return h(
    "dl",
    { class: "facts" },
    Object.entries(facts).map(([name, value]) => {
      const [label, text] = readable(name, value);
      return h("div", null, h("dt", null, label), h("dd", null, text));
    }),
  );
}

/** A follower: its name, how far it is behind, and what else it says. */
export function follower(of: Facts): HTMLElement {
  const name = String(of["name"] ?? of["store"] ?? of["follower"] ?? "Follower");
  const lag = of["lag_entries"] ?? of["lag"];
  const behind = typeof lag === "number" ? lag : undefined;
  const rest = Object.fromEntries(Object.entries(of).filter(([key]) => !["name", "store", "follower", "lag_entries", "lag"].includes(key)));
  return h(
    "li",
    null,
    h("header", null, h("strong", null, name), behind === undefined ? null : behind === 0 ? pill("up to date", "good") : pill(`${count(behind)} behind`, "info")),
    factList(rest),
  );
}
