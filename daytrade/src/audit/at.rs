//! `daytrade audit at`.

use super::AnswerForm;
use super::place::Place;
use super::table::aligned;
use crate::Failure;
use crate::terminal::{say, warn};
use anyhow::anyhow;
use audit_logger::query::history::{AccountThen, account_at};
use audit_logger::query::record::time_text;
use clap::Args;
use console::style;
use domain::trading::UserName;
use frontend::AccountView;
use indicatif::HumanCount;
use std::process::ExitCode;

#[derive(Args)]
pub struct AtOptions {
    /// Whose account
    #[arg(long, value_name = "USER")]
    user: String,

    /// Right after this transaction, whoever's it is. After means behind it in the log, where a
    /// command stands when it took effect: one with a lower number that waited for a quote can
    /// stand later, and is named as not yet counted in
    #[arg(long, value_name = "TX")]
    tx: u64,

    #[command(flatten)]
    place: Place,

    /// A table, or JSON as in `state.json`
    #[arg(long, default_value = "table", value_name = "FORM")]
    format: AnswerForm,
}

pub fn run(options: &AtOptions) -> Result<ExitCode, Failure> {
    let user = UserName::parse(options.user.as_bytes()).ok_or_else(|| {
        Failure::Usage(anyhow!("--user: 1 to 64 letters, digits and _ . @ - are a user name"))
    })?;
    let source = options.place.open(true)?;
    let then = account_at(&source, &user, options.tx)?;
    if let Some(note) = not_yet_in(&then.not_yet, options.tx) {
        warn(note);
    }
    let view = AccountView::new(user.as_str(), &then.account);
    match options.format {
        AnswerForm::Json => say(serde_json::to_string_pretty(&view)?),
        AnswerForm::Table => say(told(&view, &then, options.tx).trim_end()),
    }
    Ok(ExitCode::SUCCESS)
}

/// Transactions that are named; more are counted.
const NAMED: usize = 10;

/// What a reader of transaction numbers would miss.
fn not_yet_in(numbers: &[u64], transaction: u64) -> Option<String> {
    if numbers.is_empty() {
        return None;
    }
    let named: Vec<String> = numbers.iter().take(NAMED).map(u64::to_string).collect();
    let more = match numbers.len().saturating_sub(NAMED) {
        0 => String::new(),
        more => format!(" and {} more", HumanCount(more as u64)),
    };
    let (noun, verb) =
        if numbers.len() == 1 { ("transaction", "is") } else { ("transactions", "are") };
    Some(format!(
        "note: {noun} {}{more} of this user {verb} not yet counted in: in the log they stand behind \
         transaction {transaction}, because they waited for a quote or for one that did",
        named.join(", ")
    ))
}

fn told(view: &AccountView, then: &AccountThen, transaction: u64) -> String {
    let mut text = format!(
        "{} right after transaction {transaction}\nentry {}, {}\n\n",
        style(&view.user).bold(),
        then.entry,
        time_text(then.time_ms)
    );
    let row = |cells: &[&str]| cells.iter().map(|cell| cell.to_string()).collect::<Vec<_>>();
    let money = [row(&["cash", &view.cash]), row(&["reserved", &view.reserved])];
    text.push_str(&aligned(&money, &[1]));
    let mut section = |title: &str, mut rows: Vec<Vec<String>>, head: &[&str]| {
        if rows.is_empty() {
            return;
        }
        rows.insert(0, row(head));
        let right: Vec<usize> = (1..head.len()).collect();
        text.push_str(&format!("\n{}\n{}", style(title).bold(), aligned(&rows, &right)));
    };
    let holdings = view.holdings.iter().map(|(stock, shares)| {
        vec![stock.clone(), shares.free.to_string(), shares.reserved.to_string()]
    });
    section("shares", holdings.collect(), &["stock", "free", "reserved"]);
    let buys = view.pending_buys.iter();
    let buys = buys.map(|buy| vec![buy.stock.clone(), buy.shares.to_string(), buy.cost.clone()]);
    section("pending buys, newest first", buys.collect(), &["stock", "shares", "cost"]);
    let sells = view.pending_sells.iter();
    let sells =
        sells.map(|sell| vec![sell.stock.clone(), sell.shares.to_string(), sell.proceeds.clone()]);
    section("pending sells, newest first", sells.collect(), &["stock", "shares", "proceeds"]);
    let armed = |trigger: &Option<String>| trigger.clone().unwrap_or("not armed".to_string());
    let orders = view.buy_orders.iter();
    let orders =
        orders.map(|order| vec![order.stock.clone(), order.amount.clone(), armed(&order.trigger)]);
    section("buy orders", orders.collect(), &["stock", "amount", "at or below"]);
    let orders = view.sell_orders.iter().map(|order| {
        let shares = order.reserved_shares.to_string();
        vec![order.stock.clone(), order.amount.clone(), armed(&order.trigger), shares]
    });
    section("sell orders", orders.collect(), &["stock", "amount", "at or above", "shares"]);
    text
}
