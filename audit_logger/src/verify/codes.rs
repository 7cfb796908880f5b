//! The codes of refusals.

macro_rules! codes {
    ($($name:ident => $text:literal,)+) => {
        /// The code at the head of an error message.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(u8)]
        pub(super) enum Code {
            $($name,)+
        }

        impl Code {
            pub(super) const ALL: &'static [Code] = &[$(Code::$name),+];

            pub(super) const fn as_str(self) -> &'static str {
                match self {
                    $(Code::$name => $text,)+
                }
            }
        }
    };
}

codes! {
    InvalidArguments => "invalid_arguments",
    InvalidUser => "invalid_user",
    InvalidStock => "invalid_stock",
    InvalidAmount => "invalid_amount",
    InvalidFilename => "invalid_filename",
    UnknownAccount => "unknown_account",
    InsufficientFunds => "insufficient_funds",
    InsufficientShares => "insufficient_shares",
    AmountTooSmall => "amount_too_small",
    NoPendingBuy => "no_pending_buy",
    NoPendingSell => "no_pending_sell",
    NoBuyOrder => "no_buy_order",
    NoSellOrder => "no_sell_order",
    QuoteUnavailable => "quote_unavailable",
    BalanceLimit => "balance_limit",
    QuoteRefused => "quote_refused",
}

impl Code {
    /// The code that a message begins with.
    pub(super) fn of_message(message: &[u8]) -> Option<Code> {
        let head = message.split(|&byte| byte == b':').next()?;
        Code::ALL.iter().copied().find(|code| code.as_str().as_bytes() == head)
    }

    /// Whether the arguments alone are the reason.
    pub(super) const fn blames_arguments(self) -> bool {
        (self as u8) <= Code::InvalidFilename as u8
    }
}

impl std::fmt::Display for Code {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.as_str())
    }
}

/// A set of codes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Codes(u32);

impl Codes {
    pub(super) fn insert(&mut self, code: Code) {
        self.0 |= 1 << code as u8;
    }

    pub(super) const fn contains(self, code: Code) -> bool {
        self.0 & 1 << code as u8 != 0
    }

    /// The codes as words: `a or b`.
    pub(super) fn words(self) -> String {
        let all = Code::ALL.iter().filter(|&&code| self.contains(code));
        all.map(|code| code.as_str()).collect::<Vec<_>>().join(" or ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_read_back() {
        for &code in Code::ALL {
            let message = format!("{code}: a sentence");
            assert_eq!(Code::of_message(message.as_bytes()), Some(code));
        }
        assert_eq!(Code::of_message(b"nonsense"), None);
        assert_eq!(Code::of_message(b""), None);
    }
}
