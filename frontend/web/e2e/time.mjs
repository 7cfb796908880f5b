/** Time: a market that has a past, a crash, a clock that hurries, and one that goes on behind it. */
import { ask, DESKTOP, PHONE, until } from "./browser.mjs";
import { command, expect, go, say, signIn, toast } from "./hands.mjs";
import { dismissToasts } from "./screens.mjs";
import { session } from "./server.mjs";

/** So fast the past is made: 60 s, the life of a price, are over in 150 ms. */
const PAST_SPEED = 400;
const PAST_PRICES = 40;
/** A hundredth of a second of the wall, in milliseconds of that clock: prices come no sharper. */
const LATE = 10 * PAST_SPEED;
/** So fast the clock runs after the crash: the countdown of 60 s is over in 3. */
const SPEED = 20;

/** A quarter of an hour or more of prices, made in seconds; the charts begin with it. */
export async function history(world) {
  const { server, step } = world;
  await step("a market's past, made by a clock that hurries", async () => {
    const said = await server.start("--seed-demo", "--clock-speed", String(PAST_SPEED));
    expect(said.includes(`${PAST_SPEED} times as fast`), `it says nothing of its clock: ${said}`);
    const [, password] = /password (\S+),/.exec(said);
    const get = await session(server.url, "demo", password);
    const { clock_speed: speed } = await get("/api/v1/session");
    expect(speed === PAST_SPEED, `the session tells of a clock at ${speed}`);
    await until(`${PAST_PRICES} prices`, async () => (await get("/api/v1/quotes/ABC/history")).prices.length >= PAST_PRICES, 60_000);
    const times = (await get("/api/v1/quotes/ABC/history")).prices.map(([at]) => at);
    expect(times.every((at, nth) => nth === 0 || at - times[nth - 1] >= 30_000 - LATE), "a price was asked for again before half its life was over");
    world.latestMs = times.at(-1);
    await server.stop();
  });
  await step("the next start goes on where the log ends, ahead of the wall", async () => {
    const said = await server.start("--seed-demo");
    expect(said.includes("ahead of this machine's"), `it says nothing of its clock: ${said}`);
  });
}

/** The server dies at its work and comes back with another clock; orders that stood fire. */
export async function crashAndHurry(world) {
  const { server, step, page, looker, names, password } = world;
  await step("orders a cent to both sides of a price", () => arm(page, "GEM"));
  let before;
  await step("the server is killed: a banner", async () => {
    await go(page, "/trade/ABC");
    await page.locator(".screen.trade").waitFor();
    before = await ask(page, "/api/v1/account");
    world.latestMs = Math.max(world.latestMs, before.now_ms);
    await server.kill();
    await page.locator(".banner").waitFor();
    await looker.check(page, "connection lost");
    await dismissToasts(page);
    await looker.shoot(page, "connection-lost-desktop-light");
  });
  await step("it comes back, and so does one's place", async () => {
    await server.start("--seed-demo", "--clock-speed", String(SPEED));
    await back(page, names.trader, password);
    await page.locator(".fast", { hasText: `${SPEED}×` }).waitFor();
    await page.setViewportSize(PHONE);
    await looker.check(page, "a clock that hurries, on a phone");
    await looker.shoot(page, "hurry-phone-light");
    await page.setViewportSize(DESKTOP);
    const after = await ask(page, "/api/v1/account");
    const all = (own) => own.holdings.ABC.free + own.holdings.ABC.reserved;
    expect(all(after) === all(before), `${all(before)} shares of ABC are ${all(after)} after the restart`);
    await say(page, "ADD,1.00");
    await toast(page, "$1.00 added");
  });
  await step("an order that outlived the server fires on a later price", async () => {
    const filled = await until("the fill", () => recordOf(page, (one) => one.outcome === "filled" && one.stock === "GEM"), 60_000, 300);
    return `${filled.shares} of GEM at $${filled.price}`;
  });
  await step("an order fires before one's eyes", async () => {
    await arm(page, "GEM");
    await toast(page, /Order filled: (bought|sold) \d+ shares? of GEM/);
  });
  await step("the ring counts as the server does", () => ringIsRight(page));
  await step("a buy left alone runs out at 60 seconds, and the money is back", async () => {
    await until("nothing pending", async () => (await ask(page, "/api/v1/account")).pending_buys.length === 0);
    const [bought] = await command(page, "BUY,ABC,700");
    expect(bought.accepted, `the buy is refused: ${bought.message}`);
    const expired = await until("the expiry", () => recordOf(page, (one) => one.transaction === bought.transaction && one.outcome === "expired"), 60_000, 300);
    const afterMs = expired.time_ms - bought.applied_ms;
    // Timers may be late on a machine that is busy elsewhere; never early.
    expect(afterMs > 60_000 && afterMs < 60_000 + 5_000 * SPEED, `it ran out after ${afterMs} ms`);
    await page.locator(".waiting li").first().waitFor({ state: "detached" });
    // Orders of GEM may fire meanwhile: what this buy took is what comes back.
    expect(expired.cash_change === bought.cash_change.replace("-", ""), `${bought.cash_change} was reserved, ${expired.cash_change} came back`);
    await until("nothing pending", async () => (await ask(page, "/api/v1/account")).pending_buys.length === 0);
    return `after ${(afterMs / 1_000).toFixed(1)} s of the server's`;
  });
}

/** The clock hurries no more, and has not gone back. */
export async function goOn(world) {
  const { server, step, page, looker, names, password } = world;
  await step("ended in order and started again, time goes on", async () => {
    world.latestMs = Math.max(world.latestMs, (await ask(page, "/api/v1/account")).now_ms);
    const last = (await ask(page, "/api/v1/history?limit=1")).records[0];
    await server.stop();
    await page.locator(".banner, .door-card").first().waitFor();
    await server.staff(names.analyst, password, "analyst");
    await server.staff(names.operator, password, "operator");
    await server.start("--seed-demo");
    await back(page, names.trader, password);
    const now = await ask(page, "/api/v1/account");
    expect(now.now_ms >= last.time_ms && now.now_ms >= world.latestMs, `time went back from ${world.latestMs} to ${now.now_ms}`);
    await page.locator(".fast").waitFor({ state: "detached" });
  });
  await step("a buy and a sell wait beside gains: Trade, looked at", async () => {
    await say(page, "BUY,ABC,700");
    await page.locator(".waiting li.buy").waitFor();
    await say(page, "SELL,ABC,1500");
    await page.locator(".waiting li.sell").waitFor();
    await looker.look(page, "trade", ".waiting li", "/trade/ABC");
  });
}

/** Behind the door, in the same place as before. Sessions do not outlive a server. */
async function back(page, name, password) {
  const again = page.getByRole("button", { name: "Try now" });
  await until(
    "the door",
    async () => {
      if (await page.locator(".door-card").count()) return true;
      // It may be gone before it is pressed: the page tries by itself as well.
      await again.click({ timeout: 500 }).catch(() => {});
      return false;
    },
    60_000,
  );
  await page.getByText("Your session has ended").waitFor();
  await signIn(page, name, password);
  await page.locator(".screen.trade").waitFor();
}

const recordOf = async (page, fits) => (await ask(page, "/api/v1/history?limit=100")).records.find(fits);

/** Any change of the price meets one of the two. Where one fires at once the price has just changed: again. */
async function arm(page, stock) {
  for (let tries = 0; tries < 20; tries += 1) {
    const price = await until("a price with some life left", async () => {
      await command(page, `QUOTE,${stock}`);
      const { now_ms: now, quotes } = await ask(page, "/api/v1/quotes");
      const quote = quotes.find((one) => one.stock === stock);
      return quote.fresh_until_ms - now > 10_000 && quote;
    });
    const cents = Math.round(Number(price.price) * 100);
    const dollars = (all) => (all / 100).toFixed(2);
    const done = await command(
      page,
      `SET_BUY_AMOUNT,${stock},${dollars(2 * cents)}`,
      `SET_BUY_TRIGGER,${stock},${dollars(cents - 1)}`,
      `SET_SELL_AMOUNT,${stock},${dollars(2 * cents)}`,
      `SET_SELL_TRIGGER,${stock},${dollars(cents + 1)}`,
    );
    expect(done.every((one) => one.accepted), `the orders are refused: ${JSON.stringify(done)}`);
    if (done.every((one) => !one.fill)) return;
  }
  throw new Error(`the orders fire at once, again and again`);
}

/** Compares the ring with the server's own count, halfway down: a page that knew nothing of the clock's speed would be half a minute off. */
async function ringIsRight(page) {
  await go(page, "/trade/ABC");
  for (let tries = 0; tries < 10; tries += 1) {
    await say(page, "BUY,ABC,700");
    await page.locator(".waiting li.buy").first().waitFor();
    const seen = await page.evaluate(async () => {
      for (;;) {
        const began = performance.now();
        const own = await (await fetch("/api/v1/account", { cache: "no-store" })).json();
        const shown = Number(document.querySelector(".waiting li.buy .ring span")?.textContent ?? NaN);
        const took = performance.now() - began;
        if (own.pending_buys.length === 0) return undefined;
        const left = (own.pending_buys[0].deadline_ms - own.now_ms) / 1_000;
        if (left < 5 || Number.isNaN(shown)) return undefined;
        if (left < 30) return { left, shown, took };
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
    });
    // Too late to look on a machine that is busy elsewhere.
    if (!seen || seen.took > 500) continue;
    expect(Math.abs(seen.shown - seen.left) < 10 + (seen.took * SPEED) / 1_000, `the ring says ${seen.shown} s, the server ${seen.left} s`);
    return `${seen.shown} s, the server's ${seen.left.toFixed(1)} s`;
  }
  throw new Error("no ring could be looked at halfway");
}
