//! What analysts find in the index.

use crate::log::{self, BEGUN_MS, HOSTILE, decided};
use crate::node::Node;
use crate::{assert_same, documents, follow, stream_of, until_complete};
use bus::Entries;
use domain::trading::command::{Action, CommandName, Malformed, MalformedCode, Verb};
use domain::trading::entry::{OrderFilled, PendingExpired, QuoteReceived, QuoteRefused};
use domain::trading::outcome::{Accepted, Fill};
use domain::trading::verbs::expiry::Side;
use domain::trading::{
    Amount, DumpFile, Entry, Money, Outcome, Price, Reject, Shares, TransactionNum, UserName,
};
use elasticsearch::http::Method;
use serde_json::json;

/// Follows a log of these entries until the node has them; the node and the log.
fn stored(entries: &[Entry]) -> (&'static Node, tempfile::TempDir) {
    let node = Node::shared();
    let folder = tempfile::tempdir().unwrap();
    let mut writer = log::open(folder.path());
    let mut bytes = Entries::default();
    entries.iter().for_each(|entry| bytes.push(entry));
    writer.append([&bytes].into_iter(), BEGUN_MS).unwrap();
    until_complete(&follow(node.url(), folder.path()), entries.len() as u64 + 1);
    (node, folder)
}

#[test]
fn analysts_find_a_command_by_user_stock_command_transaction_time_and_words() {
    let user = UserName::parse(b"ann").unwrap();
    let amount = Amount::new(Money::from_cents(9_005)).unwrap();
    let add = Action::User { user: user.clone(), verb: Verb::Add(amount) };
    let buy = Action::User { user, verb: Verb::Buy(log::stock(), amount) };
    let available = Money::from_cents(12);
    let refused = Outcome::Rejected(Reject::InsufficientFunds { available });
    let (node, folder) = stored(&[
        decided(7, BEGUN_MS, add, Outcome::Accepted(Accepted::Added)),
        decided(8, BEGUN_MS + 1, buy, refused),
    ]);
    let all = documents(node, folder.path());
    assert_eq!(
        all[1].2,
        json!({
            "@timestamp": BEGUN_MS + 1,
            "message": "only 0.12 dollars are free for it",
            "ecs": { "version": "8.11" },
            "error": { "code": "insufficient_funds" },
            "event": {
                "action": "BUY",
                "category": "api",
                "dataset": "daytrade.audit",
                "hash": all[1].2["event"]["hash"],
                "kind": "event",
                "outcome": "failure",
                "sequence": 2,
            },
            "transaction": { "id": "8" },
            "user": { "name": "ann" },
            "daytrade": {
                "amount_cents": 9_005,
                "command": "BUY",
                "kind": "command",
                "received": BEGUN_MS - 2,
                "stock": "ABC",
                "transaction": 8,
            },
        })
    );
    let path = format!("/{}/_search", stream_of(folder.path()));
    for query in [
        json!({ "term": { "user.name": "ann" } }),
        json!({ "term": { "daytrade.stock": "ABC" } }),
        json!({ "term": { "event.action": "BUY" } }),
        json!({ "term": { "transaction.id": "8" } }),
        json!({ "range": { "daytrade.transaction": { "gte": 8 } } }),
        json!({ "range": { "@timestamp": { "gte": "2025-12-31T23:59:49.001Z" } } }),
        json!({ "range": { "daytrade.amount_cents": { "gte": 9_005, "lt": 9_006 } } }),
        json!({ "match": { "message": "dollars free" } }),
        json!({ "term": { "error.code": "insufficient_funds" } }),
    ] {
        let told = node.ask(Method::Post, &path, Some(json!({ "query": query })));
        let hits = told["hits"]["hits"].as_array().unwrap();
        assert!(hits.iter().any(|hit| hit["_source"] == all[1].2), "{query}: {told}");
    }
}

/// Texts that would end a line, a string or an object of a request, and others that are long.
fn texts() -> Vec<String> {
    let mut texts: Vec<String> = HOSTILE.map(str::to_string).to_vec();
    texts.extend(
        [
            "\"}}\n{\"delete\":{\"_index\":\"daytrade-positions\",\"_id\":\"1\"}}\n",
            "\n{\"index\":{\"_index\":\"daytrade-injected\"}}\n{\"x\":1}\n",
            "\r\n\r\nDELETE /_all HTTP/1.1\r\n\r\n",
            "{\"a\":{\"b\":[1,2]}}",
            "\u{0}\u{1}\u{1f}\u{7f}\u{2028}\u{2029}\u{feff}\u{fffd}\u{10ffff}",
            "<script>{{ctx._source}}</script> ${x} %n \\u0000 \\",
            "",
            " ",
        ]
        .map(str::to_string),
    );
    texts.push("long ".repeat(20_000));
    texts.push("🦀".repeat(20_000));
    texts
}

#[test]
fn what_users_type_is_never_part_of_a_request() {
    let mut entries = Vec::new();
    for (text, number) in texts().into_iter().zip(1..) {
        let text: Box<str> = text.into();
        let malformed = Malformed {
            name: CommandName::Add,
            code: MalformedCode::InvalidAmount,
            user: Some(text.clone()),
            stock: Some(text.clone()),
            file: Some(text.clone()),
            funds: Some(text.clone()),
            message: text,
        };
        let action = Action::Malformed(Box::new(malformed));
        entries.push(decided(number, BEGUN_MS, action, Outcome::Rejected(Reject::Malformed)));
    }
    let (node, folder) = stored(&entries);
    assert_same(node, folder.path());
    for ((_, _, document), text) in documents(node, folder.path()).iter().zip(texts()) {
        assert_eq!(document["user"]["name"], *text);
        assert_eq!(document["daytrade"]["stock"], *text);
        assert_eq!(document["file"]["name"], *text);
    }
    let (status, _) = node.say(Method::Get, "/daytrade-injected", None);
    assert_eq!(status, 404);
}

#[test]
fn the_ends_of_every_number_are_taken() {
    let user = || UserName::parse(b"u").unwrap();
    let most = i64::MAX;
    let (shares, cash) = (Shares::new(u64::MAX), Money::from_cents(most));
    let price = Price::from_cents(Price::MAX_CENTS).unwrap();
    let (transaction, stock) = (TransactionNum(u64::MAX), log::stock());
    let fill = Fill { price, shares, cash };
    let mut entries: Vec<Entry> = [0, 1, BEGUN_MS, 1 << 62, u64::MAX]
        .into_iter()
        .map(|at_ms| {
            Entry::Quote(QuoteReceived {
                transaction,
                user: user(),
                received_ms: at_ms,
                stock,
                price,
                server_time_ms: at_ms,
                cryptokey: "".into(),
            })
        })
        .collect();
    entries.extend([Side::Buy, Side::Sell].map(|side| {
        let (user, expired_ms) = (user(), u64::MAX);
        Entry::Expired(PendingExpired { transaction, user, expired_ms, side, stock, shares, cash })
    }));
    entries.extend([Side::Buy, Side::Sell].map(|side| {
        let (user, name, filled_ms) = (user(), CommandName::SetSellTrigger, u64::MAX);
        Entry::Filled(OrderFilled { transaction, name, user, filled_ms, side, stock, fill })
    }));
    let message = "".into();
    let (name, failed_ms) = (CommandName::Sell, 0);
    entries.push(Entry::QuoteRefused(QuoteRefused {
        transaction,
        name,
        user: user(),
        failed_ms,
        stock,
        message,
    }));
    let file = DumpFile::parse(b"f").unwrap();
    entries.push(decided(
        u64::MAX,
        u64::MAX,
        Action::DumpAll(file),
        Outcome::Accepted(Accepted::Dumped),
    ));
    let (node, folder) = stored(&entries);
    assert_same(node, folder.path());
    let all = documents(node, folder.path());
    assert_eq!(all[4].2["transaction"]["id"], u64::MAX.to_string());
    assert_eq!(all[4].2["daytrade"]["price_cents"], Price::MAX_CENTS);
    assert_eq!(all[4].2["daytrade"]["quote"]["server_time_ms"], most);
}

#[test]
fn the_mapping_takes_every_kind_of_entry_and_nothing_it_does_not_know() {
    let entries: Vec<Entry> = (1..=3_000).map(|number| log::entry(77, number)).collect();
    let (node, folder) = stored(&entries);
    assert_same(node, folder.path());
    let path = format!("/{}/_create/x", stream_of(folder.path()));
    let unknown = json!({ "@timestamp": 1, "daytrade": { "balance": 1 } });
    let (status, told) = node.say(Method::Put, &path, Some(unknown));
    assert_eq!(status, 400, "{told}");
    assert!(told.to_string().contains("strict"), "{told}");
}
