/** What is told in passing: on the screen for a while, and aloud to those who listen. */
import { signal } from "../kernel/signal";

export type Kind = "good" | "bad" | "info";

export interface Toast {
  id: number;
  kind: Kind;
  text: string;
  more?: string | undefined;
}

export const toasts = signal<readonly Toast[]>([]);
/** Read out when the listener has a moment, and at once. */
export const spoken = signal("");
export const urgent = signal("");

const SHOWN_MS = { good: 5_000, info: 8_000, bad: 10_000 };
const MOST = 3;
let ids = 0;

export function toast(kind: Kind, text: string, more?: string): void {
  ids += 1;
  const id = ids;
  toasts.update((list) => [...list, { id, kind, text, more }].slice(-MOST));
  say(more ? `${text}. ${more}` : text, kind === "bad");
  setTimeout(() => dismiss(id), SHOWN_MS[kind]);
}

export function dismiss(id: number): void {
  toasts.update((list) => list.filter((one) => one.id !== id));
}

export function say(text: string, now = false): void {
  const place = now ? urgent : spoken;
  // The same words twice would not be read again: a space makes them new.
  place.set(place.peek() === text ? `${text}\u00a0` : text);
}
