/** Audit: the whole log, for analysts. Facets and columns narrow the search; a tail follows it. */
import { effect, onEnd, signal } from "../kernel/signal";
import { h, type Child } from "../kernel/view";
import { get } from "../door/api";
import type { Bucket, Counts, Facts } from "../door/types";
import { columns, legend } from "../parts/bars";
import { factList, follower } from "../parts/facts";
import { ALL_FILTERS, filters, type Query } from "../parts/filters";
import { card, fault, figure, nothing, pill } from "../parts/pieces";
import { pages, recordTable, storyCard } from "../parts/records";
import { go, place } from "../state/place";
import { second } from "../state/time";
import { moment, timeOfDay } from "../words/clock";
import { count } from "../words/money";
import { commandTitle } from "../words/say";
import { downloads } from "./history";

/** As many columns as a finger can tell apart. */
const COLUMN_PX = 28;
const columnsThatFit = () => Math.max(8, Math.min(48, Math.floor((document.documentElement.clientWidth - 90) / COLUMN_PX)));
/** The tail asks this often, the counts less: they read more of the log. */
const TAIL_EVERY_S = 2;
const COUNTS_EVERY_S = 10;

export function auditScreen(): HTMLElement {
  const query = signal<Query>({});
  const tail = signal(true);
  const fit = signal(columnsThatFit());
  const refit = () => fit.set(columnsThatFit());
  addEventListener("resize", refit);
  onEnd(() => removeEventListener("resize", refit));
  const list = pages(() => "/api/v1/audit/search", query);
  const counts = asked<Counts>(() => ["/api/v1/audit/stats", query()]);
  const buckets = asked<{ buckets: Bucket[] }>(() => ["/api/v1/audit/histogram", { ...query(), buckets: String(fit()) }]);
  const followers = asked<Facts | Facts[]>(() => ["/api/v1/audit/followers", {}]);
  const proof = asked<Facts>(() => ["/api/v1/audit/proof", {}]);
  let started = second.peek();
  effect(() => {
    const passed = second() - started;
    if (!tail() || passed === 0) return;
    if (passed % TAIL_EVERY_S === 0) list.catchUp();
    if (passed % COUNTS_EVERY_S === 0) [counts, buckets, followers, proof].forEach((one) => one.again());
  });
  const narrow = (more: Query) => query.update((old) => ({ ...old, ...more }));
  const opened = () => (place().screen === "audit" ? place().detail : undefined);

  return h(
    "div",
    { class: "screen audit" },
    h("h1", { class: "unseen" }, "Audit"),
    card("search", "Search the log", filters(ALL_FILTERS, query, "Search the log"), [
      h("label", { class: "switch" }, h("input", { type: "checkbox", checked: tail, onchange: (event: Event) => tail.set((event.target as HTMLInputElement).checked) }), "Live tail"),
      downloads("/api/v1/audit/export", query),
    ]),
    storyCard(opened, (tx) => `/api/v1/audit/tx/${tx}`, () => go("audit")),
    card("when", "When", [
      shown(buckets, (told) => (told.buckets.length === 0 ? nothing("No entry fits.") : timeline(told.buckets, narrow))),
      legend([["accepted", "accepted"], ["rejected", "rejected"], ["other", "quotes, expiries and firings"]]),
    ]),
    h(
      "div",
      { class: "split" },
      h("div", null, card("what", "What", shown(counts, (told) => facets(told, narrow))), card("followers", "Followers", shown(followers, followerList)), card("proof", "Proof", shown(proof, proofView))),
      card("entries", "Entries, newest first", recordTable(list, { users: true, open: (tx) => go("audit", tx), empty: "Nothing fits these filters. Clear one of them, or widen the time." })),
    ),
  );
}

interface Asked<T> {
  value: () => T | { why: string } | undefined;
  again: () => void;
}

/** An answer that is asked for anew when its address changes; the old one stays until then. */
function asked<T>(address: () => [path: string, query: Query]): Asked<T> {
  const value = signal<T | { why: string } | undefined>(undefined);
  let turn = 0;
  const load = async (quiet = false) => {
    const mine = (turn += 1);
    try {
      const answer = await get<T>(...address());
      if (mine === turn) value.set(answer);
    } catch (error) {
      if (mine === turn && !quiet) value.set({ why: (error as Error).message });
    }
  };
  effect(() => {
    address();
    void load();
  });
  onEnd(() => (turn = -1));
  return { value, again: () => void load(true) };
}

function shown<T>(of: Asked<T>, view: (value: T) => Child): Child {
  return () => {
    const value = of.value();
    if (value === undefined) return h("p", { class: "quiet", role: "status" }, "Loading…");
    if (typeof value === "object" && value !== null && "why" in value) return fault((value as { why: string }).why, of.again);
    return view(value as T);
  };
}

function timeline(buckets: Bucket[], narrow: (more: Query) => void): HTMLElement {
  const [first, last] = [buckets[0]!, buckets.at(-1)!];
  return h(
    "div",
    null,
    columns(
      buckets.map((one) => ({
        label: `${moment(one.from_ms)} to ${timeOfDay(one.to_ms)}`,
        parts: [
          { kind: "other", value: one.other },
          { kind: "rejected", value: one.rejected },
          { kind: "accepted", value: one.accepted },
        ],
        pick: () => narrow({ since: String(one.from_ms), until: String(one.to_ms) }),
      })),
      "Entries over time; a column narrows the search to its time",
    ),
    h("p", { class: "ends" }, h("span", null, moment(first.from_ms)), h("span", null, moment(last.to_ms))),
  );
}

const MOST_FACETS = 6;

function facets(of: Counts, narrow: (more: Query) => void): HTMLElement {
  const commands = Object.entries(of.commands).map(([name, both]) => [name, both.accepted + both.rejected] as const);
  const group = (title: string, filter: string, entries: (readonly [string, number])[], words = (name: string) => name) => {
    const shownOnes = entries.filter(([, number]) => number > 0).sort((a, b) => b[1] - a[1]).slice(0, MOST_FACETS);
    const most = Math.max(1, ...shownOnes.map(([, number]) => number));
    return shownOnes.length === 0
      ? null
      : h(
          "div",
          { class: "facet" },
          h("h3", null, title),
          h(
            "ul",
            null,
            shownOnes.map(([name, number]) =>
              h("li", null, h("button", { type: "button", onclick: () => narrow({ [filter]: name }), title: "Narrow the search to it" }, h("span", null, words(name)), h("b", null, count(number)), h("i", { "style:transform": `scaleX(${number / most})` }))),
            ),
          ),
        );
  };
  return h(
    "div",
    null,
    h("dl", { class: "figures small" }, figure("Entries", count(of.entries)), figure("Accepted", count(of.accepted)), figure("Rejected", count(of.rejected)), figure("Users", count(of.users))),
    group("Commands", "command", commands, commandTitle),
    group("Refusals", "outcome", Object.entries(of.rejects), (name) => name.replaceAll("_", " ")),
    group("Users", "user", of.top_users.map((one) => [one.user, one.commands] as const)),
    group("By themselves", "outcome", [["expired", of.expired], ["filled", of.filled]]),
  );
}

function followerList(told: Facts | Facts[]): HTMLElement {
  const list = Array.isArray(told) ? told : Array.isArray(told["followers"]) ? (told["followers"] as Facts[]) : [];
  return list.length === 0 ? h("p", { class: "quiet" }, "No store follows the log: the log itself is searched, it has everything.") : h("ul", { class: "followers-list" }, list.map(follower));
}

function proofView(told: Facts): HTMLElement {
  if (Object.keys(told).length === 0) return h("p", { class: "quiet" }, "No proof has been made of this log.");
  if (told["signed_ms"] === null) return h("div", { class: "proof-state" }, pill("not signed yet", "info"), h("p", { class: "quiet" }, "It is signed whenever a segment of it is complete, and when the server ends."));
  const { state, ...rest } = told;
  if (typeof state !== "string") return factList(told);
  const kind = /fail|broken|bad|damaged|mismatch/.test(state) ? "bad" : /^(checked|verified|ok|good|proven|proved)$/.test(state) ? "good" : "info";
  return h("div", { class: "proof-state" }, pill(state.replaceAll("_", " "), kind), factList(rest));
}
