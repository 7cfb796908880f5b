//! `daytrade orders`: the armed orders of a run, by stock, the next to fire first.

use crate::Failure;
use crate::audit::table::aligned;
use crate::audit::{AnswerForm, Data};
use crate::keys::{self, now_ms};
use crate::restore;
use crate::terminal::{say, shortened, warn, width};
use anyhow::anyhow;
use audit_logger::query::filter::OutcomeIs;
use audit_logger::query::record::time_text;
use audit_logger::query::scan::scan;
use audit_logger::query::{Catalogue, Filter, Order};
use clap::Args;
use console::{measure_text_width, style};
use domain::trading::account::ArmedBy;
use domain::trading::verbs::expiry::Side;
use domain::trading::verbs::orders;
use domain::trading::{Account, Amount, Entry, Price, Stock, UserName};
use indicatif::HumanCount;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::ControlFlow;
use std::process::ExitCode;

/// What is left of a user's name at least where the terminal is narrow.
const SHORTEST_NAME: usize = 8;

#[derive(Args)]
pub struct OrdersOptions {
    #[command(flatten)]
    data: Data,

    /// Only of this stock
    #[arg(long, value_name = "S", value_parser = parse_stock)]
    stock: Option<Stock>,

    /// Only of this user
    #[arg(long, value_name = "USER")]
    user: Option<String>,

    /// The most orders of a stock that are shown, those next to fire first; 0: all of them
    #[arg(long, default_value_t = 10, value_name = "N")]
    limit: usize,

    /// A table, or JSON
    #[arg(long, default_value = "table", value_name = "FORM")]
    format: AnswerForm,
}

fn parse_stock(text: &str) -> Result<Stock, &'static str> {
    Stock::parse(text.as_bytes()).ok_or("1 to 3 letters are a stock")
}

/// The armed orders of one stock.
#[derive(Serialize)]
struct StockOrders {
    stock: String,
    /// The last price in the log, in dollars, and how old it is now.
    price: Option<String>,
    price_age_s: Option<f64>,
    /// When it came, in Unix milliseconds.
    #[serde(skip)]
    price_ms: u64,
    /// How many there are, also where fewer are shown.
    armed: usize,
    orders: Vec<ArmedOrder>,
}

#[derive(Clone, Serialize)]
struct ArmedOrder {
    side: &'static str,
    user: String,
    /// In dollars.
    trigger: String,
    /// The worst price at which it fires, in dollars: of a buy whose amount pays for no share at its
    /// trigger, the amount.
    fires_at: String,
    amount: String,
    /// Of a sell.
    reserved_shares: Option<u64>,
    /// How far the price has to go to `fires_at`, in percent of it; 0 or less where it is there.
    distance_percent: Option<f64>,
    armed_by: u64,
    #[serde(skip)]
    fires_at_cents: i64,
    /// How far the price has to go; where none is known, how high the order stands.
    #[serde(skip)]
    to_go_cents: i64,
}

impl ArmedOrder {
    fn waits_for_less(&self) -> bool {
        self.fires_at != self.trigger
    }
}

pub fn run(options: &OrdersOptions) -> Result<ExitCode, Failure> {
    if let Some(user) = &options.user
        && UserName::parse(user.as_bytes()).is_none()
    {
        return Err(Failure::Usage(anyhow!(
            "--user: 1 to 64 letters, digits and _ . @ - are a user name"
        )));
    }
    let (folder, catalogue) = options.data.open(false)?;
    let trusted: Vec<_> = keys::own_public_key().into_iter().collect();
    let (restored, stopped) = restore::look(&folder, &trusted)?;
    // The catalogue has told of bytes at the end that are no whole batch. What else ends the
    // reading is damage.
    if let Some(damage) = stopped
        && catalogue.tail().is_none()
    {
        return Err(damage.into());
    }
    let mut by_stock: BTreeMap<Stock, Vec<ArmedOrder>> = BTreeMap::new();
    for (user, account) in restored.ledger.accounts() {
        if options.user.as_deref().is_none_or(|only| only == user.as_str()) {
            gather(user, account, options.stock, &mut by_stock);
        }
    }
    let prices = last_prices(&catalogue, by_stock.keys().copied().collect())?;
    // The log's time is ahead of the machine's where its clock ran faster.
    let now_ms = now_ms().max(restored.last_ms);
    let mut found = Vec::new();
    for (stock, mut orders) in by_stock {
        let price = prices.get(&stock).copied();
        orders.iter_mut().for_each(|order| order.measure(price.map(|(price, _)| price)));
        orders.sort_by_key(|order| (order.to_go_cents, order.armed_by));
        let armed = orders.len();
        if options.limit > 0 {
            orders.truncate(options.limit);
        }
        found.push(StockOrders {
            stock: stock.to_string(),
            price: price.map(|(price, _)| price.to_string()),
            price_age_s: price.map(|(_, at)| now_ms.saturating_sub(at) as f64 / 1e3),
            price_ms: price.map_or(0, |(_, at)| at),
            armed,
            orders,
        });
    }
    match options.format {
        AnswerForm::Json => say(serde_json::to_string_pretty(&found)?),
        AnswerForm::Table if found.is_empty() => warn("no order is armed"),
        AnswerForm::Table => say(told(&found, width()).trim_end()),
    }
    Ok(ExitCode::SUCCESS)
}

fn gather(
    user: &UserName,
    account: &Account,
    only: Option<Stock>,
    by_stock: &mut BTreeMap<Stock, Vec<ArmedOrder>>,
) {
    let mut put = |stock: Stock, order: ArmedOrder| {
        if only.is_none_or(|only| only == stock) {
            by_stock.entry(stock).or_default().push(order);
        }
    };
    let order = |side, stock, (trigger, _): (Amount, ArmedBy), amount: Amount| {
        let (fires_at, by) = orders::armed(account, side, stock)?;
        Some(ArmedOrder {
            side: if side == Side::Buy { "buy" } else { "sell" },
            user: user.to_string(),
            trigger: trigger.money().to_string(),
            fires_at: fires_at.to_string(),
            amount: amount.money().to_string(),
            reserved_shares: None,
            distance_percent: None,
            armed_by: by.transaction.0,
            fires_at_cents: fires_at.cents(),
            to_go_cents: fires_at.cents(),
        })
    };
    for (stock, buy) in &account.buy_orders {
        if let Some(order) =
            buy.trigger.and_then(|trigger| order(Side::Buy, *stock, trigger, buy.amount))
        {
            put(*stock, order);
        }
    }
    for (stock, sell) in &account.sell_orders {
        if let Some(order) =
            sell.trigger.and_then(|trigger| order(Side::Sell, *stock, trigger, sell.amount))
        {
            let reserved_shares = Some(sell.reserved.count());
            put(*stock, ArmedOrder { reserved_shares, ..order });
        }
    }
}

impl ArmedOrder {
    /// Works out how far the price has to go.
    fn measure(&mut self, price: Option<Price>) {
        let Some(price) = price else { return };
        self.to_go_cents = match self.side {
            "buy" => price.cents() - self.fires_at_cents,
            _ => self.fires_at_cents - price.cents(),
        };
        self.distance_percent =
            Some((self.to_go_cents as f64 / price.cents() as f64 * 1e4).round() / 100.0);
    }
}

/// The last price in the log of each of `stocks`, and when it came in Unix milliseconds.
fn last_prices(
    catalogue: &Catalogue,
    mut stocks: BTreeSet<Stock>,
) -> Result<HashMap<Stock, (Price, u64)>, audit_logger::LogError> {
    let mut last = HashMap::new();
    if stocks.is_empty() {
        return Ok(last);
    }
    let filter = Filter { outcome: Some(OutcomeIs::Quote), ..Filter::default() };
    scan(
        catalogue,
        &filter,
        Order::NewestFirst,
        usize::MAX,
        |quotes: &mut Vec<(Stock, Price, u64)>, _, entry| {
            if let Entry::Quote(quote) = entry {
                quotes.push((quote.stock, quote.price, quote.received_ms));
            }
        },
        |quotes| {
            for (stock, price, at) in quotes {
                if stocks.remove(&stock) {
                    last.insert(stock, (price, at));
                }
            }
            Ok::<_, audit_logger::LogError>(match stocks.is_empty() {
                true => ControlFlow::Break(()),
                false => ControlFlow::Continue(()),
            })
        },
    )?;
    Ok(last)
}

/// How old a price is; of one that is older than a day, when it came.
fn age(stock: &StockOrders) -> String {
    match stock.price_age_s {
        Some(age) if age < 120.0 => format!("{age:.0} s old"),
        Some(age) if age < 86_400.0 => format!("{} min old", (age / 60.0) as u64),
        _ => format!("of {}", time_text(stock.price_ms)),
    }
}

/// The orders as lines of `width` columns, if that can be.
fn told(found: &[StockOrders], width: Option<usize>) -> String {
    let orders = || found.iter().flat_map(|stock| &stock.orders);
    // Aligned together, so that what is compared stands in one column.
    let table = |rows: Vec<Vec<String>>| aligned(&rows, &[2, 4, 5]);
    let too_wide = |table: &str| {
        let widest = table.lines().map(measure_text_width).max().unwrap_or(0);
        widest.saturating_sub(width.unwrap_or(usize::MAX))
    };
    let mut text = table(orders().map(|order| row(order, usize::MAX, false)).collect());
    if too_wide(&text) > 0 {
        text = table(orders().map(|order| row(order, usize::MAX, true)).collect());
        let longest = orders().map(|order| order.user.len()).max().unwrap_or(0);
        let room = longest.saturating_sub(too_wide(&text)).max(SHORTEST_NAME);
        text = table(orders().map(|order| row(order, room, true)).collect());
    }
    let table = text;
    let mut lines = table.lines();
    let mut text = String::new();
    let mut all = 0;
    for stock in found {
        all += stock.armed;
        let price = match &stock.price {
            Some(price) => format!("{price}, {}", age(stock)),
            None => "no price yet".to_string(),
        };
        text.push_str(&format!("{}  {price}\n", style(&stock.stock).bold()));
        for line in lines.by_ref().take(stock.orders.len()) {
            text.push_str(line);
            text.push('\n');
        }
        if stock.armed > stock.orders.len() {
            let more = (stock.armed - stock.orders.len()) as u64;
            text.push_str(&format!("  and {} more\n", HumanCount(more)));
        }
        text.push('\n');
    }
    let plural = |count: usize, noun: &str| {
        format!("{} {noun}{}", HumanCount(count as u64), if count == 1 { "" } else { "s" })
    };
    text.push_str(&format!("{} armed in {}\n", plural(all, "order"), plural(found.len(), "stock")));
    text
}

fn row(order: &ArmedOrder, name: usize, short: bool) -> Vec<String> {
    let distance = match order.distance_percent {
        Some(percent) if percent <= 0.0 => "met".to_string(),
        Some(percent) => format!("{percent:.2} %"),
        None => String::new(),
    };
    let how = match (order.side, short) {
        ("buy", false) => "at or below",
        ("buy", true) => "<=",
        (_, false) => "at or above",
        (_, true) => ">=",
    };
    let size = match order.reserved_shares {
        Some(1) => "1 share".to_string(),
        Some(shares) => format!("{} shares", HumanCount(shares)),
        None => order.amount.clone(),
    };
    let mut by = format!("by #{}", order.armed_by);
    if order.waits_for_less() && short {
        by.push_str(&format!(", from {}", order.fires_at));
    } else if order.waits_for_less() {
        by.push_str(&format!("  pays for a share from {} down", order.fires_at));
    }
    let user = shortened(&order.user, name).into_owned();
    let (side, trigger) = (order.side.to_string(), order.trigger.clone());
    vec![String::new(), side, size, how.to_string(), trigger, distance, user, by]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(age_s: f64) -> Vec<StockOrders> {
        let order = ArmedOrder {
            side: "sell",
            user: "n".repeat(64),
            trigger: "1000000.00".to_string(),
            fires_at: "1000000.00".to_string(),
            amount: "1000000.00".to_string(),
            reserved_shares: Some(10_000),
            distance_percent: Some(123.45),
            armed_by: 1_000_000,
            fires_at_cents: 1,
            to_go_cents: 1,
        };
        vec![StockOrders {
            stock: "ABC".to_string(),
            price: Some("41.07".to_string()),
            price_age_s: Some(age_s),
            price_ms: 1_767_225_600_000,
            armed: 1,
            orders: vec![order],
        }]
    }

    #[test]
    fn orders_fit_seventy_five_columns() {
        for width in [75, 80, 100] {
            let text = told(&found(12.0), Some(width));
            assert!(text.lines().all(|line| measure_text_width(line) <= width), "{text}");
            assert!(text.contains("1000000.00") && text.contains("by #1000000"), "{text}");
        }
        assert!(told(&found(12.0), None).contains(&"n".repeat(64)));
    }

    #[test]
    fn a_price_grows_old() {
        for (age, shown) in [
            (0.4, "41.07, 0 s old"),
            (61.0, "41.07, 61 s old"),
            (3_600.0, "41.07, 60 min old"),
            (90_000.0, "41.07, of 2026-01-01T00:00:00"),
        ] {
            assert!(told(&found(age), None).contains(shown), "{}", told(&found(age), None));
        }
    }
}
