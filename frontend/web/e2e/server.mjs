/** The real server: started, killed and started again on the same data, at the same address. */
import { execFile, spawn } from "node:child_process";
import { rmSync } from "node:fs";
import { mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { promisify } from "node:util";

/** How long it may take to start, or to end in order. */
const PATIENCE_MS = 60_000;

export class Server {
  /** `program` is the binary. Its data is in a folder of its own, which goes with it. */
  static async make(program) {
    const server = new Server();
    server.program = program;
    server.folder = await mkdtemp(path.join(tmpdir(), "daytrade-journey-"));
    server.data = path.join(server.folder, "data");
    // Nobody's key but the journey's own.
    server.env = { ...process.env, XDG_DATA_HOME: path.join(server.folder, "share") };
    server.address = "127.0.0.1:0";
    // However this ends, nothing of it stays behind.
    process.on("exit", () => {
      server.child?.kill("SIGKILL");
      rmSync(server.folder, { recursive: true, force: true });
    });
    for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(signal, () => process.exit(130));
    return server;
  }

  get url() {
    return `http://${this.address}`;
  }

  /** Starts it, and returns what it said on its standard output until it served. */
  async start(...more) {
    const child = spawn(this.program, ["up", "--listen", this.address, "--data", this.data, ...more], { env: this.env, stdio: ["ignore", "pipe", "pipe"] });
    this.child = child;
    let [said, complained] = ["", ""];
    child.stdout.on("data", (bytes) => (said += bytes));
    child.stderr.on("data", (bytes) => (complained += bytes));
    this.complaints = () => complained;
    this.ended = new Promise((resolve) => child.on("close", (code, signal) => resolve({ code, signal })));
    await new Promise((resolve, reject) => {
      const late = setTimeout(() => reject(new Error(`the server does not start: ${said}${complained}`)), PATIENCE_MS);
      child.stdout.on("data", () => said.includes("Ctrl-C") && (clearTimeout(late), resolve()));
      child.on("error", reject);
      void this.ended.then(() => (clearTimeout(late), reject(new Error(`the server did not start: ${said}${complained}`))));
    });
    if (said.includes("not in this binary")) {
      throw new Error("this binary has no screen: it was built without Node.js; `touch frontend/build.rs` and build it again");
    }
    this.address = /http:\/\/(\S+)/.exec(said)[1];
    return said;
  }

  /** Ends it as a crash would. */
  async kill() {
    this.child.kill("SIGKILL");
    await this.ended;
  }

  /** Ends it in order; fails where it does not. */
  async stop() {
    this.child.kill("SIGTERM");
    const late = setTimeout(() => this.child.kill("SIGKILL"), PATIENCE_MS);
    const { code, signal } = await this.ended;
    clearTimeout(late);
    if (code !== 0 || !this.complaints().includes("entries are durable")) throw new Error(`the server ended with ${code ?? signal}: ${this.complaints()}`);
  }

  /** Runs the binary; what it says, where it ends well. */
  async run(args, input = "") {
    const running = promisify(execFile)(this.program, args, { env: this.env, maxBuffer: 1 << 28 });
    // What reads nothing may have ended before it is written to.
    running.child.stdin.on("error", () => {});
    running.child.stdin.end(input);
    try {
      return (await running).stdout;
    } catch (fault) {
      throw new Error(`daytrade ${args.join(" ")}: ${fault.stdout}${fault.stderr}`);
    }
  }

  /** Makes somebody who has these roles and no others; also while it runs. */
  async staff(name, password, ...roles) {
    await this.run(["user", "add", name, "--data", this.data], `${password}\n`);
    await this.run(["user", "role", name, ...roles, "--data", this.data]);
  }

  /** The log as it stands when it has ended: its proof, and every rule, every cent. */
  async prove() {
    const xml = path.join(this.folder, "all.xml");
    await this.run(["audit", "check", "--data", this.data]);
    await this.run(["audit", "export", "--format", "xml", "--data", this.data, "--out", xml]);
    await this.run(["verify", xml]);
  }
}

/** A session of a program: what it gets with the cookie it was given. */
export async function session(url, user, password) {
  const answer = await fetch(`${url}/api/v1/session`, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify({ user, password }) });
  if (!answer.ok) throw new Error(`${user} cannot sign in: ${answer.status} ${await answer.text()}`);
  const cookie = answer.headers.get("set-cookie").split(";")[0];
  return async (at) => (await fetch(`${url}${at}`, { headers: { Cookie: cookie } })).json();
}
