//! Commands over websockets at a steady rate. Each is timed from when it was due, however late
//! it was sent: a server that stalls is not spared what would have come in the meantime.

use crate::Done;
use crate::people::{Person, answered, command, sign_up};
use crate::report::{Report, load_average, times};
use crate::server::Server;
use crate::wire::Socket;
use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{SinkExt, StreamExt};
use hdrhistogram::Histogram;
use std::cell::{Cell, RefCell};
use std::error::Error;
use std::rc::Rc;
use std::time::Duration;
use tokio::task::spawn_local;
use tokio::time::{Instant, sleep, sleep_until};
use tokio_tungstenite::tungstenite::Message;

/// Commands a second that the server takes of one user, and some room.
const OF_A_USER: u64 = 40;

/// How long the last replies are waited for.
const PATIENCE: Duration = Duration::from_secs(10);

#[derive(clap::Args)]
pub(crate) struct Options {
    /// Commands a second
    #[arg(long, default_value_t = 5000, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    rate: u64,

    /// How long
    #[arg(long, default_value_t = 20, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    seconds: u64,

    /// Each websocket hears of its account, as the trading screen does
    #[arg(long)]
    watch: bool,
}

pub(crate) async fn run(server: &Server, options: &Options) -> Done {
    let mut traders = Traders::sign_up(server, options.rate, options.watch).await?;
    traders.trade(options.rate, Duration::from_secs(2)).await?;
    let processor = server.processor_s();
    let took = traders.trade(options.rate, Duration::from_secs(options.seconds)).await?;
    let mut report = Report::default();
    report.count("websockets", traders.len() as u64);
    took.tell(&mut report, "");
    if let (Some(now), Some(then)) = (server.processor_s(), processor) {
        let share = (now - then) / took.during.as_secs_f64();
        report.put("processor", share, format!("{:.0} % of a core", share * 100.0));
    }
    report.put("load average", load_average(), load_average());
    Ok(report)
}

/// Users that trade, each over a websocket of its own.
pub(crate) struct Traders {
    sockets: Vec<SplitSink<Socket, Message>>,
    replies: Rc<Replies>,
    /// Commands given so far.
    given: u64,
}

/// What came back.
struct Replies {
    /// When the first command of this run was due, and its number.
    begun: Cell<(Instant, u64)>,
    rate: Cell<u64>,
    times: RefCell<Histogram<u64>>,
    answered: Cell<u64>,
    accepted: Cell<u64>,
    ended: Cell<u64>,
}

/// What a run of commands came to.
pub(crate) struct Took {
    pub(crate) times: Histogram<u64>,
    pub(crate) during: Duration,
    due: u64,
    answered: u64,
    accepted: u64,
    ended: u64,
}

impl Took {
    pub(crate) fn tell(&self, report: &mut Report, when: &str) {
        report.count(&format!("commands{when}"), self.due);
        report.count(&format!("accepted{when}"), self.accepted);
        report.count(&format!("unanswered{when}"), self.due - self.answered);
        report.count(&format!("disconnects{when}"), self.ended);
        report.rate(&format!("replies{when}"), self.answered, self.during);
        report.times(&format!("latency{when}"), &self.times);
    }
}

impl Traders {
    /// As many as `rate` commands a second need.
    pub(crate) async fn sign_up(
        server: &Server,
        rate: u64,
        watch: bool,
    ) -> Result<Traders, Box<dyn Error>> {
        let people: Vec<Person> = sign_up(server, rate.div_ceil(OF_A_USER) as usize).await?;
        let replies = Rc::new(Replies {
            begun: Cell::new((Instant::now(), 0)),
            rate: Cell::new(rate),
            times: RefCell::new(times()),
            answered: Cell::new(0),
            accepted: Cell::new(0),
            ended: Cell::new(0),
        });
        let mut sockets = Vec::with_capacity(people.len());
        let channels: &[&str] = if watch { &["account"] } else { &[] };
        for (nth, person) in people.iter().enumerate() {
            let (sink, stream) = person.socket(server, nth, channels).await?.split();
            spawn_local(hear(stream, replies.clone()));
            sockets.push(sink);
        }
        let mut traders = Traders { sockets, replies, given: 0 };
        for nth in 0..traders.len() {
            traders.give(nth, "ADD,1000000.00").await?;
        }
        Ok(traders)
    }

    pub(crate) fn len(&self) -> usize {
        self.sockets.len()
    }

    async fn give(&mut self, trader: usize, line: &str) -> Result<(), Box<dyn Error>> {
        let message = command(self.given, line);
        self.given += 1;
        Ok(self.sockets[trader].send(message).await?)
    }

    /// Gives `rate` commands a second.
    pub(crate) async fn trade(
        &mut self,
        rate: u64,
        during: Duration,
    ) -> Result<Took, Box<dyn Error>> {
        // What is still on its way belongs to nobody's figures.
        sleep(Duration::from_millis(300)).await;
        let replies = self.replies.clone();
        let (begun, first) = (Instant::now(), self.given);
        replies.begun.set((begun, first));
        replies.rate.set(rate);
        replies.times.borrow_mut().reset();
        replies.answered.set(0);
        replies.accepted.set(0);
        let total = (rate as f64 * during.as_secs_f64()) as u64;
        let traders = self.len() as u64;
        for nth in 0..total {
            let at = begun + due(nth, rate);
            if at > Instant::now() {
                sleep_until(at).await;
            }
            let line = line(nth / traders, nth % traders);
            self.give((nth % traders) as usize, &line).await?;
        }
        let waiting = Instant::now();
        while replies.answered.get() < total && waiting.elapsed() < PATIENCE {
            sleep(Duration::from_millis(5)).await;
        }
        Ok(Took {
            times: replies.times.borrow().clone(),
            during: begun.elapsed(),
            due: total,
            answered: replies.answered.get(),
            accepted: replies.accepted.get(),
            ended: replies.ended.get(),
        })
    }
}

/// When the nth command is due.
fn due(nth: u64, rate: u64) -> Duration {
    Duration::from_nanos(nth * 1_000_000_000 / rate)
}

/// What a trader does in a round: buys and sells in turn.
fn line(round: u64, trader: u64) -> String {
    let stock = char::from(b'A' + (trader % 10) as u8);
    match round % 4 {
        0 => format!("BUY,{stock},10000.00"),
        1 => "COMMIT_BUY".to_string(),
        2 => format!("SELL,{stock},5000.00"),
        _ => "COMMIT_SELL".to_string(),
    }
}

async fn hear(mut stream: SplitStream<Socket>, replies: Rc<Replies>) {
    while let Some(Ok(message)) = stream.next().await {
        let Some((number, accepted)) = message.to_text().ok().and_then(answered) else { continue };
        let (begun, first) = replies.begun.get();
        let Some(nth) = number.checked_sub(first) else { continue };
        let took = (begun + due(nth, replies.rate.get())).elapsed().as_micros() as u64;
        replies.times.borrow_mut().saturating_record(took);
        replies.answered.set(replies.answered.get() + 1);
        replies.accepted.set(replies.accepted.get() + u64::from(accepted));
    }
    replies.ended.set(replies.ended.get() + 1);
}
