/** The server's clock, and beats that countdowns and ages follow. */
import { signal } from "../kernel/signal";
import { ServerClock } from "../words/clock";

export const clock = new ServerClock();
/** How many times as fast as time passes the server's clock runs: 1, but for demonstrations. */
export const speed = signal(1);

/** For countdowns: four times a second, and more often where seconds are shorter. */
export const beat = signal(0);
/** Once a second, for ages. */
export const second = signal(0);

const BEAT_MS = 250;
const SHORT_BEAT_MS = 50;

/** What a server says of its clock when it says who one is. */
export function beginTime(nowMs: number, times: number): void {
  clock.begin(nowMs, times);
  speed.set(times);
}

let started = false;

export function startTime(): void {
  if (started) return;
  started = true;
  let sinceSecond = 0;
  const tick = () => {
    const passed = clock.speed > 1 ? SHORT_BEAT_MS : BEAT_MS;
    setTimeout(tick, passed);
    // A screen that nobody sees counts nothing; deadlines do not depend on it.
    if (document.hidden) return;
    beat.update((value) => value + 1);
    sinceSecond += passed;
    if (sinceSecond < 1_000) return;
    sinceSecond = 0;
    second.update((value) => value + 1);
  };
  setTimeout(tick, BEAT_MS);
}
