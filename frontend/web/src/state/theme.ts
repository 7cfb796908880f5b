/** Dark or light: by the system until someone chooses. */
import { signal } from "../kernel/signal";
import { keep, kept } from "./kept";

export type Theme = "light" | "dark";

const system = matchMedia("(prefers-color-scheme: dark)");
const chosen = (): Theme | undefined => {
  const value = kept("theme");
  return value === "dark" || value === "light" ? value : undefined;
};

export const theme = signal<Theme>(chosen() ?? (system.matches ? "dark" : "light"));

system.addEventListener("change", () => {
  if (!chosen()) theme.set(system.matches ? "dark" : "light");
});

export function switchTheme(): void {
  const next: Theme = theme.peek() === "dark" ? "light" : "dark";
  const asSystem = (next === "dark") === system.matches;
  // Back at what the system says, the system is followed again.
  keep("theme", asSystem ? undefined : next);
  if (asSystem) delete document.documentElement.dataset["theme"];
  else document.documentElement.dataset["theme"] = next;
  theme.set(next);
}
