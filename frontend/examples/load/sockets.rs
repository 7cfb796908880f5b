//! Many open websockets that each hear of a price now and then.

use crate::Done;
use crate::people::{self, command, open_all, sign_up};
use crate::plain::Plain;
use crate::report::{Report, load_average, times};
use crate::server::Server;
use futures_util::{FutureExt, SinkExt, StreamExt};
use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;
use tokio::task::spawn_local;
use tokio::time::{Instant, sleep, sleep_until};
use tokio_tungstenite::tungstenite::Message;

/// Files of this process that are no sockets.
const OTHER_FILES: u64 = 64;

#[derive(clap::Args)]
pub(crate) struct Options {
    /// Websockets
    #[arg(long, default_value_t = 20_000, value_name = "N")]
    count: usize,

    /// How long they are held
    #[arg(long, default_value_t = 30, value_name = "N")]
    seconds: u64,

    /// New prices a second that each of them hears of: at most four
    #[arg(long, default_value_t = 1, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=4))]
    quotes: u64,

    /// Users that share them
    #[arg(long, default_value_t = 150, value_name = "N")]
    users: usize,
}

impl Options {
    /// Websockets that share a user.
    pub(crate) fn of_a_user(&self) -> u64 {
        self.count.div_ceil(self.users.max(1)) as u64
    }
}

#[derive(Default)]
struct Heard {
    updates: Cell<u64>,
    ended: Cell<u64>,
    stopping: Cell<bool>,
}

pub(crate) async fn run(server: &Server, options: &Options, files: u64) -> Done {
    let room = files.saturating_sub(OTHER_FILES);
    if options.count as u64 > room {
        return Err(format!(
            "{} websockets need {} open files, and this process may open {files}: raise the limit \
             (ulimit -Hn), or take --count {room}",
            options.count,
            options.count as u64 + OTHER_FILES
        )
        .into());
    }
    let people = sign_up(server, options.users.max(1)).await?;
    let mut driver = people[0].socket(server, 0, &["market"]).await?;
    let before = server.memory();
    let (started, processor) = (Instant::now(), server.processor_s());

    let heard = Rc::new(Heard::default());
    let due = Rc::new(Cell::new(Instant::now()));
    let delays = Rc::new(RefCell::new(times()));
    let take = |_, mut socket: Plain| {
        let (heard, due, delays) = (heard.clone(), due.clone(), delays.clone());
        spawn_local(async move {
            let each = |text: &[u8]| {
                if text.starts_with(b"{\"channel\":\"market\"") {
                    heard.updates.set(heard.updates.get() + 1);
                    let delay = due.get().elapsed().as_micros() as u64;
                    delays.borrow_mut().saturating_record(delay);
                }
            };
            while socket.hear(each).await {}
            if !heard.stopping.get() {
                heard.ended.set(heard.ended.get() + 1);
            }
        });
    };
    let (failed, fault) = open_all(server, &people, options.count, "market", take).await;
    if let Some(fault) = fault {
        eprintln!("{failed} websockets did not open; the first: {fault}");
    }
    let opening = started.elapsed();
    let opening_processor = server.processor_s().zip(processor).map(|(now, then)| now - then);
    sleep(Duration::from_secs(1)).await;

    // Each price is of a stock whose last one has run out.
    heard.updates.set(0);
    delays.borrow_mut().reset();
    let (held, processor) = (Instant::now(), server.processor_s());
    let quotes = options.seconds * options.quotes;
    for nth in 0..quotes {
        let at = held + Duration::from_secs(1).mul_f64(nth as f64 / options.quotes as f64);
        sleep_until(at).await;
        due.set(at);
        driver.send(command(nth, &format!("QUOTE,{}", stock(nth)))).await?;
        // What comes for the driver is of no interest, but is to be taken.
        while let Some(Some(told)) = driver.next().now_or_never() {
            let told = told?;
            if let Some((number, false)) = told.to_text().ok().and_then(people::answered) {
                return Err(format!("price {number} was refused: {told}").into());
            }
        }
    }
    sleep_until(held + Duration::from_secs(options.seconds)).await;
    let with_all = server.memory();
    let during = held.elapsed();
    sleep(Duration::from_millis(500)).await;
    heard.stopping.set(true);
    let open = options.count as u64 - failed - heard.ended.get();
    let _ = driver.send(Message::Close(None)).await;

    let mut report = Report::default();
    report.count("websockets", options.count as u64);
    report.count("open at the end", open);
    report.count("disconnects", heard.ended.get() + failed);
    report.rate("opened at", options.count as u64, opening);
    let expected = quotes * options.count as u64;
    report.count("updates expected", expected);
    report.count("updates heard", heard.updates.get());
    report.rate("updates", heard.updates.get(), during);
    report.times("delay", &delays.borrow());
    if let (Some(before), Some(with_all)) = (before, with_all) {
        let each = with_all.saturating_sub(before) as f64 / open.max(1) as f64;
        report.put("memory a websocket", each, format!("{:.1} KB", each / 1000.0));
        report.put("memory", with_all, format!("{:.1} MB", with_all as f64 / 1e6));
    }
    if let (Some(now), Some(then), Some(opening)) =
        (server.processor_s(), processor, opening_processor)
    {
        report.put("processor opening", opening, format!("{opening:.1} s"));
        let share = (now - then) / during.as_secs_f64();
        report.put("processor", share, format!("{:.0} % of a core", share * 100.0));
    }
    report.put("load average", load_average(), load_average());
    Ok(report)
}

/// The nth of 676 stocks.
fn stock(nth: u64) -> String {
    let letter = |nth: u64| char::from(b'A' + (nth % 26) as u8);
    format!("L{}{}", letter(nth / 26), letter(nth))
}
