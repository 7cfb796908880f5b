//! Looks at the heads of a client's websocket frames as they come in, before anything of them is
//! kept: a frame or message that is too long is refused by what its head says, not when memory
//! is full of it.

use actix_web::error::PayloadError;
use actix_web::web::{Bytes, Payload};
use actix_web::{FromRequest, HttpRequest};
use futures_util::Stream;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use thiserror::Error;

/// The longest head: two bytes, a length of eight, a mask of four.
const LONGEST_HEAD: usize = 14;

/// The longest control frame (RFC 6455, 5.5).
const LONGEST_CONTROL: u64 = 125;

/// Why a connection ends.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub(crate) enum Breach {
    /// A message is longer than is taken: 1009.
    #[error("the message is longer than is taken here")]
    TooLong,
    /// The head of a frame is none of the protocol's: 1002.
    #[error("this is no frame of a client")]
    NoFrame,
}

/// The state between two pieces of what comes in.
pub(crate) struct Heads {
    longest: u64,
    head: Vec<u8>,
    /// What is still to come of the frame's payload.
    remaining: u64,
    /// Bytes of the message so far, over its fragments.
    message: u64,
}

impl Heads {
    /// Before the first frame; `longest` is that of a message in bytes.
    pub(crate) fn new(longest: usize) -> Heads {
        let head = Vec::with_capacity(LONGEST_HEAD);
        Heads { longest: longest as u64, head, remaining: 0, message: 0 }
    }

    /// Passes over what came in.
    pub(crate) fn pass(&mut self, mut bytes: &[u8]) -> Result<(), Breach> {
        loop {
            let payload = bytes.len().min(usize::try_from(self.remaining).unwrap_or(usize::MAX));
            self.remaining -= payload as u64;
            bytes = &bytes[payload..];
            let Some((first, rest)) = bytes.split_first() else { return Ok(()) };
            self.head.push(*first);
            bytes = rest;
            if self.head.len() >= 2 {
                self.read_head()?;
            }
        }
    }

    fn read_head(&mut self) -> Result<(), Breach> {
        let (first, second) = (self.head[0], self.head[1]);
        let (is_last, reserved, code) = (first & 0x80 != 0, first & 0x70, first & 0x0f);
        let (is_masked, short) = (second & 0x80 != 0, u64::from(second & 0x7f));
        let is_control = code & 0x8 != 0;
        let is_known = matches!(code, 0..=2 | 8..=10);
        if reserved != 0 || !is_known || !is_masked {
            return Err(Breach::NoFrame);
        }
        if is_control && (short > LONGEST_CONTROL || !is_last) {
            return Err(Breach::NoFrame);
        }
        let digits = match short {
            126 => 2,
            127 => 8,
            _ => 0,
        };
        if self.head.len() < 2 + digits {
            return Ok(());
        }
        let length = match digits {
            0 => short,
            _ => self.head[2..2 + digits].iter().fold(0, |sum, byte| sum << 8 | u64::from(*byte)),
        };
        if !is_control && self.message.saturating_add(length) > self.longest {
            return Err(Breach::TooLong);
        }
        if self.head.len() < 2 + digits + 4 {
            return Ok(());
        }
        if !is_control {
            self.message = if is_last { 0 } else { self.message + length };
        }
        self.remaining = length;
        self.head.clear();
        Ok(())
    }
}

/// What comes in, up to the first breach.
struct Guarded {
    heads: Heads,
    payload: Payload,
}

impl Stream for Guarded {
    type Item = Result<Bytes, PayloadError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let next = Pin::new(&mut self.payload).poll_next(cx);
        if let Poll::Ready(Some(Ok(bytes))) = &next
            && let Err(breach) = self.heads.pass(bytes)
        {
            return Poll::Ready(Some(Err(PayloadError::Io(io::Error::other(breach)))));
        }
        next
    }
}

/// The same payload, refused from the first breach on: found again with [`breach`].
pub(crate) async fn guarded(
    request: &HttpRequest,
    payload: Payload,
    longest: usize,
) -> Result<Payload, actix_web::Error> {
    let guarded: Pin<Box<dyn Stream<Item = _>>> =
        Box::pin(Guarded { heads: Heads::new(longest), payload });
    let mut guarded = actix_web::dev::Payload::Stream { payload: guarded };
    Payload::from_request(request, &mut guarded).await
}

/// The breach that an error of the stream tells of, if it does.
pub(crate) fn breach(error: &actix_ws::ProtocolError) -> Option<Breach> {
    let actix_ws::ProtocolError::Io(error) = error else { return None };
    match error.get_ref()?.downcast_ref::<PayloadError>()? {
        PayloadError::Io(error) => error.get_ref()?.downcast_ref::<Breach>().copied(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(first: u8, length: u64) -> Vec<u8> {
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
        bytes.extend([1, 2, 3, 4]);
        bytes
    }

    fn whole(first: u8, length: u64) -> Vec<u8> {
        let mut bytes = frame(first, length);
        bytes.resize(bytes.len() + length as usize, 7);
        bytes
    }

    #[test]
    fn what_is_good_passes_in_pieces_of_any_size() {
        let mut good = whole(0x81, 1000);
        good.extend(whole(0x01, 500));
        good.extend(whole(0x89, 125));
        good.extend(whole(0x80, 500));
        good.extend(whole(0x82, 0));
        for piece in [1, 2, 3, 7, 14, 4096] {
            let mut heads = Heads::new(1000);
            for bytes in good.chunks(piece) {
                assert_eq!(heads.pass(bytes), Ok(()), "{piece}");
            }
        }
    }

    #[test]
    fn a_breach_is_told_by_the_head_alone() {
        for (head, breach) in [
            (frame(0x81, 1001), Breach::TooLong),
            (frame(0x81, u64::MAX), Breach::TooLong),
            (frame(0x89, 126), Breach::NoFrame),
            (frame(0x09, 5), Breach::NoFrame),
            (frame(0xc1, 5), Breach::NoFrame),
            (frame(0x83, 5), Breach::NoFrame),
            (vec![0x81, 5], Breach::NoFrame),
        ] {
            assert_eq!(Heads::new(1000).pass(&head), Err(breach), "{head:?}");
        }
        let mut heads = Heads::new(1000);
        heads.pass(&whole(0x01, 600)).unwrap();
        heads.pass(&whole(0x8a, 100)).unwrap();
        assert_eq!(heads.pass(&frame(0x80, 401)), Err(Breach::TooLong));
    }
}
