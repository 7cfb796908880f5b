//! What the checker finds: a closed list of kinds, and the place where findings are kept.
//!
//! Every finding is counted; only so many are kept with their text. The first one of each kind is
//! always among the kept, so that a flood of one kind does not hide another.

use std::fmt;

macro_rules! kinds {
    ($($(#[doc = $doc:literal])+ $name:ident => $code:literal,)+) => {
        /// What is wrong.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum FindingKind {
            $($(#[doc = $doc])+ $name,)+
        }

        impl FindingKind {
            /// All kinds.
            pub const ALL: &'static [FindingKind] = &[$(FindingKind::$name),+];

            /// The machine-readable code of the kind.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(FindingKind::$name => $code,)+
                }
            }
        }
    };
}

kinds! {
    // The text.
    /// The text is not well-formed XML; reading stopped there.
    XmlMalformed => "xml_malformed",
    /// A single tag or text is longer than any log needs; reading stopped there.
    XmlOversized => "xml_oversized",
    /// The log ends before its root element does.
    UnclosedRoot => "unclosed_root",
    /// The root element is missing, or is not `log`.
    WrongRoot => "wrong_root",
    /// Something stands after the root element; reading stopped there.
    AfterRoot => "after_root",
    /// Text, an attribute, a document type or an element where none belongs.
    StrayMarkup => "stray_markup",
    // The schema.
    /// An element that the schema does not know.
    UnknownElement => "unknown_element",
    /// A child that its element does not have.
    UnknownChild => "unknown_child",
    /// A child that stands twice.
    DuplicateChild => "duplicate_child",
    /// A mandatory child that is not there.
    MissingChild => "missing_child",
    /// A child without text, or with a character that XML forbids.
    BadText => "bad_text",
    /// A timestamp that is no whole number of milliseconds, or is in other units.
    BadTimestamp => "bad_timestamp",
    /// A timestamp outside the range asked for.
    TimestampOutOfRange => "timestamp_out_of_range",
    /// A `transactionNum` that is no positive integer.
    BadTransactionNum => "bad_transaction_num",
    /// A command that is none of the sixteen.
    BadCommand => "bad_command",
    /// A `stockSymbol` of more than three characters.
    BadStock => "bad_stock",
    /// Funds or a price that is no decimal, or is not more than nothing where it must be.
    BadAmount => "bad_amount",
    /// Funds or a price that are not dollars with two decimals.
    AmountNotInDollars => "amount_not_in_dollars",
    /// An action other than `add` and `remove`.
    BadAction => "bad_action",
    /// A cryptokey with white space in it, or with characters that base64 does not have.
    BadCryptokey => "bad_cryptokey",
    // The structure.
    /// A second `userCommand` of the same transaction.
    DuplicateTransaction => "duplicate_transaction",
    /// Elements of a transaction without a `userCommand` before them.
    NoUserCommand => "no_user_command",
    /// A command without a username that needs one.
    UsernameMissing => "username_missing",
    /// A username on the DUMPLOG of the complete log.
    UsernameInvented => "username_invented",
    /// A field that its command must have and has not.
    FieldMissing => "field_missing",
    /// A field that its command does not take.
    FieldExtra => "field_extra",
    /// An element that contradicts the `userCommand` of its transaction.
    Disagreement => "disagreement",
    /// A user's commands out of their order.
    UserOrder => "user_order",
    /// Transactions that are missing from a complete log.
    TransactionGap => "transaction_gap",
    /// An effect that is older than the command that caused it.
    TimeReversed => "time_reversed",
    // The rules.
    /// A command that had to be refused was carried out.
    NotRefused => "not_refused",
    /// A command was refused that had to be carried out.
    WronglyRefused => "wrongly_refused",
    /// A command was refused for another reason than the right one.
    WrongCode => "wrong_code",
    /// An `errorEvent` whose message begins with no known code, or one too many.
    UnknownError => "unknown_error",
    /// A refused command has effects.
    RefusedWithEffect => "refused_with_effect",
    /// Cash had to move and did not.
    MovementMissing => "movement_missing",
    /// Cash moved without a reason.
    MovementExtra => "movement_extra",
    /// Cash moved the wrong way, or by the wrong amount.
    MovementWrong => "movement_wrong",
    /// A `systemEvent` that nothing explains.
    EventUnexplained => "event_unexplained",
    /// A `systemEvent` with the wrong funds.
    EventWrong => "event_wrong",
    /// A pending buy or sell was committed or cancelled after its 60 seconds.
    WindowPassed => "window_passed",
    /// A pending buy or sell expired before its 60 seconds were over.
    ExpiredEarly => "expired_early",
    /// A pending buy or sell outlived its 60 seconds and never expired.
    ExpiryMissing => "expiry_missing",
    /// An order fired at a price that does not satisfy it.
    FiredUnsatisfied => "fired_unsatisfied",
    /// An order was armed under a price that satisfies it, and did not fire.
    FiringMissed => "firing_missed",
    /// An account holds less than nothing in cash.
    NegativeCash => "negative_cash",
    /// An account holds less than nothing of a stock.
    NegativeShares => "negative_shares",
    /// The cash of an account does not add up to what was put into it.
    NotConserved => "not_conserved",
    // The quotes.
    /// A price was needed, and none can be traced in the log.
    PriceUntraced => "price_untraced",
    /// A price that no quote of the stock had.
    PriceInvented => "price_invented",
    /// A price older than 60 seconds was used.
    PriceStale => "price_stale",
    /// A price was asked for that the command does not need.
    QuoteNotNeeded => "quote_not_needed",
    // The workload.
    /// A workload line without its command in the log.
    WorkloadMissing => "workload_missing",
    /// A command in the log without its workload line.
    WorkloadExtra => "workload_extra",
    /// A command whose fields differ from those of its workload line.
    WorkloadAltered => "workload_altered",
    /// A user's commands in another order than in the workload.
    WorkloadOrder => "workload_order",
}

impl fmt::Display for FindingKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// One thing that is wrong with the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The line in the log, from 1.
    pub line: u64,
    /// What is wrong.
    pub kind: FindingKind,
    /// The transaction it is about.
    pub transaction: Option<u64>,
    /// What is wrong, in words.
    pub message: String,
}

impl Finding {
    /// The machine-readable code of the finding.
    pub const fn code(&self) -> &'static str {
        self.kind.as_str()
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.kind)?;
        if let Some(transaction) = self.transaction {
            write!(f, " [{transaction}]")?;
        }
        write!(f, ": {}", self.message)
    }
}

/// Findings as they are made.
#[derive(Debug)]
pub(super) struct Findings {
    certain: Kept,
    /// Those that hold only if the log is complete: what the log of one user cannot show.
    if_complete: Kept,
}

impl Findings {
    pub(super) fn new(max: usize) -> Findings {
        Findings { certain: Kept::new(max), if_complete: Kept::new(max) }
    }

    /// Adds a finding; `message` is asked for only where it is kept.
    pub(super) fn add(
        &mut self,
        kind: FindingKind,
        line: u64,
        transaction: Option<u64>,
        message: impl FnOnce() -> String,
    ) {
        self.certain.add(kind, line, transaction, message);
    }

    /// Adds a finding that holds only in a log of all users.
    pub(super) fn add_if_complete(
        &mut self,
        kind: FindingKind,
        line: u64,
        transaction: Option<u64>,
        message: impl FnOnce() -> String,
    ) {
        self.if_complete.add(kind, line, transaction, message);
    }

    /// The kept findings by line, and how many there are of each kind.
    pub(super) fn finish(mut self, one_user: bool) -> (Vec<Finding>, Vec<(FindingKind, u64)>) {
        if !one_user {
            self.certain.merge(self.if_complete);
        }
        let Kept { mut findings, counts, .. } = self.certain;
        findings.sort_by_key(|finding| finding.line);
        let counts = FindingKind::ALL
            .iter()
            .zip(counts)
            .filter(|&(_, count)| count > 0)
            .map(|(&kind, count)| (kind, count));
        (findings, counts.collect())
    }
}

#[derive(Debug)]
struct Kept {
    max: usize,
    findings: Vec<Finding>,
    counts: Vec<u64>,
}

impl Kept {
    fn new(max: usize) -> Kept {
        Kept { max, findings: Vec::new(), counts: vec![0; FindingKind::ALL.len()] }
    }

    fn add(
        &mut self,
        kind: FindingKind,
        line: u64,
        transaction: Option<u64>,
        message: impl FnOnce() -> String,
    ) {
        let first = self.counts[kind as usize] == 0;
        self.counts[kind as usize] += 1;
        if self.findings.len() >= self.max && !(first && self.make_room()) {
            return;
        }
        self.findings.push(Finding { line, kind, transaction, message: message() });
    }

    /// Gives up the last finding of the kind that has most. False where no kind has two.
    fn make_room(&mut self) -> bool {
        let mut kept = vec![0_usize; FindingKind::ALL.len()];
        for finding in &self.findings {
            kept[finding.kind as usize] += 1;
        }
        let most = kept.iter().copied().max().unwrap_or(0);
        let last = self.findings.iter().rposition(|finding| kept[finding.kind as usize] == most);
        match last {
            Some(at) if most > 1 => {
                self.findings.remove(at);
                true
            }
            _ => false,
        }
    }

    fn merge(&mut self, other: Kept) {
        for finding in other.findings {
            let first = self.counts[finding.kind as usize] == 0;
            if self.findings.len() < self.max || (first && self.make_room()) {
                self.findings.push(finding);
            }
        }
        for (count, more) in self.counts.iter_mut().zip(other.counts) {
            *count += more;
        }
    }
}

/// Text of the log or the workload as a message can show it: quoted, without control characters,
/// and not endless.
pub(super) fn quoted(text: &[u8]) -> String {
    const SHOWN: usize = 60;
    let shown = String::from_utf8_lossy(&text[..text.len().min(SHOWN)]);
    let dots = if text.len() > SHOWN { "…" } else { "" };
    format!("'{}{dots}'", shown.escape_debug())
}
