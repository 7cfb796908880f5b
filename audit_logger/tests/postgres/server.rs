//! A real Postgres for one test: its own folder, its own port, and an end with the test.

use audit_logger::postgres::PostgresUrl;
use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::{Duration, Instant};
use tempfile::TempDir;
use tokio_postgres::{Client, NoTls};

/// How long what should come soon may take.
pub(crate) const PATIENCE: Duration = Duration::from_secs(120);

/// Names the program `postgres` where it is not where Debian puts it.
const VARIABLE: &str = "DAYTRADE_POSTGRES_SERVER";

pub(crate) struct Server {
    folder: TempDir,
    bin: PathBuf,
    port: u16,
    /// More settings, as `name=value`.
    settings: Vec<String>,
    process: Option<Child>,
}

/// The folder of the programs, or a word on how to get them.
fn bin() -> PathBuf {
    if let Some(named) = std::env::var_os(VARIABLE) {
        return Path::new(&named).parent().expect("a path").to_path_buf();
    }
    let installed = fs::read_dir("/usr/lib/postgresql").into_iter().flatten();
    let mut found: Vec<PathBuf> = installed
        .filter_map(|item| Some(item.ok()?.path().join("bin")))
        .filter(|bin| bin.join("postgres").exists())
        .collect();
    found.sort();
    let on_path = || {
        let path = std::env::var_os("PATH")?;
        let mut folders = std::env::split_paths(&path).map(|folder| folder.join("postgres"));
        let program = folders.find(|program| program.exists())?;
        Some(program.canonicalize().ok()?.parent()?.to_path_buf())
    };
    found.pop().or_else(on_path).unwrap_or_else(|| {
        panic!(
            "these tests start a Postgres, and none is installed: `scripts/services install \
             postgres` does it, or {VARIABLE} names the program"
        )
    })
}

/// A program of Postgres. None of them runs as root.
fn unprivileged(program: &Path) -> Command {
    let Some(user) = other_user() else { return Command::new(program) };
    let mut command = Command::new("setpriv");
    command.args([&format!("--reuid={user}"), &format!("--regid={user}")[..]]);
    command.arg("--clear-groups").arg(program);
    command
}

/// The number of the user to be where we are root.
fn other_user() -> Option<u32> {
    let id = |arguments: &[&str]| {
        let told = Command::new("id").args(arguments).output().ok()?;
        String::from_utf8(told.stdout).ok()?.trim().parse::<u32>().ok()
    };
    (id(&["-u"])? == 0).then(|| id(&["-u", "postgres"]).or_else(|| id(&["-u", "nobody"])))?
}

/// A port that is free, below those that the system hands out to clients: while a server of a test
/// is down nobody takes its port, not even the client that tries to reach it.
fn quiet_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    loop {
        let nth = (std::process::id() as u16).wrapping_mul(61);
        let nth = nth.wrapping_add(NEXT.fetch_add(1, Ordering::Relaxed));
        let port = 10_000 + nth % 11_000;
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}

impl Server {
    pub(crate) fn start() -> Server {
        Server::prepared(Vec::new(), |_| {})
    }

    /// A server with TLS, whose certificate and key are these (PEM). Client certificates that
    /// `authority` has signed are taken.
    pub(crate) fn start_with_tls(certificate: &str, key: &str, authority: &str) -> Server {
        let files = [("server.crt", certificate), ("server.key", key), ("root.crt", authority)];
        let settings = vec![
            "ssl=on".to_string(),
            "ssl_cert_file=server.crt".to_string(),
            "ssl_key_file=server.key".to_string(),
            "ssl_ca_file=root.crt".to_string(),
        ];
        Server::prepared(settings, |server| {
            for (name, text) in files {
                let path = server.folder.path().join("data").join(name);
                fs::write(&path, text).unwrap();
                fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
                server.own(&path);
            }
        })
    }

    fn prepared(settings: Vec<String>, prepare: impl FnOnce(&Server)) -> Server {
        let folder = tempfile::tempdir().unwrap();
        if let Some(user) = other_user() {
            chown(folder.path(), Some(user), Some(user)).unwrap();
        }
        let bin = bin();
        let made = unprivileged(&bin.join("initdb"))
            .args(["--no-sync", "-A", "trust", "-U", "daytrade", "-E", "UTF8", "--locale=C", "-D"])
            .arg(folder.path().join("data"))
            .current_dir(folder.path())
            .output()
            .expect("initdb starts");
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        let port = quiet_port();
        let mut server = Server { folder, bin, port, settings, process: None };
        prepare(&server);
        server.run();
        server
    }

    /// From now on only who fits one of `rules` gets in (lines of `pg_hba.conf`).
    pub(crate) fn admit(&self, rules: &str) {
        let path = self.folder.path().join("data/pg_hba.conf");
        let sql = self.sql();
        fs::write(&path, rules).unwrap();
        sql.run("SELECT pg_reload_conf()");
        // The rules of the moment are shown by whoever reads the file; those of new connections
        // come a moment later.
        let started = Instant::now();
        while self.try_client().is_some() {
            assert!(started.elapsed() < PATIENCE, "the rules let everybody in");
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Gives a folder to the user as whom the server runs.
    pub(crate) fn own(&self, folder: &Path) {
        if let Some(user) = other_user() {
            chown(folder, Some(user), Some(user)).unwrap();
        }
    }

    /// Starts the server where it is not running, and waits until it answers.
    pub(crate) fn run(&mut self) {
        let started = Instant::now();
        loop {
            let ended = match &mut self.process {
                Some(process) => process.try_wait().unwrap().is_some(),
                None => true,
            };
            if ended {
                // The backends of a server that was killed may be there for a moment yet: then a
                // new one refuses to start, and is started again.
                let log = fs::File::options()
                    .create(true)
                    .append(true)
                    .open(self.folder.path().join("log"))
                    .unwrap();
                let process = unprivileged(&self.bin.join("postgres"))
                    .arg("-D")
                    .arg(self.folder.path().join("data"))
                    .args(["-p", &self.port.to_string()])
                    .args(["-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories="])
                    // A process that is killed takes nothing from the page cache.
                    .args(["-c", "fsync=off", "-c", "shared_buffers=32MB"])
                    .args(["-c", "autovacuum=off", "-c", "max_connections=20"])
                    .args(self.settings.iter().flat_map(|setting| ["-c", setting]))
                    .current_dir(self.folder.path())
                    .stdin(Stdio::null())
                    .stdout(Stdio::null())
                    .stderr(log)
                    .spawn()
                    .expect("postgres starts");
                self.process = Some(process);
            }
            if self.try_client().is_some() {
                return;
            }
            let log = || fs::read_to_string(self.folder.path().join("log")).unwrap_or_default();
            assert!(started.elapsed() < PATIENCE, "postgres does not start:\n{}", log());
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// The part of an address behind the user: host, port and a slash.
    pub(crate) fn place(&self) -> String {
        format!("127.0.0.1:{}/", self.port)
    }

    pub(crate) fn url(&self) -> PostgresUrl {
        self.address().parse().unwrap()
    }

    pub(crate) fn address(&self) -> String {
        format!("postgres://daytrade@127.0.0.1:{}/postgres", self.port)
    }

    fn try_client(&self) -> Option<Sql> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let client = runtime.block_on(async {
            let (client, connection) =
                tokio_postgres::connect(&self.address(), NoTls).await.ok()?;
            tokio::spawn(connection);
            client.simple_query("SELECT 1").await.ok()?;
            Some(client)
        })?;
        Some(Sql { runtime, client })
    }

    /// A connection of the test's own.
    pub(crate) fn sql(&self) -> Sql {
        self.try_client().expect("the server runs")
    }

    fn pid(&self) -> u32 {
        self.process.as_ref().expect("the server was started").id()
    }

    /// Kills the server and every backend of it.
    pub(crate) fn kill(&mut self) {
        let pids = self.pids();
        signal("KILL", &pids);
        let _ = self.process.as_mut().expect("the server was started").wait();
    }

    /// Stops every process of the server where it is.
    pub(crate) fn freeze(&self) {
        signal("STOP", &self.pids());
    }

    /// Lets them go on.
    pub(crate) fn thaw(&self) {
        signal("CONT", &self.pids());
    }

    fn pids(&self) -> Vec<u32> {
        let pid = self.pid();
        let children = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children"));
        let children = children.unwrap_or_default();
        let children = children.split_whitespace().filter_map(|child| child.parse().ok());
        std::iter::once(pid).chain(children).collect()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(process) = &mut self.process {
            // At once, and its backends with it.
            signal("CONT", &[process.id()]);
            signal("QUIT", &[process.id()]);
            let _ = process.wait();
        }
    }
}

fn signal(name: &str, pids: &[u32]) {
    let pids: Vec<String> = pids.iter().map(u32::to_string).collect();
    // A process that is gone already needs no signal.
    let _ = Command::new("kill").arg(format!("-{name}")).args(pids).stderr(Stdio::null()).status();
}

/// A connection that tests use without being asynchronous themselves.
pub(crate) struct Sql {
    runtime: tokio::runtime::Runtime,
    client: Client,
}

impl Sql {
    pub(crate) fn run(&self, statement: &str) {
        self.runtime.block_on(self.client.batch_execute(statement)).unwrap();
    }

    pub(crate) fn rows(&self, query: &str) -> Vec<tokio_postgres::Row> {
        self.runtime.block_on(self.client.query(query, &[])).unwrap()
    }

    /// Ends every other connection of the program.
    pub(crate) fn end_connections(&self) {
        let rows = self.rows(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
             WHERE application_name = 'daytrade'",
        );
        drop(rows);
    }
}
