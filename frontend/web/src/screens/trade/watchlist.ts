/** Stocks with their prices, and how long each price is still good. */
import { computed, effect, type Signal } from "../../kernel/signal";
import { each, h, s } from "../../kernel/view";
import { card, iconButton, nothing } from "../../parts/pieces";
import { act } from "../../state/act";
import { FRESH_MS, freshMs, loadPast, moves, pasts, quotes, unwatch, watch, watched, type Point } from "../../state/market";
import { user } from "../../state/session";
import { clock, second } from "../../state/time";
import { toast } from "../../state/toasts";
import { age } from "../../words/clock";
import { isStock } from "../../words/command";
import { dollars, sum } from "../../words/money";
import { choose, listedStocks } from "./chosen";

export function watchlist(chosen: () => string | undefined): HTMLElement {
  const stocks = listedStocks();
  const input = h("input", { id: "watch-stock", placeholder: "Stock, e.g. ABC", maxlength: 3, "aria-label": "Stock to watch", autocapitalize: "characters", spellcheck: "false", autocomplete: "off" });
  const add = async (event: Event) => {
    event.preventDefault();
    const stock = input.value.trim();
    if (!isStock(stock)) {
      toast("bad", "A stock is 1 to 3 letters", "a and A are two stocks.");
      return;
    }
    input.value = "";
    watch(user() ?? "", stock);
    choose(stock);
    if (!quotes.peek().has(stock)) await act({ name: "QUOTE", stock }, true);
  };
  return card(
    "watchlist",
    "Watchlist",
    [
      h("form", { class: "inline-form", onsubmit: add }, input, h("button", { class: "button small" }, "Watch")),
      () => (stocks().length === 0 ? nothing("No stock is known yet. Type one above: its price is asked for.") : null),
      h("ul", { class: "stocks" }, each(stocks, (one) => one, (one) => row(one, chosen))),
    ],
  );
}

function row(item: Signal<string>, chosen: () => string | undefined): HTMLElement {
  const stock = item.peek();
  loadPast(stock);
  const quote = computed(() => quotes().get(stock));
  const left = () => {
    second();
    return freshMs(quote());
  };
  const told = () => {
    second();
    const known = quote();
    if (!known) return "no price yet";
    const old = clock.now() - known.sent_ms;
    if (old < 1_000) return "just now";
    return left() > 0 ? `${age(old)} old` : `old: ${age(old)}`;
  };
  const price = h("span", { class: "price" }, () => (quote() ? dollars(sum(quote()!.price)) : "–"));
  effect(() => {
    const way = moves().get(stock);
    if (!quote() || !way) return;
    // Restarts the flash: a class that is there already moves nothing.
    price.classList.remove("up", "down");
    void price.offsetWidth;
    price.classList.add(way);
  });
  return h(
    "li",
    { "class:chosen": () => chosen() === stock, "class:stale": () => left() === 0 },
    h(
      "button",
      { type: "button", class: "stock", "aria-pressed": () => String(chosen() === stock), onclick: () => choose(stock) },
      h("span", { class: "name" }, stock),
      spark(() => pasts().get(stock) ?? []),
      h("span", { class: "right" }, price, h("span", { class: "age" }, told)),
    ),
    h("span", { class: "life", "aria-hidden": "true" }, h("i", { "style:transform": () => `scaleX(${(left() / FRESH_MS).toFixed(3)})` })),
    h(
      "span",
      { class: "row-actions" },
      iconButton("refresh", `Ask for a new price of ${stock}`, () => act({ name: "QUOTE", stock }, true)),
      () => (watched().includes(stock) ? iconButton("close", `Stop watching ${stock}`, () => unwatch(user() ?? "", stock)) : null),
    ),
  );
}

const WIDE = 64;
const HIGH = 22;

/** The last prices as a line without an axis: the shape only. */
function spark(points: () => readonly Point[]): SVGElement {
  const line = () => {
    const last = points().slice(-40).map(([, price]) => Number(price));
    if (last.length < 2) return "";
    const [low, high] = [Math.min(...last), Math.max(...last)];
    const span = high - low || 1;
    return last
      .map((value, at) => `${at ? "L" : "M"}${((at * WIDE) / (last.length - 1)).toFixed(1)} ${(2 + (HIGH - 4) * (1 - (value - low) / span)).toFixed(1)}`)
      .join("");
  };
  const way = () => {
    const last = points().slice(-40);
    const [first, end] = [last[0]?.[1], last.at(-1)?.[1]];
    return first && end ? (sum(end) >= sum(first) ? "up" : "down") : "flat";
  };
  return s("svg", { class: () => `spark ${way()}`, viewBox: `0 0 ${WIDE} ${HIGH}`, width: WIDE, height: HIGH, "aria-hidden": "true" }, s("path", { d: line }));
}
