//! The socket that connections come to. What is set here holds for each of them.

use socket2::{Domain, Protocol, Socket, Type};
use std::io;
use std::net::{SocketAddr, TcpListener};

/// Connections that may wait to be taken: what comes in a busy moment.
const WAITING: i32 = 1024;

/// How long a client may take nothing of what is sent, or answer to nothing, before its connection
/// is given up.
#[cfg(target_os = "linux")]
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(30);

/// What the kernel keeps of answers that a client has not taken yet, in bytes; left to itself it keeps
/// up to 4 MB for each connection. It doubles the number for its own use.
const SEND_BUFFER: usize = 128 << 10;

/// Listens at `address`.
///
/// # Errors
/// The address is taken, or not one of this machine.
pub(crate) fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    // A second start need not wait until the connections of the first are forgotten.
    #[cfg(unix)]
    socket.set_reuse_address(true)?;
    // Without it a message waits until the client has acknowledged the one before: 40 ms.
    socket.set_tcp_nodelay(true)?;
    socket.set_send_buffer_size(SEND_BUFFER)?;
    #[cfg(target_os = "linux")]
    socket.set_tcp_user_timeout(Some(PATIENCE))?;
    socket.bind(&address.into())?;
    socket.listen(WAITING)?;
    Ok(socket.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use socket2::SockRef;
    use std::net::TcpStream;

    #[test]
    #[cfg(target_os = "linux")]
    fn connections_send_at_once_and_are_given_up() {
        let listener = listen("127.0.0.1:0".parse().unwrap()).unwrap();
        let _client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (served, _) = listener.accept().unwrap();
        assert!(served.nodelay().unwrap());
        assert_eq!(SockRef::from(&served).tcp_user_timeout().unwrap(), Some(PATIENCE));
        assert_eq!(SockRef::from(&served).send_buffer_size().unwrap(), 2 * SEND_BUFFER);
    }
}
