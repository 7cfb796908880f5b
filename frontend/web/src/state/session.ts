/** Who is signed in. The server alone knows; here is only what it said last. */
import { batch, signal } from "../kernel/signal";
import { ask, get, onSignedOut, Problem, useToken } from "../door/api";
import type { Role, Session } from "../door/types";
import { beginTime } from "./time";

export type Standing =
  | { at: "looking" }
  | { at: "unreachable"; why: string }
  /** `ended`: there was a session, and it is over. */
  | { at: "door"; ended: boolean }
  | { at: "inside"; session: Session };

export const standing = signal<Standing>({ at: "looking" });

export const user = () => {
  const now = standing();
  return now.at === "inside" ? now.session.user : undefined;
};

export const has = (role: Role) => {
  const now = standing();
  return now.at === "inside" && now.session.roles.includes(role);
};

let leaving = false;

export function startSession(): void {
  onSignedOut(() => leave(true));
  void look();
}

/** Asks the server who one is: at the start, and when a connection broke. */
export async function look(): Promise<boolean> {
  try {
    enter(await get<Session>("/api/v1/session"));
    return true;
  } catch (fault) {
    if (fault instanceof Problem && fault.status === 401) {
      leave(standing.peek().at === "inside");
      return false;
    }
    if (standing.peek().at !== "inside") standing.set({ at: "unreachable", why: (fault as Error).message });
    return standing.peek().at === "inside";
  }
}

export async function signIn(name: string, password: string): Promise<void> {
  enter(await ask<Session>("POST", "/api/v1/session", { user: name, password }));
}

export async function signUp(name: string, password: string): Promise<void> {
  enter(await ask<Session>("POST", "/api/v1/users", { user: name, password }));
}

export async function signOut(everywhere = false): Promise<void> {
  leaving = true;
  try {
    await ask("DELETE", everywhere ? "/api/v1/sessions" : "/api/v1/session");
  } catch (fault) {
    // A session that has ended already is what was asked for.
    if (!(fault instanceof Problem && fault.status === 401)) throw fault;
  } finally {
    leaving = false;
  }
  leave(false);
}

function enter(session: Session): void {
  useToken(session.csrf);
  beginTime(session.now_ms, session.clock_speed);
  const now = standing.peek();
  // The same person, looked up again: nothing on the screen has to be built anew.
  if (now.at === "inside" && now.session.user === session.user && now.session.roles.join() === session.roles.join()) return;
  standing.set({ at: "inside", session });
}

function leave(ended: boolean): void {
  if (leaving) return;
  batch(() => {
    useToken(undefined);
    const now = standing.peek();
    if (now.at === "door") return;
    standing.set({ at: "door", ended: ended && now.at === "inside" });
  });
}
