//! Many pushes: accounts that change, each watched by many websockets.

use crate::Done;
use crate::people::{command, open_all, sign_up};
use crate::plain::Plain;
use crate::report::{Report, load_average, times};
use crate::server::Server;
use futures_util::{SinkExt, StreamExt};
use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;
use tokio::task::spawn_local;
use tokio::time::{Instant, sleep, sleep_until};

#[derive(clap::Args)]
pub(crate) struct Options {
    /// Websockets
    #[arg(long, default_value_t = 8000, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    sockets: u64,

    /// Users that share them: each has an account that its own websockets watch
    #[arg(long, default_value_t = 20, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    users: u64,

    /// Commands a second of all users: each is pushed to all websockets of its user
    #[arg(long, default_value_t = 600, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    rate: u64,

    /// How long
    #[arg(long, default_value_t = 15, value_name = "N")]
    seconds: u64,
}

impl Options {
    /// Websockets that share a user.
    pub(crate) fn of_a_user(&self) -> u64 {
        self.sockets.div_ceil(self.users)
    }
}

#[derive(Default)]
struct Heard {
    pushes: Cell<u64>,
    lagged: Cell<u64>,
    last: Cell<Option<Instant>>,
    ended: Cell<u64>,
}

pub(crate) async fn run(server: &Server, options: &Options, files: u64) -> Done {
    if options.sockets + 64 > files {
        return Err(format!("{} websockets are more than {files} files", options.sockets).into());
    }
    let people = sign_up(server, options.users as usize).await?;
    let heard = Rc::new(Heard::default());
    let begun = Rc::new(Cell::new(None::<Instant>));
    let delays = Rc::new(RefCell::new(times()));
    let take = |nth: usize, mut socket: Plain| {
        let user = nth % people.len();
        let (heard, begun, delays) = (heard.clone(), begun.clone(), delays.clone());
        let (users, rate) = (options.users, options.rate);
        spawn_local(async move {
            let each = |text: &[u8]| {
                // Their names are sorted, so that the type stands last.
                if text.ends_with(b"\"type\":\"update\"}") {
                    heard.pushes.set(heard.pushes.get() + 1);
                    heard.last.set(Some(Instant::now()));
                    // Each command adds a dollar: the cash tells which one this is.
                    let nth = cash(text).map(|cash| (cash - 1) * users + user as u64);
                    if let (Some(nth), Some(begun)) = (nth, begun.get()) {
                        let delay = (begun + due(nth, rate)).elapsed().as_micros() as u64;
                        delays.borrow_mut().saturating_record(delay);
                    }
                } else if text.ends_with(b"\"type\":\"lagged\"}") {
                    heard.lagged.set(heard.lagged.get() + 1);
                }
            };
            while socket.hear(each).await {}
            heard.ended.set(heard.ended.get() + 1);
        });
    };
    let sockets = options.sockets as usize;
    let (_, fault) = open_all(server, &people, sockets, "account", take).await;
    if let Some(fault) = fault {
        return Err(fault.into());
    }
    let mut drivers = Vec::with_capacity(people.len());
    for (nth, person) in people.iter().enumerate() {
        let (sink, answers) = person.socket(server, nth, &[]).await?.split();
        spawn_local(answers.for_each(async |_| {}));
        drivers.push(sink);
    }
    // To say what they want to hear of has used up what users may say at once.
    sleep(Duration::from_secs(4)).await;
    heard.pushes.set(0);
    delays.borrow_mut().reset();
    let (started, processor) = (Instant::now(), server.processor_s());
    begun.set(Some(started));
    let commands = options.rate * options.seconds;
    let expected: u64 = (0..commands)
        .map(|nth| {
            let user = nth % options.users;
            options.sockets / options.users + u64::from(user < options.sockets % options.users)
        })
        .sum();
    for nth in 0..commands {
        let user = (nth % options.users) as usize;
        let at = started + due(nth, options.rate);
        if at > Instant::now() {
            sleep_until(at).await;
        }
        drivers[user].send(command(nth, "ADD,1.00")).await?;
    }
    let waiting = Instant::now();
    while heard.pushes.get() < expected && waiting.elapsed() < Duration::from_secs(2) {
        sleep(Duration::from_millis(5)).await;
    }
    let last = heard.last.get().unwrap_or(started);
    let (during, pushes) = (last.duration_since(started), heard.pushes.get());
    let mut report = Report::default();
    report.count("websockets", options.sockets);
    report.count("disconnects", heard.ended.get());
    report.count("commands", commands);
    report.count("pushes expected", expected);
    report.count("pushes heard", pushes);
    report.count("lagged", heard.lagged.get());
    report.rate("pushes", pushes, during);
    report.times("delay", &delays.borrow());
    if let (Some(now), Some(then)) = (server.processor_s(), processor) {
        let used = now - then;
        let each = used * 1e6 / pushes.max(1) as f64;
        report.put("processor a push", each, format!("{each:.2} µs"));
        let share = used / during.as_secs_f64();
        report.put("processor", share, format!("{:.0} % of a core", share * 100.0));
    }
    report.put("load average", load_average(), load_average());
    Ok(report)
}

/// When the nth command is due.
fn due(nth: u64, rate: u64) -> Duration {
    Duration::from_nanos(nth * 1_000_000_000 / rate)
}

/// The whole dollars of an account that has nothing but cash.
fn cash(text: &[u8]) -> Option<u64> {
    let rest = text.strip_prefix(br#"{"account":{"buy_orders":[],"cash":""#)?;
    let digits = rest.split(|byte| *byte == b'.').next()?;
    std::str::from_utf8(digits).ok()?.parse().ok().filter(|cash| *cash > 0)
}
