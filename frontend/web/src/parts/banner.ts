/** Says that the connection is gone, what that means, and when the next try is or who can make one. */
import { h } from "../kernel/view";
import { computed } from "../kernel/signal";
import { link, reconnectNow, retryAt, tried } from "../state/live";
import { second } from "../state/time";

export function banner(): HTMLElement {
  const gone = computed(() => tried() && link() !== "open" && link() !== "closed");
  const when = () => {
    second();
    const due = retryAt();
    if (link() === "connecting" || due === undefined) return "Connecting…";
    return `Next try in ${Math.max(1, Math.ceil((due - performance.now()) / 1_000))} s.`;
  };
  const lost = () => h("p", null, h("strong", null, "Connection lost."), " Prices stand still; deadlines go on. ", h("span", { "aria-hidden": "true" }, when));
  const paused = () => h("p", null, h("strong", null, "Paused here."), " You have daytrade open in too many places, and this was the oldest.");
  return h("div", { role: "status", class: "banner-place" }, () => {
    if (!gone()) return null;
    const resting = link() === "resting";
    return h("div", { class: "banner" }, resting ? paused() : lost(), h("button", { type: "button", class: "button small", onclick: reconnectNow }, resting ? "Go on here" : "Try now"));
  });
}
