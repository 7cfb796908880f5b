/** What one has: cash, what is set aside, and shares with their value and gain. */
import { computed } from "../../kernel/signal";
import { each, h } from "../../kernel/view";
import { openDialog } from "../../parts/dialog";
import { card, field, figure, nothing } from "../../parts/pieces";
import { account, costOf } from "../../state/account";
import { act } from "../../state/act";
import { quotes } from "../../state/market";
import { amount, basisPoints, count, dollars, percent, plain, signed, sum, type Cents } from "../../words/money";
import { choose } from "./chosen";

interface Holding {
  stock: string;
  shares: bigint;
  reserved: bigint;
  value: Cents | undefined;
  gain: Cents | undefined;
  points: number | undefined;
}

function holdings(): Holding[] {
  const own = account();
  if (!own) return [];
  return Object.entries(own.holdings)
    .map(([stock, held]) => {
      const shares = BigInt(held.free) + BigInt(held.reserved);
      const price = quotes().get(stock)?.price;
      const value = price === undefined ? undefined : shares * sum(price);
      const cost = costOf(stock, shares);
      const gain = value === undefined || cost === undefined ? undefined : value - cost;
      return { stock, shares, reserved: BigInt(held.reserved), value, gain, points: gain === undefined ? undefined : basisPoints(gain, cost!) };
    })
    .filter((one) => one.shares > 0n)
    .sort((a, b) => a.stock.localeCompare(b.stock));
}

const tone = (gain: Cents | undefined) => (gain === undefined || gain === 0n ? "" : gain > 0n ? "gain" : "loss");

export function moneyStrip(): HTMLElement {
  const worth = computed(() => holdings().reduce((all, one) => all + (one.value ?? 0n), 0n));
  const gain = computed(() => {
    const known = holdings().filter((one) => one.gain !== undefined);
    return known.length === 0 ? undefined : known.reduce((all, one) => all + one.gain!, 0n);
  });
  return h(
    "section",
    { class: "money", "aria-label": "Money" },
    h(
      "dl",
      { class: "figures" },
      figure("Cash", () => (account() ? dollars(sum(account()!.cash)) : "–"), null, "main"),
      figure("Reserved", () => (account() ? dollars(sum(account()!.reserved)) : "–")),
      figure("Shares, at last prices", () => dollars(worth())),
      figure("Gain", () => h("span", { class: tone(gain()) }, gain() === undefined ? "–" : signed(gain()!))),
    ),
    h("button", { type: "button", class: "button primary", onclick: addMoney }, "Add money"),
  );
}

export function addMoney(): void {
  openDialog("small", "Add money", (close) => {
    const input = h("input", { inputmode: "decimal", autocomplete: "off", placeholder: "1000.00", autofocus: true });
    const wrong = h("p", { class: "problem", role: "alert" });
    const submit = async (event: Event) => {
      event.preventDefault();
      const value = amount(input.value);
      if (value === undefined) {
        wrong.textContent = "An amount is more than 0, with at most two decimals.";
        input.focus();
        return;
      }
      close();
      await act({ name: "ADD", amount: plain(value) });
    };
    return h(
      "form",
      { onsubmit: submit },
      h("h2", null, "Add money"),
      field("Amount in dollars", input, "Play money: it joins your cash at once."),
      h("div", { class: "parts" }, ["1000.00", "10000.00", "100000.00"].map((one) => h("button", { type: "button", class: "chip", onclick: () => ((input.value = one), input.focus()) }, dollars(sum(one))))),
      wrong,
      h("div", { class: "buttons end" }, h("button", { type: "button", class: "button", onclick: close }, "Cancel"), h("button", { class: "button primary" }, "Add money")),
    );
  });
}

export function holdingsCard(): HTMLElement {
  const list = computed(holdings);
  return card("holdings", "Holdings", () =>
    account() === undefined
      ? h("p", { class: "quiet" }, "Loading…")
      : list().length === 0
        ? nothing(sum(account()!.cash) === 0n ? "No shares yet. Add money first, then buy." : "No shares yet. Fill in the ticket, press Buy, then commit.", sum(account()!.cash) === 0n ? h("button", { type: "button", class: "button primary", onclick: addMoney }, "Add money") : null)
        : table(list),
  );
}

function table(list: () => Holding[]): HTMLElement {
  return h(
    "div",
    { class: "scroll", tabindex: 0, role: "region", "aria-label": "Holdings, table" },
    h(
      "table",
      { class: "numbers" },
      h("thead", null, h("tr", null, ["Stock", "Shares", "Price", "Value", "Gain"].map((one) => h("th", { scope: "col" }, one)))),
      h(
        "tbody",
        null,
        each(
          list,
          (one) => one.stock,
          (one) =>
            h(
              "tr",
              null,
              h("th", { scope: "row" }, h("button", { type: "button", class: "text-button", onclick: () => choose(one.peek().stock) }, one.peek().stock)),
              h("td", null, () => count(one().shares), () => (one().reserved > 0n ? h("small", null, `${count(one().reserved)} set aside`) : null)),
              h("td", null, () => (quotes().get(one().stock) ? dollars(sum(quotes().get(one().stock)!.price)) : "–")),
              h("td", null, () => (one().value === undefined ? "–" : dollars(one().value!))),
              h("td", { class: () => tone(one().gain) }, () => (one().gain === undefined ? "–" : signed(one().gain!)), () => (one().points === undefined ? null : h("small", null, percent(one().points)))),
            ),
        ),
      ),
    ),
  );
}
