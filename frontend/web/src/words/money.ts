/**
 * Money is whole cents in a BigInt, read from and written as text. No sum of money ever passes
 * through a floating-point number: 0.1 + 0.2 would not be 0.3.
 */

export type Cents = bigint;

/** The largest amount that a command takes: 1,000,000,000,000.00 dollars. */
export const LARGEST: Cents = 100_000_000_000_000n;

/** Reads "12.34", "-3.10" or "7"; nothing where the text is no sum of money. */
export function cents(text: string | undefined | null): Cents | undefined {
  const match = /^(-?)(\d{1,20})(?:\.(\d{1,2}))?$/.exec(text ?? "");
  if (!match) return undefined;
  const [, sign, whole = "0", fraction = ""] = match;
  const value = BigInt(whole) * 100n + BigInt(fraction.padEnd(2, "0"));
  return sign ? -value : value;
}

/** As `cents`, of text that the server wrote: a missing sum is nothing. */
export function sum(text: string | undefined | null): Cents {
  return cents(text) ?? 0n;
}

/** What a person typed: grouping commas and a dollar sign are forgiven, the rules of amounts are not. */
export function amount(typed: string): Cents | undefined {
  const value = cents(typed.trim().replace(/^\$\s*/, "").replace(/(?<=\d),(?=\d{3})/g, ""));
  return value !== undefined && value > 0n && value <= LARGEST ? value : undefined;
}

/** "1234.50", as commands take it. */
export function plain(value: Cents): string {
  const size = value < 0n ? -value : value;
  return `${value < 0n ? "-" : ""}${size / 100n}.${String(size % 100n).padStart(2, "0")}`;
}

/** "1,234.50", with a true minus sign, as people read it. */
export function money(value: Cents): string {
  const text = plain(value < 0n ? -value : value);
  const [whole = "0", fraction = "00"] = text.split(".");
  return `${value < 0n ? "−" : ""}${whole.replace(/\B(?=(\d{3})+$)/g, ",")}.${fraction}`;
}

/** "$1,234.50". */
export function dollars(value: Cents): string {
  return value < 0n ? `−$${money(-value)}` : `$${money(value)}`;
}

/** "+$12.00", "−$3.00" or "$0.00". */
export function signed(value: Cents): string {
  return value > 0n ? `+${dollars(value)}` : dollars(value);
}

/** How many whole shares an amount pays for, and what they cost. */
export function sharesFor(paid: Cents, price: Cents): { shares: bigint; cost: Cents } {
  if (price <= 0n || paid <= 0n) return { shares: 0n, cost: 0n };
  const shares = paid / price;
  return { shares, cost: shares * price };
}

/** A part of a whole as hundredths of a percent: 125 is 1.25 %. Rounded to the nearest. */
export function basisPoints(part: Cents, whole: Cents): number | undefined {
  if (whole === 0n) return undefined;
  const scaled = part * 20_000n;
  const rounding = scaled < 0n === whole < 0n ? whole : -whole;
  return Number((scaled + rounding) / (2n * whole));
}

/** "1.25 %" of hundredths of a percent. */
export function percent(points: number | undefined): string {
  if (points === undefined) return "";
  const size = Math.abs(points);
  return `${points < 0 ? "−" : ""}${Math.floor(size / 100)}.${String(size % 100).padStart(2, "0")} %`;
}

/** "12,345" of a count. */
export function count(value: number | bigint): string {
  return String(typeof value === "bigint" ? value : Math.round(value)).replace(/\B(?=(\d{3})+$)/g, ",");
}
