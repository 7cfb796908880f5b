/** The stock one looks at, and the stocks in the list beside it. */
import { computed } from "../../kernel/signal";
import { account } from "../../state/account";
import { keep, kept } from "../../state/kept";
import { quotes, watched } from "../../state/market";
import { go, place } from "../../state/place";

/** So many rows the list is filled up to with stocks whose price is known. */
const FILLED_TO = 8;

const sameList = (a: readonly string[], b: readonly string[]) => a.join() === b.join();

/** Watched, held, ordered, then others whose price is known anyway. */
export function listed(): readonly string[] {
  const own = account();
  const list = new Set(watched());
  if (own) {
    Object.keys(own.holdings).sort().forEach((one) => list.add(one));
    [...own.pending_buys, ...own.pending_sells, ...own.buy_orders, ...own.sell_orders].forEach((one) => list.add(one.stock));
  }
  for (const stock of [...quotes().keys()].sort()) {
    if (list.size >= FILLED_TO) break;
    list.add(stock);
  }
  return [...list];
}

export const listedStocks = () => computed(listed, sameList);

/** The stock in the address, else the one looked at last, else the first of the list. */
export function chosenStock(): () => string | undefined {
  return computed(() => {
    const at = place();
    if (at.screen === "trade" && at.detail) {
      keep("stock", at.detail);
      return at.detail;
    }
    return kept("stock") ?? listed()[0];
  });
}

export const choose = (stock: string) => go("trade", stock);
