/** Buys and sells that wait for a commit, each with the ring of its deadline. */
import { computed, signal, type Signal } from "../../kernel/signal";
import { each, h } from "../../kernel/view";
import type { Account, Pending } from "../../door/types";
import { card, key, passFocusOn } from "../../parts/pieces";
import { ring } from "../../parts/ring";
import { account } from "../../state/account";
import { act } from "../../state/act";
import { dollars, sum } from "../../words/money";
import { shares } from "../../words/say";

export interface Waiting extends Pending {
  side: "buy" | "sell";
  /** Commits and cancels take the newest of a side: only that one has buttons. */
  newest: boolean;
}

/** Of both sides, the newest first. */
export function waitingOf(own: Account | undefined): Waiting[] {
  if (!own) return [];
  const side = (name: "buy" | "sell", list: Pending[]) => list.map((one, at) => ({ ...one, side: name, newest: at === 0 }));
  return [...side("buy", own.pending_buys), ...side("sell", own.pending_sells)].sort((a, b) => b.transaction - a.transaction);
}

const busy = signal(false);

export async function settle(one: Waiting | undefined, verb: "COMMIT" | "CANCEL"): Promise<void> {
  // A second press before the answer would take the next one on the stack.
  if (!one || busy.peek()) return;
  busy.set(true);
  try {
    await act({ name: `${verb}_${one.side.toUpperCase()}` });
  } finally {
    busy.set(false);
  }
}

export function pendingCard(): HTMLElement {
  const list = computed(() => waitingOf(account()));
  const first = computed(() => list()[0]?.transaction);
  return card("pending", "To commit", [
    () =>
      list().length === 0
        ? h("p", { class: "quiet" }, "Nothing waits. A buy or sell stands here for 60 seconds, until you commit it.")
        : null,
    h("ul", { class: "waiting" }, each(list, (one) => one.transaction, (one) => row(one, first))),
  ]);
}

function row(one: Signal<Waiting>, first: () => number | undefined): HTMLElement {
  const { side, stock, transaction, shares: number, cost, proceeds } = one.peek();
  const keyed = () => first() === transaction;
  const what = `${side} of ${number} ${stock}`;
  const element = h(
    "li",
    { class: side },
    ring(() => one().deadline_ms, () => what),
    h(
      "div",
      { class: "what" },
      h("strong", null, side === "buy" ? "Buy " : "Sell ", shares(number), " of ", stock),
      h("span", null, side === "buy" ? `for ${dollars(sum(cost))}, reserved` : `for ${dollars(sum(proceeds))}`),
    ),
    () =>
      one().newest
        ? h(
            "div",
            { class: "buttons" },
            h("button", { type: "button", class: `button ${side}`, disabled: busy, onclick: () => settle(one.peek(), "COMMIT") }, "Commit", h("span", { class: "unseen" }, ` the ${what}`), keyed() ? key("C") : null),
            h("button", { type: "button", class: "button", disabled: busy, onclick: () => settle(one.peek(), "CANCEL") }, "Cancel", h("span", { class: "unseen" }, ` the ${what}`), keyed() ? key("X") : null),
          )
        : h("p", { class: "after" }, `After the newer ${side}`),
  );
  return passFocusOn(element, ".waiting .button, #ticket-amount");
}
