//! The words of the log: commands, their arguments, stocks, movements.

use super::codes::Code;
use super::money::{self, Amount};

/// One of the sixteen commands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub(super) enum Verb {
    Add,
    Quote,
    Buy,
    CommitBuy,
    CancelBuy,
    Sell,
    CommitSell,
    CancelSell,
    SetBuyAmount,
    CancelSetBuy,
    SetBuyTrigger,
    SetSellAmount,
    SetSellTrigger,
    CancelSetSell,
    DumpLog,
    DisplaySummary,
}

impl Verb {
    pub(super) const ALL: [Verb; 16] = [
        Verb::Add,
        Verb::Quote,
        Verb::Buy,
        Verb::CommitBuy,
        Verb::CancelBuy,
        Verb::Sell,
        Verb::CommitSell,
        Verb::CancelSell,
        Verb::SetBuyAmount,
        Verb::CancelSetBuy,
        Verb::SetBuyTrigger,
        Verb::SetSellAmount,
        Verb::SetSellTrigger,
        Verb::CancelSetSell,
        Verb::DumpLog,
        Verb::DisplaySummary,
    ];

    pub(super) const fn name(self) -> &'static str {
        match self {
            Verb::Add => "ADD",
            Verb::Quote => "QUOTE",
            Verb::Buy => "BUY",
            Verb::CommitBuy => "COMMIT_BUY",
            Verb::CancelBuy => "CANCEL_BUY",
            Verb::Sell => "SELL",
            Verb::CommitSell => "COMMIT_SELL",
            Verb::CancelSell => "CANCEL_SELL",
            Verb::SetBuyAmount => "SET_BUY_AMOUNT",
            Verb::CancelSetBuy => "CANCEL_SET_BUY",
            Verb::SetBuyTrigger => "SET_BUY_TRIGGER",
            Verb::SetSellAmount => "SET_SELL_AMOUNT",
            Verb::SetSellTrigger => "SET_SELL_TRIGGER",
            Verb::CancelSetSell => "CANCEL_SET_SELL",
            Verb::DumpLog => "DUMPLOG",
            Verb::DisplaySummary => "DISPLAY_SUMMARY",
        }
    }

    pub(super) fn parse(text: &[u8]) -> Option<Verb> {
        Verb::ALL.into_iter().find(|verb| verb.name().as_bytes() == text)
    }

    /// Its arguments, in order. (DUMPLOG alone may do without its first.)
    pub(super) const fn arguments(self) -> &'static [Argument] {
        use Argument::{Amount, File, Stock, User};
        match self {
            Verb::Add => &[User, Amount],
            Verb::Quote | Verb::CancelSetBuy | Verb::CancelSetSell => &[User, Stock],
            Verb::Buy
            | Verb::Sell
            | Verb::SetBuyAmount
            | Verb::SetBuyTrigger
            | Verb::SetSellAmount
            | Verb::SetSellTrigger => &[User, Stock, Amount],
            Verb::CommitBuy
            | Verb::CancelBuy
            | Verb::CommitSell
            | Verb::CancelSell
            | Verb::DisplaySummary => &[User],
            Verb::DumpLog => &[User, File],
        }
    }

    /// Whether a price that it uses from another transaction's quote is told in a `systemEvent`.
    pub(super) const fn tells_price(self) -> bool {
        matches!(self, Verb::Quote | Verb::Buy | Verb::Sell)
    }

    /// Whether it can leave an order armed.
    pub(super) const fn arms(self) -> bool {
        matches!(
            self,
            Verb::SetBuyAmount | Verb::SetBuyTrigger | Verb::SetSellAmount | Verb::SetSellTrigger
        )
    }
}

/// What an argument of a command is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Argument {
    User,
    Stock,
    Amount,
    File,
}

/// What the rules say of an argument's text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reading {
    Good,
    /// Neither clearly good nor clearly bad: both outcomes pass.
    Open,
    Bad,
}

impl Argument {
    /// The reason that a command with a bad argument of this sort is refused for.
    pub(super) const fn refusal(self) -> Code {
        match self {
            Argument::User => Code::InvalidUser,
            Argument::Stock => Code::InvalidStock,
            Argument::Amount => Code::InvalidAmount,
            Argument::File => Code::InvalidFilename,
        }
    }

    pub(super) fn read(self, text: &[u8]) -> Reading {
        let good = match self {
            Argument::User => is_user(text),
            Argument::Stock => Stock::parse(text).is_some(),
            Argument::Amount => match money::amount(text) {
                Amount::Good(_) => true,
                Amount::Open(_) => return Reading::Open,
                Amount::Bad => false,
            },
            Argument::File => return read_file_name(text),
        };
        if good { Reading::Good } else { Reading::Bad }
    }
}

fn is_user(text: &[u8]) -> bool {
    let letter = |byte: &u8| byte.is_ascii_alphanumeric() || b"_.@-".contains(byte);
    (1..=64).contains(&text.len()) && text.iter().all(letter)
}

/// A file name is bad when it is empty, goes up a folder or holds a control character. Names that
/// only *might* be bad (two points inside a name, nothing behind the last slash, very long, not
/// ASCII) are left open.
fn read_file_name(text: &[u8]) -> Reading {
    let upward = text.split(|&byte| byte == b'/').any(|part| part == b"..");
    if text.is_empty() || upward || text.iter().any(u8::is_ascii_control) {
        return Reading::Bad;
    }
    let name = text.rsplit(|&byte| byte == b'/' || byte == b'\\').next().unwrap_or_default();
    let points = text.windows(2).any(|pair| pair == b"..");
    if points || name.is_empty() || name == b"." || text.len() > 255 || !text.is_ascii() {
        return Reading::Open;
    }
    Reading::Good
}

/// A good stock symbol: one to three ASCII letters.
///
/// The default is no symbol at all: that of commands without a stock.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Stock([u8; 3]);

impl Stock {
    pub(super) fn parse(text: &[u8]) -> Option<Stock> {
        if !(1..=3).contains(&text.len()) || !text.iter().all(u8::is_ascii_alphabetic) {
            return None;
        }
        let mut letters = [0; 3];
        letters[..text.len()].copy_from_slice(text);
        Some(Stock(letters))
    }
}

impl std::fmt::Display for Stock {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let letters = self.0.iter().filter(|&&byte| byte != 0);
        letters.map(|&byte| char::from(byte)).try_for_each(|letter| write!(f, "{letter}"))
    }
}

/// Which way cash moves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    /// Into the account.
    Add,
    /// Out of the account.
    Remove,
}

/// A movement of cash, in cents.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Movement {
    pub(super) way: Way,
    pub(super) cents: i64,
}

impl Movement {
    /// `cents` into the account, where that is anything.
    pub(super) fn add(cents: i64) -> Option<Movement> {
        (cents > 0).then_some(Movement { way: Way::Add, cents })
    }

    /// `cents` out of the account, where that is anything.
    pub(super) fn remove(cents: i64) -> Option<Movement> {
        (cents > 0).then_some(Movement { way: Way::Remove, cents })
    }
}

impl std::fmt::Display for Movement {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let way = if self.way == Way::Add { "add" } else { "remove" };
        write!(f, "{way} {}", money::Dollars::of(self.cents))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_back() {
        for verb in Verb::ALL {
            assert_eq!(Verb::parse(verb.name().as_bytes()), Some(verb));
            assert_eq!(Verb::ALL[verb as usize], verb);
        }
        assert_eq!(Verb::parse(b"buy"), None);
    }

    #[test]
    fn file_names() {
        for (name, reading) in [
            ("./testLOG", Reading::Good),
            ("a/b.xml", Reading::Good),
            ("../up", Reading::Bad),
            ("..", Reading::Bad),
            ("", Reading::Bad),
            ("a\u{1}b", Reading::Bad),
            ("a..b", Reading::Open),
            ("dir/", Reading::Open),
        ] {
            assert_eq!(Argument::File.read(name.as_bytes()), reading, "{name:?}");
        }
    }
}
