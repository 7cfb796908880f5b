//! A provider to sign in with, and a browser that goes there and back.

use crate::server::{Answer, PATIENCE};
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, ChildStdout, Command, Stdio};
use ureq::Agent;

/// What the provider calls the server, and what the server shows.
pub const CLIENT: &str = "daytrade";
pub const SECRET: &str = "a secret: with+odd/characters%and a space";

/// The provider at work.
pub struct Provider {
    child: Child,
    /// What it says has somewhere to go.
    _said: BufReader<ChildStdout>,
    pub issuer: String,
    pub port: u16,
}

impl Provider {
    /// Starts it; none where Node.js or the packages are not there, which is said.
    pub fn start(port: u16) -> Option<Provider> {
        Provider::start_in(port, "")
    }

    /// The same, as the provider of a path.
    pub fn start_in(port: u16, path: &str) -> Option<Provider> {
        let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../frontend/tests/oidc");
        let node = std::env::var("DAYTRADE_NODE").unwrap_or("node".to_string());
        if !folder.join("node_modules/oidc-provider").exists() {
            eprintln!(
                "skipped: there is no provider to sign in with (`make provider` installs it)"
            );
            return None;
        }
        let mut command = Command::new(node);
        command.arg(folder.join("provider.mjs")).args([&port.to_string(), path]);
        let started =
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn();
        let Ok(mut child) = started else {
            eprintln!("skipped: Node.js is not there");
            return None;
        };
        let mut said = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        while !line.starts_with("listening ") {
            line.clear();
            assert_ne!(said.read_line(&mut line).unwrap(), 0, "the provider starts");
        }
        let port: u16 = line["listening ".len()..].trim().parse().unwrap();
        let issuer = format!("http://127.0.0.1:{port}{path}");
        Some(Provider { child, _said: said, issuer, port })
    }
}

impl Drop for Provider {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A browser that nobody looks at: it keeps the cookies of each site, and goes where it is led.
pub struct Browser {
    agent: Agent,
    jars: BTreeMap<String, BTreeMap<String, String>>,
    /// Who it signs in as at the provider.
    pub who: String,
    /// Whether it says that it shows pages.
    pub shows_pages: bool,
    /// All cookies as the servers set them.
    pub set: Vec<String>,
}

/// Where a browser was led, or where it ended.
#[derive(Debug)]
pub struct Stop {
    pub status: u16,
    pub location: Option<String>,
    pub text: String,
}

impl Browser {
    pub fn of(who: &str) -> Browser {
        let agent = Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .timeout_global(Some(PATIENCE))
            .build()
            .into();
        let who = who.to_string();
        Browser { agent, jars: BTreeMap::new(), who, shows_pages: false, set: Vec::new() }
    }

    /// The site of an address, with its port: cookies know none, but here sites differ in nothing
    /// else.
    fn site(url: &str) -> String {
        url.split('/').take(3).collect::<Vec<_>>().join("/")
    }

    pub fn cookie(&self, url: &str, name: &str) -> Option<&String> {
        self.jars.get(&Browser::site(url))?.get(name)
    }

    pub fn put(&mut self, url: &str, name: &str, value: &str) {
        let jar = self.jars.entry(Browser::site(url)).or_default();
        jar.insert(name.to_string(), value.to_string());
    }

    /// Forgets all cookies of the site of `url`.
    pub fn forget(&mut self, url: &str) {
        self.jars.remove(&Browser::site(url));
    }

    /// One request.
    pub fn get(&mut self, url: &str) -> Stop {
        let jar = self.jars.entry(Browser::site(url)).or_default();
        let cookies: Vec<String> =
            jar.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let mut request = self.agent.get(url).header("user-agent", "a browser");
        if !cookies.is_empty() {
            request = request.header("cookie", cookies.join("; "));
        }
        if url.contains("/interaction/") {
            request = request.header("x-test-user", &self.who);
        }
        if self.shows_pages {
            request = request.header("accept", "text/html,application/xhtml+xml");
        }
        let mut response = request.call().unwrap();
        for set in response.headers().get_all("set-cookie") {
            let set = set.to_str().unwrap();
            let (name, value) = set.split(';').next().unwrap().split_once('=').unwrap();
            let jar = self.jars.entry(Browser::site(url)).or_default();
            match value.is_empty() {
                true => jar.remove(name),
                false => jar.insert(name.to_string(), value.to_string()),
            };
            self.set.push(set.to_string());
        }
        let location = response.headers().get("location").map(|to| to.to_str().unwrap());
        let location = location.map(|to| match to.starts_with('/') {
            true => format!("{}{to}", Browser::site(url)),
            false => to.to_string(),
        });
        let status = response.status().as_u16();
        Stop { status, location, text: response.body_mut().read_to_string().unwrap() }
    }

    /// Goes on from `url` until an address begins with `until`, which is not asked for.
    #[track_caller]
    pub fn follow(&mut self, url: &str, until: &str) -> String {
        let mut at = url.to_string();
        for _ in 0..12 {
            if at.starts_with(until) {
                return at;
            }
            let stop = self.get(&at);
            at = stop.location.clone().unwrap_or_else(|| panic!("{at} led nowhere: {stop:?}"));
        }
        panic!("{url} never led to {until}");
    }

    /// From the button to the address with which the provider sends it back.
    #[track_caller]
    pub fn signs_in_at_provider(&mut self, server: &str) -> String {
        let start = format!("http://{server}/api/v1/oidc/start");
        self.follow(&start, &format!("http://{server}/api/v1/oidc/callback"))
    }

    /// The whole way; the answer to the address with which it comes back.
    #[track_caller]
    pub fn signs_in(&mut self, server: &str) -> Stop {
        let back = self.signs_in_at_provider(server);
        self.get(&back)
    }
}

impl Stop {
    /// Asserts that it is this refusal.
    #[track_caller]
    pub fn refuses(&self, status: u16, code: &str) {
        let answer = Answer {
            status: self.status,
            kind: "application/problem+json".to_string(),
            cookie: None,
            cookies: Vec::new(),
            retry_after: None,
            tls_only: None,
            text: self.text.clone(),
        };
        answer.refuses(status, code);
    }
}
