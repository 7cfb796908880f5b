/** Orders that wait for a price: how far it is, and how one order becomes another. */
import type { BuyOrder } from "../door/types";
import type { Wish } from "./command";
import { basisPoints, sum } from "./money";

export type Side = "buy" | "sell";

/** The worst price at which an order fires, once it is armed. */
export function firesAt(one: BuyOrder): string | undefined {
  return one.fires_at ?? one.trigger ?? undefined;
}

/** How far the price has to go, in hundredths of a percent of it; 0 once it is there. */
export function distance(side: Side, trigger: string, price: string): number | undefined {
  const gap = side === "buy" ? sum(price) - sum(trigger) : sum(trigger) - sum(price);
  return gap <= 0n ? 0 : basisPoints(gap, sum(price));
}

/** The commands that bring an order from what stands to what is wanted. */
export function steps(side: Side, stock: string, size: string, trigger: string, standing?: BuyOrder): Wish[] {
  const name = side.toUpperCase();
  const orders: Wish[] = [];
  if (standing?.amount !== size) orders.push({ name: `SET_${name}_AMOUNT`, stock, amount: size });
  if (standing?.trigger !== trigger) orders.push({ name: `SET_${name}_TRIGGER`, stock, amount: trigger });
  return orders;
}
