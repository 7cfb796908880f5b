//! A real Elasticsearch: a single node with a folder and ports of its own, that ends with the
//! tests. One is shared by the tests of a program, because a start takes seconds; those that kill
//! or stop one start their own.

use audit_logger::elasticsearch::SearchUrl;
use elasticsearch::http::Method;
use elasticsearch::http::headers::HeaderMap;
use elasticsearch::http::transport::{SingleNodeConnectionPool, Transport, TransportBuilder};
use serde_json::Value;
use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::chown;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// How long what should come soon may take.
pub(crate) const PATIENCE: Duration = Duration::from_secs(300);

/// Names the program `elasticsearch` where it is not where `scripts/services` puts it.
const VARIABLE: &str = "DAYTRADE_ELASTICSEARCH_SERVER";

/// Names the jar of an OpenSearch among those that it needs, as `scripts/services` puts them, which
/// is then started in place of an Elasticsearch.
const OPENSEARCH: &str = "DAYTRADE_OPENSEARCH_SERVER";

/// The folder that `scripts/services` makes, which names the version too.
const INSTALLED: &str = "daytrade/elasticsearch-8.19.4/bin/elasticsearch";

/// What the folders of nodes are called, before the number of the process that made them.
const FOLDER: &str = "daytrade-elasticsearch-";

pub(crate) struct Node {
    folder: TempDir,
    port: u16,
    transport_port: u16,
    settings: Vec<String>,
    process: Option<Child>,
}

/// The program, or a word on how to get it.
fn program() -> PathBuf {
    if let Some(named) = std::env::var_os(VARIABLE) {
        return PathBuf::from(named);
    }
    let own = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
    let home = std::env::var_os("HOME").map(|home| Path::new(&home).join(".cache"));
    let caches = [Some(PathBuf::from("/var/cache")), own, home];
    let mut programs = caches.into_iter().flatten().map(|cache| cache.join(INSTALLED));
    programs.find(|program| program.exists()).unwrap_or_else(|| {
        panic!(
            "these tests start an Elasticsearch, and none is installed: `scripts/services install \
             elasticsearch` does it, or {VARIABLE} names the program"
        )
    })
}

/// Whether the node is an OpenSearch: it knows no lifecycle of data streams.
pub(crate) fn is_opensearch() -> bool {
    std::env::var_os(OPENSEARCH).is_some()
}

/// Where the Java on the path is at home: the server brings none.
fn java_home() -> PathBuf {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let java = std::env::split_paths(&path)
        .map(|folder| folder.join("java"))
        .find(|java| java.exists())
        .expect("Java is on the path: `scripts/services install elasticsearch` sees to it");
    let java = java.canonicalize().unwrap();
    java.parent().and_then(Path::parent).unwrap().to_path_buf()
}

/// The number of the user to be where we are root, as whom the server does not run.
fn other_user() -> Option<u32> {
    let id = |arguments: &[&str]| {
        let told = Command::new("id").args(arguments).output().ok()?;
        String::from_utf8(told.stdout).ok()?.trim().parse::<u32>().ok()
    };
    (id(&["-u"])? == 0).then(|| id(&["-u", "nobody"]))?
}

/// Starts a process on a thread that never ends: the process ends with its parent, and to the
/// system that is the thread.
fn spawn(mut command: Command) -> Child {
    type Job = Box<dyn FnOnce() + Send>;
    static KEEPER: OnceLock<Sender<Job>> = OnceLock::new();
    let keeper = KEEPER.get_or_init(|| {
        let (sender, jobs) = channel::<Job>();
        std::thread::spawn(move || jobs.into_iter().for_each(|job| job()));
        sender
    });
    let (tell, told) = channel();
    keeper.send(Box::new(move || tell.send(command.spawn()).unwrap())).unwrap();
    told.recv().unwrap().expect("elasticsearch starts")
}

/// Removes what processes that were killed have left.
fn sweep() {
    let left = fs::read_dir(std::env::temp_dir()).into_iter().flatten().flatten();
    for item in left {
        let name = item.file_name().to_string_lossy().into_owned();
        let pid = name.strip_prefix(FOLDER).and_then(|rest| rest.split('-').next());
        if pid.is_some_and(|pid| !Path::new("/proc").join(pid).exists()) {
            let _ = fs::remove_dir_all(item.path());
        }
    }
}

/// A port that is free, below those that the system hands out to clients: while a server of a test
/// is down nobody takes its port, not even the client that tries to reach it. Servers of other kinds
/// that tests start have ranges of their own: this one takes seconds to bind its port.
fn quiet_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    loop {
        let nth = (std::process::id() as u16).wrapping_mul(61);
        let nth = nth.wrapping_add(NEXT.fetch_add(1, Ordering::Relaxed));
        // The program that starts an OpenSearch knows these ports only.
        let port = if is_opensearch() { 9201 + nth % 99 } else { 21_000 + nth % 11_000 };
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}

impl Node {
    /// The node that all tests of this program share.
    pub(crate) fn shared() -> &'static Node {
        static SHARED: OnceLock<Node> = OnceLock::new();
        SHARED.get_or_init(|| Node::start(&[]))
    }

    /// A node of its own, with settings (`name=value`) of its own.
    pub(crate) fn start(settings: &[&str]) -> Node {
        sweep();
        let prefix = format!("{FOLDER}{}-", std::process::id());
        let folder = tempfile::Builder::new().prefix(&prefix).tempdir().unwrap();
        let config = folder.path().join("config");
        for name in ["config", "tmp"] {
            fs::create_dir(folder.path().join(name)).unwrap();
        }
        let heap = std::env::var("DAYTRADE_ELASTICSEARCH_JVM").unwrap_or_else(|_| {
            // Nodes of tests live for seconds: time spent on compiling well is lost.
            "-Xms512m\n-Xmx1g\n-XX:+UseSerialGC\n-XX:TieredStopAtLevel=1".to_string()
        });
        let options =
            format!("{heap}\n-Djava.io.tmpdir=${{ES_TMPDIR}}\n-XX:+ExitOnOutOfMemoryError\n");
        fs::write(config.join("jvm.options"), options).unwrap();
        fs::write(config.join("elasticsearch.yml"), "").unwrap();
        let logging = "rootLogger.level = warn\nrootLogger.appenderRef.c.ref = console\n\
             appender.c.type = Console\nappender.c.name = console\n\
             appender.c.layout.type = PatternLayout\nappender.c.layout.pattern = %d %p %c %m%n\n";
        fs::write(config.join("log4j2.properties"), logging).unwrap();
        if let Some(user) = other_user() {
            for path in [folder.path(), &config, &folder.path().join("tmp")] {
                chown(path, Some(user), Some(user)).unwrap();
            }
        }
        let settings = settings.iter().map(|setting| format!("-E{setting}")).collect();
        let (port, transport_port) = (quiet_port(), quiet_port());
        let mut node = Node { folder, port, transport_port, settings, process: None };
        node.run();
        node
    }

    fn command(&self) -> Command {
        if let Some(jar) = std::env::var_os(OPENSEARCH) {
            return self.opensearch(Path::new(&jar));
        }
        let mut command = Command::new("setpriv");
        if let Some(user) = other_user() {
            command.args([&format!("--reuid={user}"), &format!("--regid={user}")[..]]);
            command.arg("--clear-groups");
        }
        let at = |name: &str| self.folder.path().join(name);
        let log = fs::File::options().create(true).append(true).open(at("log")).unwrap();
        command
            .args(["--pdeathsig", "KILL"])
            .arg(program())
            .args(["-Ediscovery.type=single-node", "-Expack.security.enabled=false"])
            .args(["-Enetwork.host=127.0.0.1", "-Ecluster.name=daytrade-tests"])
            .args(["-Ecluster.routing.allocation.disk.threshold_enabled=false"])
            .arg(format!("-Ehttp.port={}", self.port))
            .arg(format!("-Etransport.port={}", self.transport_port))
            .arg(format!("-Epath.data={}", at("data").display()))
            .arg(format!("-Epath.logs={}", at("logs").display()))
            .args(&self.settings)
            .env("ES_JAVA_HOME", java_home())
            .env("ES_PATH_CONF", at("config"))
            .env("ES_TMPDIR", at("tmp"))
            .env("CLI_JAVA_OPTS", "-XX:TieredStopAtLevel=1")
            .current_dir(self.folder.path())
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log);
        command
    }

    /// An OpenSearch by a program that lays its folders out below one and counts ports from one.
    fn opensearch(&self, jar: &Path) -> Command {
        let at = |name: &str| self.folder.path().join(name);
        let settings = at("opensearch/node_1/config");
        fs::create_dir_all(&settings).unwrap();
        let mut lines = vec![
            "network.host: 127.0.0.1".to_string(),
            "discovery.type: single-node".to_string(),
            "cluster.routing.allocation.disk.threshold_enabled: false".to_string(),
            format!("transport.port: {}", self.transport_port),
        ];
        let given = |setting: &String| setting.trim_start_matches("-E").replacen('=', ": ", 1);
        lines.extend(self.settings.iter().map(given));
        fs::write(settings.join("opensearch.yml"), lines.join("\n")).unwrap();
        fs::copy(at("config/log4j2.properties"), settings.join("log4j2.properties")).unwrap();
        let log = fs::File::options().create(true).append(true).open(at("log")).unwrap();
        let mut command = Command::new("setpriv");
        command
            .args(["--pdeathsig", "KILL", "java", "-Xms512m", "-Xmx1g"])
            .args(["-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-cp"])
            .arg(jar.with_file_name("*"))
            .arg("org.codelibs.opensearch.runner.OpenSearchRunner")
            .args(["-numOfNode", "1", "-clusterName", "daytrade-tests", "-useLogger"])
            .arg("-basePath")
            .arg(at("opensearch"))
            .args(["-baseHttpPort", &(self.port - 1).to_string()])
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log);
        command
    }

    /// Starts the node where it is not running, and waits until it answers.
    pub(crate) fn run(&mut self) {
        let started = Instant::now();
        self.process = Some(spawn(self.command()));
        let healthy = "/_cluster/health?wait_for_status=yellow&timeout=1s";
        while self.try_ask(Method::Get, healthy, None).is_none_or(|(status, _)| status != 200) {
            let log = || fs::read_to_string(self.folder.path().join("log")).unwrap_or_default();
            let ended = self.process.as_mut().unwrap().try_wait().unwrap();
            assert!(ended.is_none(), "elasticsearch has ended:\n{}", log());
            assert!(started.elapsed() < PATIENCE, "elasticsearch does not start:\n{}", log());
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    pub(crate) fn address(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    pub(crate) fn url(&self) -> SearchUrl {
        self.address().parse().unwrap()
    }

    /// Asks the node; what it said, whatever that is.
    pub(crate) fn say(&self, method: Method, path: &str, body: Option<Value>) -> (u16, Value) {
        self.try_ask(method, path, body).expect("the node answers")
    }

    /// Asks the node for what it must do.
    #[track_caller]
    pub(crate) fn ask(&self, method: Method, path: &str, body: Option<Value>) -> Value {
        let (status, told) = self.say(method, path, body);
        assert!((200..300).contains(&status), "{path}: {status} {told}");
        told
    }

    fn try_ask(&self, method: Method, path: &str, body: Option<Value>) -> Option<(u16, Value)> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let pool = SingleNodeConnectionPool::new(self.address().parse().ok()?);
            let builder = TransportBuilder::new(pool).disable_proxy().timeout(PATIENCE);
            let transport: Transport = builder.build().ok()?;
            let body = body.map(|body| body.to_string());
            let headers = HeaderMap::new();
            let asked = transport.send(method, path, headers, None::<&()>, body, None);
            let answer = asked.await.ok()?;
            let status = answer.status_code().as_u16();
            let text = answer.text().await.ok()?;
            Some((status, serde_json::from_str(&text).unwrap_or(Value::String(text))))
        })
    }

    /// The launcher and the server that it starts.
    fn pids(&self) -> Vec<u32> {
        let pid = self.process.as_ref().expect("the node was started").id();
        let mut pids = vec![pid];
        // Any thread of the launcher may be the parent.
        let threads = fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten();
        for thread in threads {
            let children = fs::read_to_string(thread.path().join("children")).unwrap_or_default();
            pids.extend(children.split_whitespace().filter_map(|child| child.parse::<u32>().ok()));
        }
        pids
    }

    /// Seconds that processors have worked for the node.
    pub(crate) fn processor_seconds(&self) -> f64 {
        self.pids().iter().map(|pid| processor_seconds_of(&pid.to_string())).sum()
    }

    /// Kills the node where it is.
    pub(crate) fn kill(&mut self) {
        let pids = self.pids();
        signal("KILL", &pids);
        let _ = self.process.as_mut().expect("the node was started").wait();
        // Others are not our children: wait until they hold the ports and files no more.
        let gone = |pid: &u32| {
            fs::read_to_string(format!("/proc/{pid}/stat"))
                .map_or(true, |stat| stat.contains(") Z ") || stat.contains(") X "))
        };
        let started = Instant::now();
        while !pids.iter().all(gone) {
            assert!(started.elapsed() < PATIENCE, "a node that was killed does not end");
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    /// Stops the node where it is.
    pub(crate) fn freeze(&self) {
        signal("STOP", &self.pids());
    }

    /// Lets it go on.
    pub(crate) fn thaw(&self) {
        signal("CONT", &self.pids());
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        if self.process.is_some() {
            signal("CONT", &self.pids());
            self.kill();
        }
    }
}

/// Seconds that processors have worked for a process (`self` for this one), in the hundredths that
/// Linux tells.
pub(crate) fn processor_seconds_of(pid: &str) -> f64 {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let behind_name = stat.rsplit_once(')').map_or("", |(_, behind)| behind);
    let fields = behind_name.split_whitespace().skip(11).take(2);
    fields.filter_map(|field| field.parse::<f64>().ok()).sum::<f64>() / 100.0
}

fn signal(name: &str, pids: &[u32]) {
    let pids: Vec<String> = pids.iter().map(u32::to_string).collect();
    // A process that is gone already needs no signal.
    let _ = Command::new("kill").arg(format!("-{name}")).args(pids).stderr(Stdio::null()).status();
}
