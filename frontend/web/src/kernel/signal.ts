/**
 * Values that tell who reads them when they change.
 *
 * An effect runs again when a signal that it read changes. Effects belong to the scope that made
 * them: disposing of a screen ends all that it listened to.
 */

interface Runner {
  run(): void;
  sources: Set<Set<Runner>>;
}

let reader: Runner | undefined;
let scope: (() => void)[] | undefined;
let depth = 0;
const waiting = new Set<Runner>();

export interface Signal<T> {
  (): T;
  /** Reads without listening. */
  peek(): T;
  set(value: T): void;
  update(change: (value: T) => T): void;
}

export function signal<T>(first: T): Signal<T> {
  let value = first;
  const readers = new Set<Runner>();
  const read = (() => {
    if (reader) {
      readers.add(reader);
      reader.sources.add(readers);
    }
    return value;
  }) as Signal<T>;
  read.peek = () => value;
  read.set = (next) => {
    if (Object.is(value, next)) return;
    value = next;
    batch(() => readers.forEach((one) => waiting.add(one)));
  };
  read.update = (change) => read.set(change(value));
  return read;
}

/** Changes made inside are seen together, once. */
export function batch(changes: () => void): void {
  depth += 1;
  try {
    changes();
  } finally {
    depth -= 1;
    if (depth === 0) settle();
  }
}

function settle(): void {
  // An effect may change signals itself; it is given up on when that does not end.
  for (let round = 0; waiting.size > 0; round += 1) {
    if (round > 100) {
      waiting.clear();
      throw new Error("effects change what they read, without end");
    }
    const now = [...waiting];
    waiting.clear();
    depth += 1;
    try {
      now.forEach((one) => one.run());
    } finally {
      depth -= 1;
    }
  }
}

/** Runs now, and again whenever a signal that it read changes. A function it returns cleans up. */
export function effect(body: () => void | (() => void)): () => void {
  let inner: (() => void)[] = [];
  let ended = false;
  const release = () => {
    runner.sources.forEach((readers) => readers.delete(runner));
    runner.sources.clear();
    const old = inner;
    inner = [];
    old.forEach((end) => end());
  };
  const runner: Runner = {
    sources: new Set(),
    run() {
      if (ended) return;
      release();
      const [outerReader, outerScope] = [reader, scope];
      reader = runner;
      scope = inner;
      try {
        const cleanup = body();
        if (cleanup) inner.push(cleanup);
      } finally {
        reader = outerReader;
        scope = outerScope;
      }
    },
  };
  const end = () => {
    ended = true;
    waiting.delete(runner);
    release();
  };
  scope?.push(end);
  runner.run();
  return end;
}

/** A value that follows from others; those who read it hear of it only when it differs. */
export function computed<T>(body: () => T, same: (a: T, b: T) => boolean = Object.is): () => T {
  let held: Signal<T> | undefined;
  effect(() => {
    const value = body();
    if (!held) held = signal(value);
    else if (!same(held.peek(), value)) held.set(value);
  });
  return held!;
}

/** Runs something that reads signals without listening to them. */
export function untracked<T>(body: () => T): T {
  const outer = reader;
  reader = undefined;
  try {
    return body();
  } finally {
    reader = outer;
  }
}

/** A scope of its own: what is made inside ends with the function returned. */
export function root<T>(body: () => T): [T, () => void] {
  const own: (() => void)[] = [];
  const [outerReader, outerScope] = [reader, scope];
  reader = undefined;
  scope = own;
  try {
    return [body(), () => own.splice(0).forEach((end) => end())];
  } finally {
    reader = outerReader;
    scope = outerScope;
  }
}

/** Called when the surrounding scope ends. */
export function onEnd(end: () => void): void {
  scope?.push(end);
}
