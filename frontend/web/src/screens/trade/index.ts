/** Trade: everything for a buy, from the price to the commit, on one screen. */
import { computed, effect } from "../../kernel/signal";
import { h } from "../../kernel/view";
import { priceChart, type Mark } from "../../parts/chart";
import { card, nothing } from "../../parts/pieces";
import { account } from "../../state/account";
import { act } from "../../state/act";
import { freshMs, loadPast, pasts, quotes, unwatch, watch, watched, type Point } from "../../state/market";
import { user } from "../../state/session";
import { clock, second } from "../../state/time";
import type { Account } from "../../door/types";
import { age } from "../../words/clock";
import { basisPoints, dollars, percent, signed, sum } from "../../words/money";
import { chosenStock } from "./chosen";
import { holdingsCard, moneyStrip } from "./money_cards";
import { pendingCard } from "./pending";
import { ticket } from "./ticket";
import { watchlist } from "./watchlist";

export function tradeScreen(): HTMLElement {
  const chosen = chosenStock();
  return h(
    "div",
    { class: "screen trade" },
    h("h1", { class: "unseen" }, "Trade"),
    moneyStrip(),
    watchlist(chosen),
    chartCard(chosen),
    h("div", { class: "side" }, pendingCard(), ticket(chosen)),
    holdingsCard(),
  );
}

const none: readonly Point[] = [];

/** The armed orders of a stock, as lines of its chart. */
export function marksOf(own: Account | undefined, stock: string | undefined): Mark[] {
  if (!own) return [];
  const side = (name: "buy" | "sell", list: Account["buy_orders"]): Mark[] =>
    list.filter((one) => one.stock === stock && one.trigger).map((one) => ({ side: name, price: one.trigger!, label: name }));
  return [...side("buy", own.buy_orders), ...side("sell", own.sell_orders)];
}

function chartCard(chosen: () => string | undefined): HTMLElement {
  const quote = computed(() => quotes().get(chosen() ?? ""));
  effect(() => {
    const stock = chosen();
    if (stock) loadPast(stock);
  });
  const points = computed(() => pasts().get(chosen() ?? "") ?? none);
  const marks = computed(() => marksOf(account(), chosen()), (a, b) => JSON.stringify(a) === JSON.stringify(b));
  const change = () => {
    const first = points()[0];
    if (!first || !quote()) return null;
    const by = sum(quote()!.price) - sum(first[1]);
    return h("span", { class: by > 0n ? "gain" : by < 0n ? "loss" : "" }, `${signed(by)} (${percent(basisPoints(by, sum(first[1])))})`);
  };
  const freshness = () => {
    second();
    const known = quote();
    if (!known) return "No price is known";
    const old = age(clock.now() - known.sent_ms);
    return freshMs(known) > 0 ? `Price of ${old === "now" ? "now" : `${old} ago`}` : `Old price, of ${old} ago`;
  };
  const body = () => {
    const stock = chosen();
    if (!stock) return nothing("Choose a stock in the watchlist, or type one there.");
    return [
      h(
        "div",
        { class: "headline" },
        h("p", { class: "big" }, () => (quote() ? dollars(sum(quote()!.price)) : "–")),
        h("p", { class: "under" }, change, h("span", { class: "quiet" }, freshness)),
      ),
      priceChart(chosen, points, marks),
    ];
  };
  const has = computed(() => chosen() !== undefined);
  return card(
    "prices",
    () => chosen() ?? "Prices",
    () => (has(), body()),
    () => {
      const stock = chosen();
      if (!stock) return null;
      const on = watched().includes(stock);
      return [
        h("button", { type: "button", class: "button small", "aria-pressed": String(on), onclick: () => (on ? unwatch : watch)(user() ?? "", stock) }, on ? "Watched" : "Watch"),
        h("button", { type: "button", class: "button small", onclick: () => act({ name: "QUOTE", stock }) }, "Ask for a new price"),
      ];
    },
  );
}
