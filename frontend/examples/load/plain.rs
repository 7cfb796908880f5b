//! A websocket that reads with as little work as can be: what listens to hundreds of thousands of
//! messages a second is not to take the machine from whoever sends them.

use crate::wire::Socket;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Room for what comes at once; more is made where a message is longer.
const BUFFER: usize = 4 << 10;

const TEXT: u8 = 0x81;
const PING: u8 = 0x89;
const PONG: u8 = 0x8a;

/// A websocket of a client.
pub(crate) struct Plain {
    stream: TcpStream,
    buffer: Vec<u8>,
    filled: usize,
}

impl Plain {
    /// One that was just opened and has heard nothing.
    pub(crate) fn new(socket: Socket) -> Plain {
        Plain { stream: socket.into_inner(), buffer: vec![0; BUFFER], filled: 0 }
    }

    /// Says something.
    pub(crate) async fn say(&mut self, text: &str) -> std::io::Result<()> {
        self.send(TEXT, text.as_bytes()).await
    }

    async fn send(&mut self, kind: u8, payload: &[u8]) -> std::io::Result<()> {
        let mut frame = vec![kind];
        match u8::try_from(payload.len()).ok().filter(|length| *length < 126) {
            Some(length) => frame.push(0x80 | length),
            None => {
                frame.push(0x80 | 126);
                frame.extend((payload.len() as u16).to_be_bytes());
            }
        }
        // A mask of zeroes leaves everything as it is.
        frame.extend([0; 4]);
        frame.extend(payload);
        self.stream.write_all(&frame).await
    }

    /// Waits for what comes, and hands each text to `each`; whether the connection goes on.
    pub(crate) async fn hear(&mut self, mut each: impl FnMut(&[u8])) -> bool {
        if self.filled == self.buffer.len() {
            self.buffer.resize(self.filled * 2, 0);
        }
        match self.stream.read(&mut self.buffer[self.filled..]).await {
            Ok(0) | Err(_) => return false,
            Ok(count) => self.filled += count,
        }
        let (mut at, mut pings) = (0, Vec::new());
        while let Some((kind, from, to)) = frame(&self.buffer[at..self.filled]) {
            let payload = &self.buffer[at + from..at + to];
            match kind {
                TEXT => each(payload),
                PING => pings.push(payload.to_vec()),
                _ => return false,
            }
            at += to;
        }
        self.buffer.copy_within(at..self.filled, 0);
        self.filled -= at;
        for ping in pings {
            if self.send(PONG, &ping).await.is_err() {
                return false;
            }
        }
        true
    }
}

/// The first frame, if it is all there: its kind, and from where to where its payload is.
fn frame(bytes: &[u8]) -> Option<(u8, usize, usize)> {
    let (kind, short) = (*bytes.first()?, *bytes.get(1)?);
    let (from, length) = match short {
        126 => (4, u64::from(u16::from_be_bytes(bytes.get(2..4)?.try_into().ok()?))),
        127 => (10, u64::from_be_bytes(bytes.get(2..10)?.try_into().ok()?)),
        short => (2, u64::from(short)),
    };
    let to = from + usize::try_from(length).ok()?;
    (bytes.len() >= to).then_some((kind, from, to))
}
