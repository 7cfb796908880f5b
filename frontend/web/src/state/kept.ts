/** What a browser keeps for a person: tastes only, never who one is. */

const name = (key: string) => `daytrade.${key}`;

export function kept(key: string): string | undefined {
  try {
    return localStorage.getItem(name(key)) ?? undefined;
  } catch {
    return undefined;
  }
}

export function keep(key: string, value: string | undefined): void {
  try {
    if (value === undefined) localStorage.removeItem(name(key));
    else localStorage.setItem(name(key), value);
  } catch {
    // Private windows and full disks keep nothing: a taste is lost, nothing else.
  }
}
