//! The table and the page of `triggers`.

use super::super::chart::{Axis, Plot, round_step, steps};
use super::super::page::{Page, Row, Tile, legend, table as html_table};
use super::super::text::{columns, count, maybe_ms};
use super::{DurableFigures, Figures, MarketFigures, TriggersOptions};

/// What is aimed at, beside what was measured.
fn rows(figures: &Figures) -> Vec<[String; 3]> {
    let rate = |per_s: f64| format!("{} orders/s", count(per_s as u64));
    let row = |name: &str, found: String, aim: &str| [name.to_string(), found, aim.to_string()];
    vec![
        row("armed in the book", rate(figures.arm_per_s), "1,000,000"),
        row("cancelled in the book", rate(figures.cancel_per_s), "1,000,000"),
        row("fired out of the book", rate(figures.fire_book_per_s), "1,000,000"),
        row("memory", format!("{:.0} bytes an order", figures.bytes_per_order), "under 200"),
        row("a price that fires nothing", format!("{:.0} ns", figures.idle_tick_ns), "under 1,000"),
        row("armed by commands, durable", rate(figures.arm_durable_per_s), ""),
        row("fired at once, durable", rate(figures.fire_durable_per_s), "300,000"),
        row(
            "from price to durable fill",
            format!(
                "p50 {} ms, p99 {} ms, at most {} ms",
                maybe_ms(figures.delay_p50_ms),
                maybe_ms(figures.delay_p99_ms),
                maybe_ms(figures.delay_max_ms)
            ),
            "p99 under 20 ms",
        ),
    ]
}

fn lead(options: &TriggersOptions, figures: &Figures) -> String {
    format!(
        "{} orders in the book and {} in the whole system, of {} stocks; {} prices a second for {} s",
        count(figures.book_orders.into()),
        count(figures.durable_orders.into()),
        count(figures.stocks.into()),
        count(options.ticks.into()),
        options.walk,
    )
}

fn market_in_words(figures: &Figures) -> String {
    let market = &figures.market;
    format!(
        "{} orders of {} stocks for {} minutes: {} fired, {} quotes paid for, {:.2} a stock and \
         minute",
        count(market.orders.into()),
        count(figures.stocks.into()),
        market.minutes,
        count(market.fired),
        count(market.quote_requests),
        market.quote_requests as f64 / f64::from(figures.stocks) / market.minutes.max(1) as f64,
    )
}

/// The table for the terminal.
pub fn table(options: &TriggersOptions, figures: &Figures) -> String {
    let mut lines = vec![vec![String::new(), "measured".to_string(), "aim".to_string()]];
    lines.extend(rows(figures).into_iter().map(Vec::from));
    format!(
        "{}\n\n{}\na market in virtual time: {}\n",
        lead(options, figures),
        columns(&lines),
        market_in_words(figures)
    )
}

/// The page.
pub fn page(
    options: &TriggersOptions,
    figures: &Figures,
    durable: &DurableFigures,
    market: &MarketFigures,
) -> String {
    let mut page = Page::new(
        "triggers",
        &format!("{} ms", maybe_ms(figures.delay_p99_ms)),
        &format!(
            "from a price to the durable fill, for 99 of 100 orders among {} armed",
            count(figures.durable_orders.into())
        ),
        &format!("{}.", lead(options, figures)),
    );
    let rate = |per_s: f64| format!("{:.2} million/s", per_s / 1e6);
    page.tiles(&[
        Tile {
            name: "Armed in the book",
            value: rate(figures.arm_per_s),
            note: format!("{:.0} bytes an order", figures.bytes_per_order),
            class: "wait",
        },
        Tile {
            name: "Fired out of the book",
            value: rate(figures.fire_book_per_s),
            note: format!("{:.0} ns for a price that fires none", figures.idle_tick_ns),
            class: "retry",
        },
        Tile {
            name: "Fired, durable",
            value: rate(figures.fire_durable_per_s),
            note: format!("{} at once", count(durable.at_once)),
            class: "hedge",
        },
    ]);
    page.side_by_side(|page| {
        delays(page, durable);
        quotes(page, market);
    });
    armed(&mut page, market);
    let rows: Vec<Row> = rows(figures)
        .into_iter()
        .map(|cells| Row { cells: cells.into(), class: String::new() })
        .collect();
    page.section(
        "Figures",
        "Measured on this machine, beside what is aimed at on two cores.",
        &html_table(&["", "measured", "aim"], 1, &rows),
    );
    page.finish()
}

/// How long fills took.
fn delays(page: &mut Page, durable: &DurableFigures) {
    let all = durable.delays_ms.len();
    let x = Axis::of_ms(durable.delays_ms.iter().copied(), "from the price to the durable fill");
    let y = Axis::even(0.0, 1.0, steps(1.0, 0.25, |at| format!("{:.0} %", at * 100.0)), "");
    let mut plot = Plot::new(&x, &y, "Share of orders whose fill is durable, by time");
    let step = (all / 400).max(1);
    let points = durable.delays_ms.iter().enumerate().step_by(step);
    plot.line("hedge", points.map(|(nth, ms)| (*ms, (nth + 1) as f64 / all as f64)));
    plot.mark(20.0, "20 ms");
    page.section(
        "How soon a fill is durable",
        &format!(
            "{} orders fired one by one while {} prices came; the share of fills that were durable, \
             by the time since the price.",
            count(all as u64),
            count(durable.ticks.into())
        ),
        &plot.finish(),
    );
}

fn minutes_axis(market: &MarketFigures) -> Axis {
    let minutes = market.minutes.len().max(1) as f64;
    let marks = steps(minutes, round_step(minutes), |at| format!("{at:.0}"));
    Axis::even(0.0, minutes, marks, "minutes")
}

/// What waiting costs.
fn quotes(page: &mut Page, market: &MarketFigures) {
    let x = minutes_axis(market);
    let most = market.minutes.iter().map(|minute| minute.requests).max().unwrap_or(0).max(1) as f64;
    let y = Axis::even(0.0, most * 1.05, steps(most, round_step(most), |at| count(at as u64)), "");
    let mut plot = Plot::new(&x, &y, "Requests to the quote server by minute");
    for (nth, minute) in market.minutes.iter().enumerate() {
        let tip = format!("minute {}: {} requests", nth + 1, count(minute.requests));
        plot.bar("wait", nth as f64 + 0.1, nth as f64 + 0.9, minute.requests as f64, &tip);
    }
    page.section(
        "What waiting costs",
        "Requests to the quote server in each minute of virtual time: one a stock with armed orders \
         when its price runs out, however many orders wait for it.",
        &plot.finish(),
    );
}

/// Who waits and who has fired.
fn armed(page: &mut Page, market: &MarketFigures) {
    let x = minutes_axis(market);
    let most = f64::from(market.orders);
    let marks = steps(most, round_step(most), |at| count(at as u64));
    let y = Axis::even(0.0, most * 1.02, marks, "");
    let mut plot = Plot::new(&x, &y, "Orders armed and fired, by minute");
    let series = |value: fn(&super::market::Minute) -> u64| {
        market.minutes.iter().enumerate().map(move |(nth, at)| (nth as f64 + 1.0, value(at) as f64))
    };
    plot.line("retry", series(|minute| minute.armed));
    plot.line("hedge", series(|minute| minute.fired));
    let legend = legend(&[("retry", "armed"), ("hedge", "fired so far")]);
    page.section(
        "Orders over an hour of the market",
        "Buys that were armed below the price, from 0.2 % to 7.4 %. They fire as prices wander down \
         to them.",
        &format!("{legend}{}", plot.finish()),
    );
}
