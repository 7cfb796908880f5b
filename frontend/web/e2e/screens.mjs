/** Looks at every screen in both themes, on a desk and on a phone: axe-core, and a picture. */
import { mkdir, readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import path from "node:path";
import { DESKTOP, PHONE } from "./browser.mjs";

const AXE = await readFile(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"];

export class Looker {
  constructor(folder) {
    this.folder = folder;
    this.violations = [];
    this.looked = 0;
  }

  /** `place` is a part of the address behind `#`, or nothing for what is shown now. */
  async look(page, name, ready, place) {
    for (const [size, viewport] of [["desktop", DESKTOP], ["phone", PHONE]]) {
      await page.setViewportSize(viewport);
      for (const colorScheme of ["light", "dark"]) {
        await page.emulateMedia({ colorScheme, reducedMotion: "reduce" });
        if (place !== undefined) await page.evaluate((to) => (location.hash = to), place);
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
    if (!this.folder) return;
    await mkdir(this.folder, { recursive: true });
    await page.screenshot({ path: path.join(this.folder, `${name}.png`) });
  }
}

/** Nothing loads any more, and fonts and charts have been drawn. */
async function settled(page) {
  await page.waitForFunction(() => !document.body.innerText.includes("Loading…"));
  await page.evaluate(() => new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(resolve, 150)))));
}
