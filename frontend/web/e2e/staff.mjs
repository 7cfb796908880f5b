/** Those who look after the system and the log: each sees what is theirs, and asks for nothing else. */
import { DESKTOP, overhear, PHONE, until } from "./browser.mjs";
import { command, expect, go, keepBusy, signIn } from "./hands.mjs";

/** Seconds of traffic behind the picture of Operations; a few will do to see that it is live. */
const SECONDS = 3;
const PICTURED_SECONDS = 45;

export async function watch(world) {
  await audit(world);
  await operate(world);
  await leave(world);
}

async function operate(world) {
  const { step, looker, names, password, other } = world;
  const operator = await world.someone();
  const told = (path) => operator.evaluate(async (at) => (await fetch(at)).json(), path);
  await signIn(other, names.other, password);
  const rest = await keepBusy(other);
  await step("an operator begins at Operations: live, with queues", async () => {
    await operator.goto("/");
    await signIn(operator, names.operator, password);
    await operator.locator(".lines path").first().waitFor({ state: "attached" });
    const figure = (name) => operator.locator(".figure", { hasText: name });
    await figure("Commands").filter({ hasText: /[1-9]\d*\/s/ }).first().waitFor();
    await figure("Latency").filter({ hasText: "99 of 100 within" }).waitFor();
    await figure("Queued").filter({ hasText: /\d/ }).waitFor();
    await figure("At workers").filter({ hasText: /\d/ }).waitFor();
    const seconds = looker.folder ? PICTURED_SECONDS : SECONDS;
    await until("seconds of traffic", async () => (await told("/api/v1/operations")).series.filter((one) => one.commands > 0).length >= seconds, 120_000, 500);
    const status = await operator.evaluate(async () => (await fetch("/api/v1/audit/stats")).status);
    expect(status === 403, `audit answers an operator ${status}`);
  });
  await step("Operations, looked at", () => looker.look(operator, "operations", ".lines"));
  await rest();
}

async function audit(world) {
  const { step, looker, page, names, password } = world;
  const analyst = await world.someone();
  const said = overhear(analyst);
  await command(page, "BUY,ABC,1200", "COMMIT_BUY", "SELL,OAK,1500", "COMMIT_SELL", "SET_BUY_AMOUNT,CAT,500", "SET_BUY_TRIGGER,CAT,9.50", "BUY,DAY,999999", "SELL,ZEN,100", "ADD,250.00");
  await step("an analyst begins at Audit: search, a facet, columns", async () => {
    await analyst.goto("/");
    await signIn(analyst, names.analyst, password);
    await analyst.locator(".log tbody tr").first().waitFor();
    await analyst.locator(".facet button", { hasText: /^Buy\d/ }).click();
    await until("the filter", async () => (await analyst.locator(".filters select").first().inputValue()) === "BUY");
    await until("buys only", async () => (await analyst.locator(".log tbody tr th").allInnerTexts()).every((one) => one === "Buy"));
    await analyst.getByRole("button", { name: "Clear" }).click();
    // Whatever the log tells, of whomever.
    await analyst.locator(".log tbody tr", { hasText: names.trader }).first().waitFor();
  });
  await step("on a phone filters are folded away, and counted", async () => {
    await analyst.setViewportSize(PHONE);
    const [fold, stock] = [analyst.getByRole("button", { name: "Filters" }), analyst.locator(".filters").getByLabel("Stock")];
    await stock.waitFor({ state: "hidden" });
    await analyst.locator(".when").waitFor();
    expect(await analyst.locator(".when").evaluate((one) => one.getBoundingClientRect().top < innerHeight / 2), "what was found begins below the middle");
    await fold.click();
    await stock.fill("OAK");
    await until("those of OAK", async () => (await analyst.locator(".log tbody tr").allInnerTexts()).every((one) => one.includes("OAK")));
    await looker.check(analyst, "Audit on a phone, with its filters");
    await fold.click();
    await stock.waitFor({ state: "hidden" });
    await fold.filter({ hasText: "1" }).waitFor();
    await looker.check(analyst, "Audit on a phone, with a filter that is folded away");
    await analyst.getByRole("button", { name: "Clear" }).click();
    await analyst.locator(".filters .count").waitFor({ state: "detached" });
    await analyst.setViewportSize(DESKTOP);
  });
  await step("Audit, looked at", () => looker.look(analyst, "audit", ".log tbody tr"));
  await step("an analyst has no other screen, and listens to no account", async () => {
    await go(analyst, "/trade");
    await analyst.getByText("Trade is for the role trader").waitFor();
    await looker.check(analyst, "a screen of another role");
    const statuses = await analyst.evaluate(async () => [(await fetch("/api/v1/operations")).status, (await fetch("/api/v1/audit/stats")).status]);
    expect(statuses.join() === "403,200", `operations and audit answer ${statuses}`);
    expect(!said.some((one) => /"(account|orders|market)"/.test(one)), `the page says ${said}`);
  });
}

async function leave({ step, looker, page, names, password }) {
  await step("a session that ends leads to the door, and back to the same place", async () => {
    await go(page, "/history");
    await page.locator(".screen.history").waitFor();
    await page.evaluate(async () => {
      const { csrf } = await (await fetch("/api/v1/session")).json();
      await fetch("/api/v1/session", { method: "DELETE", headers: { "X-CSRF-Token": csrf } });
    });
    await go(page, "/orders");
    await page.getByText("Your session has ended").waitFor();
    await looker.check(page, "door after a session");
    await signIn(page, names.trader, password);
    await page.locator(".screen.orders").waitFor();
  });
  await step("sign out", async () => {
    await page.locator(".person summary").click();
    await page.getByRole("button", { name: "Sign out", exact: true }).click();
    await page.locator(".door-card").waitFor();
    const status = await page.evaluate(async () => (await fetch("/api/v1/account")).status);
    expect(status === 401, `the account answers ${status} after signing out`);
  });
}
