/** One's own account as the server told it last, and what its shares have cost. */
import { signal } from "../kernel/signal";
import { get } from "../door/api";
import type { Account, LogRecord, RecordPage } from "../door/types";
import { Basis } from "../words/basis";
import { clock } from "./time";

export const account = signal<Account | undefined>(undefined);
/** Grows when what shares have cost is known anew. */
export const basisKnown = signal(0);
/** Why the account could not be had, while it could not. */
export const accountFault = signal<string | undefined>(undefined);

let basis = new Basis();
let reading = false;
let behind = false;

export function hearAccount(news: Account): void {
  clock.hear(news.now_ms);
  const before = account.peek();
  // Two ways lead here, the stream and HTTP: the later entry wins, whichever came last.
  if (before && before.user === news.user && news.seq < before.seq) return;
  account.set(news);
  accountFault.set(undefined);
  if (!before || before.seq !== news.seq) void readHistory();
}

export async function loadAccount(): Promise<void> {
  try {
    hearAccount(await get<Account>("/api/v1/account"));
  } catch (fault) {
    if (!account.peek()) accountFault.set((fault as Error).message);
  }
}

export function forgetAccount(): void {
  basis = new Basis();
  account.set(undefined);
  accountFault.set(undefined);
}

export const costOf = (stock: string, shares: bigint) => {
  basisKnown();
  return basis.cost(stock, shares);
};

const PAGE = 500;
const MOST_PAGES = 40;

/** Reads what of one's history is new, newest page first, and folds it oldest first. */
async function readHistory(): Promise<void> {
  if (reading) {
    behind = true;
    return;
  }
  reading = true;
  const into = basis;
  try {
    const fresh: LogRecord[] = [];
    let before: number | undefined;
    for (let page = 0; page < MOST_PAGES; page += 1) {
      const answer = await get<RecordPage>("/api/v1/history", { before, limit: PAGE });
      const news = answer.records.filter((one) => one.entry > into.last);
      fresh.push(...news);
      if (!answer.next || news.length < answer.records.length || news.length === 0) break;
      before = answer.next;
    }
    fresh.reverse().forEach((record) => into.take(record));
    if (into === basis) basisKnown.update((value) => value + 1);
  } catch {
    // Gains are left out until the next change; everything else stands without them.
  } finally {
    reading = false;
    if (behind) {
      behind = false;
      void readHistory();
    }
  }
}
