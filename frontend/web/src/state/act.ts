/** Carries commands out and tells what came of them. */
import { signal, untracked } from "../kernel/signal";
import { NO_ANSWER, Problem } from "../door/api";
import { send, type Order } from "../door/commands";
import type { Outcome } from "../door/types";
import { advice, outcome as sentence } from "../words/say";
import { loadAccount } from "./account";
import { byStream, firstTold, link } from "./live";
import { loadQuotes } from "./market";
import { place } from "./place";
import { user } from "./session";
import { say, toast } from "./toasts";

/** Commands that wait for their answer. */
export const underway = signal(0);

/** Quiet commands show refusals only, the screen shows the rest; what came of them is still said aloud. */
export async function act(order: Order, quiet = false): Promise<Outcome | undefined> {
  underway.update((value) => value + 1);
  const whose = untracked(user);
  try {
    const patience = {
      onRetry: (tries: number) => {
        if (tries === 1) toast("info", "No answer yet", "The same command is sent again; it takes effect once.");
      },
      mayRetry: () => untracked(user) === whose,
    };
    const outcome = await send(order, patience, byStream);
    if (!outcome.accepted) toast("bad", sentence(outcome), advice(outcome.code));
    else if (outcome.fill ? firstTold(outcome.entry) : !quiet && !standsOnScreen(outcome)) toast("good", sentence(outcome));
    else say(sentence(outcome));
    if (link.peek() !== "open") {
      void loadAccount();
      loadQuotes().catch(() => {});
    }
    return outcome;
  } catch (fault) {
    explain(fault);
    return undefined;
  } finally {
    underway.update((value) => value - 1);
  }
}

/** A pending buy or sell has a place of its own on the trade screen, with a ring. */
const standsOnScreen = (outcome: Outcome) => place.peek().screen === "trade" && ["BUY", "SELL"].includes(outcome.name);

/** A fault in the way, told with what to do about it. */
export function explain(fault: unknown): void {
  if (!(fault instanceof Problem)) {
    toast("bad", "Something went wrong on this page", "Reload it and try again.");
  } else if (fault.code === NO_ANSWER) {
    toast("bad", "The server does not answer", "Look at your history once it is back: the command may have been carried out.");
  } else if (fault.status !== 401) {
    toast("bad", fault.message, advice(fault.code));
  }
}

/** Several commands of which each needs the one before. Stops at the first that is refused. */
export async function actInTurn(orders: Order[]): Promise<boolean> {
  for (const [at, order] of orders.entries()) {
    const outcome = await act(order, at < orders.length - 1);
    if (!outcome?.accepted) return false;
  }
  return true;
}
