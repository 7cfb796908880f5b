/** Puts the page together: who one is decides what is shown, the address decides which screen. */
import "./style/tokens.css";
import "./style/base.css";
import "./style/frame.css";
import "./style/parts.css";
import "./style/trade.css";
import "./style/records.css";
import { computed, effect, untracked } from "./kernel/signal";
import { h } from "./kernel/view";
import { frame, openScreens, SCREENS } from "./parts/frame";
import { openHelp, startKeys } from "./parts/keys";
import { openPalette } from "./parts/palette";
import { nothing } from "./parts/pieces";
import { toaster } from "./parts/toaster";
import { auditScreen } from "./screens/audit";
import { historyScreen } from "./screens/history";
import { operationsScreen } from "./screens/operations";
import { ordersScreen } from "./screens/orders";
import { signInScreen, unreachableScreen } from "./screens/sign_in";
import { tradeScreen } from "./screens/trade/index";
import { addMoney } from "./screens/trade/money_cards";
import { forgetTicket } from "./screens/trade/ticket";
import { startLive, stopLive, reconnectNow } from "./state/live";
import { address, place, startPlace, type Screen } from "./state/place";
import { has, look, standing, startSession, user } from "./state/session";
import { startTime } from "./state/time";

const VIEWS: Record<Screen, () => HTMLElement> = {
  trade: tradeScreen,
  orders: ordersScreen,
  history: historyScreen,
  audit: auditScreen,
  operations: operationsScreen,
};

const doors = { palette: () => openPalette(openHelp, addMoney), help: openHelp };
let lastUser: string | undefined;

function inside(name: string): HTMLElement {
  // A draft is there again after a session that ended, but not for somebody else.
  if (lastUser !== undefined && lastUser !== name) forgetTicket();
  lastUser = name;
  // Where an address names no screen one begins at the first that is one's own.
  const first = openScreens()[0]?.screen;
  if (first && first !== "trade" && location.hash.replace(/^#\/?/, "") === "") {
    history.replaceState(null, "", address(first));
    place.set({ screen: first });
  }
  const screen = computed(() => place().screen);
  return frame(
    () => h("div", { class: "screen-place" }, () => {
      const at = screen();
      const known = SCREENS.find((one) => one.screen === at)!;
      document.title = `${known.name} · daytrade`;
      if (!has(known.role)) return h("div", { class: "screen" }, h("h1", { class: "unseen" }, known.name), nothing(`${known.name} is for the role ${known.role}. Ask an operator for it.`));
      return untracked(VIEWS[at]);
    }),
    doors,
  );
}

function page(): HTMLElement {
  const at = computed(() => standing().at);
  return h("div", { class: "page" }, () => {
    switch (at()) {
      case "looking":
        return h("p", { class: "door", role: "status" }, "One moment…");
      case "unreachable": {
        const now = standing.peek();
        return unreachableScreen(now.at === "unreachable" ? now.why : "", () => void look());
      }
      case "door":
        document.title = "Sign in · daytrade";
        return untracked(signInScreen);
      case "inside":
        return untracked(() => inside(user() ?? ""));
    }
  });
}

startTime();
startPlace();
effect(() => {
  const name = user();
  if (name === undefined) return;
  untracked(() => startLive(name));
  const stopKeys = startKeys(doors);
  return () => {
    stopKeys();
    untracked(stopLive);
    document.querySelectorAll("dialog[open]").forEach((one) => (one as HTMLDialogElement).close());
  };
});
const app = document.getElementById("app")!;
app.append(page(), toaster());
addEventListener("online", reconnectNow);
document.addEventListener("visibilitychange", () => {
  if (!document.hidden) reconnectNow();
});
startSession();
