//! A real Redis for one test: a process of its own, with a folder of its own, that keeps nothing
//! and is gone with the test.

use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use tempfile::TempDir;

/// Tests are told by it of a `redis-server` that is not on the path.
const VARIABLE: &str = "DAYTRADE_REDIS_SERVER";

pub(crate) struct RedisServer {
    process: Child,
    place: Place,
    folder: TempDir,
}

/// Where it listens.
enum Place {
    /// At a port of 127.0.0.1.
    Port(u16),
    /// At a socket in its folder: nobody else can take its place while it is away.
    Socket(PathBuf),
}

impl RedisServer {
    /// A server at a free port.
    pub(crate) fn start() -> RedisServer {
        for _ in 0..20 {
            let folder = TempDir::new().unwrap();
            // Somebody else may take the port before Redis does; then Redis ends, and another
            // port is tried.
            let port = free_port();
            let place = Place::Port(port);
            if let Some(process) = launch(&place, &folder) {
                return RedisServer { process, place, folder };
            }
        }
        panic!("no Redis came up at any of 20 free ports");
    }

    /// A server at a socket, fit to be ended and started again.
    pub(crate) fn start_at_socket() -> RedisServer {
        let folder = TempDir::new().unwrap();
        let place = Place::Socket(folder.path().join("redis.sock"));
        let process = launch(&place, &folder).expect("Redis comes up at a socket");
        RedisServer { process, place, folder }
    }

    pub(crate) fn url(&self) -> String {
        match &self.place {
            Place::Port(port) => format!("redis://127.0.0.1:{port}"),
            Place::Socket(path) => format!("unix://{}", path.display()),
        }
    }

    /// Ends it without a word, as a crash does.
    pub(crate) fn kill(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }

    /// Starts it anew where it was. It remembers nothing.
    pub(crate) fn start_again(&mut self) {
        self.process = launch(&self.place, &self.folder).expect("Redis comes up again");
    }

    /// Holds it: it takes connections and bytes (the kernel does), and does nothing.
    pub(crate) fn hold(&self) {
        self.signal("-STOP");
    }

    /// Lets it go on.
    pub(crate) fn go_on(&self) {
        self.signal("-CONT");
    }

    fn signal(&self, signal: &str) {
        let id = self.process.id().to_string();
        assert!(Command::new("kill").args([signal, &id]).status().unwrap().success());
    }

    /// A connection for what only a stranger would do.
    pub(crate) async fn stranger(&self) -> redis::aio::MultiplexedConnection {
        let client = redis::Client::open(self.url()).unwrap();
        client.get_multiplexed_async_connection().await.unwrap()
    }
}

impl Drop for RedisServer {
    fn drop(&mut self) {
        // Ends a held process too. Where it is gone already, that is what is wanted.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// A port of 127.0.0.1 at which nobody listens.
pub(crate) fn free_port() -> u16 {
    TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port()
}

/// Starts Redis and waits until it takes connections; `None` where it ends before.
fn launch(place: &Place, folder: &TempDir) -> Option<Child> {
    let program = std::env::var(VARIABLE).unwrap_or_else(|_| "redis-server".to_string());
    let mut command = Command::new(&program);
    match place {
        Place::Port(port) => command.args(["--bind", "127.0.0.1", "--port", &port.to_string()]),
        Place::Socket(path) => command.args(["--port", "0", "--unixsocket"]).arg(path),
    };
    command.args(["--save", "", "--appendonly", "no", "--daemonize", "no", "--dir"]);
    command.arg(folder.path());
    let mut process = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap_or_else(|error| {
            panic!(
                "{program} cannot be started ({error}): these tests want a real Redis. \
                 `make test` and `scripts/services install redis` install it; or set {VARIABLE} \
                 to the path of a redis-server"
            )
        });
    // It says so itself: whoever else answers at the port is not asked.
    let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
    let ready =
        lines.any(|line| line.is_ok_and(|line| line.contains("eady to accept connections")));
    if !ready {
        process.wait().unwrap();
        return None;
    }
    // What it says later is read away, so that it never waits for a reader.
    std::thread::spawn(move || lines.for_each(drop));
    Some(process)
}
