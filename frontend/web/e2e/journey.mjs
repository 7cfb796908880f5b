/**
 * Starts the real server, drives it as people would, ends and restarts it, and fails with what did
 * not happen. Looks at every screen with axe-core, on a desk and on a phone, in light and dark.
 *
 *   node e2e/journey.mjs --daytrade target/debug/daytrade [--shots DIR [--all-shots]]
 *                        [--browser PATH]
 *
 * The browser is a Chromium: the one that --browser or DAYTRADE_CHROMIUM names, else `chromium`.
 * Nothing here waits for a time, only for what is to be there; limits are for slow machines.
 */
import { parseArgs } from "node:util";
import { launch, person } from "./browser.mjs";
import { once } from "./once.mjs";
import { signInElsewhere } from "./provider.mjs";
import { Looker } from "./screens.mjs";
import { Server } from "./server.mjs";
import { crashAndHurry, goOn, history } from "./time.mjs";
import { watch } from "./staff.mjs";
import { comeAndLook, trade } from "./trader.mjs";

const { values: given } = parseArgs({
  options: {
    daytrade: { type: "string" },
    shots: { type: "string" },
    "all-shots": { type: "boolean", default: false },
    browser: { type: "string", default: process.env.DAYTRADE_CHROMIUM || "chromium" },
  },
});
if (!given.daytrade) {
  console.error("say which program to try: --daytrade target/debug/daytrade");
  process.exit(2);
}

/** Each wait has a limit of its own; this one is for what nobody thought of. */
const LIMIT_MS = 600_000;
setTimeout(() => {
  console.log(`FAIL  the journey is not over after ${LIMIT_MS / 1_000} s`);
  process.exit(1);
}, LIMIT_MS).unref();

const began = Date.now();
const faults = [];
let passed = 0;

/** One thing that is to work. What it has to say stands beside its time. */
async function step(name, body) {
  const started = Date.now();
  let said;
  try {
    said = await body();
  } catch (error) {
    throw new Error(`${name}: ${error.stack ?? error}`);
  }
  passed += 1;
  console.log(`ok  ${String(Date.now() - started).padStart(6)} ms  ${name}${typeof said === "string" ? `: ${said}` : ""}`);
}

const server = await Server.make(given.daytrade);
const looker = new Looker(given.shots, given["all-shots"]);
let browser;
try {
  browser = await launch(given.browser);
  const world = { server, browser, looker, faults, step, names: { trader: "anna", other: "ben", analyst: "vera", operator: "otto" }, password: "a long walk by the river 47" };
  world.someone = (options) => person(browser, server.url, faults, options);
  await history(world);
  await comeAndLook(world);
  await trade(world);
  await once(world);
  await crashAndHurry(world);
  await goOn(world);
  await watch(world);
  await step("the server ends in order, and its log is proved", async () => {
    await server.stop();
    await server.prove();
  });
  await signInElsewhere(world);
} catch (error) {
  faults.push(error.message ?? String(error));
  if (server.complaints?.()) faults.push(`the server said: ${server.complaints()}`);
} finally {
  await browser?.close();
}

faults.push(...looker.violations);
faults.forEach((one) => console.log(`FAIL  ${one}`));
console.log(`${looker.looked} looks by axe-core, ${looker.violations.length} violations, ${looker.shot} pictures`);
console.log(`${passed} steps passed, ${faults.length} faults, ${((Date.now() - began) / 1_000).toFixed(1)} s`);
process.exit(faults.length === 0 ? 0 : 1);
