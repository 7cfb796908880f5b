//! One line of a workload file, from its text to the checked XML log.
//!
//! Two readers of workloads meet here, that of the player and that of the checker, which share no
//! code: what one makes of a line, the other has to agree with.

use audit_logger::verify::{Options, verify};
use audit_logger::xml::{FOOT, HEAD, Renderer};
use domain::trading::command::Verb;
use domain::trading::entry::{CommandDecided, PriceUsed, QuoteReceived, decide};
use domain::trading::verbs::Stamp;
use domain::trading::{
    Account, Action, Command, Entry, Price, RulesVersion, TransactionNum, codec,
};
use workload::input::{Input, Next};
use workload::line::parse_line;

const NOW_MS: u64 = 1_767_225_600_000;
const TRANSACTION: TransactionNum = TransactionNum(1);

pub(crate) fn target(data: &[u8]) {
    // A line ends at its line feed, and a longer one is never read as a command.
    let line = data.split(|&byte| byte == b'\n').next().unwrap_or_default();
    if line.len() > workload::input::MAX_LINE {
        return;
    }
    // Commands and unreadable lines: a blank line is neither.
    let (entries, counted) = match parse_line(line) {
        Ok(Some(action)) => (decided(action), (1, 0)),
        Ok(None) => (Vec::new(), (0, 0)),
        Err(unreadable) => {
            assert!(unreadable.column >= 1 && unreadable.column <= line.len() + 1);
            (Vec::new(), (0, 1))
        }
    };
    let mut xml = HEAD.as_bytes().to_vec();
    let mut renderer = Renderer::new("fuzz");
    for entry in &entries {
        let mut bytes = Vec::new();
        codec::encode(entry, &mut bytes).expect("what was made can be written");
        let (read, rest) = codec::decode(&bytes).expect("what was written can be read");
        assert_eq!((&read, rest), (entry, &[][..]));
        renderer.render(entry, &mut xml);
    }
    xml.extend_from_slice(FOOT.as_bytes());
    let report = verify(xml.as_slice(), Some(&mut &*line), &Options::default())
        .expect("bytes in memory can be read");
    let text = String::from_utf8(xml).expect("the log is UTF-8");
    assert!(report.is_good(), "{:?}\n{text}\n{report}", line.escape_ascii().to_string());
    assert_eq!(report.workload, Some(counted), "{:?}", line.escape_ascii().to_string());
}

/// The entries of a command that is the first ever.
fn decided(action: Action) -> Vec<Entry> {
    let command = Command::new(TRANSACTION, NOW_MS, action);
    let Action::User { user, verb } = &command.action else {
        return vec![Entry::Command(match &command.action {
            Action::Malformed(_) => CommandDecided::refused_malformed(command, NOW_MS),
            _ => CommandDecided {
                command,
                applied_ms: NOW_MS,
                price: None,
                outcome: domain::trading::Outcome::Accepted(domain::trading::Accepted::Dumped),
            },
        })];
    };
    let mut entries = Vec::new();
    let mut price = None;
    if let Verb::Quote(stock) = verb {
        let asked = Price::from_cents(4217).expect("a price");
        entries.push(Entry::Quote(QuoteReceived {
            transaction: TRANSACTION,
            user: user.clone(),
            received_ms: NOW_MS,
            stock: *stock,
            price: asked,
            server_time_ms: NOW_MS,
            cryptokey: "a2V5".into(),
        }));
        price = Some(PriceUsed { price: asked, cached: false });
    }
    let stamp = Stamp { transaction: TRANSACTION, now_ms: NOW_MS, rules: RulesVersion::CURRENT };
    let used = price.map(|used| used.price);
    let outcome = decide(&mut Account::default(), stamp, verb, used);
    entries.push(Entry::Command(CommandDecided { command, applied_ms: NOW_MS, price, outcome }));
    entries
}

/// Commands and unreadable lines of a file, as the player counts them.
#[allow(dead_code, reason = "the fuzzer feeds lines, not files")]
pub(crate) fn counted_by_player(file: &[u8]) -> (u64, u64) {
    let reader = Box::new(std::io::Cursor::new(file.to_vec()));
    let mut input = Input::new("file".to_string(), reader).expect("bytes in memory can be read");
    let (mut commands, mut unreadable) = (0, 0);
    loop {
        match input.next_line().expect("bytes in memory can be read") {
            Next::Line(line) => match parse_line(line.text) {
                Ok(Some(_)) => commands += 1,
                Ok(None) => {}
                Err(_) => unreadable += 1,
            },
            Next::Pause => {}
            Next::End => return (commands, unreadable),
        }
    }
}

/// The same, as the checker counts them.
#[allow(dead_code, reason = "the fuzzer feeds lines, not files")]
pub(crate) fn counted_by_checker(mut file: &[u8]) -> (u64, u64) {
    let log = [HEAD, FOOT].concat();
    let report = verify(log.as_bytes(), Some(&mut file), &Options::default());
    report.expect("bytes in memory can be read").workload.expect("a workload was given")
}
