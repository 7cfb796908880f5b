/** Operations: how the system is, now and over the last minutes. */
import { effect, onEnd, signal } from "../kernel/signal";
import { h } from "../kernel/view";
import { get } from "../door/api";
import type { Operations } from "../door/types";
import { legend, lines } from "../parts/bars";
import { follower } from "../parts/facts";
import { card, fault, figure } from "../parts/pieces";
import { link, listen, operations, unlisten } from "../state/live";
import { second } from "../state/time";
import { age } from "../words/clock";
import { count } from "../words/money";

const MOST_POINTS = 300;
/** Fewer have the picture of a minute for themselves; from there on it is as wide as what is known. */
const SHORT_POINTS = 60;
/** Without a stream it is asked for so often. */
const ASK_EVERY_S = 5;

export function operationsScreen(): HTMLElement {
  const problem = signal<string | undefined>(undefined);
  const series = signal<Operations["series"]>([]);
  const load = () =>
    get<Operations>("/api/v1/operations")
      .then((told) => {
        problem.set(undefined);
        operations.set(told);
      })
      .catch((error: Error) => {
        if (!operations.peek()) problem.set(error.message);
      });
  void load();
  listen("status");
  onEnd(() => unlisten("status"));
  effect(() => {
    if (second() % ASK_EVERY_S === 0 && link() !== "open") void load();
  });
  // A push may carry the newest seconds only; what was heard before stays.
  effect(() => {
    const news = operations()?.series ?? [];
    const byTime = new Map(series.peek().map((one) => [one.t_ms, one]));
    news.forEach((one) => byTime.set(one.t_ms, one));
    series.set([...byTime.values()].sort((a, b) => a.t_ms - b.t_ms).slice(-MOST_POINTS));
  });
  const span = () => {
    const seconds = series().length;
    return seconds >= MOST_POINTS ? "The last five minutes" : seconds > SHORT_POINTS ? "Since it started" : "The last minute";
  };
  const now = (show: (told: Operations) => string) => () => (operations() ? show(operations()!) : "–");
  const micros = (value: number) => (value >= 10_000 ? `${(value / 1_000).toFixed(0)} ms` : value >= 1_000 ? `${(value / 1_000).toFixed(1)} ms` : `${count(value)} µs`);
  const spared = (told: Operations) => {
    const all = told.quotes.cache_hits + told.quotes.answers;
    return all === 0 ? "none asked for yet" : `${Math.round((100 * told.quotes.cache_hits) / all)} % of prices were known already`;
  };

  return h(
    "div",
    { class: "screen operations" },
    h("h1", { class: "unseen" }, "Operations"),
    () => (problem() ? fault(problem()!, load) : null),
    h(
      "section",
      { class: "card now", "aria-label": "Now" },
      h(
        "dl",
        { class: "figures wide" },
        figure("Commands", now((told) => `${count(told.commands_per_s)}/s`), now((told) => `${count(told.rejected_per_s)}/s refused`), "main"),
        figure("Latency", now((told) => (told.latency_us.p50 ? micros(told.latency_us.p50) : "–")), now((told) => (told.latency_us.p99 ? `99 of 100 within ${micros(told.latency_us.p99)}` : "no command yet")), "main"),
        figure("Queued", now((told) => count(told.queued)), "before the workers"),
        figure("At workers", now((told) => count(told.at_workers)), "being carried out"),
        figure("Log", now((told) => count(told.entries)), "entries, all durable"),
        figure("Up for", now((told) => age(told.now_ms - told.started_ms)), now((told) => `${count(told.sessions)} signed in`)),
      ),
    ),
    card("rate", span, () =>
      series().length < 2
        ? h("p", { class: "quiet" }, "Listening…")
        : [
            lines(
              [
                { kind: "accepted", values: series().map((one) => one.commands) },
                { kind: "rejected", values: series().map((one) => one.rejected) },
                { kind: "requests", values: series().map((one) => one.quote_requests) },
              ],
              Math.max(series().length, SHORT_POINTS),
              `Commands a second over ${series().length} seconds, now ${series().at(-1)?.commands ?? 0}`,
            ),
            legend([["accepted", "commands a second"], ["rejected", "refused"], ["requests", "quotes asked for"]]),
          ],
    ),
    card("quotes", "Quotes", [
      h(
        "dl",
        { class: "figures" },
        figure("Requests paid for", now((told) => count(told.quotes.requests)), now(spared)),
        figure("Answers", now((told) => count(told.quotes.answers))),
        figure("Unavailable", now((told) => count(told.quotes.unavailable))),
        figure("From the cache", now((told) => count(told.quotes.cache_hits))),
      ),
    ]),
    card("armed", "Orders and connections", [
      h(
        "dl",
        { class: "figures" },
        figure("Armed", now((told) => count(told.orders.armed)), now((told) => `in ${count(told.orders.stocks)} ${told.orders.stocks === 1 ? "stock" : "stocks"}`)),
        figure("Fired", now((told) => count(told.orders.fired))),
        figure("Websockets", now((told) => count(told.websockets))),
        figure("Sessions", now((told) => count(told.sessions))),
      ),
    ]),
    card("followers", "Followers", () => {
      const list = operations()?.followers ?? [];
      return list.length === 0 ? h("p", { class: "quiet" }, "No store follows the log: the log itself has everything.") : h("ul", { class: "followers-list" }, list.map(follower));
    }),
  );
}
