//! What the tests share: a server that runs, and clients of it.

use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Read};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::{Message, WebSocket, client};
use ureq::Agent;
use ureq::http::Response;

/// How long a test waits for what should come at once.
pub const PATIENCE: Duration = Duration::from_secs(60);

pub const PASSWORD: &str = "correct horse battery";

/// The binary at work.
pub struct Server {
    child: Child,
    pub address: String,
    pub said: String,
}

impl Server {
    /// Starts it with its data in `folder`.
    pub fn start(folder: &Path, more: &[&str]) -> Server {
        Server::start_by(Command::new(env!("CARGO_BIN_EXE_daytrade")), folder, more)
    }

    /// The same, where a write beyond a limit on the size of files fails, as on a full disk, and is
    /// not the end of the process.
    pub fn start_limited(folder: &Path, more: &[&str]) -> Server {
        let mut command = Command::new("sh");
        command.args(["-c", "trap '' XFSZ; exec \"$@\"", "sh", env!("CARGO_BIN_EXE_daytrade")]);
        Server::start_by(command, folder, more)
    }

    fn start_by(mut command: Command, folder: &Path, more: &[&str]) -> Server {
        command.args(["up", "--data"]).arg(folder).args(more).stdin(Stdio::null());
        if !more.contains(&"--quotes") {
            command.args(["--quotes", "fixed:10.00"]);
        }
        if !more.contains(&"--listen") {
            command.args(["--listen", "127.0.0.1:0"]);
        }
        // Nobody's key but the test's own.
        command.env("XDG_DATA_HOME", folder.join("share"));
        let mut child =
            command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it starts");
        let mut said = String::new();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        while !said.contains("Ctrl-C") {
            match lines.next() {
                Some(line) => said.push_str(&(line.unwrap() + "\n")),
                None => {
                    let mut fault = String::new();
                    child.stderr.take().unwrap().read_to_string(&mut fault).unwrap();
                    panic!("it did not start: {said}{fault}");
                }
            }
        }
        // What is to be opened may be another name for where it listens.
        let listens = said.lines().find(|line| line.contains("  listens "));
        let url = listens.unwrap_or(&said).split("://").nth(1).unwrap();
        let address = url.split_whitespace().next().unwrap();
        Server { child, address: address.to_string(), said }
    }

    /// The most memory that it ever had, in bytes, where the system tells.
    pub fn most_memory(&self) -> Option<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).ok()?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
        Some(line.split_whitespace().next()?.parse::<u64>().ok()? << 10)
    }

    /// Its process.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    pub fn signal(&self, name: &str) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args([name, &pid]).status().unwrap().success());
    }

    /// Waits for the end; returns the exit code and what stood on standard error.
    pub fn ended(mut self) -> (Option<i32>, String) {
        let started = Instant::now();
        let status = loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                break status;
            }
            assert!(started.elapsed() < PATIENCE, "it does not end");
            std::thread::sleep(Duration::from_millis(5));
        };
        let mut said = String::new();
        self.child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
        assert!(!said.contains("panicked"), "{said}");
        (status.code(), said)
    }

    /// Kills it as a crash would.
    pub fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// An answer.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub kind: String,
    pub cookie: Option<String>,
    /// All of them, the first one too.
    pub cookies: Vec<String>,
    pub retry_after: Option<String>,
    /// The header that keeps browsers to TLS.
    pub tls_only: Option<String>,
    pub text: String,
}

impl Answer {
    fn of(mut response: Response<ureq::Body>) -> Answer {
        let header = |name: &str| {
            response.headers().get(name).map(|value| value.to_str().unwrap().to_string())
        };
        let policy = header("content-security-policy").expect("every answer has the policy");
        assert!(policy.contains("default-src 'none'") && !policy.contains("unsafe"), "{policy}");
        assert_eq!(header("x-content-type-options").as_deref(), Some("nosniff"));
        let kind = header("content-type").unwrap_or_default();
        for (name, value) in [
            ("x-frame-options", "DENY"),
            ("referrer-policy", "no-referrer"),
            ("cross-origin-opener-policy", "same-origin"),
            ("cross-origin-resource-policy", "same-origin"),
        ] {
            assert_eq!(header(name).as_deref(), Some(value), "{name}");
        }
        let (cookie, retry_after) = (header("set-cookie"), header("retry-after"));
        let tls_only = header("strict-transport-security");
        let cookies = response.headers().get_all("set-cookie").iter();
        let cookies = cookies.map(|value| value.to_str().unwrap().to_string()).collect();
        let status = response.status().as_u16();
        let text = response.body_mut().read_to_string().unwrap();
        Answer { status, kind, cookie, cookies, retry_after, tls_only, text }
    }

    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|_| panic!("no JSON: {self:?}"))
    }

    /// Asserts that it is this refusal, in the documented form, with nothing from inside.
    #[track_caller]
    pub fn refuses(&self, status: u16, code: &str) -> &Answer {
        assert_eq!(self.kind, "application/problem+json", "{self:?}");
        let problem = self.json();
        assert_eq!((self.status, problem["code"].as_str()), (status, Some(code)), "{self:?}");
        assert_eq!(problem["status"], self.status);
        let fields: Vec<&String> = problem.as_object().unwrap().keys().collect();
        assert_eq!(fields, ["code", "detail", "status", "title", "type"]);
        for inside in [".rs", "/", "panick", "thread", "os error", "::"] {
            let detail = problem["detail"].as_str().unwrap();
            assert!(!detail.contains(inside), "{detail}");
        }
        self
    }

    #[track_caller]
    pub fn ok(self) -> Value {
        assert!((200..300).contains(&self.status), "{self:?}");
        if self.text.is_empty() { Value::Null } else { self.json() }
    }
}

/// Somebody with a browser.
#[derive(Clone)]
pub struct Client {
    agent: Agent,
    pub address: String,
    pub cookie: Option<String>,
    pub csrf: Option<String>,
    pub origin: Option<String>,
    /// Other headers.
    pub more: Vec<(&'static str, String)>,
}

/// A name that no request had before.
pub fn request_id() -> String {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    format!("00000000-0000-4000-8000-{:012x}", NEXT.fetch_add(1, Ordering::Relaxed))
}

impl Client {
    pub fn of(server: &Server) -> Client {
        let agent = Agent::config_builder()
            .http_status_as_error(false)
            .timeout_global(Some(PATIENCE))
            .build()
            .into();
        let address = server.address.clone();
        Client { agent, address, cookie: None, csrf: None, origin: None, more: Vec::new() }
    }

    /// Signs up, and in.
    pub fn signed_up(server: &Server, user: &str) -> Client {
        let mut client = Client::of(server);
        let answer = client.enter("/api/v1/users", user, PASSWORD);
        assert_eq!(answer.status, 201, "{answer:?}");
        client
    }

    /// Signs up or in.
    pub fn enter(&mut self, path: &str, user: &str, password: &str) -> Answer {
        let answer = self.post(path, &json!({ "user": user, "password": password }));
        if let Some(cookie) = &answer.cookie {
            self.cookie = cookie.split(';').next().map(str::to_string);
            self.csrf = answer.json()["csrf"].as_str().map(str::to_string);
        }
        answer
    }

    pub fn send(&self, method: &str, path: &str, body: Option<&[u8]>) -> Answer {
        let mut request = ureq::http::Request::builder()
            .method(method)
            .uri(format!("http://{}{path}", self.address))
            .header("content-type", "application/json")
            .header("user-agent", "a test");
        let headers =
            [("cookie", &self.cookie), ("x-csrf-token", &self.csrf), ("origin", &self.origin)];
        for (name, value) in headers {
            if let Some(value) = value {
                request = request.header(name, value);
            }
        }
        for (name, value) in &self.more {
            request = request.header(*name, value);
        }
        let response = match body {
            Some(body) => self.agent.run(request.body(body).unwrap()),
            None => self.agent.run(request.body(()).unwrap()),
        };
        Answer::of(response.unwrap())
    }

    pub fn get(&self, path: &str) -> Answer {
        self.send("GET", path, None)
    }

    pub fn post(&self, path: &str, body: &Value) -> Answer {
        self.send("POST", path, Some(body.to_string().as_bytes()))
    }

    /// Gives a command as a line.
    pub fn line(&self, line: &str) -> Value {
        self.post("/api/v1/commands", &json!({ "request_id": request_id(), "line": line })).ok()
    }

    /// Gives a command that is to be carried out.
    #[track_caller]
    pub fn accepted(&self, line: &str) -> Value {
        let outcome = self.line(line);
        assert_eq!(outcome["accepted"], true, "{outcome}");
        outcome
    }

    /// The request that opens a websocket from the page of the server itself.
    pub fn stream_request(&self) -> ureq::http::Request<()> {
        self.stream_from(Some(&format!("http://{}", self.address)))
    }

    fn stream_from(&self, origin: Option<&str>) -> ureq::http::Request<()> {
        let mut request = format!("ws://{}/api/v1/stream", self.address)
            .into_client_request()
            .expect("an address");
        if let Some(cookie) = &self.cookie {
            request.headers_mut().insert("cookie", cookie.parse().unwrap());
        }
        if let Some(origin) = origin {
            request.headers_mut().insert("origin", origin.parse().unwrap());
        }
        request
    }

    /// Opens a websocket.
    pub fn stream(&self, origin: Option<&str>) -> Result<Stream, u16> {
        let request = self.stream_from(origin);
        let socket = TcpStream::connect(&self.address).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        match client(request, socket) {
            Ok((socket, _)) => Ok(Stream(socket)),
            Err(tokio_tungstenite::tungstenite::HandshakeError::Failure(
                tokio_tungstenite::tungstenite::Error::Http(response),
            )) => Err(response.status().as_u16()),
            Err(error) => panic!("{error}"),
        }
    }

    /// Opens a websocket as the page of the server itself does.
    pub fn own_stream(&self) -> Stream {
        self.stream(Some(&format!("http://{}", self.address))).unwrap()
    }
}

/// A websocket.
pub struct Stream(pub WebSocket<TcpStream>);

impl Stream {
    pub fn say(&mut self, message: &Value) {
        self.0.send(Message::text(message.to_string())).unwrap();
    }

    /// The next message; the close code where it was closed.
    pub fn next(&mut self) -> Result<Value, u16> {
        loop {
            match self.0.read() {
                Ok(Message::Text(text)) => return Ok(serde_json::from_str(&text).unwrap()),
                Ok(Message::Close(frame)) => return Err(frame.map_or(0, |frame| frame.code.into())),
                Ok(_) => {}
                Err(_) => return Err(0),
            }
        }
    }

    /// The next message that has these fields; what comes before it is passed over.
    #[track_caller]
    pub fn until(&mut self, wanted: &[(&str, &str)]) -> Value {
        let started = Instant::now();
        while started.elapsed() < PATIENCE {
            let message = self.next().expect("it is open");
            if wanted.iter().all(|(field, value)| message[field] == *value) {
                return message;
            }
        }
        panic!("{wanted:?} never came");
    }
}
