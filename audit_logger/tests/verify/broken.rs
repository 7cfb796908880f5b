//! The good log, broken in one place.

use super::log::good;
use super::{check, complaint};
use audit_logger::verify::FindingKind::{self, *};

/// Name, a line of the good log, what stands instead of it, the finding, and how many kinds of
/// findings there may be.
type Row = (&'static str, &'static str, &'static [&'static str], FindingKind, usize);

const STRUCTURE: &[Row] = &[
    (
        "a transaction twice",
        "cmd 340 24 DISPLAY_SUMMARY u=alice",
        &["cmd 340 24 DISPLAY_SUMMARY u=alice", "cmd 340 24 DISPLAY_SUMMARY u=alice"],
        DuplicateTransaction,
        1,
    ),
    (
        "a user's command too early",
        "cmd 340 24 DISPLAY_SUMMARY u=alice",
        &["cmd 350 25 DUMPLOG u=alice n=alice.xml", "cmd 340 24 DISPLAY_SUMMARY u=alice"],
        UserOrder,
        2,
    ),
    (
        "no username on DISPLAY_SUMMARY",
        "cmd 340 24 DISPLAY_SUMMARY u=alice",
        &["cmd 340 24 DISPLAY_SUMMARY"],
        UsernameMissing,
        1,
    ),
    (
        "no stock",
        "cmd 310 21 CANCEL_SET_SELL u=alice s=ABC",
        &["cmd 310 21 CANCEL_SET_SELL u=alice"],
        FieldMissing,
        3,
    ),
    (
        "no file",
        "cmd 350 25 DUMPLOG u=alice n=alice.xml",
        &["cmd 350 25 DUMPLOG u=alice"],
        FieldMissing,
        1,
    ),
    (
        "funds of DISPLAY_SUMMARY",
        "cmd 340 24 DISPLAY_SUMMARY u=alice",
        &["cmd 340 24 DISPLAY_SUMMARY u=alice f=1.00"],
        FieldExtra,
        1,
    ),
    (
        "a movement of another user",
        "cash 320 22 remove u=bob f=50.00",
        &["cash 320 22 remove u=alice f=50.00"],
        Disagreement,
        1,
    ),
    (
        "an error of another user",
        "error 460 36 CANCEL_SELL u=alice m=no_pending_sell",
        &["error 460 36 CANCEL_SELL u=bob m=no_pending_sell"],
        Disagreement,
        1,
    ),
    (
        "an error of another command",
        "error 460 36 CANCEL_SELL u=alice m=no_pending_sell",
        &["error 460 36 COMMIT_SELL u=alice m=no_pending_sell"],
        Disagreement,
        1,
    ),
    (
        "an error of other funds",
        "error 420 32 BUY u=alice s=ABC f=100000.00 m=insufficient_funds",
        &["error 420 32 BUY u=alice s=ABC f=100001.00 m=insufficient_funds"],
        Disagreement,
        1,
    ),
    (
        "an error without funds",
        "error 420 32 BUY u=alice s=ABC f=100000.00 m=insufficient_funds",
        &["error 420 32 BUY u=alice s=ABC m=insufficient_funds"],
        Disagreement,
        1,
    ),
    (
        "an event of another stock",
        "event 150 6 BUY u=alice s=ABC f=10.00",
        &["event 150 6 BUY u=alice s=XYZ f=10.00"],
        Disagreement,
        2,
    ),
    (
        "a movement of a transaction that is not there",
        "cmd 340 24 DISPLAY_SUMMARY u=alice",
        &["cmd 340 24 DISPLAY_SUMMARY u=alice", "cash 340 99 add u=alice f=1.00"],
        NoUserCommand,
        1,
    ),
    (
        "a movement before its command",
        "cmd 320 22 SET_BUY_AMOUNT u=bob s=ABC f=50.00",
        &["cash 320 22 remove u=bob f=50.00", "cmd 320 22 SET_BUY_AMOUNT u=bob s=ABC f=50.00"],
        NoUserCommand,
        4,
    ),
    (
        "an effect apart from its command",
        "cash 320 22 remove u=bob f=50.00",
        &["cmd 321 47 DISPLAY_SUMMARY u=alice", "cash 320 22 remove u=bob f=50.00"],
        MovementMissing,
        4,
    ),
    (
        "an effect before its cause",
        "cash 69200 43 add u=alice f=1.00",
        &["cash 60200 43 add u=alice f=1.00"],
        TimeReversed,
        1,
    ),
];

const REFUSALS: &[Row] = &[
    (
        "refused without reason",
        "cmd 340 24 DISPLAY_SUMMARY u=alice",
        &[
            "cmd 340 24 DISPLAY_SUMMARY u=alice",
            "error 340 24 DISPLAY_SUMMARY u=alice m=unknown_account",
        ],
        WronglyRefused,
        1,
    ),
    (
        "a bad amount carried out",
        "error 360 26 ADD u=alice f=-73280.58 m=invalid_amount",
        &[],
        NotRefused,
        1,
    ),
    (
        "a bad user carried out",
        "error 380 28 QUOTE u=al!ce s=ABC m=invalid_user",
        &[],
        NotRefused,
        1,
    ),
    (
        "a bad file name carried out",
        "error 400 30 DUMPLOG u=alice n=../x m=invalid_filename",
        &[],
        NotRefused,
        1,
    ),
    (
        "an unknown account carried out",
        "error 410 31 DISPLAY_SUMMARY u=carol m=unknown_account",
        &[],
        NotRefused,
        1,
    ),
    (
        "a BUY without funds carried out",
        "error 420 32 BUY u=alice s=ABC f=100000.00 m=insufficient_funds",
        &["event 420 32 BUY u=alice s=ABC f=10.00", "cash 420 32 remove u=alice f=100000.00"],
        NotRefused,
        5,
    ),
    (
        "a SELL without shares carried out",
        "error 430 33 SELL u=alice s=QQQ f=1.00 m=insufficient_shares",
        &["quote 430 33 u=alice s=QQQ p=1.00"],
        NotRefused,
        4,
    ),
    (
        "a BUY of no share carried out",
        "error 440 34 BUY u=alice s=ABC f=9.99 m=amount_too_small",
        &[],
        NotRefused,
        1,
    ),
    (
        "a commit of nothing carried out",
        "error 450 35 COMMIT_BUY u=alice m=no_pending_buy",
        &[],
        NotRefused,
        1,
    ),
    (
        "a cancel of nothing carried out",
        "error 460 36 CANCEL_SELL u=alice m=no_pending_sell",
        &[],
        NotRefused,
        1,
    ),
    (
        "a buy trigger without an order carried out",
        "error 470 37 SET_BUY_TRIGGER u=bob s=ABC f=5.00 m=no_buy_order",
        &[],
        NotRefused,
        1,
    ),
    (
        "a sell trigger without an order carried out",
        "error 480 38 SET_SELL_TRIGGER u=bob s=ABC f=5.00 m=no_sell_order",
        &[],
        NotRefused,
        1,
    ),
    (
        "another bad argument blamed",
        "error 360 26 ADD u=alice f=-73280.58 m=invalid_amount",
        &["error 360 26 ADD u=alice f=-73280.58 m=invalid_user"],
        WrongCode,
        1,
    ),
    (
        "a stock blamed for a user",
        "error 380 28 QUOTE u=al!ce s=ABC m=invalid_user",
        &["error 380 28 QUOTE u=al!ce s=ABC m=invalid_stock"],
        WrongCode,
        1,
    ),
    (
        "funds blamed for an account",
        "error 410 31 DISPLAY_SUMMARY u=carol m=unknown_account",
        &["error 410 31 DISPLAY_SUMMARY u=carol m=insufficient_funds"],
        WrongCode,
        1,
    ),
    (
        "the price blamed for funds",
        "error 420 32 BUY u=alice s=ABC f=100000.00 m=insufficient_funds",
        &["error 420 32 BUY u=alice s=ABC f=100000.00 m=quote_unavailable"],
        WrongCode,
        1,
    ),
    (
        "sells blamed for buys",
        "error 450 35 COMMIT_BUY u=alice m=no_pending_buy",
        &["error 450 35 COMMIT_BUY u=alice m=no_pending_sell"],
        WrongCode,
        1,
    ),
    (
        "a limit nowhere near",
        "cash 320 22 remove u=bob f=50.00",
        &["error 320 22 SET_BUY_AMOUNT u=bob s=ABC f=50.00 m=balance_limit"],
        WronglyRefused,
        3,
    ),
    (
        "no quote for a command without a price",
        "cash 160 7 add u=alice f=50.00",
        &["error 160 7 CANCEL_BUY u=alice m=quote_unavailable"],
        WronglyRefused,
        2,
    ),
    (
        "too small at a price that is not",
        "event 440 34 BUY u=alice s=ABC f=10.00",
        &["event 440 34 BUY u=alice s=ABC f=9.00"],
        WronglyRefused,
        2,
    ),
    (
        "an error of no known code",
        "error 460 36 CANCEL_SELL u=alice m=no_pending_sell",
        &["error 460 36 CANCEL_SELL u=alice m=nope"],
        UnknownError,
        1,
    ),
    (
        "an error without a message",
        "error 460 36 CANCEL_SELL u=alice m=no_pending_sell",
        &["error 460 36 CANCEL_SELL u=alice"],
        UnknownError,
        1,
    ),
    (
        "two errors",
        "error 460 36 CANCEL_SELL u=alice m=no_pending_sell",
        &[
            "error 460 36 CANCEL_SELL u=alice m=no_pending_sell",
            "error 460 36 CANCEL_SELL u=alice m=no_pending_sell",
        ],
        UnknownError,
        1,
    ),
    (
        "a refused command that pays",
        "error 360 26 ADD u=alice f=-73280.58 m=invalid_amount",
        &[
            "error 360 26 ADD u=alice f=-73280.58 m=invalid_amount",
            "cash 360 26 add u=alice f=5.00",
        ],
        RefusedWithEffect,
        2,
    ),
];

const EFFECTS: &[Row] = &[
    ("ADD moves nothing", "cash 69200 43 add u=alice f=1.00", &[], MovementMissing, 2),
    (
        "ADD takes",
        "cash 69200 43 add u=alice f=1.00",
        &["cash 69200 43 remove u=alice f=1.00"],
        MovementWrong,
        2,
    ),
    (
        "ADD gives a cent more",
        "cash 69200 43 add u=alice f=1.00",
        &["cash 69200 43 add u=alice f=1.01"],
        MovementWrong,
        2,
    ),
    (
        "BUY takes the amount, not the cost",
        "cash 130 4 remove u=alice f=100.00",
        &["cash 130 4 remove u=alice f=105.00"],
        MovementWrong,
        2,
    ),
    (
        "CANCEL_BUY returns too much",
        "cash 160 7 add u=alice f=50.00",
        &["cash 160 7 add u=alice f=50.01"],
        MovementWrong,
        2,
    ),
    (
        "COMMIT_SELL pays too little",
        "cash 180 9 add u=alice f=30.00",
        &["cash 180 9 add u=alice f=29.99"],
        MovementWrong,
        2,
    ),
    (
        "SET_BUY_AMOUNT takes the whole amount again",
        "cash 250 15 add u=alice f=40.00",
        &["cash 250 15 remove u=alice f=60.00"],
        MovementWrong,
        2,
    ),
    ("CANCEL_SET_BUY keeps the reserve", "cash 330 23 add u=bob f=50.00", &[], MovementMissing, 2),
    (
        "COMMIT_BUY pays",
        "cmd 140 5 COMMIT_BUY u=alice",
        &["cmd 140 5 COMMIT_BUY u=alice", "cash 140 5 add u=alice f=1.00"],
        MovementExtra,
        2,
    ),
    (
        "CANCEL_SELL pays",
        "cmd 200 11 CANCEL_SELL u=alice",
        &["cmd 200 11 CANCEL_SELL u=alice", "cash 200 11 add u=alice f=1.00"],
        MovementExtra,
        2,
    ),
    (
        "a movement twice",
        "cash 180 9 add u=alice f=30.00",
        &["cash 180 9 add u=alice f=30.00", "cash 180 9 add u=alice f=30.00"],
        MovementExtra,
        2,
    ),
    (
        "an event of nothing",
        "cmd 340 24 DISPLAY_SUMMARY u=alice",
        &["cmd 340 24 DISPLAY_SUMMARY u=alice", "event 340 24 DISPLAY_SUMMARY u=alice f=1.00"],
        EventUnexplained,
        1,
    ),
    (
        "cash below nothing",
        "cash 10 2 add u=bob f=500.00",
        &["cash 10 2 add u=bob f=50.00"],
        NegativeCash,
        4,
    ),
    (
        "an order fires at a price that does not satisfy it",
        "event 60301 15 SET_BUY_AMOUNT u=alice s=XYZ f=4.50",
        &["event 60301 15 SET_BUY_AMOUNT u=alice s=XYZ f=7.00"],
        FiredUnsatisfied,
        4,
    ),
    (
        "an order fires under the wrong command",
        "event 60301 15 SET_BUY_AMOUNT u=alice s=XYZ f=4.50",
        &["event 60301 15 SET_BUY_TRIGGER u=alice s=XYZ f=4.50"],
        EventUnexplained,
        2,
    ),
    (
        "an order fires under the transaction that armed it first",
        "cash 60301 15 add u=alice f=1.50",
        &[
            "event 60301 14 SET_BUY_TRIGGER u=alice s=XYZ f=4.50",
            "cash 60301 14 add u=alice f=1.50",
        ],
        EventUnexplained,
        4,
    ),
    (
        "the remainder of an order is kept",
        "cash 60301 15 add u=alice f=1.50",
        &[],
        MovementMissing,
        2,
    ),
    (
        "an order fires twice",
        "cash 60301 15 add u=alice f=1.50",
        &["cash 60301 15 add u=alice f=1.50", "event 60301 15 SET_BUY_AMOUNT u=alice s=XYZ f=4.50"],
        EventUnexplained,
        1,
    ),
    (
        "a sale at another price than told",
        "cash 270 17 add u=alice f=50.00",
        &["cash 270 17 add u=alice f=40.00"],
        MovementWrong,
        2,
    ),
    (
        "an expiry of other funds",
        "event 60206 12 CANCEL_BUY u=bob s=ABC f=100.00",
        &["event 60206 12 CANCEL_BUY u=bob s=ABC f=99.00"],
        EventWrong,
        1,
    ),
    ("an expiry that returns nothing", "cash 60206 12 add u=bob f=100.00", &[], MovementMissing, 2),
    (
        "an expiry that returns too much",
        "cash 60206 12 add u=bob f=100.00",
        &["cash 60206 12 add u=bob f=100.01"],
        MovementWrong,
        2,
    ),
    (
        "an expired sale that pays",
        "event 69011 40 CANCEL_SELL u=alice s=ABC f=10.00",
        &["event 69011 40 CANCEL_SELL u=alice s=ABC f=10.00", "cash 69011 40 add u=alice f=10.00"],
        MovementExtra,
        2,
    ),
    (
        "an expiry of the wrong sort",
        "event 69011 40 CANCEL_SELL u=alice s=ABC f=10.00",
        &["event 69011 40 CANCEL_BUY u=alice s=ABC f=10.00"],
        EventUnexplained,
        2,
    ),
    (
        "an early expiry of a sale",
        "event 69011 40 CANCEL_SELL u=alice s=ABC f=10.00",
        &["event 69009 40 CANCEL_SELL u=alice s=ABC f=10.00"],
        ExpiredEarly,
        1,
    ),
    (
        "a pending sale that never expires",
        "event 69011 40 CANCEL_SELL u=alice s=ABC f=10.00",
        &[],
        ExpiryMissing,
        1,
    ),
    (
        "a commit a millisecond too late",
        "cmd 133000 44 COMMIT_BUY u=bob",
        &["cmd 133001 44 COMMIT_BUY u=bob"],
        WindowPassed,
        1,
    ),
    (
        "a refusal at the last millisecond",
        "cmd 133000 44 COMMIT_BUY u=bob",
        &["cmd 133000 44 COMMIT_BUY u=bob", "error 133000 44 COMMIT_BUY u=bob m=no_pending_buy"],
        WronglyRefused,
        2,
    ),
];

const QUOTES: &[Row] = &[
    (
        "a price that nobody quoted",
        "event 170 8 SELL u=alice s=ABC f=10.00",
        &["event 170 8 SELL u=alice s=ABC f=10.01"],
        PriceInvented,
        3,
    ),
    (
        "a price of another stock",
        "event 170 8 SELL u=alice s=ABC f=10.00",
        &["event 170 8 SELL u=alice s=ABC f=7.00"],
        PriceInvented,
        5,
    ),
    ("a price that nobody sees", "event 150 6 BUY u=alice s=ABC f=10.00", &[], PriceUntraced, 1),
    (
        "a QUOTE without a price",
        "quote 120 3 u=alice s=ABC p=10.00",
        &["quote 120 3 u=alice s=ABD p=10.00"],
        Disagreement,
        4,
    ),
    (
        "a quote for another user",
        "quote 120 3 u=alice s=ABC p=10.00",
        &["quote 120 3 u=bob s=ABC p=10.00"],
        Disagreement,
        1,
    ),
    (
        "a failed quote of another user",
        "error 600 39 QUOTE u=bob s=ZZZ m=quote_refused",
        &["error 600 39 QUOTE u=alice s=ZZZ m=quote_refused"],
        Disagreement,
        1,
    ),
    (
        "a quote for nothing",
        "cmd 340 24 DISPLAY_SUMMARY u=alice",
        &[
            "cmd 340 24 DISPLAY_SUMMARY u=alice",
            "cmd 341 47 ADD u=bob f=1.00",
            "cash 341 47 add u=bob f=1.00",
            "quote 342 24 u=alice s=ABC p=9.00",
        ],
        QuoteNotNeeded,
        3,
    ),
    (
        "a quote before the funds are looked at",
        "cmd 420 32 BUY u=alice s=ABC f=100000.00",
        &["quote 425 32 u=alice s=ABC p=10.00", "cmd 420 32 BUY u=alice s=ABC f=100000.00"],
        QuoteNotNeeded,
        2,
    ),
    (
        "a quote whose command is not there",
        "cmd 340 24 DISPLAY_SUMMARY u=alice",
        &["quote 340 24 u=alice s=ABC p=10.00"],
        NoUserCommand,
        2,
    ),
    ("an order armed without a price", "quote 240 14 u=alice s=XYZ p=7.00", &[], PriceUntraced, 1),
    (
        "an order that had to fire at once",
        "quote 240 14 u=alice s=XYZ p=7.00",
        &["quote 240 14 u=alice s=XYZ p=5.00"],
        FiringMissed,
        1,
    ),
];

fn table(rows: &[Row]) {
    let complaints: Vec<String> = rows
        .iter()
        .filter_map(|(name, from, to, expected, most)| {
            complaint(name, &check(&good().with(from, to).xml()), *expected, *most)
        })
        .collect();
    assert!(complaints.is_empty(), "{}", complaints.join("\n"));
}

#[test]
fn broken_structure_is_found() {
    table(STRUCTURE);
}

#[test]
fn wrong_outcomes_are_found() {
    table(REFUSALS);
}

#[test]
fn wrong_effects_are_found() {
    table(EFFECTS);
}

#[test]
fn wrong_quotes_are_found() {
    table(QUOTES);
}
