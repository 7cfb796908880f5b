//! RFC 6455, by hand against the server: what the protocol asks of one, and what it forbids.

use crate::raw::{
    BINARY, CLOSE, CONTINUED, LAST, PING, PONG, Raw, TEXT, answer, frame, handshake, head,
};
use crate::server::{Client, Server, request_id};
use frontend::live::stream::LONGEST_MESSAGE;
use serde_json::json;
use std::time::Instant;

/// `{"ping":7}` in so many bytes.
fn padded(length: usize) -> Vec<u8> {
    let mut text = br#"{"ping":7}"#.to_vec();
    text.resize(length, b' ');
    text
}

#[test]
fn a_handshake_that_is_none_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path(), &[]);
    let ann = Client::signed_up(&server, "ann");
    for (name, value) in [
        ("sec-websocket-version", Some("8")),
        ("sec-websocket-version", None),
        ("sec-websocket-key", None),
        ("sec-websocket-key", Some("short")),
        ("upgrade", None),
        ("upgrade", Some("h2c")),
        ("connection", Some("close")),
    ] {
        let closing = format!("{}\r\n", handshake(&ann, &[(name, value)]).trim_end());
        let closing = match name {
            "connection" => closing + "\r\n",
            _ => closing + "connection: close\r\n\r\n",
        };
        let said = String::from_utf8(answer(&server.address, closing.as_bytes())).unwrap();
        assert!(said.starts_with("HTTP/1.1 400"), "{name} {value:?}: {said}");
        assert!(said.contains("sec-websocket-version: 13"), "{name} {value:?}: {said}");
        assert!(said.contains("application/problem+json"), "{name} {value:?}: {said}");
    }
    for (name, value, status) in [
        ("origin", None, "403"),
        ("origin", Some("http://evil.example"), "403"),
        ("cookie", Some("daytrade=0"), "401"),
    ] {
        let request = handshake(&ann, &[(name, value)]).replace("\r\n\r\n", "\r\nx-end: 1\r\n\r\n");
        let said = answer(
            &server.address,
            request.replace("Upgrade\r\n", "Upgrade, close\r\n").as_bytes(),
        );
        let said = String::from_utf8(said).unwrap();
        assert!(said.starts_with(&format!("HTTP/1.1 {status}")), "{name} {value:?}: {said}");
    }
    Raw::open(&ann).is_alive();
}

#[test]
fn messages_come_in_fragments_with_control_frames_between() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path(), &[]);
    let ann = Client::signed_up(&server, "ann");
    let mut raw = Raw::open(&ann);
    raw.send(&frame(TEXT, b"{\"ping\""));
    raw.send(&frame(LAST | PING, b"in between"));
    assert_eq!(raw.next(), Some((LAST | PONG, b"in between".to_vec())));
    raw.send(&frame(CONTINUED, b"")).send(&frame(LAST | PONG, b"not asked for"));
    raw.send(&frame(LAST | CONTINUED, b":7}"));
    assert!(raw.text().contains(r#""ping":7"#));
    // All of it a byte at a time, then two messages at once.
    let bytes = [frame(TEXT, b"{\"ping\":"), frame(LAST | CONTINUED, b"8}")].concat();
    for byte in bytes {
        raw.send(&[byte]);
    }
    assert!(raw.text().contains(r#""ping":8"#));
    raw.send(
        &[frame(LAST | TEXT, br#"{"ping":1}"#), frame(LAST | TEXT, br#"{"ping":2}"#)].concat(),
    );
    assert!(raw.text().contains(r#""ping":1"#) && raw.text().contains(r#""ping":2"#));
    for length in [0, 1, 124, 125] {
        raw.send(&frame(LAST | PING, &vec![7; length]));
        assert_eq!(raw.next(), Some((LAST | PONG, vec![7; length])));
    }
    // A character may be cut in two; a message of bytes is none, and no reason to part.
    raw.send(&frame(TEXT, b"{\"\xc3")).send(&frame(LAST | CONTINUED, b"\xa9\":1}"));
    assert!(raw.text().contains("invalid_request"));
    raw.send(&frame(LAST | BINARY, br#"{"ping":7}"#));
    assert!(raw.text().contains("messages are text"));
    raw.is_alive();
}

#[test]
fn what_the_protocol_forbids_ends_the_connection() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path(), &[]);
    let ann = Client::signed_up(&server, "ann");
    let mut cases: Vec<(Vec<u8>, u16)> = vec![
        (frame(LAST | PING, &[7; 126]), 1002),
        (frame(LAST | CLOSE, &[3; 126]), 1002),
        (frame(PING, b"in fragments"), 1002),
        (frame(LAST | CONTINUED, b"of nothing"), 1002),
        ([frame(TEXT, b"one"), frame(LAST | TEXT, b"another")].concat(), 1002),
        (vec![LAST | TEXT, 2, b'{', b'}'], 1002),
        (frame(LAST | TEXT, b"\xff\xfe"), 1007),
        (frame(LAST | TEXT, b"{\"\xed\xa0\x80\"}"), 1007),
        ([frame(TEXT, b"\xc3"), frame(LAST | CONTINUED, b"(")].concat(), 1007),
    ];
    cases.extend([0x40, 0x20, 0x10].map(|bit| (frame(LAST | TEXT | bit, b"{}"), 1002)));
    let unknown = (0x3..=0x7).chain(0xb..=0xf);
    cases.extend(unknown.map(|code| (frame(LAST | code, b"{}"), 1002)));
    for (bytes, code) in cases {
        let mut raw = Raw::open(&ann);
        assert_eq!(raw.send(&bytes).closes_with(), code, "{bytes:x?}");
    }
    Raw::open(&ann).is_alive();
}

#[test]
fn what_was_said_before_the_breach_is_heard() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path(), &[]);
    let ann = Client::signed_up(&server, "ann");
    for (nth, (breach, code)) in [
        (frame(LAST | 0x3, b"?"), 1002),
        (head(LAST | TEXT, 1 << 40), 1009),
        (frame(LAST | CONTINUED, b"of nothing"), 1002),
        (frame(LAST | TEXT, b"\xff"), 1007),
        (frame(LAST | CLOSE, b"\x03\xe8\xff"), 1007),
    ]
    .into_iter()
    .enumerate()
    {
        let command = json!({ "request_id": request_id(), "line": "ADD,1.00" });
        let command = json!({ "command": command }).to_string();
        let said =
            [frame(LAST | TEXT, command.as_bytes()), frame(LAST | TEXT, br#"{"ping":7}"#), breach];
        let mut raw = Raw::open(&ann);
        // In one piece: it is read together.
        raw.send(&said.concat());
        while !raw.text().contains(r#""ping":7"#) {}
        assert_eq!(raw.closes_with(), code);
        // A command of the same user comes behind it.
        ann.accepted("ADD,1.00");
        let cash = ann.get("/api/v1/account").ok()["cash"].clone();
        assert_eq!(cash, format!("{}.00", 2 * (nth + 1)), "{code}");
    }
}

#[test]
fn a_message_has_at_most_64_kib() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path(), &[]);
    let ann = Client::signed_up(&server, "ann");
    assert_eq!(LONGEST_MESSAGE, 65_536);
    let mut raw = Raw::open(&ann);
    raw.send(&frame(LAST | TEXT, &padded(LONGEST_MESSAGE)));
    assert!(raw.text().contains(r#""ping":7"#));
    let (one, rest) = (padded(40_000), vec![b' '; LONGEST_MESSAGE - 40_000]);
    raw.send(&frame(TEXT, &one)).send(&frame(LAST | CONTINUED, &rest));
    assert!(raw.text().contains(r#""ping":7"#));
    // The next message has as much room as the one before.
    raw.send(&frame(LAST | TEXT, &padded(LONGEST_MESSAGE)));
    assert!(raw.text().contains(r#""ping":7"#));
    assert_eq!(raw.send(&frame(LAST | TEXT, &padded(LONGEST_MESSAGE + 1))).closes_with(), 1009);

    let mut raw = Raw::open(&ann);
    raw.send(&frame(TEXT, &one)).send(&frame(CONTINUED, &rest));
    assert_eq!(raw.send(&frame(LAST | CONTINUED, b" ")).closes_with(), 1009);
    // By what the head says: nobody waits for what will not be taken, or keeps it.
    for length in [LONGEST_MESSAGE as u64 + 1, 1 << 40, i64::MAX as u64, u64::MAX] {
        let started = Instant::now();
        let mut raw = Raw::open(&ann);
        assert_eq!(raw.send(&head(LAST | BINARY, length)).closes_with(), 1009, "{length}");
        assert!(started.elapsed() < crate::server::PATIENCE / 4);
    }
}

#[test]
fn whoever_says_goodbye_hears_it_back() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path(), &[]);
    let ann = Client::signed_up(&server, "ann");
    let bye = |code: u16, why: &[u8]| [&code.to_be_bytes(), why].concat();
    for code in [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1011, 3000, 4999] {
        let mut raw = Raw::open(&ann);
        assert_eq!(raw.send(&frame(LAST | CLOSE, &bye(code, b"bye"))).closes_with(), code);
    }
    assert!(Raw::open(&ann).send(&frame(LAST | CLOSE, b"")).closes().is_empty());
    for bad in [
        vec![3],
        bye(999, b""),
        bye(1004, b""),
        bye(1005, b""),
        bye(1006, b""),
        bye(1015, b""),
        bye(2999, b""),
        bye(5000, b""),
    ] {
        let mut raw = Raw::open(&ann);
        assert_eq!(raw.send(&frame(LAST | CLOSE, &bad)).closes_with(), 1002, "{bad:?}");
    }
    // The reason of a goodbye is text, as a message is.
    let mut raw = Raw::open(&ann);
    assert_eq!(raw.send(&frame(LAST | CLOSE, &bye(1000, b"\xff"))).closes_with(), 1007);
    // What stands behind a goodbye is not heard.
    let mut raw = Raw::open(&ann);
    raw.send(
        &[frame(LAST | CLOSE, &bye(1000, b"")), frame(LAST | TEXT, br#"{"ping":1}"#)].concat(),
    );
    assert_eq!(raw.closes_with(), 1000);
    // Whoever will say nothing more is gone; one who goes without a word is nobody's burden.
    let mut raw = Raw::open(&ann);
    raw.half_close();
    while raw.next().is_some() {}
    drop(Raw::open(&ann));
    Raw::open(&ann).is_alive();
}
