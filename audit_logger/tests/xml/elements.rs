//! What each entry looks like: the elements, their children and the order of both.

use crate::support::*;
use audit_logger::xml::Renderer;
use domain::trading::command::CommandName;
use domain::trading::entry::{OrderFilled, PendingExpired, PriceUsed, QuoteReceived, QuoteRefused};
use domain::trading::outcome::PendingTaken;
use domain::trading::verbs::expiry::Side;
use domain::trading::{Accepted, Entry, Fill, Outcome, Reject, TransactionNum};

fn rendered(entry: &Entry) -> (String, u64) {
    let mut out = Vec::new();
    let mut renderer = Renderer::new("s1");
    renderer.render(entry, &mut out);
    (String::from_utf8(out).unwrap(), renderer.elements())
}

/// An element in one line: its name, then its children as `name=text`. The server is left out,
/// and so are the times where they are those of every command here.
#[track_caller]
fn assert_elements(entry: &Entry, expected: &[&str]) {
    let (text, elements) = rendered(entry);
    assert_eq!(text, expected.iter().map(|line| written_out(line)).collect::<String>());
    assert_eq!(elements, expected.len() as u64);
}

/// The XML of `line`: `element at transaction; child=text; ...`.
fn written_out(line: &str) -> String {
    let mut parts = line.split("; ");
    let mut head = parts.next().unwrap().split(' ');
    let (element, at, transaction) =
        (head.next().unwrap(), head.next().unwrap(), head.next().unwrap());
    let at = match at {
        "received" => RECEIVED_MS.to_string(),
        "applied" => APPLIED_MS.to_string(),
        other => other.to_string(),
    };
    let mut xml = format!(
        "  <{element}>\n    <timestamp>{at}</timestamp>\n    <server>s1</server>\n    \
         <transactionNum>{transaction}</transactionNum>\n"
    );
    for part in parts {
        let (name, text) = part.split_once('=').unwrap();
        xml += &format!("    <{name}>{text}</{name}>\n");
    }
    xml + &format!("  </{element}>\n")
}

fn taken() -> PendingTaken {
    PendingTaken {
        opened_by: TransactionNum(3),
        stock: stock("ABC"),
        shares: shares(2),
        cash: cents(8434),
    }
}

fn fill(cash: i64) -> Fill {
    Fill { price: price(4217), shares: shares(2), cash: cents(cash) }
}

fn fresh() -> Option<PriceUsed> {
    Some(PriceUsed { price: price(4217), cached: false })
}

fn cached() -> Option<PriceUsed> {
    Some(PriceUsed { price: price(4217), cached: true })
}

#[test]
fn the_text_is_laid_out_as_the_document_shows() {
    let entry = decided(
        3,
        "BUY,oY01WVirLr,S,276.83",
        fresh(),
        Outcome::Accepted(Accepted::BuyPending { shares: shares(6), cost: cents(25_302) }),
    );
    let document = include_str!("../../../docs/audit-xml.md");
    let shown: Vec<&str> = document
        .lines()
        .skip_while(|line| !line.starts_with("  <userCommand>"))
        .take_while(|line| !line.contains("..."))
        .collect();
    let mut out = Vec::new();
    Renderer::new("daytrade").render(&entry, &mut out);
    let text = String::from_utf8(out).unwrap();
    let first: Vec<&str> = text.lines().take(shown.len()).collect();
    assert_eq!(first.len(), 9);
    assert_eq!(first, shown);
}

#[test]
fn every_accepted_command_is_told_with_its_fields_and_the_cash_it_moved() {
    let user_command = |rest: &str| format!("userCommand received 7; {rest}");
    let buy_pending = Accepted::BuyPending { shares: shares(2), cost: cents(8434) };
    let sell_pending = Accepted::SellPending { shares: shares(2), proceeds: cents(8434) };
    let removed = "accountTransaction applied 7; action=remove; username=u; funds=84.34";
    let added = "accountTransaction applied 7; action=add; username=u; funds=84.34";
    let cases: Vec<(&str, Accepted, &str, Option<&str>)> = vec![
        ("ADD,u,84.34", Accepted::Added, "command=ADD; username=u; funds=84.34", Some(added)),
        ("QUOTE,u,ABC", Accepted::Quoted, "command=QUOTE; username=u; stockSymbol=ABC", None),
        (
            "BUY,u,ABC,100.00",
            buy_pending,
            "command=BUY; username=u; stockSymbol=ABC; funds=100.00",
            Some(removed),
        ),
        ("COMMIT_BUY,u", Accepted::BuyCommitted(taken()), "command=COMMIT_BUY; username=u", None),
        (
            "CANCEL_BUY,u",
            Accepted::BuyCancelled(taken()),
            "command=CANCEL_BUY; username=u",
            Some(added),
        ),
        (
            "SELL,u,ABC,100",
            sell_pending,
            "command=SELL; username=u; stockSymbol=ABC; funds=100.00",
            None,
        ),
        (
            "COMMIT_SELL,u",
            Accepted::SellCommitted(taken()),
            "command=COMMIT_SELL; username=u",
            Some(added),
        ),
        (
            "CANCEL_SELL,u",
            Accepted::SellCancelled(taken()),
            "command=CANCEL_SELL; username=u",
            None,
        ),
        (
            "SET_BUY_AMOUNT,u,A,100.00",
            Accepted::BuyAmountSet { previous: cents(1566), fill: None },
            "command=SET_BUY_AMOUNT; username=u; stockSymbol=A; funds=100.00",
            Some(removed),
        ),
        (
            "SET_BUY_AMOUNT,u,A,15.66",
            Accepted::BuyAmountSet { previous: cents(10_000), fill: None },
            "command=SET_BUY_AMOUNT; username=u; stockSymbol=A; funds=15.66",
            Some(added),
        ),
        (
            // Nothing moves where the reserve stays as it is.
            "SET_BUY_AMOUNT,u,A,15.66",
            Accepted::BuyAmountSet { previous: cents(1566), fill: None },
            "command=SET_BUY_AMOUNT; username=u; stockSymbol=A; funds=15.66",
            None,
        ),
        (
            "SET_BUY_TRIGGER,u,A,0.01",
            Accepted::BuyArmed { fill: None },
            "command=SET_BUY_TRIGGER; username=u; stockSymbol=A; funds=0.01",
            None,
        ),
        (
            "CANCEL_SET_BUY,u,A",
            Accepted::BuyOrderDropped { reserve: cents(8434) },
            "command=CANCEL_SET_BUY; username=u; stockSymbol=A",
            Some(added),
        ),
        (
            "SET_SELL_AMOUNT,u,AB,1000000000000",
            Accepted::SellAmountSet { reserved: shares(0), fill: None },
            "command=SET_SELL_AMOUNT; username=u; stockSymbol=AB; funds=1000000000000.00",
            None,
        ),
        (
            "SET_SELL_TRIGGER,u,AB,5000.5",
            Accepted::SellArmed { reserved: shares(3), fill: None },
            "command=SET_SELL_TRIGGER; username=u; stockSymbol=AB; funds=5000.50",
            None,
        ),
        (
            "CANCEL_SET_SELL,u,AB",
            Accepted::SellOrderDropped { reserved: shares(3) },
            "command=CANCEL_SET_SELL; username=u; stockSymbol=AB",
            None,
        ),
        ("DISPLAY_SUMMARY,u", Accepted::Summarised, "command=DISPLAY_SUMMARY; username=u", None),
        (
            "DUMPLOG,u,./mine.xml",
            Accepted::Dumped,
            "command=DUMPLOG; username=u; filename=./mine.xml",
            None,
        ),
        // A global DUMPLOG is nobody's.
        ("DUMPLOG,./testLOG", Accepted::Dumped, "command=DUMPLOG; filename=./testLOG", None),
    ];
    let mut names = Vec::new();
    for (line, accepted, fields, cash) in cases {
        let entry = decided(7, line, None, Outcome::Accepted(accepted));
        let command = user_command(fields);
        let expected: Vec<&str> = [Some(command.as_str()), cash].into_iter().flatten().collect();
        assert_elements(&entry, &expected);
        let Entry::Command(decided) = entry else { unreachable!() };
        names.push(decided.command.action.name());
    }
    names.sort();
    names.dedup();
    assert_eq!(names, CommandName::ALL, "all 16 are in the table");
}

#[test]
fn signing_up_is_no_command_of_the_course() {
    let outcome = Outcome::Accepted(Accepted::Registered);
    assert_elements(&decided(7, "REGISTER,u", None, outcome), &[]);
}

#[test]
fn a_price_that_another_transaction_asked_for_is_told_for_buy_sell_and_quote_only() {
    let cases = [
        ("QUOTE,u,ABC", Accepted::Quoted, "QUOTE", "", true),
        (
            "BUY,u,ABC,100.00",
            Accepted::BuyPending { shares: shares(2), cost: cents(8434) },
            "BUY",
            "; funds=100.00",
            true,
        ),
        (
            "SELL,u,ABC,100.00",
            Accepted::SellPending { shares: shares(2), proceeds: cents(8434) },
            "SELL",
            "; funds=100.00",
            true,
        ),
        (
            "SET_BUY_TRIGGER,u,ABC,100.00",
            Accepted::BuyArmed { fill: None },
            "SET_BUY_TRIGGER",
            "; funds=100.00",
            false,
        ),
        (
            "SET_SELL_AMOUNT,u,ABC,100.00",
            Accepted::SellAmountSet { reserved: shares(1), fill: None },
            "SET_SELL_AMOUNT",
            "; funds=100.00",
            false,
        ),
    ];
    for (line, accepted, name, funds, told) in cases {
        let fields = format!("command={name}; username=u; stockSymbol=ABC");
        let command = format!("userCommand received 7; {fields}{funds}");
        let event = format!("systemEvent applied 7; {fields}; funds=42.17");
        let mut expected = vec![command.as_str()];
        if told {
            expected.push(&event);
        }
        if name == "BUY" {
            expected.push("accountTransaction applied 7; action=remove; username=u; funds=84.34");
        }
        let outcome = Outcome::Accepted(accepted);
        assert_elements(&decided(7, line, cached(), outcome.clone()), &expected);
        expected.retain(|line| !line.starts_with("systemEvent"));
        assert_elements(&decided(7, line, fresh(), outcome), &expected);
    }
}

#[test]
fn an_order_that_fires_at_once_tells_the_price_then_the_cash() {
    let trigger = "command=SET_BUY_TRIGGER; username=u; stockSymbol=ABC";
    let expected = [
        format!("userCommand received 7; {trigger}; funds=50.00"),
        format!("systemEvent applied 7; {trigger}; funds=42.17"),
        "accountTransaction applied 7; action=add; username=u; funds=15.66".to_string(),
    ];
    let expected: Vec<&str> = expected.iter().map(String::as_str).collect();
    let armed = |cash| Outcome::Accepted(Accepted::BuyArmed { fill: Some(fill(cash)) });
    // A cached price is told by the event of the firing, and by no other.
    for price in [fresh(), cached()] {
        let entry = decided(7, "SET_BUY_TRIGGER,u,ABC,50.00", price, armed(1566));
        assert_elements(&entry, &expected);
        let entry = decided(7, "SET_BUY_TRIGGER,u,ABC,50.00", price, armed(0));
        assert_elements(&entry, &expected[..2]);
    }

    let amount = "command=SET_BUY_AMOUNT; username=u; stockSymbol=ABC";
    let fill = Some(fill(1566));
    let outcome = Outcome::Accepted(Accepted::BuyAmountSet { previous: cents(2000), fill });
    assert_elements(
        &decided(7, "SET_BUY_AMOUNT,u,ABC,100.00", fresh(), outcome),
        &[
            &format!("userCommand received 7; {amount}; funds=100.00"),
            "accountTransaction applied 7; action=remove; username=u; funds=80.00",
            &format!("systemEvent applied 7; {amount}; funds=42.17"),
            "accountTransaction applied 7; action=add; username=u; funds=15.66",
        ],
    );

    for (line, name, accepted) in [
        (
            "SET_SELL_TRIGGER,u,ABC,40.00",
            "SET_SELL_TRIGGER",
            Accepted::SellArmed { reserved: shares(2), fill },
        ),
        (
            "SET_SELL_AMOUNT,u,ABC,40.00",
            "SET_SELL_AMOUNT",
            Accepted::SellAmountSet { reserved: shares(2), fill },
        ),
    ] {
        let fields = format!("command={name}; username=u; stockSymbol=ABC");
        assert_elements(
            &decided(7, line, cached(), Outcome::Accepted(accepted)),
            &[
                &format!("userCommand received 7; {fields}; funds=40.00"),
                &format!("systemEvent applied 7; {fields}; funds=42.17"),
                "accountTransaction applied 7; action=add; username=u; funds=15.66",
            ],
        );
    }
}

#[test]
fn every_refusal_is_told_with_its_code_and_a_sentence() {
    let funds = Reject::InsufficientFunds { available: cents(1234) };
    let few = Reject::InsufficientShares { available: shares(3) };
    let told = [
        (Reject::UnknownAccount, "unknown_account: the user has no account yet: ADD opens one"),
        (funds, "insufficient_funds: only 12.34 dollars are free for it"),
        (few, "insufficient_shares: only 3 unreserved shares are there for it"),
        (Reject::AmountTooSmall, "amount_too_small: the amount does not pay for one share"),
        (Reject::NoPendingBuy, "no_pending_buy: no BUY of the last 60 seconds is pending"),
        (Reject::NoPendingSell, "no_pending_sell: no SELL of the last 60 seconds is pending"),
        (Reject::NoBuyOrder, "no_buy_order: no SET_BUY_AMOUNT stands for this stock"),
        (Reject::NoSellOrder, "no_sell_order: no SET_SELL_AMOUNT stands for this stock"),
        (Reject::QuoteUnavailable, "quote_unavailable: the quote server gave no usable price"),
        (Reject::BalanceLimit, "balance_limit: the account cannot hold so much"),
    ];
    let numbers = told.iter().map(|(reject, _)| reject.number());
    // What is malformed has codes of its own.
    let known = Reject::CODES.iter().map(|(number, _)| *number);
    assert!(numbers.eq(known.filter(|number| *number != Reject::Malformed.number())));
    for (reject, message) in told {
        let fields = "command=SELL; username=u; stockSymbol=ABC; funds=1.00";
        assert_elements(
            &decided(7, "SELL,u,ABC,1.00", None, Outcome::Rejected(reject)),
            &[
                &format!("userCommand received 7; {fields}"),
                &format!("errorEvent applied 7; {fields}; errorMessage={message}"),
            ],
        );
    }
    // A refusal that used a cached price shows it: the checker has to see why.
    let fields = "command=BUY; username=u; stockSymbol=ABC";
    assert_elements(
        &decided(7, "BUY,u,ABC,1.00", cached(), Outcome::Rejected(Reject::AmountTooSmall)),
        &[
            &format!("userCommand received 7; {fields}; funds=1.00"),
            &format!("systemEvent applied 7; {fields}; funds=42.17"),
            &format!(
                "errorEvent applied 7; {fields}; funds=1.00; \
                 errorMessage=amount_too_small: the amount does not pay for one share"
            ),
        ],
    );
}

#[test]
fn malformed_commands_keep_what_the_schema_holds_and_quote_the_rest() {
    for (line, fields, message) in [
        ("ADD,u,-73280.58", "command=ADD; username=u; funds=-73280.58", "invalid_amount: "),
        ("ADD,u,12.345", "command=ADD; username=u; funds=12.345", "invalid_amount: "),
        ("ADD,u,0", "command=ADD; username=u; funds=0", "invalid_amount: "),
        ("ADD,u,1e9", "command=ADD; username=u", "; amount is '1e9'"),
        ("ADD,u,", "command=ADD; username=u", "; amount is ''"),
        (
            "BUY,u,GOOGL,5",
            "command=BUY; username=u; funds=5.00",
            "invalid_stock: a stock is 1 to 3 letters; stock is 'GOOGL'",
        ),
        (
            "BUY,u,A1,5.00",
            "command=BUY; username=u; stockSymbol=A1; funds=5.00",
            "invalid_stock: a stock is 1 to 3 letters",
        ),
        (
            "QUOTE,u<b>&amp;,&lt",
            "command=QUOTE; username=u&lt;b&gt;&amp;amp;; stockSymbol=&amp;lt",
            "invalid_user: ",
        ),
        ("QUOTE,ü 😀,A", "command=QUOTE; username=ü 😀; stockSymbol=A", "invalid_user: "),
        ("QUOTE, u,A", "command=QUOTE; stockSymbol=A", "; username is ' u'"),
        ("QUOTE,a\u{1}b,A", "command=QUOTE; stockSymbol=A", "; username is 'a\\x01b'"),
        ("DUMPLOG,u,../x", "command=DUMPLOG; username=u; filename=../x", "invalid_filename: "),
        ("DUMPLOG,a/..", "command=DUMPLOG; filename=a/..", "invalid_filename: "),
        ("COMMIT_BUY", "command=COMMIT_BUY", "invalid_arguments: 1 argument expected, 0 given"),
        (
            "COMMIT_BUY,u,<x>",
            "command=COMMIT_BUY; username=u",
            "invalid_arguments: 1 argument expected, 2 given; argument 2 is '&lt;x&gt;'",
        ),
        ("BUY,u", "command=BUY; username=u", "invalid_arguments: 3 arguments expected, 1 given"),
    ] {
        let (text, elements) = rendered(&malformed(7, line));
        let command = written_out(&format!("userCommand received 7; {fields}"));
        assert!(text.starts_with(&command), "{line}\n{text}");
        let event = written_out(&format!("errorEvent applied 7; {fields}"));
        let event = event.strip_suffix("  </errorEvent>\n").unwrap();
        let rest = text[command.len()..].strip_prefix(event).expect(line);
        let told = rest.strip_prefix("    <errorMessage>").expect(line);
        assert!(told.ends_with("</errorMessage>\n  </errorEvent>\n"), "{line}\n{text}");
        assert!(told.contains(message), "{line}\n{told}");
        assert_eq!(elements, 2);
    }
}

#[test]
fn quotes_are_told_as_the_server_gave_them() {
    let entry = Entry::Quote(QuoteReceived {
        transaction: TransactionNum(5),
        user: user("a.b@c-d_e"),
        received_ms: 1_767_225_600_123,
        stock: stock("a"),
        price: price(5),
        server_time_ms: 1_330_546_050_315,
        cryptokey: "ZcwKUqtHPq/PaprbZRKrFSw+zuI==".into(),
    });
    assert_elements(
        &entry,
        &["quoteServer 1767225600123 5; price=0.05; stockSymbol=a; username=a.b@c-d_e; \
           quoteServerTime=1330546050315; cryptokey=ZcwKUqtHPq/PaprbZRKrFSw+zuI=="],
    );
    let entry = Entry::QuoteRefused(QuoteRefused {
        transaction: TransactionNum(6),
        name: CommandName::SetSellTrigger,
        user: user("u"),
        failed_ms: 1_767_225_600_124,
        stock: stock("ABC"),
        message: "expected stock ABC, found \"<&>\"".into(),
    });
    assert_elements(
        &entry,
        &["errorEvent 1767225600124 6; command=SET_SELL_TRIGGER; username=u; stockSymbol=ABC; \
           errorMessage=quote_refused: expected stock ABC, found \"&lt;&amp;&gt;\""],
    );
}

#[test]
fn expiries_are_told_as_cancels_of_what_expired() {
    let expired = |side| {
        Entry::Expired(PendingExpired {
            transaction: TransactionNum(3),
            user: user("u"),
            expired_ms: 1_767_225_660_001,
            side,
            stock: stock("ABC"),
            shares: shares(2),
            cash: cents(8434),
        })
    };
    let fields = "username=u; stockSymbol=ABC; funds=84.34";
    assert_elements(
        &expired(Side::Buy),
        &[
            &format!("systemEvent 1767225660001 3; command=CANCEL_BUY; {fields}"),
            "accountTransaction 1767225660001 3; action=add; username=u; funds=84.34",
        ],
    );
    // What lapses with a sell was never cash.
    assert_elements(
        &expired(Side::Sell),
        &[&format!("systemEvent 1767225660001 3; command=CANCEL_SELL; {fields}")],
    );
}

#[test]
fn later_firings_are_told_under_the_command_that_armed_them() {
    for (name, side) in [
        (CommandName::SetBuyTrigger, Side::Buy),
        (CommandName::SetBuyAmount, Side::Buy),
        (CommandName::SetSellTrigger, Side::Sell),
        (CommandName::SetSellAmount, Side::Sell),
    ] {
        let filled = |cash| {
            Entry::Filled(OrderFilled {
                transaction: TransactionNum(9),
                name,
                user: user("u"),
                filled_ms: 1_767_225_670_000,
                side,
                stock: stock("ABC"),
                fill: fill(cash),
            })
        };
        let event = format!(
            "systemEvent 1767225670000 9; command={name}; username=u; stockSymbol=ABC; funds=42.17"
        );
        let cash = "accountTransaction 1767225670000 9; action=add; username=u; funds=15.66";
        assert_elements(&filled(1566), &[&event, cash]);
        assert_elements(&filled(0), &[&event]);
    }
}

#[test]
fn the_name_of_the_server_is_escaped() {
    let mut out = Vec::new();
    Renderer::new("<a&b>\n").render(&malformed(1, "COMMIT_BUY"), &mut out);
    let text = String::from_utf8(out).unwrap();
    assert_eq!(text.matches("<server>&lt;a&amp;b&gt;?</server>").count(), 2);
}
