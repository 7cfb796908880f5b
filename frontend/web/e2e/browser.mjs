/** A browser that watches itself: faults of the page and breaches of its security policy count. */
import { accessSync, constants } from "node:fs";
import path from "node:path";
import { chromium } from "playwright-core";

const QUIET = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-dev-shm-usage", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"];

export const DESKTOP = { width: 1440, height: 900 };
export const PHONE = { width: 390, height: 844 };

/** `program` is a path, or a name that stands on the path. */
export async function launch(program) {
  return chromium.launch({ executablePath: found(program), args: QUIET });
}

function found(program) {
  const places = program.includes("/") ? [""] : (process.env.PATH ?? "").split(path.delimiter);
  for (const place of places) {
    try {
      accessSync(path.join(place, program), constants.X_OK);
      return path.join(place, program);
    } catch {
      // The next one.
    }
  }
  throw new Error(`${program} is not there: this wants a Chromium. \`make test\` and \`scripts/services install chromium\` install it; or set DAYTRADE_CHROMIUM to its path`);
}

/** A person of their own: nothing is shared with another but the server. */
export async function person(browser, url, faults, options = {}) {
  const context = await browser.newContext({ baseURL: url, viewport: DESKTOP, colorScheme: "light", acceptDownloads: true, ...options });
  const page = await context.newPage();
  page.setDefaultTimeout(30_000);
  page.on("pageerror", (error) => faults.push(`the page failed: ${error.message}`));
  page.on("console", (message) => {
    if (/content security policy/i.test(message.text())) faults.push(message.text());
  });
  return page;
}

/** Polls a condition; what was waited for is named when it never comes. */
export async function until(what, condition, limitMs = 30_000, everyMs = 100) {
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

/** Counts the bytes that come over the wire for a page, compressed as they come. */
export async function weigh(page) {
  const wire = await page.context().newCDPSession(page);
  await wire.send("Network.enable");
  let bytes = 0;
  wire.on("Network.loadingFinished", (event) => (bytes += event.encodedDataLength));
  return () => bytes;
}

/** Notes, in the page, how long after the navigation began an element can be used. */
export const timeUntilUsable = (page, selector) =>
  page.addInitScript((wanted) => {
    const look = () => {
      const found = document.querySelector(wanted);
      if (found && !found.disabled && found.getClientRects().length > 0) globalThis.usableAfterMs = performance.now();
      else requestAnimationFrame(look);
    };
    requestAnimationFrame(look);
  }, selector);

/** The messages that a page's websocket sends, as they are sent. */
export function overhear(page) {
  const said = [];
  page.on("websocket", (socket) => socket.on("framesent", ({ payload }) => said.push(String(payload))));
  return said;
}
