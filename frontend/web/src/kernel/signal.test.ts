import { describe, expect, it } from "vitest";
import { batch, computed, effect, root, signal, untracked } from "./signal";

describe("signals", () => {
  it("tell those who read them, once a batch", () => {
    const [a, b] = [signal(1), signal(2)];
    const seen: number[] = [];
    effect(() => void seen.push(a() + b()));
    batch(() => {
      a.set(10);
      b.set(20);
    });
    a.set(10);
    expect(seen).toEqual([3, 30]);
  });
  it("are no longer listened to once they are no longer read", () => {
    const [which, a] = [signal(true), signal(0)];
    let runs = 0;
    effect(() => {
      runs += 1;
      if (which()) a();
    });
    which.set(false);
    a.set(1);
    expect(runs).toBe(2);
  });
  it("pass on what follows from them only when it differs", () => {
    const a = signal(1);
    let runs = 0;
    const even = computed(() => a() % 2 === 0);
    effect(() => {
      even();
      runs += 1;
    });
    a.set(3);
    expect(runs).toBe(1);
    a.set(4);
    expect(runs).toBe(2);
  });
  it("end with the scope of those who listen", () => {
    const a = signal(0);
    let [runs, cleaned] = [0, 0];
    const [, end] = root(() =>
      effect(() => {
        a();
        runs += 1;
        return () => void (cleaned += 1);
      }),
    );
    a.set(1);
    end();
    a.set(2);
    expect([runs, cleaned]).toEqual([2, 2]);
  });
  it("can be read without listening", () => {
    const a = signal(0);
    let runs = 0;
    effect(() => {
      untracked(() => a());
      runs += 1;
    });
    a.set(1);
    expect(runs).toBe(1);
  });
  it("say so when a change has no end", () => {
    const a = signal(0);
    expect(() => effect(() => a.set(a() + 1))).toThrow("without end");
  });
});
