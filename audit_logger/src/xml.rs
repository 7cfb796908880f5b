//! Entries as the elements of the XML audit log (`docs/audit-xml.md`).

use domain::trading::command::{Action, CommandName, Malformed};
use domain::trading::entry::{
    CashChange, CommandDecided, OrderFilled, PendingExpired, QuoteReceived, QuoteRefused,
};
use domain::trading::money::write_decimal;
use domain::trading::parse::{is_decimal, quoted};
use domain::trading::verbs::expiry::Side;
use domain::trading::{Entry, Money, Outcome, Stock, TransactionNum};
use std::fmt::Write;

/// What stands before the first element.
pub const HEAD: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<log>\n";

/// What stands behind the last element.
pub const FOOT: &str = "</log>\n";

/// Renders entries; counts the elements it made.
pub struct Renderer {
    server: String,
    elements: u64,
}

impl Renderer {
    /// A renderer that names `server` in every element.
    pub fn new(server: &str) -> Renderer {
        let mut escaped = Vec::new();
        escape(server, &mut escaped);
        Renderer { server: String::from_utf8(escaped).unwrap_or_default(), elements: 0 }
    }

    /// Elements made so far.
    pub fn elements(&self) -> u64 {
        self.elements
    }

    /// Appends the elements of `entry`.
    pub fn render(&mut self, entry: &Entry, out: &mut Vec<u8>) {
        match entry {
            Entry::Command(decided) => self.command(decided, out),
            Entry::Quote(quote) => self.quote(quote, out),
            Entry::QuoteRefused(refused) => self.quote_refused(refused, out),
            Entry::Expired(expired) => self.expired(expired, out),
            Entry::Filled(filled) => self.filled(filled, out),
        }
    }

    fn command(&mut self, decided: &CommandDecided, out: &mut Vec<u8>) {
        let command = &decided.command;
        let name = command.action.name();
        // No command of the course, and no cash moves: the schema has no word for it.
        if name == CommandName::Register {
            return;
        }
        let transaction = command.transaction;
        let fields = Fields::of(&command.action);
        self.open("userCommand", command.received_ms, transaction, out);
        fields.write(name, out);
        close("userCommand", out);

        let at = decided.applied_ms;
        if let Some(used) = decided.price.filter(|used| used.cached)
            && matches!(name, CommandName::Buy | CommandName::Sell | CommandName::Quote)
        {
            self.open("systemEvent", at, transaction, out);
            Fields { funds: Funds::Money(used.price.money()), ..fields }.write(name, out);
            close("systemEvent", out);
        }
        let user = fields.user.unwrap_or_default();
        self.cash(decided.cash_change(), at, transaction, user, out);
        if let Some(fill) = decided.fill() {
            self.open("systemEvent", at, transaction, out);
            Fields { funds: Funds::Money(fill.price.money()), ..fields }.write(name, out);
            close("systemEvent", out);
            self.cash(added(fill.cash), at, transaction, user, out);
        }
        if let (Some(code), Outcome::Rejected(reject)) = (decided.reject_code(), &decided.outcome) {
            self.open("errorEvent", at, transaction, out);
            fields.write(name, out);
            out.extend_from_slice(b"    <errorMessage>");
            out.extend_from_slice(code.as_bytes());
            out.extend_from_slice(b": ");
            match &command.action {
                Action::Malformed(malformed) => {
                    escape(&malformed.message, out);
                    if let Some(text) = left_out(malformed) {
                        let _ = write!(Text(out), "; amount is '{}'", quoted(text.as_bytes()));
                    }
                }
                _ => {
                    let _ = write!(Text(out), "{reject}");
                }
            }
            out.extend_from_slice(b"</errorMessage>\n");
            close("errorEvent", out);
        }
    }

    fn quote(&mut self, quote: &QuoteReceived, out: &mut Vec<u8>) {
        self.open("quoteServer", quote.received_ms, quote.transaction, out);
        out.extend_from_slice(b"    <price>");
        quote.price.money().write_dollars(out);
        out.extend_from_slice(b"</price>\n    <stockSymbol>");
        out.extend_from_slice(quote.stock.letters().as_bytes());
        out.extend_from_slice(b"</stockSymbol>\n    <username>");
        escape(quote.user.as_str(), out);
        out.extend_from_slice(b"</username>\n    <quoteServerTime>");
        write_decimal(quote.server_time_ms, out);
        out.extend_from_slice(b"</quoteServerTime>\n    <cryptokey>");
        escape(&quote.cryptokey, out);
        out.extend_from_slice(b"</cryptokey>\n");
        close("quoteServer", out);
    }

    fn quote_refused(&mut self, refused: &QuoteRefused, out: &mut Vec<u8>) {
        self.open("errorEvent", refused.failed_ms, refused.transaction, out);
        Fields::system(refused.user.as_str(), refused.stock, None).write(refused.name, out);
        out.extend_from_slice(b"    <errorMessage>quote_refused: ");
        escape(&refused.message, out);
        out.extend_from_slice(b"</errorMessage>\n");
        close("errorEvent", out);
    }

    fn expired(&mut self, expired: &PendingExpired, out: &mut Vec<u8>) {
        let (name, cash) = match expired.side {
            Side::Buy => (CommandName::CancelBuy, added(expired.cash)),
            Side::Sell => (CommandName::CancelSell, CashChange::None),
        };
        let user = expired.user.as_str();
        self.open("systemEvent", expired.expired_ms, expired.transaction, out);
        Fields::system(user, expired.stock, Some(expired.cash)).write(name, out);
        close("systemEvent", out);
        self.cash(cash, expired.expired_ms, expired.transaction, user, out);
    }

    fn filled(&mut self, filled: &OrderFilled, out: &mut Vec<u8>) {
        let user = filled.user.as_str();
        let price = filled.fill.price.money();
        self.open("systemEvent", filled.filled_ms, filled.transaction, out);
        Fields::system(user, filled.stock, Some(price)).write(filled.name, out);
        close("systemEvent", out);
        self.cash(added(filled.fill.cash), filled.filled_ms, filled.transaction, user, out);
    }

    fn cash(
        &mut self,
        change: CashChange,
        at_ms: u64,
        transaction: TransactionNum,
        user: &str,
        out: &mut Vec<u8>,
    ) {
        let (action, sum) = match change {
            CashChange::None => return,
            CashChange::Add(sum) => ("add", sum),
            CashChange::Remove(sum) => ("remove", sum),
        };
        self.open("accountTransaction", at_ms, transaction, out);
        out.extend_from_slice(b"    <action>");
        out.extend_from_slice(action.as_bytes());
        out.extend_from_slice(b"</action>\n    <username>");
        escape(user, out);
        out.extend_from_slice(b"</username>\n    <funds>");
        sum.write_dollars(out);
        out.extend_from_slice(b"</funds>\n");
        close("accountTransaction", out);
    }

    fn open(&mut self, element: &str, at_ms: u64, transaction: TransactionNum, out: &mut Vec<u8>) {
        self.elements += 1;
        out.extend_from_slice(b"  <");
        out.extend_from_slice(element.as_bytes());
        out.extend_from_slice(b">\n    <timestamp>");
        write_decimal(at_ms, out);
        out.extend_from_slice(b"</timestamp>\n    <server>");
        out.extend_from_slice(self.server.as_bytes());
        out.extend_from_slice(b"</server>\n    <transactionNum>");
        write_decimal(transaction.0, out);
        out.extend_from_slice(b"</transactionNum>\n");
    }
}

/// The amount of a refused command that a schema validator would not take. Commands are logged
/// without it; logs of earlier versions have it.
fn left_out(malformed: &Malformed) -> Option<&str> {
    malformed.funds.as_deref().filter(|text| !is_decimal(text))
}

fn added(sum: Money) -> CashChange {
    if sum == Money::ZERO { CashChange::None } else { CashChange::Add(sum) }
}

fn close(element: &str, out: &mut Vec<u8>) {
    out.extend_from_slice(b"  </");
    out.extend_from_slice(element.as_bytes());
    out.extend_from_slice(b">\n");
}

/// The optional children that most elements share.
#[derive(Clone, Copy, Default)]
struct Fields<'a> {
    user: Option<&'a str>,
    stock: StockText<'a>,
    file: Option<&'a str>,
    funds: Funds<'a>,
}

#[derive(Clone, Copy, Default)]
enum StockText<'a> {
    #[default]
    None,
    Stock(Stock),
    AsGiven(&'a str),
}

#[derive(Clone, Copy, Default)]
enum Funds<'a> {
    #[default]
    None,
    Money(Money),
    AsGiven(&'a str),
}

impl<'a> Fields<'a> {
    fn of(action: &'a Action) -> Fields<'a> {
        match action {
            Action::User { user, verb } => Fields {
                user: Some(user.as_str()),
                stock: verb.stock().map_or(StockText::None, StockText::Stock),
                file: match verb {
                    domain::trading::Verb::DumpLog(file) => Some(file.as_given()),
                    _ => None,
                },
                funds: verb.amount().map_or(Funds::None, |amount| Funds::Money(amount.money())),
            },
            Action::DumpAll(file) => Fields { file: Some(file.as_given()), ..Fields::default() },
            Action::Malformed(malformed) => Fields::of_malformed(malformed),
        }
    }

    fn of_malformed(malformed: &'a Malformed) -> Fields<'a> {
        Fields {
            user: malformed.user.as_deref(),
            stock: malformed.stock.as_deref().map_or(StockText::None, StockText::AsGiven),
            file: malformed.file.as_deref(),
            funds: malformed.funds.as_deref().map_or(Funds::None, |text| {
                match domain::trading::Amount::parse(text.as_bytes()) {
                    Some(amount) => Funds::Money(amount.money()),
                    None if is_decimal(text) => Funds::AsGiven(text),
                    None => Funds::None,
                }
            }),
        }
    }

    fn system(user: &'a str, stock: Stock, funds: Option<Money>) -> Fields<'a> {
        Fields {
            user: Some(user),
            stock: StockText::Stock(stock),
            file: None,
            funds: funds.map_or(Funds::None, Funds::Money),
        }
    }

    fn write(&self, name: CommandName, out: &mut Vec<u8>) {
        out.extend_from_slice(b"    <command>");
        out.extend_from_slice(name.as_str().as_bytes());
        out.extend_from_slice(b"</command>\n");
        if let Some(user) = self.user {
            out.extend_from_slice(b"    <username>");
            escape(user, out);
            out.extend_from_slice(b"</username>\n");
        }
        match self.stock {
            StockText::None => {}
            StockText::Stock(stock) => {
                out.extend_from_slice(b"    <stockSymbol>");
                out.extend_from_slice(stock.letters().as_bytes());
                out.extend_from_slice(b"</stockSymbol>\n");
            }
            StockText::AsGiven(text) => {
                out.extend_from_slice(b"    <stockSymbol>");
                escape(text, out);
                out.extend_from_slice(b"</stockSymbol>\n");
            }
        }
        if let Some(file) = self.file {
            out.extend_from_slice(b"    <filename>");
            escape(file, out);
            out.extend_from_slice(b"</filename>\n");
        }
        match self.funds {
            Funds::None => {}
            Funds::Money(sum) => {
                out.extend_from_slice(b"    <funds>");
                sum.write_dollars(out);
                out.extend_from_slice(b"</funds>\n");
            }
            Funds::AsGiven(text) => {
                out.extend_from_slice(b"    <funds>");
                escape(text, out);
                out.extend_from_slice(b"</funds>\n");
            }
        }
    }
}

/// Appends `text` so that XML reads it back as it is; what XML cannot hold at all becomes `?`.
fn escape(text: &str, out: &mut Vec<u8>) {
    let plain = |byte: u8| (b' '..0x7f).contains(&byte) && !matches!(byte, b'<' | b'>' | b'&');
    if text.bytes().all(plain) {
        out.extend_from_slice(text.as_bytes());
        return;
    }
    for char in text.chars() {
        match char {
            '<' => out.extend_from_slice(b"&lt;"),
            '>' => out.extend_from_slice(b"&gt;"),
            '&' => out.extend_from_slice(b"&amp;"),
            '\u{fffe}' | '\u{ffff}' => out.push(b'?'),
            char if char.is_control() => out.push(b'?'),
            char => out.extend_from_slice(char.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }
}

struct Text<'a>(&'a mut Vec<u8>);

impl std::fmt::Write for Text<'_> {
    fn write_str(&mut self, text: &str) -> std::fmt::Result {
        escape(text, self.0);
        Ok(())
    }
}
