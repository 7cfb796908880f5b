/**
 * Sends commands so that each takes effect once: a command keeps the id that was made for it
 * here, and after a lost connection it is sent again with that same id. The first try goes over
 * the websocket where one is open, all others by HTTP, which does not wait for a new one.
 */
import { ask, NO_ANSWER, Problem } from "./api";
import type { Outcome } from "./types";
import type { Wish } from "../words/command";

export type Order = Wish | { line: string };
/** What is sent: the order under its id. */
export type Asked = { request_id: string };
/** A way to the server; undefined where it is not open. */
export type Way = (asked: Asked) => Promise<Outcome> | undefined;

export interface Patience {
  /** How long an answer is waited for, in milliseconds. */
  totalMs: number;
  pause: (ms: number) => Promise<void>;
  now: () => number;
  /** Told when the answer stays away and the command is sent again. */
  onRetry?: (tries: number) => void;
  /** Whether it may be sent again: what one asked for is not sent in the name of the next. */
  mayRetry?: () => boolean;
}

const PATIENCE: Patience = {
  totalMs: 90_000,
  pause: (ms) => new Promise((resolve) => setTimeout(resolve, ms)),
  now: () => performance.now(),
};

const post = (asked: Asked) => ask<Outcome>("POST", "/api/v1/commands", asked);

/** Worth another try with the same id: no answer, a server that starts, or one that is full. */
function passes(fault: unknown): fault is Problem {
  return fault instanceof Problem && [NO_ANSWER, "unavailable", "busy", "too_many_pending", "http_502", "http_503", "http_504"].includes(fault.code);
}

export async function send(
  order: Order,
  patience: Partial<Patience> = {},
  first: Way = () => undefined,
  by: (asked: Asked) => Promise<Outcome> = post,
): Promise<Outcome> {
  const { totalMs, pause, now, onRetry, mayRetry } = { ...PATIENCE, ...patience };
  const started = now();
  const asked = { request_id: newId(), ...order };
  for (let tries = 0; ; tries += 1) {
    try {
      return await ((tries === 0 ? first(asked) : undefined) ?? by(asked));
    } catch (fault) {
      if (!passes(fault) || now() - started > totalMs) throw fault;
      onRetry?.(tries + 1);
      await pause(fault.retryMs ?? Math.min(5_000, 250 * 2 ** tries));
      if (mayRetry?.() === false) throw fault;
    }
  }
}

/** `crypto.randomUUID` is there on secure pages only; loopback is one, a plain address is not. */
export function newId(): string {
  if (typeof crypto.randomUUID === "function") return crypto.randomUUID();
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = (bytes[6]! & 0x0f) | 0x40;
  bytes[8] = (bytes[8]! & 0x3f) | 0x80;
  const hex = [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}
