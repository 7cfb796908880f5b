import { describe, expect, it } from "vitest";
import type { LogRecord } from "../door/types";
import { Basis } from "./basis";
import { age, ServerClock } from "./clock";
import { readLine } from "./command";
import { amount, basisPoints, cents, count, dollars, money, percent, plain, sharesFor, signed } from "./money";
import { distance, firesAt, steps } from "./order";
import { happening } from "./say";

describe("money", () => {
  it("is exact where floating point is not", () => {
    expect(plain(cents("0.10")! + cents("0.20")!)).toBe("0.30");
    expect(plain(cents("92233720368547758.07")!)).toBe("92233720368547758.07");
    expect(plain(cents("-0.05")!)).toBe("-0.05");
    expect(cents("7.5")).toBe(750n);
  });
  it("reads no text that is no sum of money", () => {
    for (const text of ["", "1.234", "1e3", " 1", "1,0", "NaN", ".5", "--1", undefined]) expect(cents(text)).toBeUndefined();
  });
  it("takes amounts as people type them, by the rules of commands", () => {
    expect(amount(" $1,234.50 ")).toBe(123450n);
    expect(amount("1000000000000.00")).toBe(100000000000000n);
    for (const text of ["0", "0.00", "-5", "1000000000000.01", "1,23,4.001", "ten"]) expect(amount(text)).toBeUndefined();
  });
  it("is shown with groups, signs and a true minus", () => {
    expect(money(123456789n)).toBe("1,234,567.89");
    expect(dollars(-5n)).toBe("−$0.05");
    expect(signed(1200n)).toBe("+$12.00");
    expect(signed(0n)).toBe("$0.00");
    expect(count(1234567)).toBe("1,234,567");
  });
  it("pays for whole shares only", () => {
    expect(sharesFor(10000n, 3333n)).toEqual({ shares: 3n, cost: 9999n });
    expect(sharesFor(100n, 101n)).toEqual({ shares: 0n, cost: 0n });
    expect(sharesFor(100n, 0n)).toEqual({ shares: 0n, cost: 0n });
  });
  it("rounds parts to hundredths of a percent, both ways", () => {
    expect(percent(basisPoints(57n, 4107n))).toBe("1.39 %");
    expect(percent(basisPoints(893n, 4107n))).toBe("21.74 %");
    expect(percent(basisPoints(-57n, 4107n))).toBe("−1.39 %");
    expect(basisPoints(1n, 0n)).toBeUndefined();
  });
});

describe("the server's clock", () => {
  it("counts to the server's deadline whatever the wall here says", () => {
    let steady = 1_000;
    const clock = new ServerClock(() => steady);
    clock.hear(5_000_000);
    steady += 20_000;
    expect(clock.now()).toBe(5_020_000);
    expect(clock.until(5_060_000)).toBe(40_000);
    expect(clock.until(5_000_000)).toBe(0);
  });
  it("is not put back by a message that came late", () => {
    let steady = 0;
    const clock = new ServerClock(() => steady);
    clock.hear(1_000_000);
    steady = 1_000;
    clock.hear(1_000_400);
    expect(clock.now()).toBe(1_001_000);
  });
  it("follows a clock that runs fast, and starts anew with another server", () => {
    let steady = 1_000;
    const clock = new ServerClock(() => steady);
    clock.begin(5_000_000, 60);
    steady += 500;
    expect(clock.now()).toBe(5_030_000);
    expect(clock.until(5_060_000)).toBe(30_000);
    // A message that took 20 ms is more than a second late there: no clock that was set back.
    clock.hear(5_028_800);
    expect(clock.now()).toBe(5_030_000);
    clock.begin(5_010_000);
    expect(clock.now()).toBe(5_010_000);
    steady += 500;
    expect(clock.now()).toBe(5_010_500);
  });
  it("believes a server whose clock was set back", () => {
    let steady = 0;
    const clock = new ServerClock(() => steady);
    clock.hear(1_000_000);
    steady = 1_000;
    clock.hear(900_000);
    expect(clock.now()).toBe(900_000);
  });
  it("tells ages in the largest unit that says enough", () => {
    expect([0, 5_000, 61_000, 7_200_000, 200_000_000].map(age)).toEqual(["now", "5 s", "1 min", "2 h", "2 d"]);
  });
});

describe("command lines", () => {
  const wish = (text: string) => {
    const line = readLine(text);
    return line?.kind === "command" ? line.wish : undefined;
  };
  it("are read as the course writes them, without the user", () => {
    expect(wish("BUY,S,100")).toEqual({ name: "BUY", stock: "S", amount: "100.00" });
    expect(wish("[17] set_sell_trigger, abc , 42.5")).toEqual({ name: "SET_SELL_TRIGGER", stock: "abc", amount: "42.50" });
    expect(wish("COMMIT_BUY")).toEqual({ name: "COMMIT_BUY" });
    expect(wish("DUMPLOG,me.xml")).toEqual({ name: "DUMPLOG", file: "me.xml" });
  });
  it("may hold an amount with commas", () => {
    expect(wish("BUY,S,1,000.00")).toEqual({ name: "BUY", stock: "S", amount: "1000.00" });
    expect(readLine("BUY,S,T,100")?.kind).toBe("wrong");
  });
  it("say what is wrong with them", () => {
    for (const text of ["BUY,S", "BUY,LONG,100", "BUY,S,-1", "COMMIT_BUY,S", "ADD,0"]) expect(readLine(text)?.kind).toBe("wrong");
    expect(readLine("HELLO,S")).toBeUndefined();
  });
});

describe("what shares have cost", () => {
  let entry = 0;
  const record = (command: string, more: Partial<LogRecord> = {}): LogRecord => {
    entry += 1;
    return { entry, transaction: entry, time_ms: 0, time: "", command, stock: "ABC", outcome: "accepted", ...more };
  };
  it("is told by buys that were committed, not by those that were not", () => {
    const basis = new Basis();
    const expired = record("BUY", { shares: 7, price: "9.00" });
    [expired, record("BUY", { shares: 3, price: "2.00" }), record("COMMIT_BUY", { shares: 3 }), { ...record("BUY"), outcome: "expired", transaction: expired.transaction }, record("BUY", { shares: 1, price: "4.00" }), record("CANCEL_BUY")].forEach((one) => basis.take(one));
    expect(basis.cost("ABC", 3n)).toBe(600n);
    expect(basis.cost("ABC", 10n)).toBeUndefined();
  });
  it("leaves at the average, and takes up orders that fired", () => {
    const basis = new Basis();
    [
      record("SET_BUY_TRIGGER", { outcome: "filled", shares: 4, price: "1.00" }),
      record("SET_BUY_AMOUNT", { shares: 4, price: "3.00", message: "fired at once at 3.00" }),
      record("SELL", { shares: 2, price: "9.00" }),
      record("COMMIT_SELL", { shares: 2 }),
      record("SET_SELL_TRIGGER", { shares: 5, price: "2.00" }),
    ].forEach((one) => basis.take(one));
    expect(basis.cost("ABC", 6n)).toBe(1200n);
  });
  it("takes up each entry once", () => {
    const basis = new Basis();
    const filled = record("SET_BUY_TRIGGER", { outcome: "filled", shares: 4, price: "1.00" });
    basis.take(filled);
    basis.take(filled);
    expect(basis.cost("ABC", 4n)).toBe(400n);
  });
});

describe("orders", () => {
  it("tell how far the price has to go, of itself", () => {
    expect(distance("buy", "40.50", "41.07")).toBe(139);
    expect(distance("sell", "50.00", "41.07")).toBe(2174);
    expect(distance("buy", "42.00", "41.07")).toBe(0);
    expect(distance("sell", "41.07", "41.07")).toBe(0);
  });
  it("fire at their trigger, or lower where the amount pays for no share there", () => {
    expect(firesAt({ stock: "ABC", amount: "100.00", trigger: "9.00", fires_at: "9.00" })).toBe("9.00");
    expect(firesAt({ stock: "ABC", amount: "5.00", trigger: "9.00", fires_at: "5.00" })).toBe("5.00");
    expect(firesAt({ stock: "ABC", amount: "5.00", trigger: "9.00" })).toBe("9.00");
    expect(firesAt({ stock: "ABC", amount: "5.00" })).toBeUndefined();
  });
  it("change by the commands that are needed, and no others", () => {
    const names = (list: { name: string; amount?: string }[]) => list.map((one) => `${one.name} ${one.amount}`);
    expect(names(steps("buy", "ABC", "100.00", "9.00"))).toEqual(["SET_BUY_AMOUNT 100.00", "SET_BUY_TRIGGER 9.00"]);
    const standing = { stock: "ABC", amount: "100.00", trigger: "9.00" };
    expect(names(steps("buy", "ABC", "100.00", "8.00", standing))).toEqual(["SET_BUY_TRIGGER 8.00"]);
    expect(names(steps("sell", "ABC", "90.00", "9.00", standing))).toEqual(["SET_SELL_AMOUNT 90.00"]);
    expect(steps("buy", "ABC", "100.00", "9.00", standing)).toEqual([]);
  });
});

describe("happenings", () => {
  it("are told for what came by itself, and not for one's own commands", () => {
    const base = { entry: 1, transaction: 1, stock: "ABC", at_ms: 0 };
    expect(happening({ ...base, type: "filled", name: "SET_SELL_TRIGGER", side: "sell", shares: 1, price: "5.00" })?.text).toBe("Order filled: sold 1 share of ABC at $5.00");
    expect(happening({ ...base, type: "expired", name: "BUY", side: "buy", shares: 2, cash: "10.00" })?.text).toContain("$10.00 is back");
    expect(happening({ ...base, type: "command", name: "BUY" })).toBeUndefined();
  });
});
