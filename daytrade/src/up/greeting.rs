//! What `daytrade up` says when it is there.

use super::demo::Demo;
use super::open_files::Room;
use super::options::UpOptions;
use crate::cli::QuoteSource;
use crate::keys;
use crate::terminal::{say, warn};
use bus::Clock;
use console::style;
use frontend::Frontend;
use indicatif::{HumanCount, HumanDuration};
use std::net::IpAddr;
use std::time::Duration;

/// Says where to look.
pub(super) fn tell(
    options: &UpOptions,
    frontend: &Frontend,
    entries: u64,
    accounts: usize,
    clock: &Clock,
    demo: Option<&Demo>,
    room: &Room,
) {
    let own = frontend.url();
    let address = match options.origin.first() {
        Some(origin) => origin.clone(),
        None => reachable(&own, options.listen.ip()),
    };
    say(format_args!("\n  {}  {}\n", style("daytrade").bold(), style(&address).cyan().bold()));
    let line = |name: &str, text: &dyn std::fmt::Display| {
        say(format_args!("  {}  {text}", style(format!("{name:8}")).dim()));
    };
    if address != own {
        line("listens", &own);
    }
    let data = options.data.display();
    match entries {
        0 => line("data", &format_args!("{data}, new")),
        _ => line(
            "data",
            &format_args!(
                "{data}, {} entries, {} accounts",
                HumanCount(entries),
                HumanCount(accounts as u64)
            ),
        ),
    }
    match &options.setup.quotes {
        QuoteSource::Simulator => line("prices", &"built-in quote server"),
        QuoteSource::Fixed(price) => line("prices", &format_args!("{price} for every stock")),
        QuoteSource::Server { address, .. } => line("prices", &format_args!("tcp://{address}")),
    }
    let ahead_ms = clock.unix_ms(clock.now()).saturating_sub(keys::now_ms());
    let ahead = HumanDuration(Duration::from_millis(ahead_ms));
    match (clock.speed(), ahead_ms >= 1000) {
        (1, false) => {}
        (1, true) => line("clock", &format_args!("{ahead} ahead of this machine's, as the log is")),
        (speed, _) => line(
            "clock",
            &format_args!("{}, for tests and demonstrations", {
                style(format!("{speed} times as fast as time passes")).yellow().bold()
            }),
        ),
    }
    if let Some(demo) = demo {
        line("sign in", demo);
    }
    if !frontend::has_client() {
        line("screen", &"not in this binary: it was built without Node.js (the address says more)");
    }
    if let Some(issuer) = frontend.issuer() {
        line("provider", &format_args!("{issuer}, comes back to {address}/api/v1/oidc/callback"));
    }
    match (options.tls_cert.is_some(), options.trusted_proxy.is_empty()) {
        (true, _) => line("cookies", &"for TLS only"),
        (false, false) => line("cookies", &"for TLS only, which the proxy in front ends"),
        // Nobody but this machine reaches it: there is nothing to know.
        (false, true) => {}
    }
    if !options.listen.ip().is_loopback() && options.origin.is_empty() {
        warn(format_args!(
            "no --origin is given: pages that were opened by another name than {address} are \
             refused; give the name, such as --origin https://trade.example.com"
        ));
    }
    if let Some(told) = room.told() {
        line("room", &told);
    }
    say(format_args!("\n  {}\n", style("Ctrl-C ends it; nothing is lost").dim()));
}

/// An address that a browser on this machine can open: `0.0.0.0` and `[::]` are none.
fn reachable(own: &str, listens: IpAddr) -> String {
    match listens.is_unspecified() {
        true => own.replacen("0.0.0.0", "localhost", 1).replacen("[::]", "localhost", 1),
        false => own.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::{Ipv4Addr, Ipv6Addr};

    #[test]
    fn an_address_that_can_be_opened_is_told() {
        let any = IpAddr::V4(Ipv4Addr::UNSPECIFIED);
        assert_eq!(reachable("https://0.0.0.0:8443", any), "https://localhost:8443");
        let any = IpAddr::V6(Ipv6Addr::UNSPECIFIED);
        assert_eq!(reachable("http://[::]:8080", any), "http://localhost:8080");
        let one = IpAddr::V4(Ipv4Addr::LOCALHOST);
        assert_eq!(reachable("http://127.0.0.1:8080", one), "http://127.0.0.1:8080");
    }
}
