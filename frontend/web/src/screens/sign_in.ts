/** The door: sign in, or sign up. */
import { signal } from "../kernel/signal";
import { h } from "../kernel/view";
import { NO_ANSWER, Problem } from "../door/api";
import { logo, themeButton } from "../parts/frame";
import { icon } from "../parts/icons";
import { field } from "../parts/pieces";
import { signIn, signUp, standing } from "../state/session";

const WORDS: Record<string, string> = {
  wrong_credentials: "The name or the password is wrong.",
  user_taken: "That name is taken. Choose another, or sign in if it is yours.",
  breached_password: "That password stands in lists of stolen ones. Choose another.",
  rate_limited: "Too many tries. Wait a moment.",
  [NO_ANSWER]: "The server does not answer. Is daytrade up?",
};

export function signInScreen(): HTMLElement {
  const mode = signal<"in" | "up">("in");
  const problem = signal("");
  const busy = signal(false);

  const name = h("input", { name: "username", autocomplete: "username", required: true, maxlength: 64, autocapitalize: "none", spellcheck: "false", pattern: "[A-Za-z0-9_.@\\-]{1,64}", title: "1 to 64 letters, digits or _ . @ -" });
  const word = h("input", { name: "password", type: "password", required: true, autocomplete: () => (mode() === "in" ? "current-password" : "new-password"), minlength: () => (mode() === "in" ? 1 : 10) });

  const submit = async (event: Event) => {
    event.preventDefault();
    if (busy.peek()) return;
    busy.set(true);
    problem.set("");
    try {
      await (mode.peek() === "in" ? signIn : signUp)(name.value.trim(), word.value);
    } catch (fault) {
      problem.set(fault instanceof Problem ? (WORDS[fault.code] ?? fault.message) : "Something went wrong on this page. Reload it.");
      if (fault instanceof Problem && fault.code === "user_taken") name.focus();
      else word.select();
    } finally {
      busy.set(false);
    }
  };
  const choose = (next: "in" | "up") => () => {
    mode.set(next);
    problem.set("");
    (name.value ? word : name).focus();
  };
  const ended = () => {
    const now = standing();
    return now.at === "door" && now.ended;
  };
  queueMicrotask(() => name.focus());

  return h(
    "div",
    { class: "door" },
    h("div", { class: "door-theme" }, themeButton()),
    h(
      "main",
      { class: "door-card" },
      logo(),
      h("h1", null, () => (mode() === "in" ? "Sign in" : "Create an account")),
      () => (ended() ? h("p", { class: "note-line", role: "status" }, icon("info", 16), "Your session has ended. Sign in to go on where you were.") : null),
      h(
        "form",
        { onsubmit: submit },
        field("User name", name),
        field("Password", word, () => (mode() === "up" ? "At least 8 characters; a few words are better than one with tricks." : null)),
        h("p", { class: "problem", role: "alert" }, problem),
        h("button", { class: "button primary wide", disabled: busy }, () => (busy() ? "One moment…" : mode() === "in" ? "Sign in" : "Create account")),
      ),
      h(
        "p",
        { class: "door-other" },
        () => (mode() === "in" ? "New here? " : "Have an account? "),
        () =>
          mode() === "in"
            ? h("button", { type: "button", class: "text-button", onclick: choose("up") }, "Create an account")
            : h("button", { type: "button", class: "text-button", onclick: choose("in") }, "Sign in"),
      ),
    ),
    h("footer", { class: "door-foot" }, "A trading simulator: the money is play money, the deadlines are real."),
  );
}

/** While it is not known who one is, because the server cannot be asked. */
export function unreachableScreen(why: string, again: () => void): HTMLElement {
  return h(
    "div",
    { class: "door" },
    h(
      "main",
      { class: "door-card" },
      logo(),
      h("h1", null, "No connection"),
      h("p", { role: "alert" }, why, " Start it with ", h("code", null, "daytrade up"), ", or wait a moment if it is starting."),
      h("button", { type: "button", class: "button primary wide", onclick: again }, "Try again"),
    ),
  );
}
