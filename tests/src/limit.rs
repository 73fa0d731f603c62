//! How fast the instruments themselves are: what no service between them can exceed.

use crate::load::{Load, Until};
use anyhow::{Result, bail};
use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::Instant;

/// Sends messages into an SMTP server as fast as a pipelining client can that does nothing else; returns the time.
///
/// MAIL, RCPT and DATA leave in one packet, and the body with its dot after 354 (RFC 2920).
///
/// # Errors
/// When the server answers anything but success, or closes.
pub async fn smtp(
    server: SocketAddr,
    connections: usize,
    messages: usize,
    body_bytes: usize,
) -> Result<Duration> {
    let start = Instant::now();
    let mut clients = JoinSet::new();
    for client in 0..connections {
        let share = messages / connections + usize::from(client < messages % connections);
        clients.spawn(send(server, client, share, body_bytes));
    }
    while let Some(client) = clients.join_next().await {
        client??;
    }
    Ok(start.elapsed())
}

async fn send(server: SocketAddr, client: usize, messages: usize, body_bytes: usize) -> Result<()> {
    let mut stream = TcpStream::connect(server).await?;
    stream.set_nodelay(true)?;
    let mut input = Vec::new();
    replies(&mut stream, &mut input, &["220"]).await?;
    stream.write_all(b"EHLO limit.example\r\n").await?;
    replies(&mut stream, &mut input, &["250"]).await?;
    let text: String = "All work and no play makes a fast sink, and here is one more line of it.\r\n"
        .repeat(body_bytes / 74 + 1);
    for message in 0..messages {
        let to = format!(
            "MAIL FROM:<a@limit.example>\r\nRCPT TO:<to{client}.{message}@limit.example>\r\nDATA\r\n"
        );
        stream.write_all(to.as_bytes()).await?;
        replies(&mut stream, &mut input, &["250", "250", "354"]).await?;
        let head = format!("Subject: limit\r\nMessage-ID: <{client}.{message}@limit.example>\r\n\r\n");
        let mail = [head.as_bytes(), &text.as_bytes()[..body_bytes], b"\r\n.\r\n"].concat();
        stream.write_all(&mail).await?;
        replies(&mut stream, &mut input, &["250"]).await?;
    }
    stream.write_all(b"QUIT\r\n").await?;
    replies(&mut stream, &mut input, &["221"]).await
}

/// Reads the final lines of so many replies and nothing more.
async fn replies(stream: &mut TcpStream, input: &mut Vec<u8>, codes: &[&str]) -> Result<()> {
    for code in codes {
        loop {
            let Some(end) = memchr::memchr(b'\n', input) else {
                if stream.read_buf(input).await? == 0 {
                    bail!("closed instead of {code}");
                }
                continue;
            };
            let line: Vec<u8> = input.drain(..=end).collect();
            if !line.starts_with(code.as_bytes()) {
                bail!("{} instead of {code}", String::from_utf8_lossy(&line).trim_end());
            }
            if line.get(3) != Some(&b'-') {
                break;
            }
        }
    }
    Ok(())
}

/// A server that answers every `POST /v1/messages` with a 202 at once and looks at nothing but where a request ends: what
/// generators of load are compared on.
#[derive(Debug)]
pub struct Endpoint {
    addr: SocketAddr,
    serving: JoinHandle<()>,
}

impl Endpoint {
    /// Starts it on a free port of loopback, on the caller's runtime.
    ///
    /// # Errors
    /// When no port can be bound.
    pub async fn start() -> Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let addr = listener.local_addr()?;
        let serving = tokio::spawn(async move {
            let mut clients = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                clients.spawn(answer(stream));
                while clients.try_join_next().is_some() {}
            }
        });
        Ok(Self { addr, serving })
    }

    /// Where it listens.
    #[must_use]
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// The benchmarks' load on it, for a time.
    #[must_use]
    pub fn load(&self, time: Duration) -> Load {
        Load::new(watch::channel(self.addr).1, "key", Until::Elapsed(time))
    }
}

impl Drop for Endpoint {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

async fn answer(mut stream: TcpStream) -> Result<()> {
    stream.set_nodelay(true)?;
    let body = format!("{{\"id\":\"msg_{:032}\",\"status\":\"queued\",\"padding\":\"{:700}\"}}", 0, "");
    let reply = format!("HTTP/1.1 202 Accepted\r\ncontent-length: {}\r\n\r\n{body}", body.len());
    let mut input = Vec::new();
    while stream.read_buf(&mut input).await? > 0 {
        // No text of the generators holds a brace: the closing one ends the request.
        if input.ends_with(b"}") {
            input.clear();
            stream.write_all(reply.as_bytes()).await?;
        }
    }
    Ok(())
}
