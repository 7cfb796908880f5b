/** Keyboard shortcuts, and the sheet that tells them. */
import { h } from "../kernel/view";
import { account } from "../state/account";
import { go, place } from "../state/place";
import { choose, listed } from "../screens/trade/chosen";
import { kept } from "../state/kept";
import { has } from "../state/session";
import { settle, waitingOf } from "../screens/trade/pending";
import { focusTicket } from "../screens/trade/ticket";
import { dialogIsOpen, openDialog } from "./dialog";
import { openScreens, SCREENS } from "./frame";
import { key } from "./pieces";

/** A second key belongs to the first for so long. */
const PAIR_MS = 1_200;

export function startKeys(doors: { palette: () => void; help: () => void }): () => void {
  let first = 0;
  const onKey = (event: KeyboardEvent) => {
    if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "k") {
      event.preventDefault();
      if (!dialogIsOpen()) doors.palette();
      return;
    }
    if (event.ctrlKey || event.metaKey || event.altKey || event.repeat || dialogIsOpen() || isTyping(event.target)) return;
    if (performance.now() - first < PAIR_MS) {
      first = 0;
      const screen = openScreens().find((one) => one.key === event.key);
      if (screen) {
        event.preventDefault();
        go(screen.screen);
      }
      return;
    }
    const does = single(event.key, doors, () => (first = performance.now()));
    if (!does) return;
    event.preventDefault();
    does();
  };
  addEventListener("keydown", onKey);
  return () => removeEventListener("keydown", onKey);
}

function single(pressed: string, doors: { help: () => void }, begin: () => void): (() => void) | undefined {
  const onTrade = place.peek().screen === "trade";
  switch (pressed) {
    case "?":
      return doors.help;
    case "g":
      return begin;
    case "/":
      return () => document.querySelector<HTMLInputElement>("#watch-stock, .filters input")?.focus();
  }
  if (!has("trader")) return undefined;
  switch (pressed) {
    case "b":
      return () => toTicket("buy");
    case "s":
      return () => toTicket("sell");
    case "c":
      return onTrade ? () => void settle(waitingOf(account.peek())[0], "COMMIT") : undefined;
    case "x":
      return onTrade ? () => void settle(waitingOf(account.peek())[0], "CANCEL") : undefined;
    case "j":
      return onTrade ? () => step(1) : undefined;
    case "k":
      return onTrade ? () => step(-1) : undefined;
    default:
      return undefined;
  }
}

function toTicket(side: "buy" | "sell"): void {
  if (place.peek().screen !== "trade") go("trade");
  // The screen is drawn when the address has changed.
  setTimeout(() => focusTicket(side), 0);
}

function step(by: number): void {
  const list = listed();
  const now = list.indexOf(place.peek().detail ?? kept("stock") ?? "");
  const next = list[Math.min(list.length - 1, Math.max(0, now + by))];
  if (next) choose(next);
}

function isTyping(target: EventTarget | null): boolean {
  if (!(target instanceof HTMLElement)) return false;
  if (target instanceof HTMLInputElement) return !["radio", "checkbox", "button"].includes(target.type);
  return target instanceof HTMLTextAreaElement || target instanceof HTMLSelectElement || target.isContentEditable;
}

export function openHelp(): void {
  const groups: [string, [string[], string][]][] = [
    ["Anywhere", [[["Ctrl", "K"], has("trader") ? "Command palette: screens, stocks, lines such as BUY,ABC,100" : "Command palette"], [["?"], "This sheet"], [["/"], "To the search of the screen"], ...SCREENS.filter((one) => openScreens().includes(one)).map((one): [string[], string] => [["g", one.key], one.name])]],
    ...(!has("trader") ? [] : [["Trading", [[["b"], "Ticket, to buy"], [["s"], "Ticket, to sell"], [["c"], "Commit what is newest"], [["x"], "Cancel what is newest"], [["j"], "Next stock"], [["k"], "Stock before"]]]] as [string, [string[], string][]][]),
  ];
  openDialog("sheet", "Keyboard shortcuts", (close) => [
    h("header", null, h("h2", null, "Keyboard shortcuts"), h("button", { type: "button", class: "button small", autofocus: true, onclick: close }, "Close")),
    groups.map(([name, list]) =>
      h("section", null, h("h3", null, name), h("dl", null, list.map(([keys, what]) => h("div", null, h("dt", null, keys.map(key)), h("dd", null, what))))),
    ),
  ]);
}
