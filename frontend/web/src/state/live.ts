/** What the server pushes, and to whom it goes. */
import { signal } from "../kernel/signal";
import type { Way } from "../door/commands";
import { Stream, type Link, type Message } from "../door/stream";
import type { Account, Happening, Operations, Quote } from "../door/types";
import { happening } from "../words/say";
import { forgetAccount, hearAccount, loadAccount } from "./account";
import { forgetMarket, hearQuotes, loadQuotes, loadWatched } from "./market";
import { has, look } from "./session";
import { clock } from "./time";
import { toast } from "./toasts";

export const link = signal<Link>("closed");
/** On the steady clock: when the next try to connect is due. */
export const retryAt = signal<number | undefined>(undefined);
/** Whether a connection was there, or failed, before: a first one that takes its time is no alarm. */
export const tried = signal(false);
export const operations = signal<Operations | undefined>(undefined);
/** Grows with every message that says that the log has grown. */
export const logGrew = signal(0);

let stream: Stream | undefined;

export function startLive(user: string): void {
  const trades = has("trader");
  if (trades) loadWatched(user);
  const secure = location.protocol === "https:";
  stream = new Stream(`${secure ? "wss" : "ws"}://${location.host}/api/v1/stream`, {
    open: (url) => new WebSocket(url) as never,
    message: hear,
    link: (now, due) => {
      link.set(now);
      retryAt.set(due);
      if (now !== "connecting" && now !== "closed") tried.set(true);
      if (now !== "open" || !trades) return;
      // What changed while nobody listened and no channel tells again.
      loadQuotes().catch(() => {});
    },
    mayRetry: look,
    now: () => performance.now(),
    random: Math.random,
  });
  // Who looks after the log or the system has no account, and needs no prices.
  if (trades) stream.subscribe("account", "orders", "market");
  stream.start();
  if (trades) void loadAccount();
}

export function stopLive(): void {
  stream?.stop();
  stream = undefined;
  tried.set(false);
  operations.set(undefined);
  told.clear();
  forgetAccount();
  forgetMarket();
}

export const reconnectNow = () => stream?.hurry();
export const byStream: Way = (asked) => stream?.command(asked);
export const listen = (...channels: string[]) => stream?.subscribe(...channels);
export const unlisten = (...channels: string[]) => stream?.unsubscribe(...channels);

function hear(message: Message): void {
  if (typeof message.now_ms === "number") clock.hear(message.now_ms);
  const channel = message.channel ?? "";
  if (channel === "account" && message["account"]) {
    hearAccount(message["account"] as Account);
    logGrew.update((value) => value + 1);
    for (const event of (message["events"] as Happening[] | undefined) ?? []) tell(event);
  } else if (channel === "orders" && message["event"]) {
    tell(message["event"] as Happening);
  } else if (channel === "market" && Array.isArray(message["quotes"])) {
    hearQuotes(message["quotes"] as Quote[]);
  } else if (channel.startsWith("quotes:") && message["quote"]) {
    hearQuotes([message["quote"] as Quote]);
  } else if (channel === "status" && message["status"]) {
    const status = message["status"] as Operations;
    clock.hear(status.now_ms);
    operations.set(status);
  } else if (message.type === "lagged" && channel === "market") {
    loadQuotes().catch(() => {});
  } else if (message.type === "error") {
    toast("bad", String(message["detail"] ?? message["code"] ?? "The stream refused a message"));
  }
}

const told = new Set<number>();
const MOST_TOLD = 500;

/** Whether an entry is told of for the first time: it may come by two channels and as an answer. */
export function firstTold(entry: number): boolean {
  if (told.has(entry)) return false;
  told.add(entry);
  if (told.size > MOST_TOLD) told.delete(told.values().next().value!);
  return true;
}

function tell(event: Happening): void {
  const words = happening(event);
  if (words && firstTold(event.entry)) toast(words.kind, words.text);
}
