/** Prices as far as they are known: looking costs nothing, asking for a new one does. */
import { signal } from "../kernel/signal";
import { get } from "../door/api";
import type { Quote } from "../door/types";
import { sum } from "../words/money";
import { keep, kept } from "./kept";
import { clock } from "./time";

/** A price is good for this long after it was asked for. */
export const FRESH_MS = 60_000;

export const quotes = signal<ReadonlyMap<string, Quote>>(new Map());
/** Which way the last change of a price went. */
export const moves = signal<ReadonlyMap<string, "up" | "down">>(new Map());
export const watched = signal<readonly string[]>([]);

export type Point = [timeMs: number, price: string];
/** What is known of the past of those stocks that were looked at. */
export const pasts = signal<ReadonlyMap<string, readonly Point[]>>(new Map());

const MOST_POINTS = 500;

export function hearQuotes(news: readonly Quote[]): void {
  const next = new Map(quotes.peek());
  const turns = new Map(moves.peek());
  const grown = new Map(pasts.peek());
  for (const quote of news) {
    const before = next.get(quote.stock);
    if (before && before.sent_ms > quote.sent_ms) continue;
    if (before && before.price !== quote.price) {
      turns.set(quote.stock, sum(quote.price) > sum(before.price) ? "up" : "down");
    }
    next.set(quote.stock, quote);
    const past = grown.get(quote.stock);
    if (past && (past.at(-1)?.[0] ?? 0) < quote.sent_ms) {
      grown.set(quote.stock, [...past, [quote.sent_ms, quote.price] as Point].slice(-MOST_POINTS));
    }
  }
  quotes.set(next);
  moves.set(turns);
  pasts.set(grown);
}

export async function loadQuotes(): Promise<void> {
  const answer = await get<{ now_ms: number; quotes: Quote[] }>("/api/v1/quotes");
  clock.hear(answer.now_ms);
  hearQuotes(answer.quotes);
}

const asked = new Set<string>();

/** Fetches the past of a stock, once. */
export function loadPast(stock: string): void {
  if (asked.has(stock)) return;
  asked.add(stock);
  get<{ prices: Point[] }>(`/api/v1/quotes/${stock}/history`)
    .then(({ prices }) => {
      const sorted = [...prices].sort((a, b) => a[0] - b[0]);
      pasts.update((all) => new Map(all).set(stock, sorted.slice(-MOST_POINTS)));
    })
    .catch(() => asked.delete(stock));
}

/** Milliseconds for which a price is still good. */
export const freshMs = (quote: Quote | undefined) => (quote ? clock.until(quote.fresh_until_ms) : 0);

export function forgetMarket(): void {
  asked.clear();
  quotes.set(new Map());
  moves.set(new Map());
  pasts.set(new Map());
  watched.set([]);
}

/** The stocks that a person watches, kept by this browser. */
export function loadWatched(user: string): void {
  const list = (kept(`watch.${user}`) ?? "").split(",").filter((one) => /^[A-Za-z]{1,3}$/.test(one));
  watched.set([...new Set(list)]);
}

export function watch(user: string, stock: string): void {
  if (watched.peek().includes(stock)) return;
  watched.update((list) => [...list, stock]);
  keep(`watch.${user}`, watched.peek().join(","));
}

export function unwatch(user: string, stock: string): void {
  watched.update((list) => list.filter((one) => one !== stock));
  keep(`watch.${user}`, watched.peek().join(",") || undefined);
}
