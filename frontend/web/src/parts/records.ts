/** Records of the log as a table that grows by pages, and one transaction as a story. */
import { computed, effect, signal, type Signal } from "../kernel/signal";
import { each, h, type Child } from "../kernel/view";
import { get } from "../door/api";
import type { LogRecord, RecordPage, Stand, Story } from "../door/types";
import { clock } from "../state/time";
import { moment, shortMoment } from "../words/clock";
import { count, dollars, signed, sum } from "../words/money";
import { result, title } from "../words/say";
import { card, fault, nothing, pill } from "./pieces";

export interface Pages {
  records: Signal<readonly LogRecord[]>;
  state: Signal<"loading" | "ready" | { why: string }>;
  more: () => boolean;
  loadMore: () => void;
  /** Takes up what is new since, without losing what is shown. */
  catchUp: () => void;
}

const PAGE = 50;

/** Pages of records behind an address; a change of the query begins anew. */
export function pages(path: () => string, query: () => Record<string, string>): Pages {
  const records = signal<readonly LogRecord[]>([]);
  const state = signal<"loading" | "ready" | { why: string }>("loading");
  const next = signal<number | undefined>(undefined);
  let turn = 0;
  const load = async (before: number | undefined, mine: number, catching = false) => {
    if (!catching) state.set("loading");
    try {
      const answer = await get<RecordPage>(path(), { ...query(), before, limit: PAGE });
      if (mine !== turn) return;
      if (catching) {
        const known = records.peek()[0]?.entry ?? 0;
        const fresh = answer.records.filter((one) => one.entry > known);
        // More than a page is new: what lies between would be missing, so begin anew.
        if (fresh.length === answer.records.length && known > 0) return void load(undefined, mine);
        records.update((list) => [...fresh, ...list]);
      } else {
        records.update((list) => (before === undefined ? answer.records : [...list, ...answer.records]));
        next.set(answer.next ?? undefined);
      }
      state.set("ready");
    } catch (error) {
      if (mine === turn && !catching) state.set({ why: (error as Error).message });
    }
  };
  effect(() => {
    path();
    query();
    turn += 1;
    void load(undefined, turn);
  });
  return {
    records,
    state,
    more: () => next() !== undefined,
    loadMore: () => void load(next.peek(), turn),
    catchUp: () => void (state.peek() === "ready" && load(undefined, turn, true)),
  };
}

export function recordTable(from: Pages, options: { users: boolean; open: (transaction: number) => void; empty: Child }): HTMLElement {
  // What came of it stands where a phone shows it without being pushed.
  const heads = ["Time", ...(options.users ? ["User"] : []), "What", "Result", "Stock", "Amount", "Price", "Shares", "Cash"];
  const empty = computed(() => from.state() === "ready" && from.records().length === 0);
  const broken = computed(() => {
    const now = from.state();
    return typeof now === "object" ? now.why : undefined;
  });
  return h(
    "div",
    null,
    () => (broken() ? fault(broken()!, from.loadMore) : null),
    () => (empty() ? nothing(options.empty) : null),
    h(
      "div",
      { class: "scroll records", tabindex: 0, role: "region", "aria-label": "Records, table", hidden: empty },
      h(
        "table",
        { class: "log" },
        h("thead", null, h("tr", null, heads.map((one) => h("th", { scope: "col", class: ["Amount", "Price", "Shares", "Cash"].includes(one) ? "number" : null }, one)))),
        h("tbody", null, each(from.records, (one) => one.entry, (one) => recordRow(one.peek(), options))),
      ),
    ),
    h("div", { class: "more" }, () => (from.state() === "loading" ? h("span", { class: "quiet", role: "status" }, "Loading…") : from.more() ? h("button", { type: "button", class: "button", onclick: from.loadMore }, "Show older") : null)),
  );
}

function recordRow(record: LogRecord, options: { users: boolean; open: (transaction: number) => void }): HTMLElement {
  const of = result(record);
  return h(
    "tr",
    null,
    h("td", { class: "time" }, h("button", { type: "button", class: "text-button", "aria-label": `Transaction ${record.transaction}, ${moment(record.time_ms)}`, onclick: () => options.open(record.transaction) }, shortMoment(record.time_ms, clock.now()))),
    options.users ? h("td", null, record.user ?? "–") : null,
    h("th", { scope: "row" }, title(record)),
    h("td", { title: record.message ?? null }, pill(of.text, of.kind)),
    h("td", null, record.stock ?? record.file ?? ""),
    h("td", { class: "number" }, record.amount ? dollars(sum(record.amount)) : ""),
    h("td", { class: "number" }, record.price ? dollars(sum(record.price)) : ""),
    h("td", { class: "number" }, record.shares === undefined ? "" : count(record.shares)),
    h("td", { class: `number ${(record.cash_change ?? "").startsWith("-") ? "loss" : record.cash_change ? "gain" : ""}` }, record.cash_change ? signed(sum(record.cash_change)) : ""),
  );
}

/** One transaction, from its command to its last consequence. */
export function storyCard(transaction: () => string | undefined, path: (tx: string) => string, close: () => void): HTMLElement {
  const story = signal<Story | { why: string } | undefined>(undefined);
  const load = async (tx: string) => {
    story.set(undefined);
    try {
      const told = await get<Story>(path(tx));
      if (transaction() === tx) story.set(told);
    } catch (error) {
      story.set({ why: (error as Error).message });
    }
  };
  effect(() => {
    const tx = transaction();
    if (tx) void load(tx);
  });
  return h("div", null, () => {
    const tx = transaction();
    if (!tx) return null;
    const view = card(
      "story",
      `Transaction ${count(Number(tx))}`,
      () => {
        const told = story();
        if (!told) return h("p", { class: "quiet", role: "status" }, "Loading…");
        if ("why" in told) return fault(told.why, () => void load(tx));
        return h("ol", { class: "steps" }, told.steps.map(step));
      },
      h("button", { type: "button", class: "button small", onclick: close }, "Close"),
    );
    queueMicrotask(() => view.scrollIntoView({ block: "nearest" }));
    return view;
  });
}

function step(one: Story["steps"][number]): HTMLElement {
  const of = result(one);
  const facts: [string, string | undefined][] = [
    ["User", one.user],
    ["Amount", one.amount ? dollars(sum(one.amount)) : undefined],
    ["Price", one.price ? `${dollars(sum(one.price))}${one.cached ? ", known already" : ""}` : undefined],
    ["Shares", one.shares === undefined ? undefined : count(one.shares)],
    ["Entry", count(one.entry)],
  ];
  return h(
    "li",
    null,
    h("header", null, h("strong", null, title(one), one.stock ? ` ${one.stock}` : ""), pill(of.text, of.kind), h("span", { class: "quiet" }, moment(one.time_ms), one.transaction ? ` · transaction ${count(one.transaction)}` : "")),
    one.message ? h("p", null, one.message) : null,
    h("dl", { class: "facts" }, facts.filter(([, value]) => value).map(([name, value]) => h("div", null, h("dt", null, name), h("dd", null, value!)))),
    one.account ? beforeAfter(one.account.before ?? undefined, one.account.after ?? undefined) : null,
  );
}

function beforeAfter(before: Stand | undefined, after: Stand | undefined): HTMLElement {
  const line = (name: string, pick: (stand: Stand) => string | number | undefined, show: (value: string | number) => string) => {
    const [a, b] = [before && pick(before), after && pick(after)];
    if (a === undefined && b === undefined) return null;
    return h("tr", { class: a === b ? "same" : "" }, h("th", { scope: "row" }, name), h("td", null, a === undefined ? "–" : show(a)), h("td", null, b === undefined ? "–" : show(b)));
  };
  const asMoney = (value: string | number) => dollars(sum(String(value)));
  const asCount = (value: string | number) => count(Number(value));
  return h(
    "table",
    { class: "numbers before-after" },
    h("thead", null, h("tr", null, ["Account", "Before", "After"].map((one) => h("th", { scope: "col" }, one)))),
    h(
      "tbody",
      null,
      line("Cash", (one) => one.cash, asMoney),
      line("Reserved", (one) => one.reserved, asMoney),
      line("Shares", (one) => one.shares, asCount),
      line("Shares set aside", (one) => one.reserved_shares, asCount),
    ),
  );
}
