/** The door: sign in, or sign up. */
import { signal } from "../kernel/signal";
import { h } from "../kernel/view";
import { get, NO_ANSWER, Problem } from "../door/api";
import type { Provider, WaysIn } from "../door/types";
import { logo, themeButton } from "../parts/frame";
import { icon } from "../parts/icons";
import { field } from "../parts/pieces";
import { signIn, signUp, standing } from "../state/session";

const WORDS: Record<string, string> = {
  wrong_credentials: "The name or the password is wrong.",
  user_taken: "That name is taken. Choose another, or sign in if it is yours.",
  breached_password: "That password stands in lists of stolen ones. Choose another.",
  rate_limited: "Too many tries. Wait a moment.",
  sign_in_over: "That sign-in took too long or was begun elsewhere. Begin again.",
  sign_in_refused: "The provider signed nobody in. Try again, or use a password.",
  provider_unavailable: "The sign-in provider does not answer. Use a password, or try again later.",
  [NO_ANSWER]: "The server does not answer. Is daytrade up?",
};

/** What a provider's page sent the browser back with, said once. */
function cameBackWith(): string {
  const address = new URL(location.href);
  const code = address.searchParams.get("sign_in");
  if (code === null) return "";
  address.searchParams.delete("sign_in");
  history.replaceState(history.state, "", address);
  if (code === "user_taken") return "Your name at the provider is taken here by another account. Sign in with its password, or ask an operator.";
  return WORDS[code] ?? "That sign-in did not work. Try again.";
}

export function signInScreen(): HTMLElement {
  const mode = signal<"in" | "up">("in");
  const problem = signal(cameBackWith());
  const provider = signal<Provider | null>(null);
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
  // Without an answer there is no button, and the password does.
  get<WaysIn>("/api/v1/sign-in").then((ways) => provider.set(ways.oidc), () => {});

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
        field("Password", word, () => (mode() === "up" ? "At least 10 characters; a few words are better than one with tricks." : null)),
        h("p", { class: "problem", role: "alert" }, problem),
        h("button", { class: "button primary wide", disabled: busy }, () => (busy() ? "One moment…" : mode() === "in" ? "Sign in" : "Create account")),
      ),
      () => {
        const other = provider();
        return other ? h("div", { class: "door-provider" }, h("span", null, "or"), h("a", { class: "button wide", href: other.start }, other.name)) : null;
      },
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
