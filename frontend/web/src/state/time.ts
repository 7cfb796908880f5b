/** The server's clock, and beats that countdowns and ages follow. */
import { signal } from "../kernel/signal";
import { ServerClock } from "../words/clock";

export const clock = new ServerClock();

/** Four times a second, for countdowns. */
export const beat = signal(0);
/** Once a second, for ages. */
export const second = signal(0);

let timer: ReturnType<typeof setInterval> | undefined;

export function startTime(): void {
  timer ??= setInterval(() => {
    // A screen that nobody sees counts nothing; deadlines do not depend on it.
    if (document.hidden) return;
    const next = beat.peek() + 1;
    beat.set(next);
    if (next % 4 === 0) second.update((value) => value + 1);
  }, 250);
}
