/** Says that the connection is gone, what that means, and when the next try is. */
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
  return h("div", { role: "status", class: "banner-place" }, () =>
    gone()
      ? h(
          "div",
          { class: "banner" },
          h("p", null, h("strong", null, "Connection lost."), " Prices stand still; deadlines go on. ", h("span", { "aria-hidden": "true" }, when)),
          h("button", { type: "button", class: "button small", onclick: reconnectNow }, "Try now"),
        )
      : null,
  );
}
