//! Sign-in with a provider: a real one, over HTTP, and what liars make of it.

use crate::provider::{Browser, CLIENT, Provider, SECRET};
use crate::server::{Client, PASSWORD, Server};
use serde_json::{Value, json};
use std::path::Path;

/// A server that knows the provider.
fn server(folder: &Path, issuer: &str, more: &[&str]) -> Server {
    let secret = folder.join("secret");
    std::fs::write(&secret, format!("{SECRET}\n")).unwrap();
    let secret = secret.display().to_string();
    let mut options = vec!["--oidc-issuer", issuer, "--oidc-client-id", CLIENT];
    options.extend(["--oidc-client-secret-file", &secret]);
    options.extend(more);
    Server::start(&folder.join("data"), &options)
}

/// The session of a browser that has signed in.
fn session(server: &Server, browser: &Browser) -> Value {
    let mut client = Client::of(server);
    let url = format!("http://{}", server.address);
    client.cookie = browser.cookie(&url, "daytrade").map(|value| format!("daytrade={value}"));
    client.get("/api/v1/session").ok()
}

fn record(folder: &Path, wanted: &str) -> String {
    record_with(folder, wanted, 1)
}

/// The record of who came, once so many of its lines hold `wanted`.
fn record_with(folder: &Path, wanted: &str, lines: usize) -> String {
    let started = std::time::Instant::now();
    loop {
        let record = std::fs::read_to_string(folder.join("data/access.jsonl")).unwrap();
        if record.lines().filter(|line| line.contains(wanted)).count() >= lines {
            return record;
        }
        assert!(started.elapsed() < crate::server::PATIENCE, "{wanted} is not in {record}");
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
}

#[test]
fn whom_the_provider_vouches_for_is_in_and_is_the_same_next_time() {
    let Some(provider) = Provider::start(0) else { return };
    let folder = tempfile::tempdir().unwrap();
    let server = server(folder.path(), &provider.issuer, &["--oidc-name", "Sign in with a test"]);
    assert!(server.said.contains(&provider.issuer), "{}", server.said);
    let ways = Client::of(&server).get("/api/v1/sign-in").ok();
    let way = json!({ "name": "Sign in with a test", "start": "/api/v1/oidc/start" });
    assert_eq!(ways, json!({ "password": true, "oidc": way }));

    let mut browser = Browser::of("ann");
    let page = browser.get(&format!("http://{}/api/v1/oidc/start", server.address));
    let page = page.location.unwrap();
    for part in
        ["code_challenge_method=S256", "code_challenge=", "nonce=", "state=", "response_type=code"]
    {
        assert!(page.contains(part), "{page}");
    }
    assert!(!page.contains("secret") && !page.contains("verifier"), "{page}");
    let set = browser.set.last().unwrap();
    for part in ["daytrade-oidc=", "HttpOnly", "SameSite=Lax", "Path=/", "Max-Age=600"] {
        assert!(set.contains(part), "{set}");
    }
    let done = browser.signs_in(&server.address);
    let home = format!("http://{}/", server.address);
    assert_eq!((done.status, done.location.as_deref()), (303, Some(home.as_str())), "{done:?}");
    let first = session(&server, &browser);
    assert_eq!((&first["user"], &first["roles"]), (&json!("ann"), &json!(["trader"])));
    let kept = browser.set.iter().find(|set| set.starts_with("daytrade=")).unwrap();
    assert!(kept.contains("SameSite=Strict") && kept.contains("HttpOnly"), "{kept}");
    assert!(browser.cookie(&home, "daytrade-oidc").is_none(), "the flow's cookie stays");

    // Again: the same user, another session; the one that the browser had is over.
    let before = browser.cookie(&home, "daytrade").unwrap().clone();
    assert_eq!(browser.signs_in(&server.address).status, 303);
    assert_ne!(browser.cookie(&home, "daytrade"), Some(&before));
    let mut old = Client::of(&server);
    old.cookie = Some(format!("daytrade={before}"));
    old.get("/api/v1/session").refuses(401, "unauthenticated");
    assert_eq!(session(&server, &browser)["user"], "ann");

    // Nobody signs in to that user with a password, or signs up under the name.
    let mut thief = Client::of(&server);
    thief.enter("/api/v1/session", "ann", PASSWORD).refuses(401, "wrong_credentials");
    thief.enter("/api/v1/users", "ann", PASSWORD).refuses(409, "user_taken");
    let record = record(folder.path(), "signed_in");
    for part in ["signed_up", "a browser", "127.0.0.1", &provider.issuer] {
        assert!(record.contains(part), "{record}");
    }
    assert!(!record.contains("odd/characters") && !record.contains(&before), "{record}");

    // A restart knows who it is.
    drop(server);
    let server = self::server(folder.path(), &provider.issuer, &[]);
    assert_eq!(browser.signs_in(&server.address).status, 303);
    assert_eq!(session(&server, &browser)["user"], "ann");
}

#[test]
fn a_sign_in_is_good_once_and_in_its_own_browser() {
    let Some(provider) = Provider::start(0) else { return };
    let folder = tempfile::tempdir().unwrap();
    let server = server(folder.path(), &provider.issuer, &[]);
    let mut ann = Browser::of("ann");
    let back = ann.signs_in_at_provider(&server.address);

    // Whoever has the address alone has nothing, and takes nothing from its owner.
    let mut other = Browser::of("mallory");
    other.get(&back).refuses(400, "sign_in_over");
    other.signs_in_at_provider(&server.address);
    other.get(&back).refuses(400, "sign_in_over");
    // Nor is a browser signed in as somebody else by an address that another made.
    let lure = other.signs_in_at_provider(&server.address);
    let mut lured = Browser::of("ann");
    lured.signs_in_at_provider(&server.address);
    lured.get(&lure).refuses(400, "sign_in_over");

    let (head, state) = back.split_once("state=").unwrap();
    let rest = state.split_once('&').map_or("", |(_, rest)| rest);
    let forged = format!("{head}state={}&{rest}", "0".repeat(32));
    let flow = ann.cookie(&back, "daytrade-oidc").unwrap().clone();
    ann.get(&forged).refuses(400, "sign_in_over");
    // The browser has had its one try; only what it was before helps.
    ann.get(&back).refuses(400, "sign_in_over");
    ann.put(&back, "daytrade-oidc", &flow);
    assert_eq!(ann.get(&back).status, 303);
    ann.put(&back, "daytrade-oidc", &flow);
    ann.get(&back).refuses(400, "sign_in_over");

    // A code that was used is used up at the provider too: under a new state it is refused.
    let code = |url: &str| {
        let query = url.split_once("code=").unwrap().1;
        query.split('&').next().unwrap().to_string()
    };
    let fresh = ann.signs_in_at_provider(&server.address);
    let replayed = fresh.replace(&code(&fresh), &code(&back));
    ann.get(&replayed).refuses(403, "sign_in_refused");
    // So is one that another client of the provider was given.
    let start = format!("http://{}/api/v1/oidc/start", server.address);
    let page = ann.get(&start).location.unwrap();
    let theirs = page.replace("client_id=daytrade", "client_id=other");
    let back = ann.follow(&theirs, &format!("http://{}/api/v1/oidc/callback", server.address));
    ann.get(&back).refuses(403, "sign_in_refused");
    // And one whose nonce somebody changed on the way.
    let page = ann.get(&start).location.unwrap();
    let nonce = page.split_once("nonce=").unwrap().1.split('&').next().unwrap();
    let changed = page.replace(nonce, &"f".repeat(32));
    let back = ann.follow(&changed, &format!("http://{}/api/v1/oidc/callback", server.address));
    ann.get(&back).refuses(403, "sign_in_refused");
    record(folder.path(), "the nonce is another");

    // Another provider's answer, the provider's no, and nothing at all.
    let back = ann.signs_in_at_provider(&server.address);
    let (head, _) = back.split_once("iss=").unwrap();
    ann.get(&format!("{head}iss=https%3A%2F%2Fevil.example")).refuses(403, "sign_in_refused");
    let mut nobody = Browser::of("");
    nobody.signs_in(&server.address).refuses(403, "sign_in_refused");
    record(folder.path(), "access_denied");
    let callback = format!("http://{}/api/v1/oidc/callback", server.address);
    nobody.get(&callback).refuses(400, "sign_in_over");
    nobody.shows_pages = true;
    let led = nobody.get(&callback).location.unwrap();
    assert!(led.ends_with("/?sign_in=sign_in_over"), "{led}");
}

#[test]
fn no_token_but_the_providers_own_is_believed() {
    let Some(provider) = Provider::start(0) else { return };
    let folder = tempfile::tempdir().unwrap();
    let server = server(folder.path(), &provider.issuer, &[]);
    let lies = [
        ("audience", "InvalidAudience"),
        ("audiences", "for another client"),
        ("issuer", "InvalidIssuer"),
        ("expired", "ExpiredSignature"),
        ("nonce", "the nonce is another"),
        ("key", "InvalidSignature"),
        ("kid", "unknown key"),
        ("hmac", "of a kind that is not taken"),
        ("none", "oidc: the provider's answer is not good"),
        ("payload", "InvalidSignature"),
        ("noise", "InvalidToken"),
    ];
    for (lies_before, (lie, why)) in lies.into_iter().enumerate() {
        let mut browser = Browser::of(&format!("liar-{lie};;{lie}"));
        browser.signs_in(&server.address).refuses(403, "sign_in_refused");
        let home = format!("http://{}/", server.address);
        assert!(browser.cookie(&home, "daytrade").is_none(), "{lie}");
        let record = record_with(folder.path(), "sign_in_failed", lies_before + 1);
        let last = record.lines().last().unwrap();
        assert!(last.contains("sign_in_failed") && last.contains(why), "{lie}: {last}");
    }
    // The same, with nothing wrong.
    assert_eq!(Browser::of("liar-none").signs_in(&server.address).status, 303);
}

#[test]
fn a_clock_that_hurries_makes_no_sign_in_and_no_token_old() {
    let Some(provider) = Provider::start(0) else { return };
    let folder = tempfile::tempdir().unwrap();
    let server = server(folder.path(), &provider.issuer, &["--clock-speed", "1000"]);
    let ann = Client::signed_up(&server, "ann");
    let now_ms = || ann.get("/api/v1/session").ok()["now_ms"].as_u64().unwrap();
    let began_ms = now_ms();
    let mut browser = Browser::of("bob");
    let back = browser.signs_in_at_provider(&server.address);
    // A sign-in is good for ten minutes, a token for an hour: of the provider's.
    while now_ms() < began_ms + 3_700_000 {
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    let done = browser.get(&back);
    assert_eq!(done.status, 303, "{done:?}");
    assert_eq!(session(&server, &browser)["user"], "bob");
    Browser::of("liar;;expired").signs_in(&server.address).refuses(403, "sign_in_refused");
    record(folder.path(), "ExpiredSignature");
}

#[test]
fn a_name_that_is_taken_stays_its_owners() {
    let Some(provider) = Provider::start(0) else { return };
    let folder = tempfile::tempdir().unwrap();
    let server = server(folder.path(), &provider.issuer, &[]);
    let mut ann = Client::signed_up(&server, "ann");
    ann.accepted("ADD,1.00");
    Browser::of("ann").signs_in(&server.address).refuses(409, "user_taken");
    ann.enter("/api/v1/session", "ann", PASSWORD).ok();
    // Two identities of one name: the second is nobody.
    assert_eq!(Browser::of("bob").signs_in(&server.address).status, 303);
    Browser::of("bob-again").signs_in(&server.address).refuses(409, "user_taken");
    record(folder.path(), "the name is taken");
}

#[test]
fn realm_roles_are_roles_at_each_sign_in() {
    let Some(provider) = Provider::start(0) else { return };
    let folder = tempfile::tempdir().unwrap();
    // The issuer of a Keycloak is its realm's; this provider is one without.
    let path = folder.path().join("data");
    let refused = std::process::Command::new(env!("CARGO_BIN_EXE_daytrade"))
        .args(["up", "--oidc-preset", "keycloak", "--oidc-client-id", CLIENT, "--oidc-issuer"])
        .args([&provider.issuer, "--data"])
        .arg(&path)
        .output()
        .unwrap();
    assert_eq!(refused.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&refused.stderr).contains("--oidc-realm"), "{refused:?}");

    let Some(provider) = Provider::start_in(0, "/realms/trading") else { return };
    let base = provider.issuer.strip_suffix("/realms/trading").unwrap().to_string();
    let options = ["--oidc-preset", "keycloak", "--oidc-realm", "trading"];
    let server = self::server(folder.path(), &base, &options);
    let mut browser = Browser::of("rita;analyst,offline_access");
    assert_eq!(browser.signs_in(&server.address).status, 303);
    assert_eq!(session(&server, &browser)["roles"], json!(["trader", "analyst"]));
    browser.who = "rita;operator".to_string();
    browser.forget(&provider.issuer);
    assert_eq!(browser.signs_in(&server.address).status, 303);
    assert_eq!(session(&server, &browser)["roles"], json!(["trader", "operator"]));
    record(folder.path(), "roles_changed");
}

#[test]
fn a_provider_that_is_down_is_in_nobodys_way() {
    let Some(provider) = Provider::start(0) else { return };
    let (issuer, port) = (provider.issuer.clone(), provider.port);
    drop(provider);
    let folder = tempfile::tempdir().unwrap();
    let server = server(folder.path(), &issuer, &[]);
    let ann = Client::signed_up(&server, "ann");
    ann.accepted("ADD,1.00");
    let start = format!("http://{}/api/v1/oidc/start", server.address);
    let mut browser = Browser::of("bob");
    browser.get(&start).refuses(503, "provider_unavailable");
    browser.shows_pages = true;
    let led = browser.get(&start).location.unwrap();
    assert!(led.ends_with("/?sign_in=provider_unavailable"), "{led}");
    browser.shows_pages = false;
    // It comes up, and goes in the middle of a sign-in.
    let Some(provider) = Provider::start(port) else { return };
    let back = browser.signs_in_at_provider(&server.address);
    drop(provider);
    browser.get(&back).refuses(503, "provider_unavailable");
    ann.accepted("ADD,1.00");
    assert_eq!(Client::of(&server).get("/healthz").status, 200);
    server.signal("-TERM");
    assert_eq!(server.ended().0, Some(0));
}
