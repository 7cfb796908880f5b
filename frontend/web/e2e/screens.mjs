/** Looks at every screen in both themes, on a desk and on a phone: axe-core, and a picture. */
import { mkdir, readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import path from "node:path";
import { DESKTOP, PHONE } from "./browser.mjs";

const AXE = await readFile(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"];

/** The pictures that are kept in docs/screenshots; `--all-shots` keeps every look. */
const KEPT = new Set([
  "sign-in-desktop-light", "sign-in-phone-dark",
  "trade-desktop-light", "trade-desktop-dark", "trade-phone-dark",
  "orders-desktop-light", "orders-phone-light",
  "history-desktop-light", "history-phone-dark",
  "audit-desktop-dark", "audit-phone-light",
  "operations-desktop-dark", "operations-phone-light",
  "palette-desktop-dark", "help-desktop-light", "connection-lost-desktop-light",
]);

export class Looker {
  constructor(folder, all) {
    this.folder = folder;
    this.all = all;
    this.violations = [];
    this.looked = 0;
    this.shot = 0;
  }

  /** `place` is a part of the address behind `#`, or nothing for what is shown now. */
  async look(page, name, ready, place) {
    if (place !== undefined) await page.evaluate((to) => (location.hash = to), place);
    await page.locator(ready).first().waitFor();
    await dismissToasts(page);
    await page.mouse.move(0, 0);
    for (const [size, viewport] of [["desktop", DESKTOP], ["phone", PHONE]]) {
      await page.setViewportSize(viewport);
      for (const colorScheme of ["light", "dark"]) {
        await page.emulateMedia({ colorScheme, reducedMotion: "reduce" });
        await page.locator(ready).first().waitFor();
        await settled(page);
        await this.check(page, `${name}, ${size}, ${colorScheme}`);
        await this.shoot(page, `${name}-${size}-${colorScheme}`);
      }
    }
    await page.setViewportSize(DESKTOP);
    await page.emulateMedia({ colorScheme: "light", reducedMotion: "no-preference" });
  }

  async check(page, where) {
    // Run by the debugger: the page's own policy lets no foreign script in.
    await page.evaluate(AXE);
    const found = await page.evaluate((values) => globalThis.axe.run(document, { runOnly: { type: "tag", values } }), RULES);
    this.looked += 1;
    for (const one of found.violations) {
      this.violations.push(`${where}: ${one.id}: ${one.help}\n    ${one.nodes.map((node) => `${node.target.join(" ")}  ${node.failureSummary?.split("\n")[1] ?? ""}`).slice(0, 4).join("\n    ")}`);
    }
    const wide = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
    if (wide > 0) this.violations.push(`${where}: the page is ${wide} px wider than its window`);
  }

  async shoot(page, name) {
    if (!this.folder || !(this.all || KEPT.has(name))) return;
    await mkdir(this.folder, { recursive: true });
    await page.screenshot({ path: path.join(this.folder, `${name}.png`) });
    this.shot += 1;
  }
}

/** What is told in passing stands before what is looked at. */
export async function dismissToasts(page) {
  await page.evaluate(() => {
    document.querySelectorAll(".toast button").forEach((one) => one.click());
    // A ring around what was pressed last is for whoever pressed it.
    if (!document.querySelector("dialog, .door-card")) document.activeElement?.blur();
  });
  await page.waitForFunction(() => !document.querySelector(".toast"));
}

/** Nothing loads or moves any more, and charts have been drawn in the size and the colours of now. */
async function settled(page) {
  await page.waitForFunction(() => {
    const charts = [...document.querySelectorAll(".chart-canvas")];
    const moving = document.getAnimations().some((one) => one.playState === "running" && one.effect?.getComputedTiming().endTime !== Infinity);
    return !document.body.innerText.includes("Loading…") && !moving && charts.every((one) => one.querySelector("canvas"));
  });
  await page.evaluate(() => new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(() => requestAnimationFrame(resolve)))));
}
