/** The command palette: names of screens and things to do, and the course's command lines. */
import { computed, effect, signal } from "../kernel/signal";
import { h } from "../kernel/view";
import { act, explain } from "../state/act";
import { quotes } from "../state/market";
import { go } from "../state/place";
import { has, signOut } from "../state/session";
import { switchTheme } from "../state/theme";
import { COMMAND_NAMES, form, readLine } from "../words/command";
import { openDialog } from "./dialog";
import { openScreens } from "./frame";
import { key } from "./pieces";

interface Entry {
  name: string;
  note: string;
  run?: () => void;
  /** A beginning of a line, to be filled in. */
  fill?: string;
}

const MOST = 9;

function things(help: () => void, addMoney: () => void): Entry[] {
  return [
    ...openScreens().map((one) => ({ name: one.name, note: "screen", run: () => go(one.screen) })),
    ...(has("trader") ? [{ name: "Add money", note: "opens a form", run: addMoney }] : []),
    { name: "Dark or light", note: "theme", run: switchTheme },
    { name: "Keyboard shortcuts", note: "help", run: help },
    { name: "Sign out", note: "session", run: () => void signOut().catch(explain) },
  ];
}

/** What fits what was typed: a whole command line before all else. */
function matches(typed: string, all: Entry[]): Entry[] {
  const text = typed.trim();
  const line = has("trader") ? readLine(text) : undefined;
  if (line?.kind === "command") return [{ name: line.line, note: line.says, run: () => void act({ line: line.line }) }];
  if (line?.kind === "wrong" && text.includes(",")) return [{ name: line.form, note: line.why, fill: text }];
  const words = text.toLowerCase();
  const fits = all.filter((one) => one.name.toLowerCase().includes(words));
  const stocks = words === "" ? [] : [...quotes.peek().keys()].filter((one) => one.toLowerCase().startsWith(words)).map((one) => ({ name: one, note: "chart", run: () => go("trade", one) }));
  const commands = words === "" || !has("trader") ? [] : COMMAND_NAMES.filter((one) => one.startsWith(text.toUpperCase().replaceAll(" ", "_"))).map((one): Entry => {
    const shape = form(one);
    return shape === one ? { name: one, note: "command", run: () => void act({ line: one }) } : { name: shape, note: "command, to be filled in", fill: `${one},` };
  });
  return [...stocks, ...fits, ...commands].slice(0, MOST);
}

export function openPalette(help: () => void, addMoney: () => void): void {
  openDialog("palette", "Command palette", (close) => {
    const typed = signal("");
    const at = signal(0);
    const all = things(help, addMoney);
    const list = computed(() => matches(typed(), all), () => false);
    effect(() => {
      list();
      at.set(0);
    });
    const run = (entry: Entry | undefined) => {
      if (!entry) return;
      if (entry.run) {
        close();
        entry.run();
      } else if (entry.fill !== undefined) {
        typed.set(entry.fill);
        input.focus();
      }
    };
    const move = (by: number) => at.set((at.peek() + by + list().length) % Math.max(1, list().length));
    const input = h("input", {
      role: "combobox",
      "aria-expanded": "true",
      "aria-controls": "palette-list",
      "aria-activedescendant": () => (list().length > 0 ? `palette-${at()}` : null),
      "aria-label": has("trader") ? "A screen, a stock or a command line" : "A screen",
      placeholder: has("trader") ? "A screen, a stock, or a line such as BUY,ABC,100" : "A screen",
      autocomplete: "off",
      spellcheck: "false",
      autofocus: true,
      value: typed,
      oninput: (event: Event) => typed.set((event.target as HTMLInputElement).value),
      onkeydown: (event: KeyboardEvent) => {
        if (event.key === "ArrowDown") move(1);
        else if (event.key === "ArrowUp") move(-1);
        else if (event.key === "Enter") run(list()[at.peek()]);
        else return;
        event.preventDefault();
      },
    });
    return [
      input,
      h("ul", { id: "palette-list", role: "listbox", "aria-label": "What fits" }, () =>
        list().map((entry, index) =>
          h("li", { id: `palette-${index}`, role: "option", "aria-selected": () => String(at() === index), onclick: () => run(entry), onmousemove: () => at.set(index) }, h("span", { class: entry.name.includes(",") ? "line" : "" }, entry.name), h("small", null, entry.note)),
        ),
      ),
      h("p", { class: "foot", role: "status" }, () => (list().length === 0 ? `Nothing fits.${has("trader") ? " A command line is a name, a stock and an amount with commas between." : ""}` : [key("↑"), key("↓"), " to choose, ", key("Enter"), " to go, ", key("Esc"), " to close"])),
    ];
  });
}
