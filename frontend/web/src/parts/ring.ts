/** A ring that runs out with the server's deadline, the seconds in its middle. */
import { effect, signal } from "../kernel/signal";
import { h, s } from "../kernel/view";
import { beat, clock } from "../state/time";
import { say } from "../state/toasts";

const RADIUS = 17;
const ROUND = 2 * Math.PI * RADIUS;
const TOTAL_MS = 60_000;
/** Seconds at which those who listen are told; more often would talk over everything else. */
const TOLD_AT = [30, 10];

export function ring(deadlineMs: () => number, what: () => string): HTMLElement {
  const left = signal(clock.until(deadlineMs()));
  const untold = TOLD_AT.filter((second) => left.peek() > second * 1_000);
  effect(() => {
    beat();
    left.set(clock.until(deadlineMs()));
    while (untold.length > 0 && left.peek() <= untold[0]! * 1_000) {
      say(`${untold.shift()} seconds left for the ${what()}`);
    }
  });
  const seconds = () => Math.ceil(left() / 1_000);
  return h(
    "div",
    { class: "ring", "class:late": () => left() <= 10_000, role: "timer", "aria-label": () => `${seconds()} seconds left` },
    s(
      "svg",
      { viewBox: "0 0 40 40", width: 44, height: 44, "aria-hidden": "true" },
      s("circle", { class: "track", cx: 20, cy: 20, r: RADIUS }),
      s("circle", {
        class: "rest",
        cx: 20,
        cy: 20,
        r: RADIUS,
        "stroke-dasharray": ROUND,
        "stroke-dashoffset": () => ROUND * (1 - Math.min(1, left() / TOTAL_MS)),
      }),
    ),
    h("span", { "aria-hidden": "true" }, seconds),
  );
}
