/** What a newcomer does, from the door to the download of the audit trail. */
import { readFile } from "node:fs/promises";
import { ask, timeUntilUsable, until, weigh } from "./browser.mjs";
import { expect, go, say, signUp, toast } from "./hands.mjs";

/** The first page, compressed; and how soon it can be used, on a machine that is busy elsewhere. */
const FIRST_PAGE_BYTES = 250_000;
const USABLE_MS = 3_000;

export async function comeAndLook(world) {
  const { step, looker, names, password } = world;
  const page = (world.page = await world.someone());
  const other = (world.other = await world.someone());

  await step("the door is light and soon there", async () => {
    const weight = await weigh(page);
    await timeUntilUsable(page, ".door-card input[type=password]");
    await page.goto("/");
    await page.getByLabel("Password").waitFor();
    const afterMs = await page.waitForFunction(() => globalThis.usableAfterMs).then((told) => told.jsonValue());
    await page.waitForLoadState("networkidle");
    const door = weight();
    expect(door > 5_000 && door <= FIRST_PAGE_BYTES, `the door weighs ${door} bytes`);
    expect(afterMs <= USABLE_MS, `the door can be used after ${Math.round(afterMs)} ms`);
    world.weight = weight;
    return `${kilobytes(door)} compressed, to be used after ${Math.round(afterMs)} ms`;
  });
  await step("the door, looked at", () => looker.look(page, "sign-in", ".door-card"));
  await step("sign up", async () => {
    await signUp(page, names.trader, password);
    await page.locator(".chart-canvas canvas").first().waitFor();
    await page.waitForLoadState("networkidle");
    const all = world.weight();
    expect(all <= FIRST_PAGE_BYTES, `up to the chart it weighs ${all} bytes`);
    return `${kilobytes(all)} up to the first chart`;
  });
  await step("sign up in a second browser", () => signUp(other, names.other, password));
  await step("a new account says what to do first", async () => {
    await page.getByText("Add money first, then buy.").waitFor();
    await looker.look(other, "trade-empty", ".holdings .nothing", "/trade");
    await looker.look(other, "orders-empty", ".standing .nothing", "/orders");
    await looker.look(other, "history-new", ".trail tbody tr", "/history");
    await other.locator(".trail tbody tr").getByText("Account opened").first().waitFor();
  });
}

/** The browser closes a dialog a moment after the key: what is pressed in between is still for it. */
async function leaveDialog(page) {
  await page.keyboard.press("Escape");
  await page.locator("dialog").waitFor({ state: "detached" });
}

const kilobytes = (bytes) => `${(bytes / 1_000).toFixed(0)} KB`;

export async function trade(world) {
  await buy(world);
  await order(world);
  await lookBack(world);
  await keepApart(world);
  await useTheExample(world);
}

async function buy({ step, looker, page }) {
  await step("add money", async () => {
    await page.locator(".money").getByRole("button", { name: "Add money" }).click();
    await page.getByLabel("Amount in dollars").last().fill("100,000");
    await page.locator("dialog").getByRole("button", { name: "Add money" }).click();
    await toast(page, "$100,000.00 added");
    await until("the cash", async () => (await ask(page, "/api/v1/account")).cash === "100000.00");
  });
  await step("watch a stock: its price is there, and runs out", async () => {
    await page.getByLabel("Stock to watch").fill("ABC");
    await page.locator(".watchlist").getByRole("button", { name: "Watch", exact: true }).click();
    await page.locator(".stocks li.chosen .price", { hasText: "$" }).waitFor();
  });
  let held;
  await step("buy: the preview, the ring, the reserve", async () => {
    await page.locator(".ticket").getByLabel("Amount in dollars").fill("5000");
    await page.locator(".preview", { hasText: "share" }).waitFor();
    await page.getByRole("button", { name: "Buy ABC" }).click();
    await page.locator(".waiting li").waitFor();
    const left = await secondsLeft(page);
    expect(left > 30 && left <= 60, `the ring begins at ${left} s`);
    held = (await ask(page, "/api/v1/account")).pending_buys[0].shares;
  });
  await step("the countdown goes on", async () => {
    const before = await secondsLeft(page);
    await until("a lower count", async () => (await secondsLeft(page)) < before);
  });
  await step("commit, by key", async () => {
    await page.evaluate(() => document.activeElement?.blur());
    await page.keyboard.press("c");
    await toast(page, `Bought ${held.toLocaleString("en-US")} share`);
    await page.locator(".holdings tbody th", { hasText: "ABC" }).waitFor();
    await until("the gain", async () => (await page.locator(".holdings tbody td").last().innerText()).includes("$"));
  });
  await step("two more, by command lines", async () => {
    for (const stock of ["GEM", "OAK"]) {
      await say(page, `BUY,${stock},9000`);
      await page.locator(".waiting li.buy").waitFor();
      await say(page, "COMMIT_BUY");
      await page.locator(".holdings tbody th", { hasText: stock }).waitFor();
    }
  });
  await step("a buy and a sell wait, by command lines", async () => {
    await say(page, "BUY,ABC,700");
    await page.locator(".waiting li.buy").waitFor();
    await say(page, "SELL,ABC,1500");
    await page.locator(".waiting li.sell").waitFor();
  });
  await step("cancel both, by button", async () => {
    await page.locator(".waiting li.sell").getByRole("button", { name: /Cancel/ }).click();
    await toast(page, "the shares are back");
    await page.locator(".waiting li.buy").getByRole("button", { name: /Cancel/ }).click();
    await toast(page, "the money is back");
    await page.locator(".pending", { hasText: "Nothing waits" }).waitFor();
  });
  await step("a refusal says why, and what to do", async () => {
    await say(page, "BUY,ABC,999999999");
    await page.locator(".toast.bad", { hasText: "Add money" }).first().waitFor();
    await looker.check(page, "Trade, with a refusal");
  });
}

const secondsLeft = async (page) => Number(await page.locator(".waiting .ring span").first().innerText());

async function order({ step, looker, page }) {
  const price = async (stock) => Number((await ask(page, "/api/v1/quotes")).quotes.find((one) => one.stock === stock).price);
  await step("set an order far from the price, edit it", async () => {
    await go(page, "/orders");
    const form = page.locator(".set-order");
    await form.getByLabel("Stock").fill("ABC");
    await form.getByLabel("Amount in dollars").fill("1000");
    await form.getByLabel("Price").fill("0.50");
    await form.getByRole("button", { name: "Set buy order" }).click();
    await page.locator(".orders-list li", { hasText: "$0.50 or less" }).waitFor();
    await page.getByRole("button", { name: "Edit the buy order of ABC" }).click();
    // Near enough for the picture, and far enough not to fire while it is looked at.
    await page.getByLabel("Buy at this price or less").fill(((await price("ABC")) * 0.85).toFixed(2));
    await page.getByRole("button", { name: "Change order" }).click();
    await page.locator(".orders-list li", { hasText: "% to go" }).filter({ hasNotText: "$0.50" }).waitFor();
  });
  await step("an order whose price is there fires", async () => {
    await say(page, "SET_SELL_AMOUNT,ABC,100");
    await toast(page, "noted to sell");
    await say(page, "SET_SELL_TRIGGER,ABC,1.00");
    await toast(page, "fired at once");
  });
  await step("Orders, looked at", async () => {
    await say(page, "SET_SELL_AMOUNT,OAK,2000");
    await say(page, `SET_SELL_TRIGGER,OAK,${((await price("OAK")) * 1.2).toFixed(2)}`);
    await page.locator(".orders-list li", { hasText: "OAK" }).filter({ hasText: "to go" }).waitFor();
    await looker.look(page, "orders", ".orders-list li", "/orders");
  });
  await step("cancel an order", async () => {
    await page.getByRole("button", { name: "Cancel the buy order of ABC" }).click();
    await page.locator(".orders-list li", { hasText: "ABC" }).waitFor({ state: "detached" });
  });
}

async function lookBack({ step, looker, page, names }) {
  await step("history: what was done, one transaction, a filter", async () => {
    await go(page, "/history");
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
      expect(text.includes("BUY"), `the ${format} tells of no BUY`);
      expect(!text.includes(names.other), `the ${format} tells of somebody else`);
    }
  });
  await step("DUMPLOG, by a command line", async () => {
    await say(page, `DUMPLOG,${names.trader}.xml`);
    await toast(page, "audit history is written");
  });
  await step("the palette and the help sheet", async () => {
    await go(page, "/trade/ABC");
    await page.locator(".screen.trade").waitFor();
    await page.keyboard.press("Control+k");
    await page.getByRole("combobox", { name: /command line/ }).fill("buy,abc,100");
    await page.getByText("BUY,abc,100.00").waitFor();
    await looker.look(page, "palette", "dialog.palette");
    await leaveDialog(page);
    await page.keyboard.press("?");
    await looker.look(page, "help", "dialog.sheet");
    await leaveDialog(page);
  });
}

/** The client of the examples, in a page as whoever writes one has it. */
async function useTheExample({ step, other }) {
  await step("the example client hears of what it does", async () => {
    const example = await readFile(new URL("../../examples/browser.js", import.meta.url), "utf8");
    // As if typed into the console: the page itself may run no text.
    const [outcome, cash, refused] = await other.evaluate(`(async () => {
      ${example}
      let heard;
      const added = new Promise((resolve) => (heard = resolve));
      const desk = daytradeDesk({ account: (account, events) => events.length > 0 && heard(account) });
      const outcome = await desk.command("ADD,2.50");
      const { cash } = await added;
      const refused = await desk.command("COMMIT_BUY,too,many");
      desk.close();
      return [outcome, cash, refused.code];
    })()`);
    expect(outcome.accepted && outcome.cash_change === "2.50", `the outcome is ${JSON.stringify(outcome)}`);
    expect(cash === "2.50", `the account has ${cash}`);
    expect(refused === "invalid_arguments", `the refusal is ${refused}`);
  });
}

async function keepApart({ step, page, other, names }) {
  await step("two browsers see nothing of each other", async () => {
    const theirs = await ask(other, "/api/v1/account");
    expect(theirs.user === names.other && theirs.cash === "0.00", `the other account is ${JSON.stringify(theirs)}`);
    const records = (await ask(other, "/api/v1/history?limit=500")).records;
    expect(records.every((one) => one.user === undefined || one.user === names.other), "the other history has records of somebody else");
    // Whatever number is tried, it tells of nothing that somebody else did.
    for (const { transaction } of (await ask(page, "/api/v1/history?limit=10")).records) {
      const told = await other.evaluate(async (at) => {
        const answer = await fetch(at);
        return answer.ok ? (await answer.json()).steps : [];
      }, `/api/v1/history/${transaction}`);
      expect(told.length === 0, `transaction ${transaction} of somebody else is told`);
    }
    expect(!(await other.content()).includes(names.trader), "the other page names the first person");
  });
}
