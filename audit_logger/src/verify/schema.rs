//! What an element may hold, and its typed reading.

use super::codes::Code;
use super::element::Element;
use super::findings::{FindingKind, Findings, quoted};
use super::money::{self, Decimal};
use super::words::{Stock, Verb, Way};
use std::ops::RangeInclusive;

/// Timestamps before the year 2000 or after 2100 are in other units than milliseconds.
const SANE_MS: RangeInclusive<u64> = 946_684_800_000..=4_102_444_800_000;

/// The six elements of a log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum ElementKind {
    UserCommand,
    QuoteServer,
    AccountTransaction,
    SystemEvent,
    ErrorEvent,
    DebugEvent,
}

impl ElementKind {
    pub(super) const ALL: [ElementKind; 6] = [
        ElementKind::UserCommand,
        ElementKind::QuoteServer,
        ElementKind::AccountTransaction,
        ElementKind::SystemEvent,
        ElementKind::ErrorEvent,
        ElementKind::DebugEvent,
    ];

    pub(super) const fn name(self) -> &'static str {
        match self {
            ElementKind::UserCommand => "userCommand",
            ElementKind::QuoteServer => "quoteServer",
            ElementKind::AccountTransaction => "accountTransaction",
            ElementKind::SystemEvent => "systemEvent",
            ElementKind::ErrorEvent => "errorEvent",
            ElementKind::DebugEvent => "debugEvent",
        }
    }

    pub(super) fn parse(name: &str) -> Option<ElementKind> {
        ElementKind::ALL.into_iter().find(|kind| kind.name() == name)
    }

    /// The children that must be there, as bits.
    pub(super) const fn mandatory(self) -> u16 {
        use Field::{
            Action, Command, Cryptokey, Funds, Price, QuoteServerTime, Server, StockSymbol,
            Timestamp, TransactionNum, Username,
        };
        let always = Timestamp.bit() | Server.bit() | TransactionNum.bit();
        always
            | match self {
                ElementKind::QuoteServer => {
                    Price.bit()
                        | StockSymbol.bit()
                        | Username.bit()
                        | QuoteServerTime.bit()
                        | Cryptokey.bit()
                }
                ElementKind::AccountTransaction => Action.bit() | Username.bit() | Funds.bit(),
                _ => Command.bit(),
            }
    }

    /// The children that may be there, as bits.
    pub(super) const fn allowed(self) -> u16 {
        use Field::{DebugMessage, ErrorMessage, Filename, Funds, StockSymbol, Username};
        let optional = Username.bit() | StockSymbol.bit() | Filename.bit() | Funds.bit();
        self.mandatory()
            | match self {
                ElementKind::QuoteServer | ElementKind::AccountTransaction => 0,
                ElementKind::UserCommand | ElementKind::SystemEvent => optional,
                ElementKind::ErrorEvent => optional | ErrorMessage.bit(),
                ElementKind::DebugEvent => optional | DebugMessage.bit(),
            }
    }
}

/// The children of elements.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Field {
    Timestamp,
    Server,
    TransactionNum,
    Command,
    Username,
    StockSymbol,
    Filename,
    Funds,
    Price,
    QuoteServerTime,
    Cryptokey,
    Action,
    ErrorMessage,
    DebugMessage,
}

impl Field {
    pub(super) const COUNT: usize = 14;

    pub(super) const ALL: [Field; Field::COUNT] = [
        Field::Timestamp,
        Field::Server,
        Field::TransactionNum,
        Field::Command,
        Field::Username,
        Field::StockSymbol,
        Field::Filename,
        Field::Funds,
        Field::Price,
        Field::QuoteServerTime,
        Field::Cryptokey,
        Field::Action,
        Field::ErrorMessage,
        Field::DebugMessage,
    ];

    pub(super) const fn bit(self) -> u16 {
        1 << self as u16
    }

    pub(super) const fn name(self) -> &'static str {
        match self {
            Field::Timestamp => "timestamp",
            Field::Server => "server",
            Field::TransactionNum => "transactionNum",
            Field::Command => "command",
            Field::Username => "username",
            Field::StockSymbol => "stockSymbol",
            Field::Filename => "filename",
            Field::Funds => "funds",
            Field::Price => "price",
            Field::QuoteServerTime => "quoteServerTime",
            Field::Cryptokey => "cryptokey",
            Field::Action => "action",
            Field::ErrorMessage => "errorMessage",
            Field::DebugMessage => "debugMessage",
        }
    }

    pub(super) fn parse(name: &str) -> Option<Field> {
        Field::ALL.into_iter().find(|field| field.name() == name)
    }
}

/// The typed reading of an element: what is absent or no good is `None`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Record {
    pub(super) kind: ElementKind,
    pub(super) line: u64,
    /// Its timestamp, in Unix milliseconds.
    pub(super) at: Option<u64>,
    pub(super) transaction: Option<u64>,
    pub(super) verb: Option<Verb>,
    pub(super) stock: Option<Stock>,
    pub(super) funds: Option<Decimal>,
    /// A price in cents.
    pub(super) price: Option<i64>,
    pub(super) way: Option<Way>,
    /// The code at the head of the error message.
    pub(super) code: Option<Code>,
}

/// Reads `element` by the schema and says what is wrong with it.
pub(super) fn read(
    element: &Element,
    timestamps: Option<&RangeInclusive<u64>>,
    findings: &mut Findings,
) -> Record {
    let mut reader = Reader { element, findings, transaction: None };
    reader.transaction = reader.transaction_num();
    reader.texts();
    let kind = element.kind;
    Record {
        kind,
        line: element.line,
        at: reader.time(Field::Timestamp, timestamps),
        transaction: reader.transaction,
        verb: reader.verb(),
        stock: reader.stock(),
        funds: reader.funds(),
        price: reader.quote(),
        way: reader.way(),
        code: element.field(Field::ErrorMessage).and_then(Code::of_message),
    }
}

struct Reader<'e> {
    element: &'e Element,
    findings: &'e mut Findings,
    transaction: Option<u64>,
}

impl Reader<'_> {
    fn wrong(&mut self, kind: FindingKind, field: Field, text: &[u8], why: &str) {
        self.findings.add(kind, self.element.line, self.transaction, || {
            format!("{} {} {why}", field.name(), quoted(text))
        });
    }

    fn transaction_num(&mut self) -> Option<u64> {
        let text = self.element.field(Field::TransactionNum)?;
        let number = money::integer(text.trim_ascii()).filter(|&number| number > 0);
        if number.is_none() {
            let why = "is no positive integer";
            self.wrong(FindingKind::BadTransactionNum, Field::TransactionNum, text, why);
        }
        number
    }

    /// No text is empty, and none holds what XML cannot.
    fn texts(&mut self) {
        for field in Field::ALL {
            let Some(text) = self.element.field(field) else { continue };
            // An error may have nothing more to say than its fields.
            let may_be_empty = matches!(field, Field::ErrorMessage | Field::DebugMessage);
            if text.is_empty() && !may_be_empty {
                self.wrong(FindingKind::BadText, field, text, "is empty");
            }
            let forbidden = |&byte: &u8| byte < b' ' && !matches!(byte, b'\t' | b'\n' | b'\r');
            if text.iter().any(forbidden) {
                let why = "holds a character that XML forbids";
                self.wrong(FindingKind::BadText, field, text, why);
            }
        }
    }

    fn time(&mut self, field: Field, range: Option<&RangeInclusive<u64>>) -> Option<u64> {
        let text = self.element.field(field)?;
        let Some(ms) = money::integer(text.trim_ascii()) else {
            let why = "is no whole number of milliseconds";
            self.wrong(FindingKind::BadTimestamp, field, text, why);
            return None;
        };
        if !SANE_MS.contains(&ms) {
            let why = if ms < *SANE_MS.start() {
                "lies before the year 2000: seconds instead of milliseconds?"
            } else {
                "lies after the year 2100: other units than milliseconds?"
            };
            self.wrong(FindingKind::BadTimestamp, field, text, why);
            return None;
        }
        if let Some(range) = range
            && !range.contains(&ms)
        {
            let why = format!("lies outside {}..{}", range.start(), range.end());
            self.wrong(FindingKind::TimestampOutOfRange, field, text, &why);
        }
        Some(ms)
    }

    fn verb(&mut self) -> Option<Verb> {
        let text = self.element.field(Field::Command)?;
        let verb = Verb::parse(text);
        if verb.is_none() {
            self.wrong(FindingKind::BadCommand, Field::Command, text, "is none of the sixteen");
        }
        verb
    }

    fn stock(&mut self) -> Option<Stock> {
        let text = self.element.field(Field::StockSymbol)?;
        let stock = Stock::parse(text);
        if stock.is_none() && String::from_utf8_lossy(text).chars().count() > 3 {
            let why = "has more than three characters";
            self.wrong(FindingKind::BadStock, Field::StockSymbol, text, why);
        }
        stock
    }

    fn decimal(&mut self, field: Field) -> Option<Decimal> {
        let text = self.element.field(field)?;
        let decimal = money::decimal(text.trim_ascii());
        if decimal.is_none() {
            let why = match money::digits(text) {
                0..=money::MOST_DIGITS => "is no decimal",
                _ => "is no decimal, or has more digits than the 24 that schema validators take",
            };
            self.wrong(FindingKind::BadAmount, field, text, why);
        }
        decimal
    }

    /// The funds. Whether those of a command must be dollars depends on what came of it, so only
    /// what the system itself says is checked here.
    fn funds(&mut self) -> Option<Decimal> {
        let decimal = self.decimal(Field::Funds)?;
        let kind = self.element.kind;
        if matches!(kind, ElementKind::AccountTransaction | ElementKind::SystemEvent) {
            self.dollars(Field::Funds, decimal);
        }
        Some(decimal)
    }

    fn dollars(&mut self, field: Field, decimal: Decimal) {
        let text = self.element.field(field).unwrap_or_default();
        if !decimal.in_dollars {
            let why = "is not dollars with two decimals";
            self.wrong(FindingKind::AmountNotInDollars, field, text, why);
        }
        if decimal.cents.is_none_or(|cents| cents <= 0) {
            self.wrong(FindingKind::BadAmount, field, text, "is not more than nothing");
        }
    }

    /// The fields that only a quote has.
    fn quote(&mut self) -> Option<i64> {
        if self.element.kind != ElementKind::QuoteServer {
            return None;
        }
        self.time(Field::QuoteServerTime, None);
        if let Some(key) = self.element.field(Field::Cryptokey)
            && !is_base64(key)
        {
            let why = if key.iter().any(u8::is_ascii_whitespace) {
                "holds white space"
            } else {
                "is not base64"
            };
            self.wrong(FindingKind::BadCryptokey, Field::Cryptokey, key, why);
        }
        let price = self.decimal(Field::Price)?;
        self.dollars(Field::Price, price);
        price.cents.filter(|&cents| cents > 0)
    }

    fn way(&mut self) -> Option<Way> {
        match self.element.field(Field::Action)? {
            b"add" => Some(Way::Add),
            b"remove" => Some(Way::Remove),
            text => {
                let why = "is neither add nor remove";
                self.wrong(FindingKind::BadAction, Field::Action, text, why);
                None
            }
        }
    }
}

/// Letters, digits, `+` and `/`, and at most two `=` behind them. An empty key is reported as an
/// empty text.
fn is_base64(key: &[u8]) -> bool {
    let body = key.strip_suffix(b"==").or_else(|| key.strip_suffix(b"=")).unwrap_or(key);
    key.is_empty()
        || (!body.is_empty()
            && body.iter().all(|byte| byte.is_ascii_alphanumeric() || b"+/".contains(byte)))
}
