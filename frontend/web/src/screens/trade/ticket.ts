/** The ticket: how much of which stock, what that comes to, and what pressing the button does. */
import { computed, effect, signal } from "../../kernel/signal";
import { h } from "../../kernel/view";
import { card, field } from "../../parts/pieces";
import { account } from "../../state/account";
import { act, underway } from "../../state/act";
import { freshMs, quotes } from "../../state/market";
import { address } from "../../state/place";
import { clock, second } from "../../state/time";
import { toast } from "../../state/toasts";
import { age } from "../../words/clock";
import { isStock } from "../../words/command";
import { amount, dollars, plain, sharesFor, sum } from "../../words/money";
import { shares } from "../../words/say";

/** What was typed outlives a look at another screen, and a session that ended. */
const side = signal<"buy" | "sell">("buy");
const typed = signal("");

export function forgetTicket(): void {
  side.set("buy");
  typed.set("");
}

export function focusTicket(next: "buy" | "sell"): void {
  side.set(next);
  document.getElementById("ticket-amount")?.focus();
}

export function ticket(chosen: () => string | undefined): HTMLElement {
  const stock = h("input", { id: "ticket-stock", maxlength: 3, autocomplete: "off", autocapitalize: "characters", spellcheck: "false" });
  const named = signal("");
  effect(() => {
    const name = chosen() ?? "";
    stock.value = name;
    named.set(name);
  });
  const quote = computed(() => quotes().get(named()));
  const wanted = computed(() => amount(typed()));
  const free = computed(() => BigInt(account()?.holdings[named()]?.free ?? 0));
  const preview = computed(() => (quote() && wanted() !== undefined ? sharesFor(wanted()!, sum(quote()!.price)) : undefined));

  /** Why it would be refused, as far as can be known here. */
  const doubt = () => {
    const value = wanted();
    if (typed() !== "" && value === undefined) return "An amount is more than 0, with at most two decimals.";
    if (value === undefined || !account()) return undefined;
    if (side() === "buy" && value > sum(account()!.cash)) return `You have ${dollars(sum(account()!.cash))} in cash.`;
    if (preview()?.shares === 0n) return `One share costs ${dollars(sum(quote()!.price))}: the amount pays for none.`;
    if (side() === "sell" && free() === 0n) return `You have no free shares of ${named() || "this stock"}.`;
    if (side() === "sell" && (preview()?.shares ?? 0n) > free()) return `You have ${shares(free())} free.`;
    return undefined;
  };

  const submit = async (event: Event) => {
    event.preventDefault();
    const value = wanted();
    if (!isStock(named.peek())) {
      toast("bad", "A stock is 1 to 3 letters");
      stock.focus();
      return;
    }
    if (value === undefined) {
      toast("bad", "Type an amount in dollars", "More than 0, with at most two decimals.");
      document.getElementById("ticket-amount")?.focus();
      return;
    }
    const outcome = await act({ name: side.peek().toUpperCase(), stock: named.peek(), amount: plain(value) }, true);
    if (outcome?.accepted) typed.set("");
  };

  const part = (percent: bigint) => () => {
    const all = side.peek() === "buy" ? sum(account.peek()?.cash) : free() * sum(quote()?.price);
    const value = (all * percent) / 100n;
    if (value > 0n) typed.set(plain(value));
  };
  const choice = (name: "buy" | "sell", label: string) =>
    h("label", { class: name }, h("input", { type: "radio", name: "side", value: name, checked: () => side() === name, onchange: () => side.set(name) }), h("span", null, label));

  return card(
    "ticket",
    "Ticket",
    h(
      "form",
      { onsubmit: submit, class: () => side() },
      h("fieldset", { class: "segments" }, h("legend", { class: "unseen" }, "Side"), choice("buy", "Buy"), choice("sell", "Sell")),
      h(
        "div",
        { class: "pair" },
        field("Stock", (stock.addEventListener("input", () => named.set(stock.value.trim())), stock)),
        field("Amount in dollars", h("input", { id: "ticket-amount", inputmode: "decimal", autocomplete: "off", placeholder: "0.00", value: typed, oninput: (event: Event) => typed.set((event.target as HTMLInputElement).value) })),
      ),
      h("div", { class: "parts", role: "group", "aria-label": () => (side() === "buy" ? "Part of your cash" : "Part of your shares") }, [25n, 50n, 100n].map((one) => h("button", { type: "button", class: "chip", onclick: part(one) }, one === 100n ? "All" : `${one} %`))),
      h(
        "dl",
        { class: "preview" },
        h("div", null, h("dt", null, "Price"), h("dd", null, () => priceWords(quote()))),
        h("div", null, h("dt", null, () => (side() === "buy" ? "Buys about" : "Sells about")), h("dd", null, () => (preview() ? shares(preview()!.shares) : "–"))),
        h("div", { class: "total" }, h("dt", null, () => (side() === "buy" ? "Costs about" : "Brings about")), h("dd", null, () => (preview() ? dollars(preview()!.cost) : "–"))),
      ),
      h("p", { class: "doubt", role: "status" }, doubt),
      h("button", { class: () => `button wide fill ${side()}`, disabled: () => underway() > 0 }, () => `${side() === "buy" ? "Buy" : "Sell"} ${named() || "…"}`),
      h("p", { class: "hint" }, () =>
        side() === "buy"
          ? "Reserves the cost at a price no older than 60 seconds. Nothing is bought until you commit; after 60 seconds the money comes back by itself."
          : "Sets the shares aside at a price no older than 60 seconds. Nothing is sold until you commit; after 60 seconds they are free again.",
      ),
      h("p", { class: "hint" }, "Waiting for a better price? ", h("a", { href: address("orders") }, "Set an order.")),
    ),
  );
}

const agoWords = (ms: number) => (ms < 1_000 ? "just now" : `${age(ms)} old`);

function priceWords(quote: { price: string; sent_ms: number; fresh_until_ms: number } | undefined): string {
  second();
  if (!quote) return "asked for when you send";
  const old = freshMs(quote as never) === 0;
  return `${dollars(sum(quote.price))} ${old ? "(old, asked anew)" : `(${agoWords(clock.now() - quote.sent_ms)})`}`;
}
