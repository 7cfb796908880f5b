//! From the text of a command's arguments to an [`Action`].

use super::command::{Action, CommandName, Malformed, MalformedCode, Verb};
use super::{Amount, DumpFile, Stock, UserName};
use std::fmt::Write;

/// The most arguments a command has.
const MOST_ARGUMENTS: usize = 3;

/// What an argument is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Field {
    User,
    Stock,
    Funds,
    File,
}

/// The arguments of a command, in order.
const fn fields(name: CommandName) -> &'static [Field] {
    match name {
        CommandName::Add => &[Field::User, Field::Funds],
        CommandName::Quote | CommandName::CancelSetBuy | CommandName::CancelSetSell => {
            &[Field::User, Field::Stock]
        }
        CommandName::Buy
        | CommandName::Sell
        | CommandName::SetBuyAmount
        | CommandName::SetBuyTrigger
        | CommandName::SetSellAmount
        | CommandName::SetSellTrigger => &[Field::User, Field::Stock, Field::Funds],
        CommandName::CommitBuy
        | CommandName::CancelBuy
        | CommandName::CommitSell
        | CommandName::CancelSell
        | CommandName::DisplaySummary
        | CommandName::Register => &[Field::User],
        CommandName::DumpLog => &[Field::User, Field::File],
    }
}

/// Reads `arguments` (the text behind the command's name and its comma; `None` where there is no
/// comma) as those of `name`. What is no good becomes [`Action::Malformed`]: it is a command all
/// the same, to be refused and logged.
pub fn parse_action(name: CommandName, arguments: Option<&[u8]>) -> Action {
    let mut given: [&[u8]; MOST_ARGUMENTS] = [b""; MOST_ARGUMENTS];
    let mut count = 0;
    if let Some(text) = arguments {
        for argument in text.split(|&byte| byte == b',') {
            if count < MOST_ARGUMENTS {
                given[count] = argument;
            }
            count += 1;
        }
    }
    well_formed(name, &given, count).unwrap_or_else(|| {
        let all: Vec<&[u8]> =
            arguments.map(|text| text.split(|&byte| byte == b',').collect()).unwrap_or_default();
        Action::Malformed(Box::new(malformed(name, &all)))
    })
}

fn well_formed(name: CommandName, given: &[&[u8]; 3], count: usize) -> Option<Action> {
    if name == CommandName::DumpLog && count == 1 {
        return DumpFile::parse(given[0]).map(Action::DumpAll);
    }
    if count != fields(name).len() {
        return None;
    }
    let user = UserName::parse(given[0])?;
    let stock = || Stock::parse(given[1]);
    let amount = || Amount::parse(given[2]);
    let verb = match name {
        CommandName::Add => Verb::Add(Amount::parse(given[1])?),
        CommandName::Quote => Verb::Quote(stock()?),
        CommandName::Buy => Verb::Buy(stock()?, amount()?),
        CommandName::CommitBuy => Verb::CommitBuy,
        CommandName::CancelBuy => Verb::CancelBuy,
        CommandName::Sell => Verb::Sell(stock()?, amount()?),
        CommandName::CommitSell => Verb::CommitSell,
        CommandName::CancelSell => Verb::CancelSell,
        CommandName::SetBuyAmount => Verb::SetBuyAmount(stock()?, amount()?),
        CommandName::SetBuyTrigger => Verb::SetBuyTrigger(stock()?, amount()?),
        CommandName::CancelSetBuy => Verb::CancelSetBuy(stock()?),
        CommandName::SetSellAmount => Verb::SetSellAmount(stock()?, amount()?),
        CommandName::SetSellTrigger => Verb::SetSellTrigger(stock()?, amount()?),
        CommandName::CancelSetSell => Verb::CancelSetSell(stock()?),
        CommandName::DisplaySummary => Verb::DisplaySummary,
        CommandName::DumpLog => Verb::DumpLog(DumpFile::parse(given[1])?),
        CommandName::Register => Verb::Register,
    };
    Some(Action::User { user, verb })
}

/// Says what is wrong with the arguments, and keeps of them what the audit log can hold.
fn malformed(name: CommandName, given: &[&[u8]]) -> Malformed {
    let expected = if name == CommandName::DumpLog && given.len() == 1 {
        &[Field::File]
    } else {
        fields(name)
    };
    let mut kept: [Option<Box<str>>; 4] = [const { None }; 4];
    let mut left_out = String::new();
    let mut wrong: Option<(MalformedCode, String)> = None;

    if given.len() != expected.len() {
        let counts = format!("{} expected, {} given", arity(name), given.len());
        wrong = Some((MalformedCode::InvalidArguments, counts));
    }
    for (at, text) in given.iter().enumerate() {
        let Some(&field) = expected.get(at) else {
            if at >= expected.len() + QUOTED_EXTRA {
                let _ = write!(left_out, "; and {} more", given.len() - at);
                break;
            }
            let _ = write!(left_out, "; argument {} is '{}'", at + 1, quoted(text));
            continue;
        };
        match holdable(field, text) {
            Some(text) => kept[field as usize] = Some(text.into()),
            None => {
                let _ = write!(left_out, "; {} is '{}'", label(field), quoted(text));
            }
        }
        if let Some(found) = complaint(field, text) {
            // The first argument that is no good names the refusal; a wrong count comes first.
            wrong.get_or_insert(found);
        }
    }
    let (code, mut message) =
        wrong.unwrap_or_else(|| (MalformedCode::InvalidArguments, "not understood".to_string()));
    message.push_str(&left_out);
    let [user, stock, funds, file] = kept;
    Malformed { name, code, user, stock, file, funds, message: message.into() }
}

fn arity(name: CommandName) -> String {
    match name {
        CommandName::DumpLog => "1 or 2 arguments".to_string(),
        _ if fields(name).len() == 1 => "1 argument".to_string(),
        _ => format!("{} arguments", fields(name).len()),
    }
}

const fn label(field: Field) -> &'static str {
    match field {
        Field::User => "username",
        Field::Stock => "stock",
        Field::Funds => "amount",
        Field::File => "filename",
    }
}

fn complaint(field: Field, text: &[u8]) -> Option<(MalformedCode, String)> {
    let (good, code, expected) = match field {
        Field::User => (
            UserName::parse(text).is_some(),
            MalformedCode::InvalidUser,
            "a user name is 1 to 64 of A-Z a-z 0-9 _ . @ -",
        ),
        Field::Stock => {
            (Stock::parse(text).is_some(), MalformedCode::InvalidStock, "a stock is 1 to 3 letters")
        }
        Field::Funds => (
            Amount::parse(text).is_some(),
            MalformedCode::InvalidAmount,
            "an amount is a decimal with at most two fraction digits, more than 0, \
             at most 1000000000000.00",
        ),
        Field::File => (
            DumpFile::parse(text).is_some(),
            MalformedCode::InvalidFilename,
            "a file name is 1 to 255 bytes without '..' and control characters",
        ),
    };
    (!good).then(|| (code, expected.to_string()))
}

/// The text as the log's schema can hold it in that field, or `None` where it cannot.
fn holdable(field: Field, text: &[u8]) -> Option<&str> {
    let text = std::str::from_utf8(text).ok()?;
    let fits = match field {
        Field::User | Field::File => true,
        Field::Stock => text.chars().count() <= 3,
        Field::Funds => is_decimal(text),
    };
    // White space at the ends would not survive readers that trim.
    let kept = !text.is_empty() && text.trim() == text && text.chars().all(xml_holds);
    (fits && kept).then_some(text)
}

/// Characters that an XML 1.0 text holds unchanged.
fn xml_holds(char: char) -> bool {
    !char.is_control() && !matches!(char, '\u{fffe}' | '\u{ffff}')
}

/// The most digits of a decimal that the log holds: what libxml2 (`xmllint --schema`) takes for an
/// `xs:decimal`. Zeros before the first other digit of the whole part do not count.
const MOST_DIGITS: usize = 24;

/// Whether the XML log can hold the text as funds: a decimal in the sense of XML Schema
/// (`xs:decimal`) with at most 24 digits.
pub fn is_decimal(text: &str) -> bool {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let points = unsigned.bytes().filter(|&byte| byte == b'.').count();
    let digits = unsigned.trim_start_matches('0').bytes().filter(u8::is_ascii_digit).count();
    unsigned.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.')
        && points <= 1
        && unsigned.len() > points
        && digits <= MOST_DIGITS
}

/// Longest piece of a bad argument that an error message quotes, in bytes.
const QUOTED_BYTES: usize = 80;

/// Arguments too many that an error message quotes: a line of commas must not become a message many
/// times its length.
const QUOTED_EXTRA: usize = 8;

/// The beginning of `text` as an error message can show it: printable ASCII, and not endless.
pub fn quoted(text: &[u8]) -> String {
    let shown = &text[..text.len().min(QUOTED_BYTES)];
    let mut out = shown.escape_ascii().to_string();
    if shown.len() < text.len() {
        let _ = write!(out, "... ({} bytes)", text.len());
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Action {
        let (name, rest) = match line.split_once(',') {
            Some((name, rest)) => (name, Some(rest.as_bytes())),
            None => (line, None),
        };
        parse_action(CommandName::parse(name.as_bytes()).unwrap(), rest)
    }

    fn refused(line: &str) -> Malformed {
        match parse(line) {
            Action::Malformed(malformed) => *malformed,
            other => panic!("{line} was taken for {other:?}"),
        }
    }

    #[test]
    fn all_seventeen_forms_are_read() {
        for (line, name) in [
            ("ADD,u,1.00", CommandName::Add),
            ("QUOTE,u,S", CommandName::Quote),
            ("BUY,u,S,1.00", CommandName::Buy),
            ("COMMIT_BUY,u", CommandName::CommitBuy),
            ("CANCEL_BUY,u", CommandName::CancelBuy),
            ("SELL,u,S,1.00", CommandName::Sell),
            ("COMMIT_SELL,u", CommandName::CommitSell),
            ("CANCEL_SELL,u", CommandName::CancelSell),
            ("SET_BUY_AMOUNT,u,S,1.00", CommandName::SetBuyAmount),
            ("SET_BUY_TRIGGER,u,S,1.00", CommandName::SetBuyTrigger),
            ("CANCEL_SET_BUY,u,S", CommandName::CancelSetBuy),
            ("SET_SELL_AMOUNT,u,S,1.00", CommandName::SetSellAmount),
            ("SET_SELL_TRIGGER,u,S,1.00", CommandName::SetSellTrigger),
            ("CANCEL_SET_SELL,u,S", CommandName::CancelSetSell),
            ("DISPLAY_SUMMARY,u", CommandName::DisplaySummary),
            ("DUMPLOG,u,f", CommandName::DumpLog),
        ] {
            let action = parse(line);
            assert!(matches!(action, Action::User { .. }), "{line}");
            assert_eq!(action.name(), name);
            assert_eq!(action.user(), Some("u"));
        }
        assert!(
            matches!(parse("DUMPLOG,./testLOG"), Action::DumpAll(file) if file.name() == "testLOG")
        );
    }

    #[test]
    fn a_decimal_out_of_bounds_keeps_its_text() {
        let negative = refused("ADD,umhaEY4lil,-73280.58");
        assert_eq!(negative.code, MalformedCode::InvalidAmount);
        assert_eq!(negative.funds.as_deref(), Some("-73280.58"));
        assert_eq!(negative.user.as_deref(), Some("umhaEY4lil"));
        assert_eq!(refused("ADD,u,0.00").funds.as_deref(), Some("0.00"));
        assert_eq!(refused("ADD,u,12.345").funds.as_deref(), Some("12.345"));
    }

    #[test]
    fn what_the_schema_cannot_hold_is_quoted_in_the_message() {
        let exponent = refused("BUY,u,S,1e9");
        assert_eq!((exponent.funds, exponent.code), (None, MalformedCode::InvalidAmount));
        assert!(exponent.message.contains("amount is '1e9'"), "{}", exponent.message);
        let long = refused("BUY,u,GOOGL,1.00");
        assert_eq!((long.stock, long.code), (None, MalformedCode::InvalidStock));
        assert!(long.message.contains("stock is 'GOOGL'"), "{}", long.message);
        let digits = "9".repeat(25);
        for text in [digits.clone(), format!("0.{digits}"), format!("-1.{digits}")] {
            let many = refused(&format!("ADD,u,{text}"));
            assert_eq!((many.funds, many.code), (None, MalformedCode::InvalidAmount));
            assert!(many.message.contains(&format!("amount is '{text}'")), "{}", many.message);
        }
        let endless = refused(&format!("ADD,u,{}", "9".repeat(60_000)));
        assert!(endless.funds.is_none() && endless.message.len() < 300, "{}", endless.message);
        let held = format!("-001.{}", &digits[2..]);
        assert_eq!(refused(&format!("ADD,u,{held}")).funds.as_deref(), Some(held.as_str()));
        let control = refused("ADD,a\u{1}b,1.00");
        assert_eq!((control.user, control.code), (None, MalformedCode::InvalidUser));
        assert!(control.message.contains("a\\x01b"), "{}", control.message);
    }

    #[test]
    fn a_wrong_count_of_arguments_keeps_those_it_knows() {
        let few = refused("BUY,u");
        assert_eq!((few.code, few.user.as_deref()), (MalformedCode::InvalidArguments, Some("u")));
        let many = refused("BUY,u,S,1.00,x,y");
        assert_eq!(many.funds.as_deref(), Some("1.00"));
        assert!(many.message.contains("argument 4 is 'x'"), "{}", many.message);
        let commas = refused(&format!("BUY,u,S,1.00{}", ",".repeat(60_000)));
        assert!(commas.message.ends_with("; argument 11 is ''; and 59992 more"), "{commas:?}");
        assert_eq!(refused("COMMIT_BUY").code, MalformedCode::InvalidArguments);
        assert_eq!(refused("DUMPLOG,u,..").code, MalformedCode::InvalidFilename);
        assert_eq!(refused("DUMPLOG").code, MalformedCode::InvalidArguments);
    }

    proptest::proptest! {
        #[test]
        fn no_text_makes_it_panic(name in 0usize..16, text: Option<Vec<u8>>) {
            parse_action(CommandName::ALL[name], text.as_deref());
        }
    }
}
