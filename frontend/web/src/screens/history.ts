/** History: one's own audit trail, the same that a DUMPLOG writes. */
import { effect, signal } from "../kernel/signal";
import { h } from "../kernel/view";
import { filters, OWN_FILTERS, type Query } from "../parts/filters";
import { icon } from "../parts/icons";
import { card } from "../parts/pieces";
import { pages, recordTable, storyCard } from "../parts/records";
import { logGrew } from "../state/live";
import { go, place } from "../state/place";

const FORMATS = ["xml", "csv", "jsonl"] as const;

/** Links, not scripts: the browser saves what the server sends. */
export function downloads(path: string, query: () => Query = () => ({})): HTMLElement {
  return h(
    "span",
    { class: "downloads" },
    icon("download", 16),
    FORMATS.map((format) =>
      h("a", { class: "button small", download: "", href: () => `${path}?${new URLSearchParams({ ...query(), format })}`, "aria-label": `Download as ${format.toUpperCase()}` }, format.toUpperCase()),
    ),
  );
}

export function historyScreen(): HTMLElement {
  const query = signal<Query>({});
  const list = pages(() => "/api/v1/history", query);
  effect(() => {
    if (logGrew() > 0) list.catchUp();
  });
  const opened = () => (place().screen === "history" ? place().detail : undefined);
  return h(
    "div",
    { class: "screen history" },
    h("h1", { class: "unseen" }, "History"),
    storyCard(opened, (tx) => `/api/v1/history/${tx}`, () => go("history")),
    card(
      "trail",
      "Your history",
      [
        filters(OWN_FILTERS, query, "Filter your history"),
        recordTable(list, {
          users: false,
          open: (tx) => go("history", tx),
          empty: () => (Object.keys(query()).length > 0 ? "Nothing fits these filters." : "Nothing yet. All that you do is written here, refusals too."),
        }),
      ],
      downloads("/api/v1/history/export"),
    ),
  );
}
