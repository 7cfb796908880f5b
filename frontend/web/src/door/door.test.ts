import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { NO_ANSWER, Problem } from "./api";
import { newId, send } from "./commands";
import { Stream, type Link, type Message, type Socket } from "./stream";
import type { Outcome } from "./types";

describe("a command", () => {
  const outcome = { accepted: true } as Outcome;
  const still = { pause: async () => {}, now: () => 0 };
  const none = () => undefined;

  it("is sent again with the same id when no answer comes", async () => {
    const ids: unknown[] = [];
    const answer = await send({ name: "BUY", stock: "S", amount: "1.00" }, still, none, async (asked) => {
      ids.push(asked.request_id);
      if (ids.length < 3) throw new Problem(NO_ANSWER, 0, "");
      return outcome;
    });
    expect(answer).toBe(outcome);
    expect(new Set(ids).size).toBe(1);
    expect(ids).toHaveLength(3);
  });
  it("waits as long as a full server says", async () => {
    const pauses: number[] = [];
    let tries = 0;
    await send({ line: "QUOTE,S" }, { now: () => 0, pause: async (ms) => void pauses.push(ms) }, none, async () => {
      tries += 1;
      if (tries === 1) throw new Problem("busy", 429, "", 3_000);
      return outcome;
    });
    expect(pauses).toEqual([3_000]);
  });
  it("is not repeated when it was refused", async () => {
    let tries = 0;
    await expect(
      send({ name: "BUY" }, still, none, async () => {
        tries += 1;
        throw new Problem("invalid_request", 400, "no");
      }),
    ).rejects.toThrow("no");
    expect(tries).toBe(1);
  });
  it("is given up in the end", async () => {
    let now = 0;
    await expect(send({ name: "BUY" }, { now: () => (now += 30_000), pause: async () => {} }, none, async () => { throw new Problem(NO_ANSWER, 0, "gone"); })).rejects.toThrow("gone");
  });
  it("goes over the websocket first, and by HTTP under the same id where that is lost", async () => {
    const ways: [string, string][] = [];
    const lost = (asked: { request_id: string }) => {
      ways.push(["stream", asked.request_id]);
      return Promise.reject(new Problem(NO_ANSWER, 0, ""));
    };
    const answer = await send({ line: "ADD,1.00" }, still, lost, async (asked) => {
      ways.push(["http", asked.request_id]);
      if (ways.length < 3) throw new Problem(NO_ANSWER, 0, "");
      return outcome;
    });
    expect(answer).toBe(outcome);
    expect(ways.map(([way]) => way)).toEqual(["stream", "http", "http"]);
    expect(new Set(ways.map(([, id]) => id)).size).toBe(1);
  });
  it("is not sent again in somebody else's name", async () => {
    let tries = 0;
    await expect(
      send({ line: "ADD,1.00" }, { ...still, mayRetry: () => false }, none, async () => {
        tries += 1;
        throw new Problem(NO_ANSWER, 0, "gone");
      }),
    ).rejects.toThrow("gone");
    expect(tries).toBe(1);
  });
  it("has an id of the form of a UUID", () => {
    expect(newId()).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  });
});

class FakeSocket implements Socket {
  readyState = 0;
  sent: Message[] = [];
  onopen: (() => void) | null = null;
  onmessage: ((event: { data: unknown }) => void) | null = null;
  onclose: ((event: { code: number }) => void) | null = null;
  send(text: string) {
    this.sent.push(JSON.parse(text));
  }
  close() {
    this.readyState = 3;
  }
  accept() {
    this.readyState = 1;
    this.onopen?.();
  }
  hear(message: object) {
    this.onmessage?.({ data: JSON.stringify(message) });
  }
  lose(code = 1006) {
    this.readyState = 3;
    this.onclose?.({ code });
  }
}

describe("the stream", () => {
  let sockets: FakeSocket[];
  let links: Link[];
  let heard: Message[];
  let now: number;
  let mayRetry: boolean;
  let stream: Stream;

  beforeEach(() => {
    vi.useFakeTimers();
    [sockets, links, heard, now, mayRetry] = [[], [], [], 0, true];
    stream = new Stream("ws://x", {
      open: () => {
        const socket = new FakeSocket();
        sockets.push(socket);
        return socket;
      },
      message: (message) => heard.push(message),
      link: (link) => links.push(link),
      mayRetry: async () => mayRetry,
      now: () => now,
      random: () => 0,
    });
    stream.subscribe("account", "market");
    stream.start();
  });
  afterEach(() => {
    stream.stop();
    vi.useRealTimers();
  });

  it("subscribes when it is open, and resumes behind what it has seen", async () => {
    sockets[0]!.accept();
    expect(sockets[0]!.sent).toEqual([{ subscribe: ["account", "market"] }]);
    sockets[0]!.hear({ channel: "account", type: "snapshot", seq: 41, account: {} });
    sockets[0]!.lose();
    await vi.advanceTimersByTimeAsync(1_000);
    sockets[1]!.accept();
    expect(sockets[1]!.sent).toEqual([{ subscribe: ["account", "market"], resume: { account: 41 } }]);
    expect(links).toEqual(["connecting", "open", "waiting", "connecting", "open"]);
  });
  it("never lets an account go back", () => {
    sockets[0]!.accept();
    sockets[0]!.hear({ channel: "account", type: "update", seq: 9 });
    sockets[0]!.hear({ channel: "account", type: "update", seq: 8 });
    expect(heard.map((one) => one.seq)).toEqual([9]);
  });
  it("waits longer each time, and no longer than it must", async () => {
    for (const pause of [250, 500, 1_000, 2_000, 4_000, 7_500, 7_500]) {
      const before = sockets.length;
      sockets.at(-1)!.lose();
      await vi.advanceTimersByTimeAsync(pause - 1);
      expect(sockets).toHaveLength(before);
      await vi.advanceTimersByTimeAsync(1);
      expect(sockets).toHaveLength(before + 1);
    }
  });
  it("does not knock again where the session has ended", async () => {
    mayRetry = false;
    sockets[0]!.accept();
    sockets[0]!.lose();
    await vi.advanceTimersByTimeAsync(60_000);
    expect(sockets).toHaveLength(1);
  });
  it("takes a long silence for a lost connection", async () => {
    sockets[0]!.accept();
    now = 26_000;
    await vi.advanceTimersByTimeAsync(5_000);
    await vi.advanceTimersByTimeAsync(1_000);
    expect(sockets).toHaveLength(2);
  });
  it("forgets everything when somebody signs out", () => {
    sockets[0]!.accept();
    stream.stop();
    sockets[0]!.hear({ channel: "account", type: "update", seq: 9 });
    expect(heard).toEqual([]);
    expect(links.at(-1)).toBe("closed");
  });
  it("carries commands, and tells each what came of it", async () => {
    expect(stream.command({ request_id: "early" })).toBeUndefined();
    sockets[0]!.accept();
    const all = ["one", "two", "three"].map((request_id) => stream.command({ request_id })!);
    expect(sockets[0]!.sent.slice(1)).toEqual(["one", "two", "three"].map((request_id) => ({ command: { request_id } })));
    sockets[0]!.hear({ type: "outcome", request_id: "two", outcome: { entry: 2 } });
    sockets[0]!.hear({ type: "refused", request_id: "one", code: "busy", detail: "later", retry_after_s: 2 });
    await expect(all[1]).resolves.toEqual({ entry: 2 });
    await expect(all[0]).rejects.toMatchObject({ code: "busy", retryMs: 2_000, message: "later" });
    sockets[0]!.lose();
    await expect(all[2]).rejects.toMatchObject({ code: NO_ANSWER });
    expect(heard).toEqual([]);
    // What is not asked for any more is nobody's.
    await vi.advanceTimersByTimeAsync(1_000);
    sockets[1]!.accept();
    sockets[1]!.hear({ type: "outcome", request_id: "three", outcome: { entry: 3 } });
  });
  it("is given no command while nobody answers", () => {
    sockets[0]!.accept();
    now = 9_000;
    expect(stream.command({ request_id: "doubtful" })).toBeUndefined();
    sockets[0]!.hear({ type: "pong" });
    const given = stream.command({ request_id: "given" });
    expect(given).toBeDefined();
    given!.catch(() => {});
  });
  it("waits for no outcome for ever", async () => {
    sockets[0]!.accept();
    const never = expect(stream.command({ request_id: "never" })).rejects.toMatchObject({ code: NO_ANSWER });
    await vi.advanceTimersByTimeAsync(20_000);
    await never;
  });
  it("leaves no command waiting when somebody signs out or the connection is dead", async () => {
    sockets[0]!.accept();
    const silent = expect(stream.command({ request_id: "silent" })).rejects.toMatchObject({ code: NO_ANSWER });
    now = 26_000;
    await vi.advanceTimersByTimeAsync(5_000);
    await silent;
    await vi.advanceTimersByTimeAsync(1_000);
    sockets[1]!.accept();
    const left = expect(stream.command({ request_id: "left" })).rejects.toMatchObject({ code: NO_ANSWER });
    stream.stop();
    await left;
  });
  it("rests when newer pages pushed it out, until somebody wants it", async () => {
    sockets[0]!.accept();
    sockets[0]!.lose(4002);
    await vi.advanceTimersByTimeAsync(60_000);
    expect(sockets).toHaveLength(1);
    expect(links.at(-1)).toBe("resting");
    stream.hurry();
    expect(sockets).toHaveLength(2);
  });
});
