/** HTTP to the server: one place that knows of cookies, tokens and problems. */
import type { ProblemBody } from "./types";

/** What the server, or the way to it, had against a request. */
export class Problem extends Error {
  constructor(
    readonly code: string,
    readonly status: number,
    detail: string,
    /** When a retry makes sense, in milliseconds. */
    readonly retryMs: number | undefined = undefined,
  ) {
    super(detail);
  }
}

/** The code of a request that got no answer: it may have been carried out, or not. */
export const NO_ANSWER = "no_answer";

let csrf: string | undefined;
let whenSignedOut: () => void = () => {};

/** Every change carries this token, so that no other page can make one in our name. */
export function useToken(token: string | undefined): void {
  csrf = token;
}

/** Called when the server no longer knows the session. */
export function onSignedOut(call: () => void): void {
  whenSignedOut = call;
}

const PATIENCE_MS = 20_000;

export async function ask<T>(method: string, path: string, body?: unknown): Promise<T> {
  const headers: Record<string, string> = { Accept: "application/json" };
  if (body !== undefined) headers["Content-Type"] = "application/json";
  if (method !== "GET" && csrf) headers["X-CSRF-Token"] = csrf;
  let response: Response;
  try {
    response = await fetch(path, {
      method,
      headers,
      credentials: "same-origin",
      cache: "no-store",
      signal: AbortSignal.timeout(PATIENCE_MS),
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    if (response.ok) {
      return (response.status === 204 ? undefined : await response.json()) as T;
    }
  } catch {
    throw new Problem(NO_ANSWER, 0, "The server does not answer.");
  }
  throw await problem(response);
}

async function problem(response: Response): Promise<Problem> {
  let body: ProblemBody = {};
  try {
    body = (await response.json()) as ProblemBody;
  } catch {
    // Something between here and the server answered: its status must do.
  }
  const code = body.code ?? (response.status === 401 ? "unauthenticated" : `http_${response.status}`);
  if (code === "unauthenticated") whenSignedOut();
  const seconds = Number(response.headers.get("Retry-After"));
  return new Problem(
    code,
    response.status,
    body.detail ?? body.title ?? `The server answered ${response.status}.`,
    seconds > 0 ? seconds * 1_000 : undefined,
  );
}

export const get = <T>(path: string, query: Record<string, string | number | undefined> = {}) =>
  ask<T>("GET", withQuery(path, query));

/** A path with those parameters that say something. */
export function withQuery(path: string, query: Record<string, string | number | undefined>): string {
  const said = Object.entries(query).filter(([, value]) => value !== undefined && value !== "");
  const text = new URLSearchParams(said.map(([name, value]) => [name, String(value)])).toString();
  return text ? `${path}?${text}` : path;
}
