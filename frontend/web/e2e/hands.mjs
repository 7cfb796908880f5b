/** What hands do: the moves that several parts of the journey share. */

export const toast = (page, text) => page.locator(".toast", { hasText: text }).first().waitFor();

export const go = (page, place) => page.evaluate((to) => (location.hash = to), place);

export async function signUp(page, name, password) {
  await page.goto("/");
  await page.getByRole("button", { name: "Create an account" }).click();
  await page.getByLabel("User name").fill(name);
  await page.getByLabel("Password").fill(password);
  await page.getByRole("button", { name: "Create account" }).click();
  await page.locator(".screen.trade").waitFor();
}

export async function signIn(page, name, password) {
  await page.getByLabel("User name").fill(name);
  await page.getByLabel("Password").fill(password);
  await page.getByRole("button", { name: "Sign in", exact: true }).click();
  await page.locator(".link.at-open").waitFor();
}

/** A command line, as the palette takes it. */
export async function say(page, line) {
  await page.keyboard.press("Control+k");
  await page.getByRole("combobox", { name: /command line/ }).fill(line);
  await page.keyboard.press("Enter");
  await page.locator("dialog").waitFor({ state: "detached" });
}

/** Command lines one after the other, without the screen; what came of each. */
export const command = (page, ...lines) =>
  page.evaluate(async (all) => {
    const { csrf } = await (await fetch("/api/v1/session")).json();
    const outcomes = [];
    for (const line of all) {
      const body = JSON.stringify({ request_id: crypto.randomUUID(), line });
      outcomes.push(await (await fetch("/api/v1/commands", { method: "POST", headers: { "Content-Type": "application/json", "X-CSRF-Token": csrf }, body })).json());
    }
    return outcomes;
  }, lines);

/** Trades in the background for as long as it is not told to stop; returns how to tell it. */
export async function keepBusy(page) {
  const done = page.evaluate(async () => {
    const { csrf } = await (await fetch("/api/v1/session")).json();
    const headers = { "Content-Type": "application/json", "X-CSRF-Token": csrf };
    globalThis.busy = true;
    for (let turn = 0; globalThis.busy; turn += 1) {
      const line = turn === 0 ? "ADD,5000.00" : ["QUOTE,ABC", "BUY,ABC,25", "COMMIT_BUY", "SELL,ABC,9999"][turn % 4];
      await fetch("/api/v1/commands", { method: "POST", headers, body: JSON.stringify({ request_id: crypto.randomUUID(), line }) });
      // Well within what one user may ask, with tides for the picture.
      await new Promise((resolve) => setTimeout(resolve, 25 + 60 * Math.abs(Math.sin(turn / 40))));
    }
  });
  return async () => {
    await page.evaluate(() => (globalThis.busy = false));
    await done;
  };
}

export function expect(holds, otherwise) {
  if (!holds) throw new Error(otherwise);
}
