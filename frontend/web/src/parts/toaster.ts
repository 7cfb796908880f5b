/** Toasts, and the two places that screen readers listen to. */
import { each, h } from "../kernel/view";
import { dismiss, spoken, toasts, urgent } from "../state/toasts";
import { icon } from "./icons";
import { iconButton } from "./pieces";

const ICONS = { good: "check", bad: "alert", info: "info" } as const;

export function toaster(): HTMLElement {
  return h(
    "div",
    null,
    // Said aloud from here, once; the toasts themselves would be read in pieces.
    h("div", { class: "unseen", role: "status", "aria-live": "polite" }, spoken),
    h("div", { class: "unseen", role: "alert", "aria-live": "assertive" }, urgent),
    h(
      "div",
      { class: "toasts", role: "region", "aria-label": "Messages" },
      each(
        toasts,
        (one) => one.id,
        (one) =>
          h(
            "div",
            { class: `toast ${one.peek().kind}` },
            icon(ICONS[one.peek().kind], 20),
            h("div", null, h("p", null, one.peek().text), one.peek().more ? h("p", { class: "more" }, one.peek().more) : null),
            iconButton("close", "Dismiss", () => dismiss(one.peek().id)),
          ),
      ),
    ),
  );
}
