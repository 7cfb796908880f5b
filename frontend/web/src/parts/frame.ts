/** What stands around every screen: the way about, the connection, who one is. */
import { h } from "../kernel/view";
import type { Role } from "../door/types";
import { link } from "../state/live";
import { address, place, type Screen } from "../state/place";
import { has, signOut, user } from "../state/session";
import { speed } from "../state/time";
import { switchTheme, theme } from "../state/theme";
import { explain } from "../state/act";
import { banner } from "./banner";
import { icon } from "./icons";
import { iconButton, key } from "./pieces";

export const SCREENS: { screen: Screen; name: string; role: Role; key: string }[] = [
  { screen: "trade", name: "Trade", role: "trader", key: "t" },
  { screen: "orders", name: "Orders", role: "trader", key: "o" },
  { screen: "history", name: "History", role: "trader", key: "h" },
  { screen: "audit", name: "Audit", role: "analyst", key: "a" },
  { screen: "operations", name: "Operations", role: "operator", key: "p" },
];

export const openScreens = () => SCREENS.filter((one) => has(one.role));

export function logo(): HTMLElement {
  return h("span", { class: "logo" }, h("img", { src: "/favicon.svg", alt: "", width: 26, height: 26 }), "daytrade");
}

export function themeButton(): HTMLElement {
  return h(
    "button",
    { type: "button", class: "icon-button", title: "Dark or light", "aria-label": () => (theme() === "dark" ? "Switch to light" : "Switch to dark"), onclick: switchTheme },
    () => icon(theme() === "dark" ? "sun" : "moon"),
  );
}

const LINKS = { open: "Live", connecting: "Connecting", waiting: "Offline", resting: "Paused", closed: "Offline" } as const;

export function frame(screen: () => HTMLElement, doors: { palette: () => void; help: () => void }): HTMLElement {
  const tabs = (className: string, label: string) =>
    h(
      "nav",
      { class: className, "aria-label": label },
      openScreens().map((one) =>
        h(
          "a",
          { href: address(one.screen), "aria-current": () => (place().screen === one.screen ? "page" : null) },
          icon(one.screen, 18),
          h("span", null, one.name),
        ),
      ),
    );
  return h(
    "div",
    { class: "frame" },
    h("a", { class: "skip", href: "#main", onclick: toMain }, "Skip to the screen"),
    h(
      "header",
      { class: "bar" },
      logo(),
      tabs("tabs", "Screens"),
      h("span", { class: "spring" }),
      () => (speed() > 1 ? h("span", { class: "fast", title: "The clock of this server runs faster than time passes: 60 seconds are over sooner" }, h("span", { class: "unseen" }, "The server's clock runs "), `${speed()}×`, h("span", { class: "unseen" }, " as fast as time passes")) : null),
      h("span", { class: () => `link at-${link()}` }, h("i", { "aria-hidden": "true" }), () => LINKS[link()]),
      h("button", { type: "button", class: "palette-button", onclick: doors.palette }, icon("search", 15), h("span", null, "Command"), key("Ctrl K")),
      themeButton(),
      iconButton("help", "Keyboard shortcuts", doors.help),
      personMenu(),
    ),
    banner(),
    h("main", { id: "main", tabindex: -1 }, screen),
    tabs("bottom", "Screens, at the bottom"),
  );
}

/** The address names the screen, so the skip link moves the focus itself. */
function toMain(event: Event): void {
  event.preventDefault();
  document.getElementById("main")?.focus();
}

function personMenu(): HTMLElement {
  const leave = (everywhere: boolean) => signOut(everywhere).catch(explain);
  const menu = h(
    "details",
    {
      class: "person",
      onkeydown: (event: KeyboardEvent) => {
        if (event.key === "Escape") menu.open = false;
      },
      onfocusout: (event: FocusEvent) => {
        if (!menu.contains(event.relatedTarget as Node | null)) menu.open = false;
      },
    },
    h("summary", { title: "You" }, icon("person"), h("span", { class: "name" }, user)),
    h(
      "div",
      { class: "menu" },
      h("p", null, "Signed in as ", h("strong", null, user)),
      h("button", { type: "button", onclick: () => leave(false) }, "Sign out"),
      h("button", { type: "button", onclick: () => leave(true) }, "Sign out everywhere"),
    ),
  );
  return menu;
}
