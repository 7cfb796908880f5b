//! The table and the page of `logging`.

use super::super::chart::{Axis, Plot, round_step, steps};
use super::super::page::{Page, Row, Tile, facts, legend, table as html_table};
use super::super::text::{NOTHING, columns, count};
use super::stores::LeftOut;
use super::{ALONE, Figures, LoggingOptions, Measured};
use std::time::Duration;

/// What the seed report says of its stores (SENG 462, 2017, chapter 6.1).
const SEED: [(&str, &str); 4] = [
    ("a flat file", "stalled with 700,000 messages waiting"),
    ("Postgres row by row", "20,000 behind after 100,000 commands"),
    ("Elasticsearch, Logstash, Kibana", "7,000 of 10,000 behind"),
    ("a Redis in between", "six more minutes to Postgres after a run of 45 s"),
];

/// The table for the terminal.
pub fn table(
    options: &LoggingOptions,
    figures: &Figures,
    left_out: &[LeftOut],
    wall: Duration,
) -> String {
    let head = ["store", "entries/s", "complete after", "most behind", "commands/s", "of alone"];
    let mut rows = vec![head.map(str::to_string).to_vec()];
    rows.extend(figures.stores.iter().map(cells));
    format!(
        "{}\n\n{}{}\nentries/s: until the store had all of them. Complete: after the last reply.\n\
         commands/s: trading beside it, and that as a share of trading without a store.\n",
        lead(options, figures, wall),
        columns(&rows),
        left_out_in_words(left_out).map(|words| format!("{words}\n")).unwrap_or_default(),
    )
}

fn cells(store: &Measured) -> Vec<String> {
    vec![
        store.name.to_string(),
        count(store.entries_per_s.round() as u64),
        complete(store),
        count(store.most_behind),
        count(store.commands_per_s.round() as u64),
        format!("{:.0} %", store.trading_share * 100.0),
    ]
}

/// When it was complete, or that it was not.
fn complete(store: &Measured) -> String {
    let late = seconds(store.complete_s);
    if store.complete { late } else { format!("not in {late}") }
}

fn seconds(seconds: f64) -> String {
    match seconds {
        seconds if seconds < 9.995 => format!("{seconds:.2} s"),
        seconds => format!("{seconds:.1} s"),
    }
}

fn lead(options: &LoggingOptions, figures: &Figures, wall: Duration) -> String {
    let entries = figures.stores.iter().map(|store| store.entries).max().unwrap_or(0);
    format!(
        "{} commands ({} entries) traded as fast as it goes, anew for each store, seed {}; {:.0} s",
        count(options.commands),
        count(entries),
        options.seed,
        wall.as_secs_f64(),
    )
}

fn left_out_in_words(left_out: &[LeftOut]) -> Option<String> {
    let words: Vec<String> =
        left_out.iter().map(|(name, option)| format!("{name} (no {option})")).collect();
    (!words.is_empty()).then(|| format!("left out: {}", words.join(", ")))
}

/// The page.
pub fn page(
    options: &LoggingOptions,
    figures: &Figures,
    left_out: &[LeftOut],
    wall: Duration,
) -> String {
    let slowest = figures
        .stores
        .iter()
        .max_by(|one, two| one.complete_s.total_cmp(&two.complete_s))
        .map(|store| (seconds(store.complete_s), store.complete, store.name));
    let (figure, of) = match slowest {
        Some((late, true, name)) => (late, format!("after the last command {name} is complete")),
        Some((late, false, name)) => {
            (late, format!("after the last command {name} is not complete yet"))
        }
        None => (NOTHING.to_string(), "was measured".to_string()),
    };
    let mut lead = lead(options, figures, wall);
    if let Some(words) = left_out_in_words(left_out) {
        lead = format!("{lead}; {words}");
    }
    let mut page = Page::new("logging", &figure, &of, &format!("{lead}."));
    let tiles: Vec<Tile<'_>> = figures.stores.iter().map(tile).collect();
    page.tiles(&tiles);
    page.section(
        "How far each store is behind",
        "Entries that are durable in the log and not yet in the store, by the time since the first \
         command. A line that reaches the ground has caught up. A store moves on by the batches \
         of the log.",
        &plot(figures),
    );
    page.section(
        "Figures",
        "Entries a second from the first command until the store had all of them, and from the \
         last reply on, when it had the machine for itself. Trading beside it is compared with \
         trading without a store. Every entry was looked for in every store afterwards.",
        &table_of(figures),
    );
    let about: Vec<(&str, String)> =
        figures.stores.iter().map(|store| (store.name, store.about.to_string())).collect();
    page.section("What each store does", "Each follows a log of its own.", &facts(&about));
    let seed = SEED.map(|(name, words)| (name, words.to_string()));
    page.section(
        "What the seed system found",
        "Its report measured the same in 2017, on machines and with services of its own: the \
         shape can be compared, the figures not.",
        &facts(&seed),
    );
    page.finish()
}

/// Colours of stores, by their place: there are more stores than colours of their own.
fn class(name: &str) -> &'static str {
    match name {
        "xml_file" => "retry",
        "postgres_rows" => "model",
        "postgres_copy" => "hedge",
        ALONE => "",
        _ => "wait",
    }
}

fn tile(store: &Measured) -> Tile<'_> {
    let note = match store.name {
        ALONE => "durable before the reply".to_string(),
        _ => format!(
            "complete after the last reply: {}; {} behind at most",
            complete(store),
            count(store.most_behind)
        ),
    };
    Tile {
        name: store.name,
        value: format!("{}/s", count(store.entries_per_s.round() as u64)),
        note,
        class: class(store.name),
    }
}

fn plot(figures: &Figures) -> String {
    let stores = || figures.stores.iter().filter(|store| store.name != ALONE);
    let points = || stores().flat_map(|store| store.backlog.iter());
    let most = points().map(|(_, behind)| *behind).max().unwrap_or(0).max(1) as f64 * 1.05;
    let times = points().map(|(at, _)| *at * 1e3);
    // What is over soon and what takes long are both seen on a logarithmic axis.
    let x = Axis::of_ms(times.filter(|ms| *ms >= 10.0), "time since the first command");
    let marks = steps(most, round_step(most), |at| count(at as u64));
    let y = Axis::even(0.0, most, marks, "");
    let mut plot = Plot::new(&x, &y, "Entries that each store lacks, by time");
    let mut names = Vec::new();
    for store in stores() {
        let line = store.backlog.iter().map(|(at, behind)| (at * 1e3, *behind as f64));
        plot.line(class(store.name), line);
        if let Some((at, behind)) = store.backlog.iter().max_by_key(|(_, behind)| *behind) {
            let tip = format!("{}: {} behind", store.name, count(*behind));
            plot.dot(class(store.name), (at * 1e3, *behind as f64), 4.0, &tip);
        }
        names.push((class(store.name), store.name));
    }
    format!("{}{}", legend(&names), plot.finish())
}

fn table_of(figures: &Figures) -> String {
    let rows: Vec<Row> = figures
        .stores
        .iter()
        .map(|store| {
            let mut cells = cells(store);
            let alone = store.alone_entries_per_s.map(|rate| count(rate.round() as u64));
            cells.insert(2, alone.unwrap_or(NOTHING.to_string()));
            cells.push(count(store.stored_entries));
            Row { cells, class: class(store.name).to_string() }
        })
        .collect();
    let head = [
        "",
        "entries/s",
        "after the last reply",
        "complete after",
        "most behind",
        "commands/s",
        "of alone",
        "entries found",
    ];
    html_table(&head, 1, &rows)
}
