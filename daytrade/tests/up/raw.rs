//! HTTP and websockets by hand: bytes that no client would send.

use crate::server::{Client, PATIENCE};
use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};

/// The codes of frames.
pub const CONTINUED: u8 = 0x0;
pub const TEXT: u8 = 0x1;
pub const BINARY: u8 = 0x2;
pub const CLOSE: u8 = 0x8;
pub const PING: u8 = 0x9;
pub const PONG: u8 = 0xa;

/// Of the last frame of a message.
pub const LAST: u8 = 0x80;

/// Sends these bytes, and reads until the server closes or has said nothing for long.
pub fn answer(address: &str, bytes: &[u8]) -> Vec<u8> {
    let mut socket = TcpStream::connect(address).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    // The server may have refused it before all of it was sent.
    let _ = socket.write_all(bytes);
    let mut answer = Vec::new();
    let _ = socket.read_to_end(&mut answer);
    answer
}

/// A head of HTTP that asks for a websocket with these lines in place of the usual ones.
pub fn handshake(client: &Client, changed: &[(&str, Option<&str>)]) -> String {
    let origin = format!("http://{}", client.address);
    let cookie = client.cookie.clone().unwrap();
    let usual = [
        ("host", client.address.as_str()),
        ("cookie", &cookie),
        ("origin", &origin),
        ("upgrade", "websocket"),
        ("connection", "Upgrade"),
        ("sec-websocket-version", "13"),
        ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
    ];
    let mut head = "GET /api/v1/stream HTTP/1.1\r\n".to_string();
    for (name, value) in usual {
        let value = match changed.iter().find(|(changed, _)| *changed == name) {
            Some((_, value)) => *value,
            None => Some(value),
        };
        if let Some(value) = value {
            head += &format!("{name}: {value}\r\n");
        }
    }
    head + "\r\n"
}

/// A frame as a client masks it.
pub fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut bytes = head(first, payload.len() as u64);
    let mask = [0x12, 0x34, 0x56, 0x78];
    bytes.extend(mask);
    bytes.extend(payload.iter().zip(mask.iter().cycle()).map(|(byte, mask)| byte ^ mask));
    bytes
}

/// The head of a frame, up to its mask.
pub fn head(first: u8, length: u64) -> Vec<u8> {
    let mut bytes = vec![first];
    match length {
        0..=125 => bytes.push(0x80 | length as u8),
        126..=0xffff => {
            bytes.push(0x80 | 126);
            bytes.extend((length as u16).to_be_bytes());
        }
        _ => {
            bytes.push(0x80 | 127);
            bytes.extend(length.to_be_bytes());
        }
    }
    bytes
}

/// A websocket.
pub struct Raw(TcpStream);

impl Raw {
    pub fn open(client: &Client) -> Raw {
        let mut socket = TcpStream::connect(&client.address).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        socket.set_nodelay(true).unwrap();
        socket.write_all(handshake(client, &[]).as_bytes()).unwrap();
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            socket.read_exact(&mut byte).unwrap();
            head.push(byte[0]);
        }
        let head = String::from_utf8(head).unwrap();
        assert!(head.starts_with("HTTP/1.1 101"), "{head}");
        // What the key of RFC 6455, 1.3 is answered with.
        assert!(head.contains("s3pPLMBiTxaQ9kYGzzhZRbK+xOo="), "{head}");
        Raw(socket)
    }

    /// Sends bytes; the server may have gone.
    pub fn send(&mut self, bytes: &[u8]) -> &mut Raw {
        let _ = self.0.write_all(bytes);
        self
    }

    /// Says that nothing more comes.
    pub fn half_close(&mut self) {
        self.0.shutdown(Shutdown::Write).unwrap();
    }

    /// The next frame: its first byte and payload. None where the server has closed.
    pub fn next(&mut self) -> Option<(u8, Vec<u8>)> {
        let mut head = [0; 2];
        self.0.read_exact(&mut head).ok()?;
        assert_eq!(head[1] & 0x80, 0, "a server masks nothing");
        let length = match head[1] & 0x7f {
            126 => {
                let mut bytes = [0; 2];
                self.0.read_exact(&mut bytes).ok()?;
                u64::from(u16::from_be_bytes(bytes))
            }
            127 => {
                let mut bytes = [0; 8];
                self.0.read_exact(&mut bytes).ok()?;
                u64::from_be_bytes(bytes)
            }
            short => u64::from(short),
        };
        let mut payload = vec![0; usize::try_from(length).unwrap()];
        self.0.read_exact(&mut payload).ok()?;
        Some((head[0], payload))
    }

    /// The next message of text.
    #[track_caller]
    pub fn text(&mut self) -> String {
        loop {
            let (first, payload) = self.next().expect("it is open");
            if first == LAST | TEXT {
                return String::from_utf8(payload).unwrap();
            }
            assert_ne!(first, LAST | CLOSE, "closed: {payload:?}");
        }
    }

    /// Asserts that it is alive: a ping of JSON is answered.
    #[track_caller]
    pub fn is_alive(&mut self) {
        self.send(&frame(LAST | TEXT, br#"{"ping":99}"#));
        while !self.text().contains(r#""ping":99"#) {}
    }

    /// Asserts that the server closes it; the payload of its last frame. Then the connection ends.
    #[track_caller]
    pub fn closes(&mut self) -> Vec<u8> {
        loop {
            let (first, payload) = self.next().expect("it says why it closes");
            if first == LAST | CLOSE {
                assert_eq!(self.next(), None, "something comes behind the end");
                return payload;
            }
        }
    }

    /// The same, as the code.
    #[track_caller]
    pub fn closes_with(&mut self) -> u16 {
        let payload = self.closes();
        u16::from_be_bytes([payload[0], payload[1]])
    }
}
