//! Connections: HTTP by hand, for many short ones, and websockets that hold little memory.

use std::error::Error;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio_tungstenite::tungstenite::Error as Refused;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::{WebSocketStream, client_async_with_config};

/// A websocket.
pub(crate) type Socket = WebSocketStream<TcpStream>;

/// Lets this process open as many files as the system allows it, and tells how many that are.
pub(crate) fn raise_open_files() -> u64 {
    use rustix::process::{Resource, getrlimit, setrlimit};
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    let _ = setrlimit(Resource::Nofile, limit);
    getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX)
}

/// The nth address to come from: the loopback network has many.
pub(crate) fn origin(server: SocketAddr, nth: usize) -> IpAddr {
    match server.ip() {
        IpAddr::V4(ip) if ip.is_loopback() => {
            let [_, _, a, b] = (nth as u32 % 60_000 + 256).to_be_bytes();
            Ipv4Addr::new(127, 1, a, b).into()
        }
        IpAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        IpAddr::V6(_) => std::net::Ipv6Addr::UNSPECIFIED.into(),
    }
}

async fn connect(server: SocketAddr, from: IpAddr) -> std::io::Result<TcpStream> {
    let socket = match server {
        SocketAddr::V4(_) => TcpSocket::new_v4()?,
        SocketAddr::V6(_) => TcpSocket::new_v6()?,
    };
    socket.set_reuseaddr(true)?;
    socket.bind((from, 0).into())?;
    let stream = socket.connect(server).await?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// An answer.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) cookie: Option<String>,
    pub(crate) retry_after_s: Option<u64>,
}

/// Posts JSON on a connection of its own.
pub(crate) async fn post(
    server: SocketAddr,
    from: IpAddr,
    path: &str,
    body: &str,
) -> Result<Answer, Box<dyn Error>> {
    let mut stream = connect(server, from).await?;
    let request = format!(
        "POST {path} HTTP/1.1\r\nhost: {server}\r\ncontent-type: application/json\r\n\
         connection: close\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(request.as_bytes()).await?;
    let mut answer = Vec::with_capacity(2048);
    stream.read_to_end(&mut answer).await?;
    let text = String::from_utf8_lossy(&answer);
    let (head, _) = text.split_once("\r\n\r\n").ok_or("no answer")?;
    let status = head.split(' ').nth(1).ok_or("no status")?.parse()?;
    let header = |name: &str| {
        head.lines().find_map(|line| {
            let (key, value) = line.split_once(':')?;
            key.eq_ignore_ascii_case(name).then(|| value.trim().to_string())
        })
    };
    let cookie = header("set-cookie");
    Ok(Answer {
        status,
        cookie: cookie.and_then(|cookie| Some(cookie.split(';').next()?.to_string())),
        retry_after_s: header("retry-after").and_then(|seconds| seconds.parse().ok()),
    })
}

/// Opens the websocket of a session; none where that is too much at once.
pub(crate) async fn open(
    server: SocketAddr,
    from: IpAddr,
    cookie: &str,
) -> Result<Option<Socket>, Box<dyn Error>> {
    let mut request = format!("ws://{server}/api/v1/stream").into_client_request()?;
    request.headers_mut().insert("cookie", cookie.parse()?);
    request.headers_mut().insert("origin", format!("http://{server}").parse()?);
    let config = WebSocketConfig::default().read_buffer_size(4 << 10).write_buffer_size(0);
    let stream = connect(server, from).await?;
    match client_async_with_config(request, stream, Some(config)).await {
        Ok((socket, _)) => Ok(Some(socket)),
        Err(Refused::Http(response)) if response.status() == 429 => Ok(None),
        Err(error) => Err(error.into()),
    }
}
