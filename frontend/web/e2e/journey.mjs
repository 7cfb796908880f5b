/**
 * Drives a running daytrade as a person would, and fails with what did not happen.
 *
 *   node e2e/journey.mjs --url http://127.0.0.1:8080 [--restart 'COMMAND'] [--shots DIR]
 *                        [--staff USER:PASSWORD] [--browser /usr/bin/chromium]
 *
 * --restart  ends the server and starts it again on the same data; returns when it answers
 * --staff    someone with the roles analyst and operator; without, a trader's screens are seen
 */
import { spawn } from "node:child_process";
import { readFile } from "node:fs/promises";
import { parseArgs } from "node:util";
import { ask, launch, person, until } from "./browser.mjs";
import { Looker } from "./screens.mjs";

const { values: given } = parseArgs({
  options: {
    url: { type: "string" },
    restart: { type: "string" },
    shots: { type: "string" },
    staff: { type: "string" },
    browser: { type: "string", default: "/usr/bin/chromium" },
  },
});
if (!given.url) {
  console.error("say where daytrade runs: --url http://127.0.0.1:8080");
  process.exit(2);
}

const PASSWORD = "a long walk by the river 47";
/** Pending buys run out after 60 s; the rest is for a machine under load. */
const EXPIRY_LIMIT_MS = 90_000;
const faults = [];
const looker = new Looker(given.shots);
const browser = await launch(given.browser);
let passed = 0;

async function step(name, body) {
  const started = Date.now();
  await body();
  passed += 1;
  console.log(`ok  ${name}  ${Date.now() - started} ms`);
}

const toast = (page, text) => page.locator(".toast", { hasText: text }).first().waitFor();
const signUp = async (page, name) => {
  await page.goto("/");
  await page.getByRole("button", { name: "Create an account" }).click();
  await page.getByLabel("User name").fill(name);
  await page.getByLabel("Password").fill(PASSWORD);
  await page.getByRole("button", { name: "Create account" }).click();
  await page.locator(".screen.trade").waitFor();
};
const signIn = async (page, name, password) => {
  await page.getByLabel("User name").fill(name);
  await page.getByLabel("Password").fill(password);
  await page.getByRole("button", { name: "Sign in", exact: true }).click();
};
/** Restarts the server, and sees that the page notices. */
const restart = async (page) => {
  const running = spawn(given.restart, { shell: true, stdio: "inherit" });
  const ended = new Promise((resolve) => running.on("exit", resolve));
  await page.locator(".banner, .door-card").first().waitFor({ timeout: 60_000 });
  await looker.shoot(page, "connection-lost");
  await looker.check(page, "connection lost");
  if ((await ended) !== 0) throw new Error("the command given by --restart failed");
};
/** A command line, as the palette takes it. */
const say = async (page, line) => {
  await page.keyboard.press("Control+k");
  await page.getByRole("combobox", { name: /command line/ }).fill(line);
  await page.keyboard.press("Enter");
};

try {
  const tag = `${process.pid}${Date.now() % 100_000}`;
  const [name, otherName] = [`anna${tag}`, `ben${tag}`];
  const page = await person(browser, given.url, faults);
  const other = await person(browser, given.url, faults);

  await step("the door is there, in both themes", async () => {
    await page.goto("/");
    await looker.look(page, "sign-in", ".door-card");
  });
  await step("sign up", () => signUp(page, name));
  await step("sign up in a second browser", () => signUp(other, otherName));
  await step("a new account says what to do first", async () => {
    await page.getByText("Add money first, then buy.").waitFor();
    await looker.look(other, "trade-empty", ".holdings .nothing", "/trade");
    await looker.look(other, "orders-empty", ".standing .nothing", "/orders");
    await looker.look(other, "history-empty", ".trail .nothing", "/history");
  });
  await step("add money", async () => {
    await page.locator(".money").getByRole("button", { name: "Add money" }).click();
    await page.getByLabel("Amount in dollars").last().fill("100,000");
    await page.locator("dialog").getByRole("button", { name: "Add money" }).click();
    await toast(page, "$100,000.00 added");
    await until("the cash", async () => (await ask(page, "/api/v1/account")).cash === "100000.00");
  });
  await step("watch a stock: its price is asked for, and runs out", async () => {
    await page.getByLabel("Stock to watch").fill("ABC");
    await page.locator(".watchlist").getByRole("button", { name: "Watch", exact: true }).click();
    await page.locator(".stocks li.chosen .price", { hasText: "$" }).waitFor();
  });

  let held;
  await step("buy: the preview, the ring, the reserve", async () => {
    await page.locator(".ticket").getByLabel("Amount in dollars").fill("5000");
    await page.locator(".preview", { hasText: "share" }).waitFor();
    await looker.shoot(page, "ticket");
    await page.getByRole("button", { name: "Buy ABC" }).click();
    await page.locator(".waiting li").waitFor();
    const left = Number(await page.locator(".waiting .ring span").innerText());
    if (!(left > 40 && left <= 60)) throw new Error(`the ring begins at ${left} s`);
    held = (await ask(page, "/api/v1/account")).pending_buys[0].shares;
  });
  await step("the countdown goes on", async () => {
    const before = Number(await page.locator(".waiting .ring span").innerText());
    await until("a lower count", async () => Number(await page.locator(".waiting .ring span").innerText()) < before);
  });
  await step("commit, by key", async () => {
    await page.locator("h1").first().evaluate(() => document.activeElement?.blur());
    await page.keyboard.press("c");
    await toast(page, `Bought ${held.toLocaleString("en-US")} share`);
    await page.locator(".holdings tbody th", { hasText: "ABC" }).waitFor();
    await until("the gain", async () => (await page.locator(".holdings tbody td").last().innerText()).includes("$"));
  });
  let expiring;
  await step("buy again, and let it run out", async () => {
    await say(page, "BUY,ABC,700");
    await page.locator(".waiting li.buy").waitFor();
    expiring = (await ask(page, "/api/v1/account")).pending_buys[0].transaction;
  });
  await step("sell, by a command line", async () => {
    await say(page, "SELL,ABC,1500");
    await page.locator(".waiting li.sell").waitFor();
  });
  await step("Trade, looked at", () => looker.look(page, "trade", ".waiting li", "/trade/ABC"));
  await step("cancel the sell, by button", async () => {
    await page.locator(".waiting li.sell").getByRole("button", { name: /Cancel/ }).click();
    await toast(page, "the shares are back");
  });
  await step("a refusal says why, and what to do", async () => {
    await say(page, "BUY,ABC,999999999");
    await page.locator(".toast.bad", { hasText: "Add money" }).first().waitFor();
  });

  await step("set an order far from the price, edit it", async () => {
    await page.evaluate(() => (location.hash = "/orders"));
    const form = page.locator(".set-order");
    await form.getByLabel("Stock").fill("ABC");
    await form.getByLabel("Amount in dollars").fill("1000");
    await form.getByLabel("Price").fill("0.50");
    await form.getByRole("button", { name: "Set buy order" }).click();
    await page.locator(".orders-list li", { hasText: "$0.50 or less" }).waitFor();
    await page.getByRole("button", { name: "Edit the buy order of ABC" }).click();
    // Near enough for the picture, and far enough not to fire while it is looked at.
    const price = Number((await ask(page, "/api/v1/quotes")).quotes.find((one) => one.stock === "ABC").price);
    await page.getByLabel("Buy at this price or less").fill((price * 0.85).toFixed(2));
    await page.getByRole("button", { name: "Change order" }).click();
    await page.locator(".orders-list li", { hasText: "% to go" }).filter({ hasNotText: "$0.50" }).waitFor();
  });
  await step("an order whose price is there fires", async () => {
    await say(page, "SET_SELL_AMOUNT,ABC,100");
    await toast(page, "noted to sell");
    await say(page, "SET_SELL_TRIGGER,ABC,1.00");
    await toast(page, "fired at once");
  });
  await step("Orders, looked at", () => looker.look(page, "orders", ".orders-list li", "/orders"));
  await step("cancel the order", async () => {
    await page.getByRole("button", { name: "Cancel the buy order of ABC" }).click();
    await page.getByText("No orders.").waitFor();
  });

  await step("history: what was done, one transaction, a filter", async () => {
    await page.evaluate(() => (location.hash = "/history"));
    await page.locator(".log tbody tr", { hasText: "Commit buy" }).first().waitFor();
    await page.getByLabel("Command").selectOption("BUY");
    await until("buys only", async () => (await page.locator(".log tbody tr th").allInnerTexts()).every((one) => one === "Buy"));
    await page.locator(".log tbody tr .time button").last().click();
    await page.locator(".story .before-after").first().waitFor();
  });
  await step("History, looked at", () => looker.look(page, "history", ".log tbody tr"));
  await step("download the audit trail", async () => {
    for (const format of ["XML", "CSV", "JSONL"]) {
      const [download] = await Promise.all([page.waitForEvent("download"), page.getByRole("link", { name: `Download as ${format}` }).click()]);
      const text = await readFile(await download.path(), "utf8");
      if (!text.includes("BUY")) throw new Error(`the ${format} tells of no BUY`);
      if (text.includes(otherName)) throw new Error(`the ${format} tells of somebody else`);
    }
  });
  await step("DUMPLOG, by a command line", async () => {
    await say(page, `DUMPLOG,${name}.xml`);
    await toast(page, "audit history is written");
  });

  await step("two browsers see nothing of each other", async () => {
    const theirs = await ask(other, "/api/v1/account");
    if (theirs.user !== otherName || theirs.cash !== "0.00") throw new Error(`the other account is ${JSON.stringify(theirs)}`);
    const records = (await ask(other, "/api/v1/history?limit=500")).records.filter((one) => one.user && one.user !== otherName);
    if (records.length > 0) throw new Error(`${records.length} records of somebody else`);
    const tx = (await ask(page, "/api/v1/history?limit=1")).records[0].transaction;
    const status = await other.evaluate(async (at) => (await fetch(at)).status, `/api/v1/history/${tx}`);
    const steps = status === 200 ? (await ask(other, `/api/v1/history/${tx}`)).steps : [];
    if (steps.length > 0) throw new Error("somebody else's transaction is told");
    if (await other.getByText(name).count()) throw new Error("the other page names the first person");
  });

  await step("the palette and the help sheet", async () => {
    await page.evaluate(() => (location.hash = "/trade/ABC"));
    await page.locator(".screen.trade").waitFor();
    await page.keyboard.press("Control+k");
    await page.getByRole("combobox").fill("buy,abc,100");
    await page.getByText("BUY,abc,100.00").waitFor();
    await looker.look(page, "palette", "dialog.palette");
    await page.keyboard.press("Escape");
    await page.keyboard.press("?");
    await looker.look(page, "help", "dialog.sheet");
    await page.keyboard.press("Escape");
  });

  if (given.restart) {
    await step("the server restarts: a banner, then everything goes on", async () => {
      const before = await ask(page, "/api/v1/account");
      await restart(page);
      await page.locator(".link.at-open, .door-card").first().waitFor({ timeout: 60_000 });
      // A server that keeps sessions in memory knows nobody after it: the same place is behind the door.
      if (await page.locator(".door-card").count()) {
        console.log("    the session did not outlive the restart");
        await page.getByText("Your session has ended").waitFor();
        await signIn(page, name, PASSWORD);
        await page.locator(".link.at-open").waitFor();
      }
      await page.locator(".screen.trade").waitFor();
      await say(page, "ADD,1.00");
      await until("the next change", async () => (await ask(page, "/api/v1/account")).seq > before.seq);
      await toast(page, "$1.00 added");
      const after = await ask(page, "/api/v1/account");
      for (const [stock, shares] of Object.entries(before.holdings)) {
        if (JSON.stringify(after.holdings[stock]) !== JSON.stringify(shares)) throw new Error(`${stock} is ${JSON.stringify(after.holdings[stock])} after the restart`);
      }
    });
  }

  await step("a buy left alone runs out at 60 seconds, and the money is back", async () => {
    await until(
      "the expiry",
      async () => (await ask(page, "/api/v1/history?limit=100")).records.some((one) => one.transaction === expiring && one.outcome === "expired"),
      EXPIRY_LIMIT_MS,
      1_000,
    );
    await page.locator(".waiting li.buy").waitFor({ state: "detached" });
    if ((await ask(page, "/api/v1/account")).pending_buys.length > 0) throw new Error("something is pending");
  });

  let staff = page;
  if (given.staff) {
    staff = await person(browser, given.url, faults);
    const at = given.staff.indexOf(":");
    await staff.goto("/");
    await signIn(staff, given.staff.slice(0, at), given.staff.slice(at + 1));
    await staff.locator(".frame").waitFor();
  }
  const roles = (await ask(staff, "/api/v1/session")).roles;
  if (roles.includes("analyst")) {
    await step("Audit: search, a facet, columns", async () => {
      await staff.evaluate(() => (location.hash = "/audit"));
      await staff.locator(".log tbody tr").first().waitFor();
      await staff.locator(".facet button", { hasText: "BUY" }).first().click();
      await until("buys only", async () => (await staff.locator(".filters select").first().inputValue()) === "BUY");
      await staff.getByRole("button", { name: "Clear" }).click();
      await looker.look(staff, "audit", ".log tbody tr");
    });
  }
  if (roles.includes("operator")) {
    await step("Operations: live", async () => {
      await staff.evaluate(() => (location.hash = "/operations"));
      await staff.locator(".lines path").first().waitFor({ state: "attached" });
      await looker.look(staff, "operations", ".lines");
    });
  }

  await step("a session that ends leads to the door, and back to the same place", async () => {
    await page.evaluate(() => (location.hash = "/history"));
    await page.locator(".screen.history").waitFor();
    await page.context().clearCookies();
    await page.evaluate(() => (location.hash = "/orders"));
    await say(page, "QUOTE,ABC");
    await page.getByText("Your session has ended").waitFor();
    await looker.check(page, "door after a session");
    await signIn(page, name, PASSWORD);
    await page.locator(".screen.orders").waitFor();
  });
  await step("sign out", async () => {
    await page.locator(".person summary").click();
    await page.getByRole("button", { name: "Sign out", exact: true }).click();
    await page.locator(".door-card").waitFor();
    const status = await page.evaluate(async () => (await fetch("/api/v1/account")).status);
    if (status !== 401) throw new Error(`the account answers ${status} after signing out`);
  });
} catch (error) {
  faults.push(error.stack ?? String(error));
} finally {
  await browser.close();
}

faults.push(...looker.violations);
faults.forEach((one) => console.log(`FAIL  ${one}`));
console.log(`${looker.looked} looks by axe-core, ${looker.violations.length} violations`);
console.log(`${passed} passed, ${faults.length} failed`);
process.exit(faults.length === 0 ? 0 : 1);
