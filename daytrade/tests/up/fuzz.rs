//! Noise at both doors, thousands of kinds of it, from a seed: nothing breaks, nothing of the
//! inside is told, and nobody else notices.

use crate::raw::{LAST, Raw, TEXT, answer, frame, head};
use crate::server::{Client, Server, request_id};
use frontend::http::ROUTES;
use serde_json::Value;

/// Connections, and frames that each sends at most.
const CONNECTIONS: u64 = 240;
const FRAMES: u64 = 24;

/// Requests over HTTP.
const REQUESTS: u64 = 1500;

/// Words of the inside: none of the noise holds one of them.
const INSIDE: [&str; 16] = [
    "serde",
    "struct",
    "::",
    ".rs",
    "panick",
    "thread",
    "os error",
    "tokio",
    "actix",
    "u64",
    "i64",
    "usize",
    "variant",
    "deserialize",
    "tuple",
    "sequence",
];

/// Chance that repeats (SplitMix64).
struct Chance(u64);

impl Chance {
    fn of(name: &str) -> Chance {
        let seed = std::env::var("DAYTRADE_FUZZ_SEED").ok().and_then(|seed| seed.parse().ok());
        let seed = seed.unwrap_or(6455);
        eprintln!("{name}: DAYTRADE_FUZZ_SEED={seed}");
        Chance(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }

    fn one<'a, T: ?Sized>(&mut self, all: &[&'a T]) -> &'a T {
        all[self.below(all.len() as u64) as usize]
    }

    fn bytes(&mut self, longest: u64) -> Vec<u8> {
        (0..self.below(longest + 1)).map(|_| self.next() as u8).collect()
    }

    /// A text that was good, with a few things wrong.
    fn mutated(&mut self, good: &[&str]) -> Vec<u8> {
        let mut text = self.one(good).as_bytes().to_vec();
        for _ in 0..self.below(4) {
            let at = self.below(text.len() as u64 + 1) as usize;
            match self.below(6) {
                0 => text.truncate(at),
                1 if at < text.len() => text[at] ^= 1 << self.below(8),
                2 if at < text.len() => drop(text.remove(at)),
                3 => {
                    let other = self.one(good).as_bytes().to_vec();
                    text.splice(at..at, other);
                }
                _ => {
                    let pieces = [
                        "null",
                        "[]",
                        "{}",
                        "\"",
                        "-1",
                        "1e999",
                        "18446744073709551616",
                        "\\u0000",
                        "\\ud800",
                        "{\"a\":",
                        "true",
                        ",",
                        "\u{0}",
                        "é",
                        "[[[[[[[[",
                        "'; --",
                        "../../etc/passwd",
                        "%00",
                        "<b>",
                    ];
                    let piece = self.one(&pieces).as_bytes().to_vec();
                    text.splice(at..at, piece);
                }
            }
        }
        text
    }
}

#[track_caller]
fn tells_nothing_of_the_inside(text: &str) {
    for word in INSIDE {
        assert!(!text.contains(word), "{word}: {text}");
    }
}

const MESSAGES: [&str; 13] = [
    r#"{"subscribe":["account","orders","quotes:ABC","market","status"]}"#,
    r#"{"unsubscribe":["account","market"]}"#,
    r#"{"subscribe":["account"],"resume":{"account":3}}"#,
    r#"{"subscribe":["account"],"resume":7}"#,
    r#"{"ping":7}"#,
    r#"{"ping":-1}"#,
    r#"{"subscribe":"account"}"#,
    r#"{"subscribe":[1,null,{}]}"#,
    r#"{"resume":{"account":18446744073709551615},"subscribe":["account"]}"#,
    r#"{"ping":1,"ping":2}"#,
    r#"{"command":{"request_id":"0b8f9c5e-1111-4222-8333-444455556666","line":"DISPLAY_SUMMARY"}}"#,
    r#"{"command":{"request_id":"0b8f9c5e-1111-4222-8333-444455556667","name":"QUOTE"}}"#,
    r#"{"command":{"line":7}}"#,
];

#[test]
fn frames_of_noise_harm_nobody() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path(), &[]);
    let mut chance = Chance::of("frames");
    let users: Vec<Client> =
        (0..8).map(|user| Client::signed_up(&server, &format!("user{user}"))).collect();
    users.iter().for_each(|user| drop(user.accepted("ADD,100.00")));
    let bystander = Client::signed_up(&server, "bystander");
    let mut watched = Raw::open(&bystander);
    watched.send(&frame(LAST | TEXT, br#"{"subscribe":["account","market"]}"#));
    let (mut sent, mut told, mut closed) = (0, 0, 0);
    for connection in 0..CONNECTIONS {
        let mut raw = Raw::open(&users[connection as usize % users.len()]);
        for _ in 0..=chance.below(FRAMES) {
            let first = match chance.below(24) {
                0 => chance.next() as u8,
                1 => chance.below(16) as u8,
                2..=4 => LAST | 0x8 | chance.below(3) as u8,
                5 => TEXT,
                _ => LAST | TEXT,
            };
            let bytes = match chance.below(40) {
                0 => chance.bytes(200),
                1 => frame(first, &chance.bytes(300)),
                // A head that promises more than comes, or anything at all.
                2 => head(first, chance.next() >> chance.below(64)),
                _ => frame(first, &chance.mutated(&MESSAGES)),
            };
            raw.send(&bytes);
            sent += 1;
        }
        match chance.below(3) {
            // Gone without a word, with all answers unread.
            0 => continue,
            1 => drop(raw.send(&frame(LAST | 0x8, &1000u16.to_be_bytes()))),
            _ => {}
        }
        raw.half_close();
        while let Some((first, payload)) = raw.next() {
            told += 1;
            if first == LAST | TEXT {
                let message: Value = serde_json::from_slice(&payload).unwrap();
                if message["type"] == "error" {
                    assert!(message["code"].is_string(), "{message}");
                    tells_nothing_of_the_inside(message["detail"].as_str().unwrap());
                }
            }
            closed += u64::from(first == LAST | 0x8);
        }
    }
    // How many answers come before a connection is ended for its noise is a matter of time.
    assert!(sent > 2000 && told > 50 && closed > 20, "{sent} {told} {closed}");
    // The bystander's connection is what it was.
    bystander.accepted("ADD,12.34");
    while !watched.text().contains("12.34") {}
    watched.is_alive();
    for user in &users {
        assert_eq!(user.get("/api/v1/account").ok()["cash"], "100.00");
    }
    drop(watched);
    server.signal("-TERM");
    // This looks for panics in what it said.
    assert_eq!(server.ended().0, Some(0));
}

#[test]
fn requests_of_noise_are_refused_in_the_documented_form() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path(), &[]);
    let mut chance = Chance::of("requests");
    let ann = Client::signed_up(&server, "ann");
    let (cookie, csrf) = (ann.cookie.clone().unwrap(), ann.csrf.clone().unwrap());
    let bodies = [
        r#"{"request_id":"0b8f9c5e-1111-4222-8333-444455556666","line":"QUOTE,ABC"}"#,
        r#"{"request_id":"0b8f9c5e-1111-4222-8333-444455556666","name":"QUOTE","stock":"ABC"}"#,
        r#"{"user":"bob","password":"short"}"#,
        r#"{"user":7,"password":null}"#,
        r#"[]"#,
        "",
    ];
    let queries = [
        "?limit=5",
        "?limit=x",
        "?before=-1",
        "?tx=1..2",
        "?since=never",
        "?amount=..",
        "?user=a",
        "?format=exe",
        "?code=1&state=2",
        "?state=%ff",
        "?buckets=99999",
        "?a=1&a=2",
        "?%",
        "",
    ];
    let headers = [
        "cookie: \u{ff}=\u{ff}; ;;;=",
        "cookie: daytrade=",
        "x-csrf-token: \u{7f}",
        "origin: null",
        "content-type: text/plain",
        "content-type: application/json; charset=\u{e9}",
        "accept: text/html",
        "accept-encoding: gzip;q=x, br",
        "x-forwarded-for: 1.2.3.4, x",
        "x-forwarded-proto: https",
        "forwarded: for=\"[::",
        "range: bytes=9-1",
        "upgrade: websocket",
        "if-none-match: *",
        "sec-fetch-site: cross-site",
        "user-agent: \u{1}\u{ff}",
        "host: [",
        "content-encoding: gzip",
        "expect: 100-continue",
        "te: trailers",
        "x: y",
    ];
    let (mut refused, mut done) = (0, 0);
    for _ in 0..REQUESTS {
        let (method, route) = ROUTES[chance.below(ROUTES.len() as u64) as usize];
        let method = match chance.below(8) {
            0 => chance.one(&["PUT", "PATCH", "OPTIONS", "HEAD", "DELETE", "POST", "BREW"]),
            _ => method,
        };
        let method = method.to_uppercase();
        // Whoever is signed out stays out of all the rest.
        if method == "DELETE" || route.ends_with("/export") {
            continue;
        }
        let part =
            chance.one(&["1", "0", "ABC", "-1", "x", "99999999999999999999", "%2e%2e", "%ff"]);
        let path = route.replace("{stock}", part).replace("{transaction}", part);
        let body = match chance.below(4) {
            0 => chance.bytes(100),
            _ => chance.mutated(&bodies),
        };
        let mut request = format!("{method} {path}{} HTTP/1.1\r\n", chance.one(&queries));
        if chance.below(4) > 0 {
            request += &format!("cookie: {cookie}\r\nx-csrf-token: {csrf}\r\nhost: a\r\n");
            request += "content-type: application/json\r\n";
        }
        for _ in 0..chance.below(3) {
            let header = chance.one(&headers);
            // The server takes its time to part from whoever asks for an upgrade.
            if !header.starts_with("upgrade") || chance.below(8) == 0 {
                request += &format!("{header}\r\n");
            }
        }
        request += &format!("content-length: {}\r\nconnection: close\r\n\r\n", body.len());
        // As Latin-1: bytes from 0x80 on stand for themselves.
        let mut bytes: Vec<u8> = request.chars().map(|char| char as u8).collect();
        bytes.extend(&body);
        let said = answer(&server.address, &bytes);
        let said = String::from_utf8_lossy(&said);
        let said = said.strip_prefix("HTTP/1.1 100 Continue\r\n\r\n").unwrap_or(&said);
        let (head, body) = said.split_once("\r\n\r\n").unwrap_or((said, ""));
        assert!(head.len() > 12, "{request:?} {body:?}");
        let status: u16 = head[9..12].parse().unwrap();
        assert!(status < 500, "{request}: {head}");
        done += u64::from(status < 400);
        // A request that is none of HTTP never comes as far as having a form.
        if status < 400 || !head.contains("content-security-policy") {
            assert!(status < 400 || body.is_empty() && status == 400, "{request}: {head}");
            continue;
        }
        refused += 1;
        assert!(head.contains("application/problem+json"), "{request}: {head}");
        if method == "HEAD" || head.contains("content-encoding") {
            continue;
        }
        // Chunks have their lengths before them; there is one object between.
        let body = &body[body.find('{').unwrap()..=body.rfind('}').unwrap()];
        let problem: Value = serde_json::from_str(body).unwrap_or_else(|_| panic!("{said}"));
        let fields: Vec<&String> = problem.as_object().unwrap().keys().collect();
        assert_eq!(fields, ["code", "detail", "status", "title", "type"], "{request}");
        assert_eq!(problem["status"], status);
        tells_nothing_of_the_inside(problem["detail"].as_str().unwrap());
    }
    assert!(refused > 500 && done > 100, "{refused} were refused, {done} were done");
    let outcome = ann.post(
        "/api/v1/commands",
        &serde_json::json!({ "request_id": request_id(), "line": "ADD,1.00" }),
    );
    assert_eq!(outcome.ok()["accepted"], true);
    server.signal("-TERM");
    assert_eq!(server.ended().0, Some(0));
}
