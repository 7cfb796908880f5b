//! Workload lines that come through a pipe, perhaps now and then only: standard input, a named
//! pipe, a terminal.

use super::stop::Stop;
use std::io::{self, Read};
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::time::Duration;

/// How long a read waits for something to come in: the longest that a reply, or Ctrl-C, waits to
/// be noticed meanwhile.
const WAIT: Duration = Duration::from_millis(20);

/// Bytes read at once, and how many such pieces are read ahead.
const PIECE: usize = 256 << 10;
const PIECES_AHEAD: usize = 4;

/// A pipe that is read on a thread of its own, so that a run can go on while nothing comes in.
pub struct Pipe {
    stop: Stop,
    patient: bool,
    pieces: Receiver<io::Result<Vec<u8>>>,
    piece: Vec<u8>,
    taken: usize,
    ended: bool,
}

impl Pipe {
    /// Reads `source` until its end, or until `stop` is wanted. A patient pipe fills the buffers
    /// it is given, however long that takes: what is read does not depend on when it came.
    pub fn new(mut source: impl Read + Send + 'static, stop: Stop, patient: bool) -> Pipe {
        let (sender, pieces) = sync_channel(PIECES_AHEAD);
        std::thread::spawn(move || {
            loop {
                let mut piece = vec![0; PIECE];
                let read = source.read(&mut piece).map(|length| {
                    piece.truncate(length);
                    piece
                });
                let last = read.as_ref().map_or(true, Vec::is_empty);
                if sender.send(read).is_err() || last {
                    return;
                }
            }
        });
        Pipe { stop, patient, pieces, piece: Vec::new(), taken: 0, ended: false }
    }

    /// Waits for the next piece; an empty one is the end.
    fn next_piece(&mut self) -> io::Result<()> {
        loop {
            match self.pieces.recv_timeout(WAIT) {
                Ok(piece) => {
                    self.piece = piece?;
                    self.ended = self.piece.is_empty();
                    self.taken = 0;
                    return Ok(());
                }
                Err(RecvTimeoutError::Disconnected) => {
                    self.ended = true;
                    return Ok(());
                }
                // Not the end of the input: a line that stands there half is not played.
                Err(RecvTimeoutError::Timeout) if self.stop.is_wanted() => {
                    return Err(io::Error::other("stopped by Ctrl-C"));
                }
                Err(RecvTimeoutError::Timeout) if self.patient => {}
                Err(RecvTimeoutError::Timeout) => return Err(io::ErrorKind::WouldBlock.into()),
            }
        }
    }
}

impl Read for Pipe {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut filled = 0;
        while filled < buffer.len() && !self.ended {
            if self.taken == self.piece.len() {
                self.next_piece()?;
            }
            let count = (buffer.len() - filled).min(self.piece.len() - self.taken);
            buffer[filled..filled + count]
                .copy_from_slice(&self.piece[self.taken..self.taken + count]);
            self.taken += count;
            filled += count;
            if !self.patient {
                break;
            }
        }
        Ok(filled)
    }
}
