//! Sockets that a port has in TIME_WAIT: a client that closes connections the plain way leaves
//! one behind for a minute for each, until no port is left.

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// Where Linux lists its sockets.
const LISTS: [&str; 2] = ["/proc/net/tcp", "/proc/net/tcp6"];
/// The state TIME_WAIT in those lists.
const TIME_WAIT: &str = "06";
/// How often they are counted. A socket stays in TIME_WAIT for 60 s, so none is missed.
const EVERY: Duration = Duration::from_millis(200);

/// Counts sockets in the background.
pub struct Watch {
    most: Arc<Mutex<Vec<usize>>>,
    done: Arc<AtomicBool>,
    thread: JoinHandle<()>,
}

impl Watch {
    /// Begins to count the sockets that have one of `ports` at either end; `None` where the
    /// system does not list them.
    pub fn begin(ports: Vec<u16>) -> Option<Watch> {
        read()?;
        let most = Arc::new(Mutex::new(vec![0; ports.len()]));
        let done = Arc::new(AtomicBool::new(false));
        let (counts, end) = (most.clone(), done.clone());
        let thread = thread::spawn(move || {
            loop {
                let last = end.load(Relaxed);
                if let Some(lists) = read() {
                    let mut counts = counts.lock().unwrap_or_else(PoisonError::into_inner);
                    for (most, port) in counts.iter_mut().zip(&ports) {
                        *most = (*most).max(in_time_wait(&lists, *port));
                    }
                }
                if last {
                    return;
                }
                thread::sleep(EVERY);
            }
        });
        Some(Watch { most, done, thread })
    }

    /// Counts a last time and tells the most there were at any moment, for each port.
    pub fn end(self) -> Vec<usize> {
        self.done.store(true, Relaxed);
        // A thread that panicked has told so itself.
        let _ = self.thread.join();
        std::mem::take(&mut self.most.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

fn read() -> Option<String> {
    let lists: Vec<String> =
        LISTS.iter().filter_map(|list| std::fs::read_to_string(list).ok()).collect();
    (!lists.is_empty()).then(|| lists.concat())
}

/// How many sockets of `lists` (as in `/proc/net/tcp`, see proc(5)) are in TIME_WAIT and have
/// `port` at either end.
fn in_time_wait(lists: &str, port: u16) -> usize {
    let at_port = |address: &str| {
        let digits = address.rsplit_once(':').map(|(_, port)| port);
        digits.and_then(|digits| u16::from_str_radix(digits, 16).ok()) == Some(port)
    };
    let counts = |line: &&str| {
        let mut fields = line.split_ascii_whitespace().skip(1);
        let (Some(local), Some(remote), Some(state)) =
            (fields.next(), fields.next(), fields.next())
        else {
            return false;
        };
        state == TIME_WAIT && (at_port(local) || at_port(remote))
    };
    lists.lines().filter(counts).count()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read;
    use std::net::{TcpListener, TcpStream};

    #[test]
    fn lines_of_the_lists_are_told_apart() {
        let lists = "\
  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 1 1
   1: 0100007F:1F90 0100007F:C350 06 00000000:00000000 03:00001770 00000000     0        0 0 3
   2: 0100007F:C351 0100007F:1F90 06 00000000:00000000 03:00001770 00000000     0        0 0 3
   3: 0100007F:C352 0100007F:1F91 06 00000000:00000000 03:00001770 00000000     0        0 0 3
   4: 00000000000000000000000001000000:1F90 00000000000000000000000001000000:C353 06 0 0 0
   5: 0100007F:C354 0100007F:1F90 01 00000000:00000000 00:00000000 00000000     0        0 2 1
";
        assert_eq!(in_time_wait(lists, 0x1F90), 3);
        assert_eq!(in_time_wait(lists, 0x1F91), 1);
        assert_eq!(in_time_wait("", 1), 0);
        assert_eq!(in_time_wait("half a line\n0: x y 06\n", 1), 0);
    }

    #[test]
    fn a_connection_closed_the_plain_way_is_seen() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let Some(watch) = Watch::begin(vec![port]) else {
            println!("skipped: this system does not list its sockets");
            return;
        };
        let client = TcpStream::connect(("127.0.0.1", port)).unwrap();
        let (mut server, _) = listener.accept().unwrap();
        // The side that closes first keeps the socket.
        drop(client);
        assert_eq!(server.read(&mut [0]).unwrap(), 0);
        drop(server);
        // The last segment may still be on its way round the loop.
        let seen = || read().is_some_and(|lists| in_time_wait(&lists, port) == 1);
        let started = std::time::Instant::now();
        while !seen() && started.elapsed() < Duration::from_secs(10) {
            thread::yield_now();
        }
        assert_eq!(watch.end(), [1]);
    }
}
