/** A command takes effect once, whatever becomes of the connection under it; and of too many pages the oldest rests. */
import { ask } from "./browser.mjs";
import { expect, say, signIn, toast } from "./hands.mjs";

/** What the server lets one user have open. */
const STREAMS = 16;

export async function once(world) {
  const { step, looker, names, other, password } = world;
  const page = await world.someone();
  const cut = await cuttable(page);
  const posted = [];
  page.on("request", (request) => request.method() === "POST" && request.url().endsWith("/api/v1/commands") && posted.push(request.postDataJSON().request_id));
  await page.goto("/");
  await signIn(page, names.other, password);
  const cash = async () => Number((await ask(page, "/api/v1/account")).cash);

  await step("a command goes over the websocket", async () => {
    const before = await cash();
    await say(page, "ADD,3.00");
    await toast(page, "$3.00 added");
    expect(cut.given.length === 1 && posted.length === 0, `${cut.given.length} by websocket, ${posted.length} by HTTP`);
    expect((await cash()) === before + 3, `the cash is ${await cash()}`);
  });
  for (const [what, when, amount] of [["whose outcome is lost", "outcome", 11], ["that is lost itself", "command", 22]]) {
    await step(`a command ${what} with its connection takes effect once`, async () => {
      const [before, asked] = [await cash(), posted.length];
      cut.before(when);
      await say(page, `ADD,${amount}.00`);
      await toast(page, "No answer yet");
      await toast(page, `$${amount}.00 added`);
      await page.locator(".link.at-open").waitFor();
      expect(posted.length === asked + 1 && posted.at(-1) === cut.given.at(-1), `${cut.given} by websocket, ${posted} by HTTP`);
      expect((await cash()) === before + amount, `${before} became ${await cash()}`);
    });
  }
  await step("of too many pages the oldest rests until it is wanted", async () => {
    // With that page, this one, and as many as may be.
    await page.evaluate((many) => {
      globalThis.many = Array.from({ length: many }, () => new WebSocket(`${location.origin.replace("http", "ws")}/api/v1/stream`));
    }, STREAMS - 1);
    await other.getByText("Paused here.").waitFor();
    await looker.check(other, "a page that rests");
    await looker.shoot(other, "rests-desktop-light");
    await page.evaluate(() => globalThis.many.forEach((one) => one.close()));
    await other.getByRole("button", { name: "Go on here" }).click();
    await other.locator(".link.at-open").waitFor();
    await other.locator(".banner").waitFor({ state: "detached" });
  });
  await page.context().close();
}

/** Lets the connection of a page be cut: before the next command comes to the server, or before its outcome comes back. */
async function cuttable(page) {
  let when;
  const cut = { given: [], before: (what) => (when = what) };
  await page.routeWebSocket(/\/api\/v1\/stream$/, (socket) => {
    const server = socket.connectToServer();
    const pass = (on, message, what) => {
      const is = JSON.parse(message);
      if (what === "command" && is.command) cut.given.push(is.command.request_id);
      if (when !== what || !(is.command || is.type === "outcome")) return on.send(message);
      when = undefined;
      server.close();
      socket.close({ code: 3000 });
    };
    socket.onMessage((message) => pass(server, message, "command"));
    server.onMessage((message) => pass(socket, message, "outcome"));
  });
  return cut;
}
