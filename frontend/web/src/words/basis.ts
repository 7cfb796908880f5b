/**
 * What the shares one holds have cost, told from one's own history: the account itself knows
 * shares, not what was paid. Shares that are sold leave at the average cost.
 */
import type { LogRecord } from "../door/types";
import { sum, type Cents } from "./money";

interface Held {
  shares: bigint;
  cost: Cents;
}

interface Open {
  transaction: number;
  stock: string;
  shares: bigint;
  cost: Cents;
}

export class Basis {
  /** The newest entry taken up. */
  last = 0;
  private readonly held = new Map<string, Held>();
  private buys: Open[] = [];
  private sells: Open[] = [];

  /** Takes up one record of one's own; records come oldest first. */
  take(record: LogRecord): void {
    if (record.entry <= this.last) return;
    this.last = record.entry;
    const { command = "", stock = "", outcome } = record;
    const shares = BigInt(record.shares ?? 0);
    const price = sum(record.price);
    if (outcome === "expired") {
      this.buys = this.buys.filter((open) => open.transaction !== record.transaction);
      this.sells = this.sells.filter((open) => open.transaction !== record.transaction);
      return;
    }
    const fired = outcome === "filled" || (outcome === "accepted" && (record.message ?? "").startsWith("fired at once"));
    if (fired) {
      if (command.includes("SELL")) this.leave(stock, shares);
      else this.join(stock, shares, shares * price);
      return;
    }
    if (outcome !== "accepted") return;
    const open = { transaction: record.transaction, stock, shares, cost: shares * price };
    if (command === "BUY") this.buys.push(open);
    else if (command === "SELL") this.sells.push(open);
    else if (command === "CANCEL_BUY") this.buys.pop();
    else if (command === "CANCEL_SELL") this.sells.pop();
    else if (command === "COMMIT_BUY") {
      const bought = this.buys.pop();
      if (bought) this.join(bought.stock, bought.shares, bought.cost);
    } else if (command === "COMMIT_SELL") {
      const sold = this.sells.pop();
      if (sold) this.leave(sold.stock, sold.shares);
    }
  }

  /** What so many shares have cost; nothing where the history told of another number. */
  cost(stock: string, shares: bigint): Cents | undefined {
    const held = this.held.get(stock);
    return held && held.shares === shares ? held.cost : undefined;
  }

  private join(stock: string, shares: bigint, cost: Cents): void {
    const held = this.held.get(stock) ?? { shares: 0n, cost: 0n };
    this.held.set(stock, { shares: held.shares + shares, cost: held.cost + cost });
  }

  private leave(stock: string, shares: bigint): void {
    const held = this.held.get(stock);
    if (!held || shares >= held.shares) {
      this.held.delete(stock);
      return;
    }
    const gone = (held.cost * shares) / held.shares;
    this.held.set(stock, { shares: held.shares - shares, cost: held.cost - gone });
  }
}
