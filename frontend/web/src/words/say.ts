/** Outcomes and happenings as sentences, for toasts and for those who listen to the screen. */
import type { Happening, LogRecord, Outcome } from "../door/types";
import { count, dollars, sum } from "./money";

export const shares = (number: number | bigint | undefined) =>
  `${count(number ?? 0)} ${BigInt(number ?? 0) === 1n ? "share" : "shares"}`;

/** What to do about a refusal, where there is something to be done. */
const ADVICE: Record<string, string> = {
  insufficient_funds: "Add money, or take a smaller amount.",
  insufficient_shares: "You have fewer shares free than that.",
  amount_too_small: "The amount does not pay for one share.",
  no_pending_buy: "It has run out after 60 seconds, or was taken already.",
  no_pending_sell: "It has run out after 60 seconds, or was taken already.",
  no_buy_order: "The order has fired or was cancelled.",
  no_sell_order: "The order has fired or was cancelled.",
  quote_unavailable: "The quote server does not answer. Try again in a moment.",
  unknown_account: "Sign in as a trader, or add money: that opens an account.",
  rate_limited: "Too many at once. Wait a moment.",
  too_many_pending: "Too many commands have no outcome yet. Wait a moment.",
  busy: "The system is full. Try again in a moment.",
};

export const advice = (code: string | undefined) => ADVICE[code ?? ""];

const sentenceOf = (text: string) => text.charAt(0).toUpperCase() + text.slice(1);

/** An outcome in one line. */
export function outcome(of: Outcome): string {
  const stock = of.stock ?? "";
  if (!of.accepted) return sentenceOf(of.message ?? of.code?.replaceAll("_", " ") ?? "refused");
  if (of.fill) {
    const verb = of.name.includes("SELL") ? "Sold" : "Bought";
    return `${verb} ${shares(of.fill.shares)} of ${stock} at ${dollars(sum(of.fill.price))}: the order fired at once`;
  }
  const at = of.price ? ` at ${dollars(sum(of.price))}` : "";
  switch (of.name) {
    case "ADD":
      return `${dollars(sum(of.amount))} added to your cash`;
    case "QUOTE":
      return `${stock} costs ${dollars(sum(of.price))}${of.cached ? ", a price already known" : ""}`;
    case "BUY":
      return `${shares(of.shares)} of ${stock} reserved${at} for ${dollars(sum(of.cost))}. Commit within 60 seconds.`;
    case "SELL":
      return `${shares(of.shares)} of ${stock} set aside${at}, worth ${dollars(sum(of.proceeds))}. Commit within 60 seconds.`;
    case "COMMIT_BUY":
      return `Bought ${shares(of.shares)} of ${stock}${of.cost ? ` for ${dollars(sum(of.cost))}` : ""}`;
    case "COMMIT_SELL":
      return `Sold ${shares(of.shares)} of ${stock}${of.proceeds ? ` for ${dollars(sum(of.proceeds))}` : ""}`;
    case "CANCEL_BUY":
      return `Buy of ${stock} cancelled, the money is back`;
    case "CANCEL_SELL":
      return `Sell of ${stock} cancelled, the shares are back`;
    case "SET_BUY_AMOUNT":
      return `${dollars(sum(of.amount))} set aside to buy ${stock}`;
    case "SET_SELL_AMOUNT":
      return `${dollars(sum(of.amount))} of ${stock} noted to sell`;
    case "SET_BUY_TRIGGER":
      return `Armed: buys ${stock} at ${dollars(sum(of.amount))} or less`;
    case "SET_SELL_TRIGGER":
      return `Armed: sells ${stock} at ${dollars(sum(of.amount))} or more`;
    case "CANCEL_SET_BUY":
      return `Buy order of ${stock} cancelled, the money is back`;
    case "CANCEL_SET_SELL":
      return `Sell order of ${stock} cancelled, the shares are back`;
    case "DUMPLOG":
      return "Your audit history is written";
    default:
      return "Done";
  }
}

/** A happening in one line; nothing for those that one's own command answered already. */
export function happening(of: Happening): { text: string; kind: "good" | "info" } | undefined {
  const stock = of.stock ?? "";
  const sell = of.side === "sell" || (of.side === undefined && of.name.includes("SELL"));
  if (of.type === "filled") {
    const at = of.price ? ` at ${dollars(sum(of.price))}` : "";
    return { kind: "good", text: `Order filled: ${sell ? "sold" : "bought"} ${shares(of.shares)} of ${stock}${at}` };
  }
  if (of.type === "expired") {
    const back = sell ? `${shares(of.shares)} are free again` : of.cash ? `${dollars(sum(of.cash))} is back in your cash` : "the money is back in your cash";
    return { kind: "info", text: `The ${sell ? "sell" : "buy"} of ${stock} ran out after 60 seconds: ${back}` };
  }
  return undefined;
}

const WORDS: Record<string, string> = {
  ADD: "Add money",
  QUOTE: "Price asked",
  BUY: "Buy",
  COMMIT_BUY: "Commit buy",
  CANCEL_BUY: "Cancel buy",
  SELL: "Sell",
  COMMIT_SELL: "Commit sell",
  CANCEL_SELL: "Cancel sell",
  SET_BUY_AMOUNT: "Buy order: amount",
  SET_BUY_TRIGGER: "Buy order: price",
  CANCEL_SET_BUY: "Cancel buy order",
  SET_SELL_AMOUNT: "Sell order: amount",
  SET_SELL_TRIGGER: "Sell order: price",
  CANCEL_SET_SELL: "Cancel sell order",
  DISPLAY_SUMMARY: "Summary",
  DUMPLOG: "Audit export",
  REGISTER: "Account opened",
};

/** The name of what a record tells of. */
export function title(record: LogRecord): string {
  if (!record.command) return record.outcome.startsWith("quote") ? "Quote" : record.outcome;
  return commandTitle(record.command);
}

export const commandTitle = (name: string) => WORDS[name] ?? name;

/** What came of it, in a word or two, and its colour. */
export function result(record: LogRecord): { text: string; kind: "good" | "bad" | "info" | "plain" } {
  switch (record.outcome) {
    case "accepted":
      return (record.message ?? "").startsWith("fired at once") ? { text: "filled", kind: "good" } : { text: "accepted", kind: "plain" };
    case "filled":
      return { text: "filled", kind: "good" };
    case "expired":
      return { text: "expired", kind: "info" };
    case "quote":
      return { text: "answered", kind: "plain" };
    case "quote_refused":
      return { text: "refused", kind: "bad" };
    default:
      return { text: record.outcome.replaceAll("_", " "), kind: "bad" };
  }
}
