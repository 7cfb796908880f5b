//! Whatever text is in an entry, its XML is read back, and the text with it.

use crate::support::*;
use audit_logger::xml::{FOOT, HEAD, Renderer};
use domain::trading::command::{Action, CommandName, Malformed, MalformedCode};
use domain::trading::entry::{CommandDecided, QuoteReceived, QuoteRefused};
use domain::trading::{Command, Entry, TransactionNum};
use proptest::prelude::*;
use quick_xml::Reader;
use quick_xml::events::Event;

/// The leaves of the log: the name and text of every child of an element, as a strict reader has
/// them.
fn leaves(xml: &str) -> Result<Vec<(String, String)>, String> {
    let mut reader = Reader::from_str(xml);
    let mut open: Vec<(String, String)> = Vec::new();
    let mut leaves = Vec::new();
    loop {
        match reader.read_event().map_err(|error| error.to_string())? {
            Event::Start(start) => {
                let name = start.name().as_ref().to_string();
                open.push((name, String::new()));
            }
            Event::Text(text) => {
                if let Some((_, all)) = open.last_mut() {
                    *all += &text;
                }
            }
            Event::GeneralRef(name) => {
                let text = match &*name {
                    "lt" => "<",
                    "gt" => ">",
                    "amp" => "&",
                    other => return Err(format!("&{other};")),
                };
                open.last_mut().ok_or("a reference outside")?.1 += text;
            }
            Event::End(_) => {
                let (name, text) = open.pop().ok_or("an end too many")?;
                if open.len() == 2 {
                    leaves.push((name, text));
                }
            }
            Event::Decl(_) => {}
            Event::Eof if open.is_empty() => return Ok(leaves),
            other => return Err(format!("{other:?}")),
        }
    }
}

fn whole(entry: &Entry) -> String {
    let mut out = HEAD.as_bytes().to_vec();
    Renderer::new("s1").render(entry, &mut out);
    out.extend_from_slice(FOOT.as_bytes());
    String::from_utf8(out).unwrap()
}

/// What XML cannot hold is a question mark.
fn held(text: &str) -> String {
    let holds = |char: char| !char.is_control() && !matches!(char, '\u{fffe}' | '\u{ffff}');
    text.chars().map(|char| if holds(char) { char } else { '?' }).collect()
}

/// The texts of every leaf of that name.
fn texts(leaves: &[(String, String)], name: &str) -> Vec<String> {
    leaves.iter().filter(|(leaf, _)| leaf == name).map(|(_, text)| text.clone()).collect()
}

proptest! {
    #[test]
    fn any_text_of_a_malformed_command_is_read_back(
        user: Option<String>,
        stock: Option<String>,
        file: Option<String>,
        funds in proptest::option::of("[+-]?[0-9]{1,30}[.][0-9]{3}"),
        message: String,
        name in 0usize..16,
        code in 0usize..5,
    ) {
        let boxed = |text: &Option<String>| text.as_deref().map(Box::from);
        let malformed = Malformed {
            name: CommandName::ALL[name],
            code: MalformedCode::ALL[code],
            user: boxed(&user),
            stock: boxed(&stock),
            file: boxed(&file),
            funds: boxed(&funds),
            message: message.as_str().into(),
        };
        let command = Command::new(TransactionNum(1), RECEIVED_MS, Action::Malformed(Box::new(malformed)));
        let xml = whole(&Entry::Command(CommandDecided::refused_malformed(command, APPLIED_MS)));
        let leaves = leaves(&xml).map_err(TestCaseError::fail)?;
        let digits = |text: &String| {
            let digits = text.trim_start_matches(['+', '-', '0']).chars();
            digits.filter(char::is_ascii_digit).count()
        };
        let (shown, left_out) = match funds {
            Some(funds) if digits(&funds) > 24 => (None, format!("; amount is '{funds}'")),
            funds => (funds, String::new()),
        };
        for (name, given) in
            [("username", user), ("stockSymbol", stock), ("filename", file), ("funds", shown)]
        {
            let expected: Vec<String> = given.iter().flat_map(|text| [held(text), held(text)]).collect();
            // Once in the command, once in the error.
            prop_assert_eq!(texts(&leaves, name), expected);
        }
        let code = MalformedCode::ALL[code].as_str();
        let message = format!("{code}: {}{left_out}", held(&message));
        prop_assert_eq!(texts(&leaves, "errorMessage"), vec![message]);
    }

    #[test]
    fn any_line_of_a_workload_is_read_back(name in 0usize..16, arguments: Vec<u8>) {
        let name = CommandName::ALL[name];
        let action = domain::trading::parse::parse_action(name, Some(&arguments));
        prop_assume!(matches!(action, Action::Malformed(_)));
        let command = Command::new(TransactionNum(1), 1, action);
        let xml = whole(&Entry::Command(CommandDecided::refused_malformed(command, 1)));
        let leaves = leaves(&xml).map_err(TestCaseError::fail)?;
        prop_assert_eq!(texts(&leaves, "command"), vec![name.as_str().to_string(); 2]);
        prop_assert!(!xml.contains('?') || arguments.contains(&b'?') || xml.matches('?').count() == 2);
    }

    #[test]
    fn any_key_or_message_of_the_quote_server_is_read_back(key: String, message: String) {
        let quote = Entry::Quote(QuoteReceived {
            transaction: TransactionNum(1),
            user: user("u"),
            received_ms: 1,
            stock: stock("A"),
            price: price(1),
            server_time_ms: u64::MAX,
            cryptokey: key.as_str().into(),
        });
        let read = leaves(&whole(&quote)).map_err(TestCaseError::fail)?;
        prop_assert_eq!(texts(&read, "cryptokey"), vec![held(&key)]);
        let refused = Entry::QuoteRefused(QuoteRefused {
            transaction: TransactionNum(u64::MAX),
            name: CommandName::Buy,
            user: user("u"),
            failed_ms: u64::MAX,
            stock: stock("A"),
            message: message.as_str().into(),
        });
        let read = leaves(&whole(&refused)).map_err(TestCaseError::fail)?;
        prop_assert_eq!(
            texts(&read, "errorMessage"),
            vec![format!("quote_refused: {}", held(&message))]
        );
    }
}
