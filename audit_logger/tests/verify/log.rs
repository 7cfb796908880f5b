//! Logs as scripts, one element a line, so that a test can say what it changes.
//!
//! `cmd 100 1 ADD u=alice f=10.00` is a `userCommand` of transaction 1, 100 ms after the start;
//! `error`, `event`, `cash` and `quote` are the other elements.

/// The time 0 of scripts, in Unix milliseconds.
pub(crate) const START_MS: u64 = 1_767_225_600_000;

/// Every command, every refusal but `balance_limit`, firing at once and later, both expiries,
/// prices of their own and from the cache.
const GOOD: &str = "\
cmd 0 1 ADD u=alice f=1000.00
cash 0 1 add u=alice f=1000.00
cmd 10 2 ADD u=bob f=500.00
cash 10 2 add u=bob f=500.00
quote 120 3 u=alice s=ABC p=10.00
cmd 100 3 QUOTE u=alice s=ABC
cmd 130 4 BUY u=alice s=ABC f=105.00
event 130 4 BUY u=alice s=ABC f=10.00
cash 130 4 remove u=alice f=100.00
cmd 140 5 COMMIT_BUY u=alice
cmd 150 6 BUY u=alice s=ABC f=50.00
event 150 6 BUY u=alice s=ABC f=10.00
cash 150 6 remove u=alice f=50.00
cmd 160 7 CANCEL_BUY u=alice
cash 160 7 add u=alice f=50.00
cmd 170 8 SELL u=alice s=ABC f=30.00
event 170 8 SELL u=alice s=ABC f=10.00
cmd 180 9 COMMIT_SELL u=alice
cash 180 9 add u=alice f=30.00
cmd 190 10 SELL u=alice s=ABC f=29.99
event 190 10 SELL u=alice s=ABC f=10.00
cmd 200 11 CANCEL_SELL u=alice
cmd 205 12 BUY u=bob s=ABC f=100.00
event 205 12 BUY u=bob s=ABC f=10.00
cash 205 12 remove u=bob f=100.00
cmd 210 13 SET_BUY_AMOUNT u=alice s=XYZ f=100.00
cash 210 13 remove u=alice f=100.00
quote 240 14 u=alice s=XYZ p=7.00
cmd 220 14 SET_BUY_TRIGGER u=alice s=XYZ f=5.00
cmd 250 15 SET_BUY_AMOUNT u=alice s=XYZ f=60.00
cash 250 15 add u=alice f=40.00
cmd 260 16 SET_SELL_AMOUNT u=alice s=ABC f=40.00
cmd 270 17 SET_SELL_TRIGGER u=alice s=ABC f=8.00
event 270 17 SET_SELL_TRIGGER u=alice s=ABC f=10.00
cash 270 17 add u=alice f=50.00
cmd 280 18 SET_SELL_AMOUNT u=alice s=ABC f=20.00
cmd 290 19 SET_SELL_TRIGGER u=alice s=ABC f=20.00
cmd 300 20 SET_SELL_AMOUNT u=alice s=ABC f=40.00
cmd 310 21 CANCEL_SET_SELL u=alice s=ABC
cmd 320 22 SET_BUY_AMOUNT u=bob s=ABC f=50.00
cash 320 22 remove u=bob f=50.00
cmd 330 23 CANCEL_SET_BUY u=bob s=ABC
cash 330 23 add u=bob f=50.00
cmd 340 24 DISPLAY_SUMMARY u=alice
cmd 350 25 DUMPLOG u=alice n=alice.xml
cmd 360 26 ADD u=alice f=-73280.58
error 360 26 ADD u=alice f=-73280.58 m=invalid_amount
cmd 370 27 BUY u=alice
error 370 27 BUY u=alice m=invalid_arguments
cmd 380 28 QUOTE u=al!ce s=ABC
error 380 28 QUOTE u=al!ce s=ABC m=invalid_user
cmd 390 29 QUOTE u=alice
error 390 29 QUOTE u=alice m=invalid_stock
cmd 400 30 DUMPLOG u=alice n=../x
error 400 30 DUMPLOG u=alice n=../x m=invalid_filename
cmd 410 31 DISPLAY_SUMMARY u=carol
error 410 31 DISPLAY_SUMMARY u=carol m=unknown_account
cmd 420 32 BUY u=alice s=ABC f=100000.00
error 420 32 BUY u=alice s=ABC f=100000.00 m=insufficient_funds
cmd 430 33 SELL u=alice s=QQQ f=1.00
error 430 33 SELL u=alice s=QQQ f=1.00 m=insufficient_shares
cmd 440 34 BUY u=alice s=ABC f=9.99
error 440 34 BUY u=alice s=ABC f=9.99 m=amount_too_small
event 440 34 BUY u=alice s=ABC f=10.00
cmd 450 35 COMMIT_BUY u=alice
error 450 35 COMMIT_BUY u=alice m=no_pending_buy
cmd 460 36 CANCEL_SELL u=alice
error 460 36 CANCEL_SELL u=alice m=no_pending_sell
cmd 470 37 SET_BUY_TRIGGER u=bob s=ABC f=5.00
error 470 37 SET_BUY_TRIGGER u=bob s=ABC f=5.00 m=no_buy_order
cmd 480 38 SET_SELL_TRIGGER u=bob s=ABC f=5.00
error 480 38 SET_SELL_TRIGGER u=bob s=ABC f=5.00 m=no_sell_order
error 600 39 QUOTE u=bob s=ZZZ m=quote_refused
cmd 490 39 QUOTE u=bob s=ZZZ
error 9000 39 QUOTE u=bob s=ZZZ m=quote_unavailable
cmd 9010 40 SELL u=alice s=ABC f=10.00
event 9010 40 SELL u=alice s=ABC f=10.00
event 60206 12 CANCEL_BUY u=bob s=ABC f=100.00
cash 60206 12 add u=bob f=100.00
quote 60300 15 u=alice s=XYZ p=4.50
event 60301 15 SET_BUY_AMOUNT u=alice s=XYZ f=4.50
cash 60301 15 add u=alice f=1.50
event 69011 40 CANCEL_SELL u=alice s=ABC f=10.00
cmd 69100 41 COMMIT_BUY u=bob
error 69100 41 COMMIT_BUY u=bob m=no_pending_buy
cmd 69200 43 ADD u=alice f=1.00
cash 69200 43 add u=alice f=1.00
quote 73000 42 u=bob s=ABC p=11.00
cmd 69150 42 BUY u=bob s=ABC f=100.00
cash 73000 42 remove u=bob f=99.00
cmd 133000 44 COMMIT_BUY u=bob
cmd 133010 45 CANCEL_BUY u=bob
error 133010 45 CANCEL_BUY u=bob m=no_pending_buy
cmd 133020 46 DUMPLOG n=./testLOG
";

/// What the workload of the good log has beside what its log shows: line 27, 29 are cut, and there
/// are lines that are no commands.
const ODD_LINES: [(usize, &str); 2] = [(27, "[27] BUY,alice"), (29, "[29] QUOTE,alice,GOOGL")];

/// A log as a script.
#[derive(Clone)]
pub(crate) struct Script(pub(crate) Vec<String>);

/// The good log.
pub(crate) fn good() -> Script {
    script(GOOD)
}

/// A log of these lines.
pub(crate) fn script(lines: &str) -> Script {
    Script(lines.lines().map(str::to_string).collect())
}

/// The workload of the good log.
pub(crate) fn workload() -> String {
    let mut commands: Vec<(usize, String)> = Vec::new();
    for line in GOOD.lines().filter(|line| line.starts_with("cmd")) {
        let words: Vec<&str> = line.split(' ').collect();
        let number: usize = words[2].parse().unwrap();
        let field = |key: &str| words.iter().find_map(|word| word.strip_prefix(key));
        let mut text = format!("[{number}] {}", words[3]);
        for key in ["u=", "s=", "n="] {
            text.extend(field(key).map(|value| format!(",{value}")));
        }
        // Workloads write amounts as they like.
        let funds = field("f=").map(|funds| funds.strip_suffix(".00").unwrap_or(funds));
        text.extend(funds.map(|funds| format!(",{funds}")));
        commands.push((number, text));
    }
    commands.sort_unstable();
    let mut out = String::from("a line that is no command\n");
    for (number, text) in commands {
        let odd = ODD_LINES.iter().find(|(odd, _)| *odd == number);
        let text = odd.map_or(&text[..], |(_, text)| text);
        let end = ["\n", " \n", "\r\n"][number % 3];
        out += &format!("{text}{end}");
    }
    out + "[0] ADD,alice,1.00"
}

/// The good log, lived through by `users` pairs of users at the same time, and by other such crowds
/// one after the other.
pub(crate) fn crowd(users: u64, crowds: u64) -> Script {
    let lines = good().0;
    let number = |line: &String| line.split(' ').nth(2).unwrap().to_string();
    // The elements of a transaction stand together.
    let groups: Vec<&[String]> = lines
        .chunk_by(|line, next| number(line) == number(next) && !next.starts_with("cmd"))
        .collect();
    let mut out = Vec::new();
    for crowd in 0..crowds {
        for group in &groups {
            for user in 0..users {
                for line in group.iter() {
                    let mut words: Vec<String> = line.split(' ').map(str::to_string).collect();
                    let at: u64 = words[1].parse().unwrap();
                    let number: u64 = words[2].parse().unwrap();
                    words[1] = (at + crowd * 140_000).to_string();
                    words[2] = (crowd * 46 * users + (number - 1) * users + user + 1).to_string();
                    for word in words.iter_mut().filter(|word| word.starts_with("u=")) {
                        *word = format!("{word}_{user}_{crowd}");
                    }
                    out.push(words.join(" "));
                }
            }
        }
    }
    Script(out)
}

impl Script {
    /// Replaces the one line that is `from` by the lines `to` (none, one or more).
    #[track_caller]
    pub(crate) fn with(mut self, from: &str, to: &[&str]) -> Script {
        let mut places = self.0.iter().enumerate().filter(|(_, line)| *line == from);
        let (at, _) = places.next().unwrap_or_else(|| panic!("no line {from:?}"));
        assert!(places.next().is_none(), "two lines {from:?}");
        self.0.splice(at..=at, to.iter().map(|line| line.to_string()));
        self
    }

    /// Replaces `from` by `to` in every line of a transaction.
    #[track_caller]
    pub(crate) fn with_all(mut self, number: u64, from: &str, to: &str) -> Script {
        let number = number.to_string();
        let mut changed = false;
        for line in &mut self.0 {
            if line.split(' ').nth(2) == Some(&number) && line.contains(from) {
                *line = line.replace(from, to);
                changed = true;
            }
        }
        assert!(changed, "transaction {number} has no {from:?}");
        self
    }

    /// Drops every line of a transaction.
    #[track_caller]
    pub(crate) fn without(mut self, number: u64) -> Script {
        let (before, number) = (self.0.len(), number.to_string());
        self.0.retain(|line| line.split(' ').nth(2) != Some(&number));
        assert!(self.0.len() < before, "no transaction {number}");
        self
    }

    /// The log.
    pub(crate) fn xml(&self) -> String {
        self.xml_with(|_| {})
    }

    /// The log, with the children of every element changed.
    pub(crate) fn xml_with(&self, change: impl Fn(&mut Vec<(&'static str, String)>)) -> String {
        let mut out = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<log>\n");
        for line in &self.0 {
            let (name, mut children) = element(line);
            change(&mut children);
            out += &format!("  <{name}>\n");
            for (child, text) in children {
                out += &format!("    <{child}>{text}</{child}>\n");
            }
            out += &format!("  </{name}>\n");
        }
        out + "</log>\n"
    }
}

fn element(line: &str) -> (&'static str, Vec<(&'static str, String)>) {
    let mut words = line.split(' ');
    let kind = words.next().unwrap();
    let at: u64 = words.next().unwrap().parse().unwrap();
    let mut children = vec![
        ("timestamp", (START_MS + at).to_string()),
        ("server", "daytrade".to_string()),
        ("transactionNum", words.next().unwrap().to_string()),
    ];
    for word in words {
        let (key, value) = word.split_once('=').unwrap_or(("", word));
        let child = match (kind, key) {
            ("cash", "") => "action",
            (_, "") => "command",
            (_, "u") => "username",
            (_, "s") => "stockSymbol",
            (_, "n") => "filename",
            (_, "f") => "funds",
            (_, "p") => "price",
            (_, "m") => "errorMessage",
            other => panic!("{other:?} in {line:?}"),
        };
        let colon = if child == "errorMessage" { ": a sentence" } else { "" };
        children.push((child, format!("{value}{colon}")));
    }
    let name = match kind {
        "cmd" => "userCommand",
        "cash" => "accountTransaction",
        "event" => "systemEvent",
        "error" => "errorEvent",
        "quote" => {
            children.push(("quoteServerTime", (START_MS + at).to_string()));
            children.push(("cryptokey", "ZcwKUqtHPq/PaprbZRKrFSw+zuIQiYA=".to_string()));
            "quoteServer"
        }
        other => panic!("{other:?} in {line:?}"),
    };
    (name, children)
}
