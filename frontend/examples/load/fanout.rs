//! Many pushes: accounts that change, each watched by many websockets.

use crate::Done;
use crate::people::{command, open_all, sign_up};
use crate::report::{Report, load_average, times};
use crate::server::Server;
use crate::wire::Socket;
use futures_util::{SinkExt, StreamExt};
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
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

#[derive(Default)]
struct Heard {
    pushes: Cell<u64>,
    lagged: Cell<u64>,
    ended: Cell<u64>,
}

pub(crate) async fn run(server: &Server, options: &Options, files: u64) -> Done {
    if options.sockets + 64 > files {
        return Err(format!("{} websockets are more than {files} files", options.sockets).into());
    }
    let people = sign_up(server, options.users as usize).await?;
    let heard = Rc::new(Heard::default());
    let dues = Rc::new(RefCell::new(vec![Instant::now(); people.len()]));
    let delays = Rc::new(RefCell::new(times()));
    let drivers = RefCell::new(BTreeMap::new());
    let take = |nth: usize, socket: Socket| {
        let user = nth % people.len();
        let (sink, mut stream) = socket.split();
        if nth < people.len() {
            drivers.borrow_mut().insert(user, sink);
        }
        let (heard, dues, delays) = (heard.clone(), dues.clone(), delays.clone());
        spawn_local(async move {
            while let Some(Ok(message)) = stream.next().await {
                let Ok(text) = message.to_text() else { continue };
                if text.contains("\"type\":\"update\"") {
                    heard.pushes.set(heard.pushes.get() + 1);
                    let delay = dues.borrow()[user].elapsed().as_micros() as u64;
                    delays.borrow_mut().saturating_record(delay);
                } else if text.contains("\"type\":\"lagged\"") {
                    heard.lagged.set(heard.lagged.get() + 1);
                }
            }
            heard.ended.set(heard.ended.get() + 1);
        });
    };
    let sockets = options.sockets as usize;
    let (_, fault) = open_all(server, &people, sockets, &["account"], take).await;
    if let Some(fault) = fault {
        return Err(fault.into());
    }
    let mut drivers = drivers.into_inner();
    // To say what they want to hear of has used up what users may say at once.
    sleep(Duration::from_secs(4)).await;
    heard.pushes.set(0);
    delays.borrow_mut().reset();
    let (begun, processor) = (Instant::now(), server.processor_s());
    let commands = options.rate * options.seconds;
    let expected: u64 = (0..commands)
        .map(|nth| {
            let user = nth % options.users;
            options.sockets / options.users + u64::from(user < options.sockets % options.users)
        })
        .sum();
    for nth in 0..commands {
        let user = (nth % options.users) as usize;
        let at = begun + Duration::from_nanos(nth * 1_000_000_000 / options.rate);
        if at > Instant::now() {
            sleep_until(at).await;
        }
        dues.borrow_mut()[user] = at;
        let driver = drivers.get_mut(&user).ok_or("a user without a websocket")?;
        driver.send(command(nth, "ADD,1.00")).await?;
    }
    let waiting = Instant::now();
    while heard.pushes.get() < expected && waiting.elapsed() < Duration::from_secs(2) {
        sleep(Duration::from_millis(5)).await;
    }
    let (during, pushes) = (begun.elapsed(), heard.pushes.get());
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
