//! What a client says over its websocket, read as RFC 6455 has it: frame by frame, in the order in
//! which they came. A frame or message that is too long is refused by what its head says, not when
//! memory is full of it; what stood before a breach is heard before the breach is told.

use actix_web::web::{Buf, Bytes, Payload};
use actix_ws::CloseCode;
use bytestring::ByteString;
use futures_util::StreamExt;

/// The longest head: two bytes, a length of eight, a mask of four.
const LONGEST_HEAD: usize = 14;

/// The longest control frame (RFC 6455, 5.5).
const LONGEST_CONTROL: u64 = 125;

const CONTINUED: u8 = 0x0;
const TEXT: u8 = 0x1;
const BINARY: u8 = 0x2;
const CLOSE: u8 = 0x8;
const PING: u8 = 0x9;
const PONG: u8 = 0xa;

/// What a client says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Message {
    /// A text, of however many fragments.
    Text(ByteString),
    /// Bytes: they are not kept.
    Binary,
    /// To be answered with the same bytes.
    Ping(Vec<u8>),
    /// An answer to a ping, or none.
    Pong,
    /// Goodbye, and why.
    Close(Option<CloseCode>),
}

/// How the protocol was broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Breach {
    /// A message is longer than is taken: 1009.
    TooLong,
    /// A text, or the reason of a goodbye, is no UTF-8: 1007.
    NoText,
    /// This is no frame of a client, or none that may come here: 1002.
    NoFrame,
}

impl Breach {
    /// What the connection is closed with.
    pub(crate) fn code(self) -> CloseCode {
        match self {
            Breach::TooLong => CloseCode::Size,
            Breach::NoText => CloseCode::Invalid,
            Breach::NoFrame => CloseCode::Protocol,
        }
    }

    /// The same in words.
    pub(crate) fn why(self) -> &'static str {
        match self {
            Breach::TooLong => "too long",
            Breach::NoText => "text is UTF-8",
            Breach::NoFrame => "not understood",
        }
    }
}

/// The messages of one connection.
pub(crate) struct Messages {
    payload: Payload,
    frames: Frames,
}

impl Messages {
    /// Those that come in `payload`; `longest` is that of a message in bytes.
    pub(crate) fn of(payload: Payload, longest: usize) -> Messages {
        Messages { payload, frames: Frames::new(longest) }
    }

    /// The next one; none where the client has gone. Nothing is lost where nobody waits for the
    /// end of this. Nothing is to be asked behind a breach.
    pub(crate) async fn next(&mut self) -> Option<Result<Message, Breach>> {
        loop {
            if let Some(message) = self.frames.next().transpose() {
                return Some(message);
            }
            self.frames.input = self.payload.next().await?.ok()?;
        }
    }
}

/// A frame whose payload comes.
#[derive(Clone, Copy)]
struct Frame {
    code: u8,
    is_last: bool,
    mask: [u8; 4],
    /// Bytes that are still to come.
    remaining: usize,
}

/// The state between two pieces of what comes in.
struct Frames {
    longest: u64,
    /// What came in and is not read yet.
    input: Bytes,
    head: Vec<u8>,
    frame: Option<Frame>,
    /// The payload of a control frame so far: one may come between the fragments of a message.
    control: Vec<u8>,
    /// What the message is that is on its way, if one is, and its payload so far.
    kind: Option<u8>,
    message: Vec<u8>,
}

impl Frames {
    fn new(longest: usize) -> Frames {
        Frames {
            longest: longest as u64,
            input: Bytes::new(),
            head: Vec::with_capacity(LONGEST_HEAD),
            frame: None,
            control: Vec::new(),
            kind: None,
            message: Vec::new(),
        }
    }

    /// The next message that is there as a whole.
    fn next(&mut self) -> Result<Option<Message>, Breach> {
        loop {
            let Some(frame) = &mut self.frame else {
                if self.input.is_empty() {
                    return Ok(None);
                }
                self.head.push(self.input.get_u8());
                self.frame = self.read_head()?;
                continue;
            };
            let piece = self.input.split_to(self.input.len().min(frame.remaining));
            let payload = match frame.code {
                CLOSE..=PONG => &mut self.control,
                _ => &mut self.message,
            };
            payload.extend(
                piece.iter().zip(frame.mask.iter().cycle()).map(|(byte, mask)| byte ^ mask),
            );
            frame.mask.rotate_left(piece.len() % 4);
            frame.remaining -= piece.len();
            if frame.remaining > 0 {
                return Ok(None);
            }
            let frame = *frame;
            self.frame = None;
            if let Some(message) = self.ended(frame)? {
                return Ok(Some(message));
            }
        }
    }

    /// The frame, once its head is there as a whole.
    fn read_head(&mut self) -> Result<Option<Frame>, Breach> {
        let [first, second, ..] = self.head[..] else { return Ok(None) };
        let (is_last, reserved, code) = (first & 0x80 != 0, first & 0x70, first & 0x0f);
        let (is_masked, short) = (second & 0x80 != 0, u64::from(second & 0x7f));
        let is_in_turn = match code {
            CONTINUED => self.kind.is_some(),
            TEXT | BINARY => self.kind.is_none(),
            CLOSE | PING | PONG => is_last && short <= LONGEST_CONTROL,
            _ => false,
        };
        if reserved != 0 || !is_masked || !is_in_turn {
            return Err(Breach::NoFrame);
        }
        let digits = match short {
            126 => 2,
            127 => 8,
            _ => 0,
        };
        let Some(long) = self.head.get(2..2 + digits) else { return Ok(None) };
        let length = match digits {
            0 => short,
            _ => long.iter().fold(0, |sum, byte| sum << 8 | u64::from(*byte)),
        };
        let is_control = code >= CLOSE;
        if !is_control && length.saturating_add(self.message.len() as u64) > self.longest {
            return Err(Breach::TooLong);
        }
        let Some(mask) = self.head[2 + digits..].first_chunk() else { return Ok(None) };
        let remaining = usize::try_from(length).map_err(|_| Breach::TooLong)?;
        let frame = Frame { code, is_last, mask: *mask, remaining };
        self.head.clear();
        if matches!(code, TEXT | BINARY) {
            self.kind = Some(code);
        }
        Ok(Some(frame))
    }

    /// What is said with the end of `frame`.
    fn ended(&mut self, frame: Frame) -> Result<Option<Message>, Breach> {
        if frame.code < CLOSE {
            if !frame.is_last {
                return Ok(None);
            }
            let message = std::mem::take(&mut self.message);
            return Ok(Some(match self.kind.take() {
                Some(TEXT) => Message::Text(text(message)?),
                _ => Message::Binary,
            }));
        }
        let control = std::mem::take(&mut self.control);
        Ok(Some(match frame.code {
            PING => Message::Ping(control),
            PONG => Message::Pong,
            _ => Message::Close(goodbye(control)?),
        }))
    }
}

fn text(bytes: Vec<u8>) -> Result<ByteString, Breach> {
    ByteString::try_from(bytes).map_err(|_| Breach::NoText)
}

/// The code of a goodbye, where it gives one: one that may be sent (RFC 6455, 7.4), before a reason
/// that is text.
fn goodbye(mut payload: Vec<u8>) -> Result<Option<CloseCode>, Breach> {
    match *payload {
        [] => Ok(None),
        [high, low, ..] => {
            let code = u16::from_be_bytes([high, low]);
            if !matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999) {
                return Err(Breach::NoFrame);
            }
            text(payload.split_off(2))?;
            Ok(Some(CloseCode::from(code)))
        }
        _ => Err(Breach::NoFrame),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MASK: [u8; 4] = [0x12, 0x34, 0x56, 0x78];

    /// A frame's head, with its mask.
    fn head(first: u8, length: u64) -> Vec<u8> {
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
        bytes.extend(MASK);
        bytes
    }

    fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
        let mut bytes = head(first, payload.len() as u64);
        bytes.extend(payload.iter().zip(MASK.iter().cycle()).map(|(byte, mask)| byte ^ mask));
        bytes
    }

    /// What is heard of these bytes where they come in pieces of this size.
    fn heard(bytes: &[u8], piece: usize) -> Vec<Result<Message, Breach>> {
        let mut frames = Frames::new(1000);
        let mut heard = Vec::new();
        for bytes in bytes.chunks(piece) {
            frames.input = Bytes::copy_from_slice(bytes);
            while let Some(message) = frames.next().transpose() {
                heard.push(message);
                if heard.last().is_some_and(Result::is_err) {
                    return heard;
                }
            }
        }
        heard
    }

    #[test]
    fn what_is_good_is_heard_in_its_order_in_pieces_of_any_size() {
        let long = "é".repeat(500);
        let (one, two) = long.as_bytes().split_at(501);
        let good = [
            frame(0x81, long.as_bytes()),
            frame(0x01, one),
            frame(0x89, &[7; 125]),
            frame(0x00, b""),
            frame(0x80, two),
            frame(0x82, &[0xff; 1000]),
            frame(0x8a, b"?"),
            frame(0x81, b""),
            frame(0x88, b"\x03\xe8bye"),
        ]
        .concat();
        let text = || Ok(Message::Text(long.clone().into()));
        let expected = [
            text(),
            Ok(Message::Ping(vec![7; 125])),
            text(),
            Ok(Message::Binary),
            Ok(Message::Pong),
            Ok(Message::Text("".into())),
            Ok(Message::Close(Some(CloseCode::Normal))),
        ];
        for piece in [1, 2, 3, 7, 14, 4096] {
            assert_eq!(heard(&good, piece), expected, "{piece}");
        }
    }

    #[test]
    fn a_breach_is_told_by_the_head_alone() {
        for (head, breach) in [
            (head(0x81, 1001), Breach::TooLong),
            (head(0x81, u64::MAX), Breach::TooLong),
            (head(0x89, 126), Breach::NoFrame),
            (head(0x09, 5), Breach::NoFrame),
            (head(0xc1, 5), Breach::NoFrame),
            (head(0x83, 5), Breach::NoFrame),
            (head(0x80, 5), Breach::NoFrame),
            ([frame(0x01, b"one"), head(0x81, 5)].concat(), Breach::NoFrame),
            (vec![0x81, 5], Breach::NoFrame),
            ([frame(0x01, &[b' '; 600]), head(0x80, 401)].concat(), Breach::TooLong),
        ] {
            assert_eq!(heard(&head, 4096), [Err(breach)], "{head:?}");
        }
    }

    #[test]
    fn what_stood_before_a_breach_is_heard_first() {
        for (breach, why) in [
            (head(0x81, 1001), Breach::TooLong),
            (head(0x83, 5), Breach::NoFrame),
            (frame(0x80, b"of nothing"), Breach::NoFrame),
            (frame(0x81, b"\xff"), Breach::NoText),
            ([frame(0x01, b"\xc3"), frame(0x80, b"(")].concat(), Breach::NoText),
            (frame(0x88, b"\x03\xe8\xff"), Breach::NoText),
            (frame(0x88, b"\x03"), Breach::NoFrame),
            (frame(0x88, b"\x03\xed"), Breach::NoFrame),
        ] {
            let said = [frame(0x81, b"one"), frame(0x89, b"two"), breach].concat();
            let one = Ok(Message::Text("one".into()));
            let expected = [one, Ok(Message::Ping(b"two".to_vec())), Err(why)];
            for piece in [1, 5, 4096] {
                assert_eq!(heard(&said, piece), expected, "{piece}: {said:x?}");
            }
        }
    }
}
