/**
 * Course command lines, `BUY,S,100`, as a person types them: without the user, in any case.
 * What is wrong is said before anything is sent; the server judges again.
 */
import { amount, plain } from "./money";

type Argument = "stock" | "amount" | "file";

const COMMANDS: Record<string, { takes: Argument[]; says: string }> = {
  ADD: { takes: ["amount"], says: "Add {amount} to your cash" },
  QUOTE: { takes: ["stock"], says: "Ask for the price of {stock}" },
  BUY: { takes: ["stock", "amount"], says: "Reserve {stock} shares for {amount}, to commit within 60 seconds" },
  COMMIT_BUY: { takes: [], says: "Commit the newest pending buy" },
  CANCEL_BUY: { takes: [], says: "Cancel the newest pending buy" },
  SELL: { takes: ["stock", "amount"], says: "Set aside {stock} shares worth {amount}, to commit within 60 seconds" },
  COMMIT_SELL: { takes: [], says: "Commit the newest pending sell" },
  CANCEL_SELL: { takes: [], says: "Cancel the newest pending sell" },
  SET_BUY_AMOUNT: { takes: ["stock", "amount"], says: "Set {amount} aside for a buy order of {stock}" },
  SET_BUY_TRIGGER: { takes: ["stock", "amount"], says: "Buy {stock} when it costs {amount} or less" },
  CANCEL_SET_BUY: { takes: ["stock"], says: "Cancel the buy order of {stock}" },
  SET_SELL_AMOUNT: { takes: ["stock", "amount"], says: "Note a sell order of {stock} worth {amount}" },
  SET_SELL_TRIGGER: { takes: ["stock", "amount"], says: "Sell {stock} when it costs {amount} or more" },
  CANCEL_SET_SELL: { takes: ["stock"], says: "Cancel the sell order of {stock}" },
  DISPLAY_SUMMARY: { takes: [], says: "Note a look at your summary in the log" },
  DUMPLOG: { takes: ["file"], says: "Write your audit history to {file}" },
};

export const COMMAND_NAMES = Object.keys(COMMANDS);

/** A command without its request id. */
export interface Wish {
  name: string;
  stock?: string;
  amount?: string;
  file?: string;
}

export type Line =
  | { kind: "command"; wish: Wish; line: string; says: string }
  | { kind: "wrong"; name: string; why: string; form: string };

export const isStock = (text: string) => /^[A-Za-z]{1,3}$/.test(text);

/** "BUY,STOCK,AMOUNT". */
export function form(name: string): string {
  const takes = COMMANDS[name]?.takes ?? [];
  return [name, ...takes.map((one) => (one === "amount" && name.endsWith("_TRIGGER") ? "PRICE" : one.toUpperCase()))].join(",");
}

/** Reads a line; nothing where it does not begin with the name of a command. */
export function readLine(typed: string): Line | undefined {
  const text = typed.trim().replace(/^\[\d+\]\s*/, "");
  const [first = "", ...rest] = text.split(",").map((part) => part.trim());
  const name = first.toUpperCase();
  const command = COMMANDS[name];
  if (!command) return undefined;
  const wrong = (why: string): Line => ({ kind: "wrong", name, why, form: form(name) });

  // "1,000.00" is one amount: a comma inside a number belongs to it.
  const args = command.takes.at(-1) === "amount" ? rejoin(rest, command.takes.length) : rest;
  if (args.length !== command.takes.length || args.some((one) => one === "")) {
    return wrong(command.takes.length === 0 ? "It takes nothing more" : `It takes ${command.takes.join(" and ")}`);
  }
  const wish: Wish = { name };
  for (const [at, what] of command.takes.entries()) {
    const given = args[at] ?? "";
    if (what === "stock") {
      if (!isStock(given)) return wrong("A stock is 1 to 3 letters");
      wish.stock = given;
    } else if (what === "amount") {
      const value = amount(given);
      if (value === undefined) return wrong("An amount is more than 0, with at most two decimals");
      wish.amount = plain(value);
    } else {
      wish.file = given;
    }
  }
  const line = [name, ...command.takes.map((one) => wish[one])].join(",");
  return { kind: "command", wish, line, says: fill(command.says, wish) };
}

function rejoin(parts: string[], wanted: number): string[] {
  const numbers = parts.slice(wanted - 1);
  const grouped = numbers.length > 1 && /^\$?\d{1,3}$/.test(numbers[0] ?? "") && numbers.slice(1).every((one) => /^\d{3}(\.\d{1,2})?$/.test(one));
  return grouped ? [...parts.slice(0, wanted - 1), numbers.join("")] : parts;
}

function fill(sentence: string, wish: Wish): string {
  return sentence
    .replace("{stock}", wish.stock ?? "")
    .replace("{amount}", wish.amount ? `$${wish.amount}` : "")
    .replace("{file}", wish.file ?? "");
}
