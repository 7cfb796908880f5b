/**
 * The server's time, as far as this side can know it. Deadlines are the server's: a laptop whose
 * clock is five minutes wrong must still show how long a buy can be committed.
 */

/** Milliseconds on a clock that no one sets: time that passed here, whatever the wall says. */
export type Steady = () => number;

export class ServerClock {
  private offset: number | undefined;
  private times = 1;
  private readonly steady: Steady;

  constructor(steady: Steady = () => performance.now()) {
    this.steady = steady;
  }

  /** Starts anew with a server: what time it is there, and how many times as fast it passes. */
  begin(nowMs: number, times = 1): void {
    this.times = times;
    this.offset = nowMs - this.passed();
  }

  /** How many times as fast as time passes the server's clock runs. */
  get speed(): number {
    return this.times;
  }

  private passed(): number {
    return this.steady() * this.times;
  }

  /**
   * Takes up a `now_ms` of the server. A message is always late, never early, so the largest
   * offset heard is the nearest to the truth; an offset far from it means that the server's
   * clock was set or this machine slept, and is believed.
   */
  hear(nowMs: number): void {
    const offset = nowMs - this.passed();
    if (this.offset === undefined || offset > this.offset || this.offset - offset > 2_000 * this.times) {
      this.offset = offset;
    }
  }

  /** The server's Unix milliseconds. Before it was heard: the clock of this machine. */
  now(): number {
    return this.offset === undefined ? Date.now() : this.offset + this.passed();
  }

  /** Milliseconds until a time of the server's, never less than 0. */
  until(timeMs: number): number {
    return Math.max(0, timeMs - this.now());
  }
}

/** "now", "12 s", "3 min", "2 h", "4 d". */
export function age(ms: number): string {
  if (ms < 1_000) return "now";
  if (ms < 60_000) return `${Math.floor(ms / 1_000)} s`;
  if (ms < 3_600_000) return `${Math.floor(ms / 60_000)} min`;
  if (ms < 172_800_000) return `${Math.floor(ms / 3_600_000)} h`;
  return `${Math.floor(ms / 86_400_000)} d`;
}

/** "14:03:22" here. */
export function timeOfDay(ms: number): string {
  const date = new Date(ms);
  return [date.getHours(), date.getMinutes(), date.getSeconds()]
    .map((part) => String(part).padStart(2, "0"))
    .join(":");
}

/** "14:03:22" of today, "11-22 14:03:22" of this year, else with the year. */
export function shortMoment(ms: number, nowMs: number): string {
  const [full, today] = [moment(ms), moment(nowMs)];
  if (full.slice(0, 10) === today.slice(0, 10)) return full.slice(11);
  return full.slice(0, 4) === today.slice(0, 4) ? full.slice(5) : full;
}

/** "2026-11-22 14:03:22" here. */
export function moment(ms: number): string {
  const date = new Date(ms);
  const day = [date.getFullYear(), date.getMonth() + 1, date.getDate()]
    .map((part) => String(part).padStart(2, "0"))
    .join("-");
  return `${day} ${timeOfDay(ms)}`;
}
