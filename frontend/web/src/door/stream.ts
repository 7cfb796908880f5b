/**
 * The websocket: subscriptions that outlive connections, and commands that do not. After a break it
 * connects anew, slower each time, and asks to go on from the last sequence number that was seen.
 */
import { NO_ANSWER, Problem } from "./api";
import type { Outcome } from "./types";

export interface Message {
  type?: string;
  channel?: string;
  seq?: number;
  now_ms?: number;
  [field: string]: unknown;
}

/** `resting`: the server closed it because newer pages of the same user are open. */
export type Link = "connecting" | "open" | "waiting" | "resting" | "closed";

/** A part of WebSocket, so that tests can stand in for it. */
export interface Socket {
  readyState: number;
  send(text: string): void;
  close(code?: number): void;
  onopen: (() => void) | null;
  onmessage: ((event: { data: unknown }) => void) | null;
  onclose: ((event: { code: number }) => void) | null;
}

export interface Hooks {
  open: (url: string) => Socket;
  message: (message: Message) => void;
  /** `retryAt`: on the steady clock, when the next try is due. */
  link: (link: Link, retryAt?: number) => void;
  /** Asked before a try: a session that has ended must lead to the door, not to more tries. */
  mayRetry: () => Promise<boolean>;
  now: () => number;
  random: () => number;
}

/** Silence after which a connection is taken for dead: the server's heart beats every 10 s. */
const SILENCE_MS = 25_000;
const PING_EVERY_MS = 5_000;
/** After as much of it commands take another way: a ping is answered at once. */
const DOUBTFUL_MS = 8_000;
const LONGEST_PAUSE_MS = 15_000;
/** How long the outcome of a command is waited for. */
const PATIENCE_MS = 20_000;
const OPEN = 1;
/** With this the server closes the oldest of too many. */
const DISPLACED = 4002;

interface Waiting {
  resolve: (outcome: Outcome) => void;
  reject: (problem: Problem) => void;
  late: ReturnType<typeof setTimeout>;
}

export class Stream {
  private socket: Socket | undefined;
  private readonly wanted = new Set<string>();
  private readonly seen = new Map<string, number>();
  private readonly waiting = new Map<string, Waiting>();
  private tries = 0;
  private heardAt = 0;
  private pings = 0;
  private stopped = true;
  private retry: ReturnType<typeof setTimeout> | undefined;
  private pulse: ReturnType<typeof setInterval> | undefined;

  constructor(private readonly url: string, private readonly hooks: Hooks) {}

  start(): void {
    if (!this.stopped) return;
    this.stopped = false;
    this.tries = 0;
    this.connect();
    this.pulse = setInterval(() => this.beat(), PING_EVERY_MS);
  }

  /** Ends for good, and forgets: the next one to sign in is someone else. */
  stop(): void {
    this.stopped = true;
    clearTimeout(this.retry);
    clearInterval(this.pulse);
    this.seen.clear();
    this.wanted.clear();
    const old = this.socket;
    this.socket = undefined;
    old?.close(1000);
    this.leaveWaiting();
    this.hooks.link("closed");
  }

  subscribe(...channels: string[]): void {
    const fresh = channels.filter((one) => !this.wanted.has(one));
    fresh.forEach((one) => this.wanted.add(one));
    if (fresh.length > 0) this.say({ subscribe: fresh });
  }

  unsubscribe(...channels: string[]): void {
    const gone = channels.filter((one) => this.wanted.delete(one));
    if (gone.length > 0) this.say({ unsubscribe: gone });
  }

  /**
   * Gives a command over the connection; undefined where none is open and alive. Where the connection is lost
   * under it, it may have been carried out or not: the same id asks.
   */
  command(asked: { request_id: string }): Promise<Outcome> | undefined {
    const socket = this.socket;
    if (socket?.readyState !== OPEN || this.hooks.now() - this.heardAt > DOUBTFUL_MS) return undefined;
    const id = asked.request_id;
    return new Promise((resolve, reject) => {
      const late = setTimeout(() => this.settle(id)?.reject(noAnswer()), PATIENCE_MS);
      this.waiting.set(id, { resolve, reject, late });
      this.say({ command: asked });
    });
  }

  /** Tries at once, because somebody asked or the network came back. */
  hurry(): void {
    if (this.stopped || this.socket) return;
    clearTimeout(this.retry);
    this.connect();
  }

  private connect(): void {
    this.hooks.link("connecting");
    const socket = this.hooks.open(this.url);
    this.socket = socket;
    this.heardAt = this.hooks.now();
    socket.onopen = () => {
      if (this.socket !== socket) return;
      this.tries = 0;
      this.heardAt = this.hooks.now();
      this.hooks.link("open");
      if (this.wanted.size === 0) return;
      // Only the account's sequence is one to go on from: prices are told anew anyway.
      const account = this.seen.get("account");
      this.say({ subscribe: [...this.wanted], ...(account === undefined ? {} : { resume: { account } }) });
    };
    socket.onmessage = (event) => {
      if (this.socket !== socket) return;
      this.heardAt = this.hooks.now();
      this.take(event.data);
    };
    socket.onclose = ({ code }) => {
      if (this.socket !== socket) return;
      this.socket = undefined;
      this.leaveWaiting();
      if (this.stopped) return;
      // To come back by itself would push another page out, and that one this.
      if (code === DISPLACED) this.hooks.link("resting");
      else void this.again();
    };
  }

  private take(data: unknown): void {
    let message: Message;
    try {
      message = JSON.parse(String(data)) as Message;
    } catch {
      return;
    }
    if (message.channel && typeof message.seq === "number") {
      const last = this.seen.get(message.channel) ?? -1;
      // What was seen before the break may be told again; an account never goes back.
      if (message.channel === "account" && message.seq < last && message.type !== "snapshot") return;
      this.seen.set(message.channel, message.seq);
    }
    const waiting = typeof message["request_id"] === "string" ? this.settle(message["request_id"]) : undefined;
    if (waiting && message.type === "outcome") waiting.resolve(message["outcome"] as Outcome);
    else if (waiting) waiting.reject(refusal(message));
    else this.hooks.message(message);
  }

  private settle(id: string): Waiting | undefined {
    const waiting = this.waiting.get(id);
    if (!waiting) return undefined;
    clearTimeout(waiting.late);
    this.waiting.delete(id);
    return waiting;
  }

  private leaveWaiting(): void {
    [...this.waiting.keys()].forEach((id) => this.settle(id)?.reject(noAnswer()));
  }

  private async again(): Promise<void> {
    const longest = Math.min(LONGEST_PAUSE_MS, 500 * 2 ** this.tries);
    this.tries += 1;
    // Spread out, so that a server that comes back is not met by all of its clients at once.
    const pause = longest / 2 + (this.hooks.random() * longest) / 2;
    this.hooks.link("waiting", this.hooks.now() + pause);
    if (!(await this.hooks.mayRetry()) || this.stopped || this.socket) return;
    clearTimeout(this.retry);
    this.retry = setTimeout(() => this.hurry(), pause);
  }

  private beat(): void {
    const socket = this.socket;
    if (!socket) return;
    if (this.hooks.now() - this.heardAt > SILENCE_MS) {
      // A dead connection may take minutes to say so by itself.
      this.socket = undefined;
      socket.close();
      this.leaveWaiting();
      void this.again();
      return;
    }
    this.pings += 1;
    this.say({ ping: this.pings });
  }

  private say(message: object): void {
    if (this.socket?.readyState === OPEN) this.socket.send(JSON.stringify(message));
  }
}

const noAnswer = () => new Problem(NO_ANSWER, 0, "The server does not answer.");

function refusal(message: Message): Problem {
  const seconds = Number(message["retry_after_s"]);
  return new Problem(String(message["code"]), 0, String(message["detail"]), seconds > 0 ? seconds * 1_000 : undefined);
}
