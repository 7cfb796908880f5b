/** Orders: what waits for a better price, how far that is, and how to change one's mind. */
import { computed, effect, signal, type Signal } from "../kernel/signal";
import { each, h } from "../kernel/view";
import type { Account, BuyOrder } from "../door/types";
import { priceChart } from "../parts/chart";
import { openDialog } from "../parts/dialog";
import { card, field, nothing, passFocusOn, pill } from "../parts/pieces";
import { account } from "../state/account";
import { act, actInTurn, underway } from "../state/act";
import { loadPast, pasts, quotes, type Point } from "../state/market";
import { isStock } from "../words/command";
import { amount, dollars, percent, plain, sum } from "../words/money";
import { distance, firesAt, steps, type Side } from "../words/order";
import { shares } from "../words/say";
import { marksOf } from "./trade/index";
import { chosenStock } from "./trade/chosen";

interface Standing extends BuyOrder {
  side: Side;
  reserved_shares?: number;
}

function ordersOf(own: Account | undefined): Standing[] {
  if (!own) return [];
  return [...own.buy_orders.map((one): Standing => ({ ...one, side: "buy" })), ...own.sell_orders.map((one): Standing => ({ ...one, side: "sell" }))].sort(
    (a, b) => a.stock.localeCompare(b.stock) || a.side.localeCompare(b.side),
  );
}

const none: readonly Point[] = [];

export function ordersScreen(): HTMLElement {
  const list = computed(() => ordersOf(account()));
  const looked = chosenStock();
  const picked = signal<string | undefined>(undefined);
  const shown = computed(() => picked() ?? list()[0]?.stock ?? looked());
  effect(() => {
    const stock = shown();
    if (stock) loadPast(stock);
  });
  const points = computed(() => pasts().get(shown() ?? "") ?? none);
  const marks = computed(() => marksOf(account(), shown()), (a, b) => JSON.stringify(a) === JSON.stringify(b));
  return h(
    "div",
    { class: "screen orders" },
    h("h1", { class: "unseen" }, "Orders"),
    card("standing", "Orders", [
      () => (list().length === 0 ? nothing("No orders. An order waits for a better price and fires once, by itself: fill in the form.") : null),
      h("ul", { class: "orders-list" }, each(list, (one) => `${one.side} ${one.stock}`, (one) => row(one, (stock) => picked.set(stock), shown))),
    ]),
    card("set-order", "Set an order", form(looked, (stock) => picked.set(stock))),
    card("prices", () => shown() ?? "Prices", () => (shown() ? priceChart(shown, points, marks) : nothing("Prices show here once a stock is chosen."))),
  );
}

function row(one: Signal<Standing>, pick: (stock: string) => void, shown: () => string | undefined): HTMLElement {
  const { side, stock } = one.peek();
  const price = () => quotes().get(stock)?.price;
  const far = () => {
    const [fires, now] = [firesAt(one()), price()];
    return fires && now ? distance(side, fires, now) : undefined;
  };
  const terms = () => {
    const { trigger, amount: size, reserved_shares } = one();
    if (!trigger) return `${dollars(sum(size))}, no price yet`;
    return side === "buy" ? `for ${dollars(sum(size))}, at ${dollars(sum(trigger))} or less` : `${shares(reserved_shares ?? 0)}, at ${dollars(sum(trigger))} or more`;
  };
  const element = h(
    "li",
    { class: side, "class:chosen": () => shown() === stock },
    h(
      "button",
      { type: "button", class: "order", onclick: () => pick(stock), title: `Show the chart of ${stock}` },
      pill(side, side),
      h("strong", null, stock),
      h("span", null, terms),
    ),
    h(
      "div",
      { class: "reach" },
      () => {
        if (!one().trigger) return h("span", { class: "quiet" }, "Not armed: it has an amount, but no price");
        if (far() === undefined) return h("span", { class: "quiet" }, "No price is known yet");
        if (side === "buy" && firesAt(one()) !== one().trigger) {
          return h("span", null, `Pays for a share at ${dollars(sum(firesAt(one())!))} or less`, h("small", null, ` now ${dollars(sum(price()))}`));
        }
        return h("span", null, far() === 0 ? "The price is there" : `${percent(far())} to go`, h("small", null, ` now ${dollars(sum(price()))}`));
      },
      // Full when the price is there, empty from a fifth away.
      h("span", { class: "meter", "aria-hidden": "true" }, h("i", { "style:transform": () => `scaleX(${far() === undefined ? 0 : Math.max(0.02, 1 - far()! / 2_000).toFixed(3)})` })),
    ),
    h(
      "div",
      { class: "buttons" },
      h("button", { type: "button", class: "button small", "aria-label": `Edit the ${side} order of ${stock}`, onclick: () => edit(one.peek()) }, "Edit"),
      h("button", { type: "button", class: "button small", "aria-label": `Cancel the ${side} order of ${stock}`, onclick: () => act({ name: `CANCEL_SET_${side.toUpperCase()}`, stock }) }, "Cancel"),
    ),
  );
  return passFocusOn(element, ".orders-list .button, #order-amount");
}

function form(looked: () => string | undefined, done: (stock: string) => void): HTMLElement {
  const side = signal<Side>("buy");
  const problem = signal("");
  const stock = h("input", { maxlength: 3, autocomplete: "off", autocapitalize: "characters", spellcheck: "false", value: looked() ?? "" });
  const size = h("input", { id: "order-amount", inputmode: "decimal", autocomplete: "off", placeholder: "1000.00" });
  const trigger = h("input", { inputmode: "decimal", autocomplete: "off", placeholder: "0.00" });
  const preview = signal("");
  const look = () => {
    const [value, at] = [amount(size.value), amount(trigger.value)];
    if (value === undefined || at === undefined) return preview.set("");
    const number = value / at;
    if (number === 0n) {
      return preview.set(side.peek() === "buy" ? `Pays for no share at that price: the order waits until ${stock.value || "the stock"} costs ${dollars(value)} or less.` : "The amount is less than one share at that price.");
    }
    preview.set(side.peek() === "buy" ? `Sets ${dollars(value)} aside; buys ${shares(number)} or more of ${stock.value}, and the rest comes back.` : `Sets ${shares(number)} of ${stock.value} aside; sells them at ${dollars(at)} or more.`);
  };
  const submit = async (event: Event) => {
    event.preventDefault();
    const [name, value, at] = [stock.value.trim(), amount(size.value), amount(trigger.value)];
    if (!isStock(name)) return problem.set("A stock is 1 to 3 letters.");
    if (value === undefined || at === undefined) return problem.set("Amount and price are more than 0, with at most two decimals.");
    problem.set("");
    const standing = ordersOf(account.peek()).find((one) => one.side === side.peek() && one.stock === name);
    const wanted = steps(side.peek(), name, plain(value), plain(at), standing);
    if (wanted.length === 0) return problem.set("That order stands already.");
    if (await actInTurn(wanted)) {
      size.value = trigger.value = "";
      look();
      done(name);
    }
  };
  const choice = (name: Side, label: string) =>
    h("label", { class: name }, h("input", { type: "radio", name: "order-side", value: name, checked: () => side() === name, onchange: () => (side.set(name), look()) }), h("span", null, label));
  return h(
    "form",
    { onsubmit: submit, oninput: look, class: side },
    h("fieldset", { class: "segments" }, h("legend", { class: "unseen" }, "Side"), choice("buy", "Buy when lower"), choice("sell", "Sell when higher")),
    h("div", { class: "triple" }, field("Stock", stock), field("Amount in dollars", size), field("Price", trigger)),
    h("p", { class: "hint", role: "status" }, preview),
    h("p", { class: "problem", role: "alert" }, problem),
    h("button", { class: () => `button wide fill ${side()}`, disabled: () => underway() > 0 }, () => (side() === "buy" ? "Set buy order" : "Set sell order")),
    h("p", { class: "hint" }, () => (side() === "buy" ? "The money is set aside now. The order fires once, at the first fresh price at or below yours." : "The shares are set aside now. The order fires once, at the first fresh price at or above yours.")),
  );
}

function edit(standing: Standing): void {
  const { side, stock } = standing;
  openDialog("small", `Edit the ${side} order of ${stock}`, (close) => {
    const size = h("input", { inputmode: "decimal", autocomplete: "off", value: standing.amount, autofocus: true });
    const trigger = h("input", { inputmode: "decimal", autocomplete: "off", value: standing.trigger ?? "" });
    const problem = signal("");
    const submit = (event: Event) => {
      event.preventDefault();
      const [value, at] = [amount(size.value), amount(trigger.value)];
      if (value === undefined || at === undefined) return problem.set("Amount and price are more than 0, with at most two decimals.");
      close();
      void actInTurn(steps(side, stock, plain(value), plain(at), standing));
    };
    return h(
      "form",
      { onsubmit: submit },
      h("h2", null, `Edit the ${side} order of ${stock}`),
      field("Amount in dollars", size),
      field(side === "buy" ? "Buy at this price or less" : "Sell at this price or more", trigger),
      h("p", { class: "problem", role: "alert" }, problem),
      h("div", { class: "buttons end" }, h("button", { type: "button", class: "button", onclick: close }, "Keep as it is"), h("button", { class: "button primary" }, "Change order")),
    );
  });
}
