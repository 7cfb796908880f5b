//! Lines of a workload file: `[n] COMMAND,arg,… `, with the trailing space
//! that the official files have on every line but the last.

use std::io::{self, Write};

use super::chain::{Command, Verb};
use super::names::Symbols;

/// Lines are collected to this size before they are written.
const BUFFER_BYTES: usize = 64 * 1024;

/// Numbers lines and writes them.
#[derive(Debug)]
pub(super) struct LineWriter<W> {
    out: W,
    buffer: Vec<u8>,
    number: u64,
}

impl<W: Write> LineWriter<W> {
    /// Starts with line 1.
    pub(super) fn new(out: W) -> Self {
        Self { out, buffer: Vec::with_capacity(BUFFER_BYTES + 256), number: 0 }
    }

    /// Writes one command of `user`.
    pub(super) fn command(
        &mut self,
        user: &[u8; 10],
        command: Command,
        symbols: &Symbols,
    ) -> io::Result<()> {
        self.start(command.verb);
        self.buffer.push(b',');
        self.buffer.extend_from_slice(user);
        if let Some(stock) = command.stock {
            self.buffer.push(b',');
            self.buffer.extend_from_slice(symbols.get(stock).as_bytes());
        }
        if let Some(cents) = command.cents {
            self.buffer.push(b',');
            push_dollars(&mut self.buffer, cents);
        }
        self.buffer.extend_from_slice(b" \n");
        if self.buffer.len() >= BUFFER_BYTES {
            self.out.write_all(&self.buffer)?;
            self.buffer.clear();
        }
        Ok(())
    }

    /// Writes the last line and hands everything on.
    pub(super) fn dumplog(mut self) -> io::Result<()> {
        self.start(Verb::Dumplog);
        self.buffer.extend_from_slice(b",./testLOG\n");
        self.out.write_all(&self.buffer)?;
        self.out.flush()
    }

    fn start(&mut self, verb: Verb) {
        self.number += 1;
        self.buffer.push(b'[');
        push_number(&mut self.buffer, self.number);
        self.buffer.extend_from_slice(b"] ");
        self.buffer.extend_from_slice(verb.name().as_bytes());
    }
}

/// Appends a number in decimal.
fn push_number(buffer: &mut Vec<u8>, mut number: u64) {
    let mut digits = [0_u8; 20];
    let mut at = digits.len();
    loop {
        at -= 1;
        digits[at] = b'0' + (number % 10) as u8;
        number /= 10;
        if number == 0 {
            break;
        }
    }
    buffer.extend_from_slice(&digits[at..]);
}

/// Appends cents as dollars with two decimals.
fn push_dollars(buffer: &mut Vec<u8>, cents: i64) {
    if cents < 0 {
        buffer.push(b'-');
    }
    let cents = cents.unsigned_abs();
    push_number(buffer, cents / 100);
    let rest = (cents % 100) as u8;
    buffer.extend_from_slice(&[b'.', b'0' + rest / 10, b'0' + rest % 10]);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dollars(cents: i64) -> String {
        let mut buffer = Vec::new();
        push_dollars(&mut buffer, cents);
        String::from_utf8(buffer).unwrap()
    }

    #[test]
    fn amounts_have_two_decimals() {
        assert_eq!(dollars(0), "0.00");
        assert_eq!(dollars(7), "0.07");
        assert_eq!(dollars(6_351_153), "63511.53");
        assert_eq!(dollars(-7_328_058), "-73280.58");
        assert_eq!(dollars(i64::MIN), "-92233720368547758.08");
    }
}
