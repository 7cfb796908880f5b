/** Signing in with a provider: a real one, and a server of its own that knows it. */
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { person } from "./browser.mjs";
import { expect, say, toast } from "./hands.mjs";
import { Server } from "./server.mjs";

const FOLDER = fileURLToPath(new URL("../../tests/oidc", import.meta.url));
/** What the provider knows the server by. */
const [CLIENT, SECRET] = ["daytrade", "a secret: with+odd/characters%and a space"];
const NAME = "Sign in with the harbour office";

export async function signInElsewhere({ server: main, browser, faults, step, looker }) {
  if (!existsSync(path.join(FOLDER, "node_modules/oidc-provider"))) throw new Error("there is no provider to sign in with: `make provider` installs it");
  const issuer = await startProvider();
  const server = await Server.make(main.program);
  const secret = path.join(server.folder, "secret");
  await writeFile(secret, SECRET);
  await server.start("--oidc-issuer", issuer, "--oidc-client-id", CLIENT, "--oidc-client-secret-file", secret, "--oidc-name", NAME);
  const someone = async (headers) => {
    const page = await person(browser, server.url, faults, { extraHTTPHeaders: headers });
    await page.goto("/");
    return page;
  };
  const way = (page) => page.getByRole("link", { name: NAME });
  // Who it is, the provider of a test is told by a header in place of a page.
  const page = await someone({ "x-test-user": "olga" });
  await step("the door with a provider, looked at", () => looker.look(page, "sign-in-provider", ".door-provider a"));
  await step("sign in with the provider, and trade", async () => {
    await way(page).click();
    await page.locator(".screen.trade").waitFor();
    await page.locator(".person .name", { hasText: "olga" }).waitFor();
    await say(page, "ADD,5.00");
    await toast(page, "$5.00 added");
  });
  await step("sign out, and in again as the same", async () => {
    await page.locator(".person summary").click();
    await page.getByRole("button", { name: "Sign out", exact: true }).click();
    await way(page).click();
    await page.locator(".money", { hasText: "$5.00" }).waitFor();
  });
  await step("whom the provider refuses is back at the door, and told so", async () => {
    const nobody = await someone({});
    await way(nobody).click();
    await nobody.locator(".problem", { hasText: "The provider signed nobody in" }).waitFor();
    expect(new URL(nobody.url()).search === "", `the address is ${nobody.url()}`);
    await looker.check(nobody, "the door after a refusal of the provider");
    await nobody.context().close();
  });
  await page.context().close();
  await server.stop();
}

/** The provider at work; it ends with this program. */
async function startProvider() {
  const child = spawn(process.execPath, ["provider.mjs"], { cwd: FOLDER, stdio: ["pipe", "pipe", "ignore"] });
  process.on("exit", () => child.kill());
  let said = "";
  return new Promise((resolve, reject) => {
    child.stdout.on("data", (bytes) => {
      said += bytes;
      const port = /listening (\d+)/.exec(said)?.[1];
      if (port) resolve(`http://127.0.0.1:${port}`);
    });
    child.on("error", reject);
    child.on("close", (code) => reject(new Error(`the provider ended with ${code}: ${said}`)));
  });
}
