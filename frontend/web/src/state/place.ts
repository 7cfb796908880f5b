/** Where one is: the part of the address behind `#`, so that it outlives a sign-in and a reload. */
import { signal } from "../kernel/signal";

export type Screen = "trade" | "orders" | "history" | "audit" | "operations";

export interface Place {
  screen: Screen;
  /** A stock on the trade screen, a transaction on the history and audit screens. */
  detail?: string;
}

const SCREENS: Screen[] = ["trade", "orders", "history", "audit", "operations"];

export function readPlace(hash: string): Place {
  const [first = "", second = ""] = hash.replace(/^#\/?/, "").split("/");
  const screen = SCREENS.find((one) => one === first) ?? "trade";
  const detail = decodeURIComponent(second);
  const fits = screen === "trade" ? /^[A-Za-z]{1,3}$/.test(detail) : /^\d{1,19}$/.test(detail);
  return fits ? { screen, detail } : { screen };
}

export const place = signal<Place>(readPlace(location.hash));

export function startPlace(): void {
  addEventListener("hashchange", () => place.set(readPlace(location.hash)));
}

export const address = (screen: Screen, detail?: string | number) => `#/${screen}${detail === undefined ? "" : `/${detail}`}`;

export function go(screen: Screen, detail?: string | number): void {
  location.hash = address(screen, detail);
}
