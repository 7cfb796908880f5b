/** A dialog that keeps the focus inside while it is open, and gives it back. */
import { root } from "../kernel/signal";
import { h, type Child } from "../kernel/view";

export interface OpenDialog {
  close: () => void;
}

export function openDialog(name: string, label: string, body: (close: () => void) => Child): OpenDialog {
  const before = document.activeElement as HTMLElement | null;
  let finish = () => {};
  const close = () => dialog.close();
  const [dialog, end] = root(() =>
    h(
      "dialog",
      {
        class: name,
        "aria-label": label,
        onclose: () => finish(),
        // A click beside it lands on the dialog itself, not on what is in it.
        onclick: (event: MouseEvent) => {
          if (event.target === dialog) close();
        },
      },
      h("div", { class: "dialog-body" }, body(close)),
    ),
  );
  finish = () => {
    end();
    dialog.remove();
    if (before?.isConnected) before.focus();
  };
  document.body.appendChild(dialog);
  dialog.showModal();
  return { close };
}

export const dialogIsOpen = () => document.querySelector("dialog[open]") !== null;
