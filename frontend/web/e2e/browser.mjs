/** A browser that watches itself: faults of the page and breaches of its security policy count. */
import { chromium } from "playwright-core";

const QUIET = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"];

export const DESKTOP = { width: 1440, height: 900 };
export const PHONE = { width: 390, height: 844 };

export async function launch(executablePath) {
  return chromium.launch({ executablePath, args: QUIET });
}

/** A person of their own: nothing is shared with another but the server. */
export async function person(browser, url, faults, options = {}) {
  const context = await browser.newContext({ baseURL: url, viewport: DESKTOP, colorScheme: "light", acceptDownloads: true, ...options });
  const page = await context.newPage();
  page.setDefaultTimeout(15_000);
  page.on("pageerror", (error) => faults.push(`the page failed: ${error.message}`));
  page.on("console", (message) => {
    if (/content security policy/i.test(message.text())) faults.push(message.text());
  });
  return page;
}

/** Polls a condition; what was waited for is named when it never comes. */
export async function until(what, condition, limitMs = 15_000, everyMs = 100) {
  const started = Date.now();
  for (;;) {
    const value = await condition();
    if (value) return value;
    if (Date.now() - started > limitMs) throw new Error(`waited ${limitMs} ms for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, everyMs));
  }
}

/** Asks the server as the page does, with its session. */
export const ask = (page, path) =>
  page.evaluate(async (at) => {
    const answer = await fetch(at);
    if (!answer.ok) throw new Error(`${at} answers ${answer.status} ${await answer.text()}`);
    return answer.json();
  }, path);
