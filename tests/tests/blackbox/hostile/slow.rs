//! Clients that take their time: each is cut off in time, and none is served for its patience.

use super::case::Target;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::Instant;

/// Far over the limits that the service is given.
const PATIENCE: Duration = Duration::from_secs(15);
/// Between two bytes of who sends slowly.
const PAUSE: Duration = Duration::from_millis(100);

/// How a client is slow.
#[derive(Debug, Clone, Copy)]
enum Slow {
    /// Connects and says nothing.
    Silent,
    /// Sends a header field, byte by byte, for ever.
    Header,
    /// Sends a body, byte by byte, for ever.
    Body,
    /// Announces a body and sends none.
    NoBody,
    /// Waits to be told to go on, and then does not.
    Waiting,
    /// Asks for a great deal and reads of it a byte at a time.
    Reader,
    /// Goes away in the middle of its body.
    Gone,
}

/// All of them, several at once. What was found wrong.
pub async fn findings(addr: SocketAddr, target: &Target) -> Vec<String> {
    use Slow::{Body, Gone, Header, NoBody, Reader, Silent, Waiting};
    let kinds = [Silent, Header, Body, NoBody, Waiting, Reader, Gone];
    let clients = kinds.iter().cycle().take(kinds.len() * 6).map(|kind| one(addr, target, *kind));
    let all = futures_util::future::join_all(clients);
    all.await.into_iter().flatten().collect()
}

async fn one(addr: SocketAddr, target: &Target, slow: Slow) -> Option<String> {
    let key = &target.key;
    let post = format!(
        "POST /v1/messages HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {key}\r\nContent-Type: application/json\r\n"
    );
    let start = match slow {
        Slow::Silent => String::new(),
        Slow::Header => format!("{post}X-A: "),
        Slow::Body => format!("{post}Content-Length: 100000\r\n\r\n"),
        Slow::NoBody | Slow::Gone => format!("{post}Content-Length: 100\r\n\r\n"),
        Slow::Waiting => format!("{post}Expect: 100-continue\r\nContent-Length: 100\r\n\r\n"),
        Slow::Reader => "GET /docs/swagger-ui-bundle.js HTTP/1.1\r\nHost: x\r\n\r\n".repeat(40),
    };
    let began = Instant::now();
    let mut stream = TcpStream::connect(addr).await.ok()?;
    stream.write_all(start.as_bytes()).await.ok()?;
    if matches!(slow, Slow::Gone) {
        return None;
    }
    let (mut received, mut pace) = (Vec::new(), tokio::time::interval(PAUSE));
    let served = async {
        let (mut input, mut output) = stream.split();
        match slow {
            Slow::Reader => {
                // The service is done with it long before; what it wrote until then waits here.
                for _ in 0..30 {
                    pace.tick().await;
                    received.push(input.read_u8().await.unwrap_or_default());
                }
                let _cut = input.read_to_end(&mut received).await;
            }
            Slow::Header | Slow::Body => {
                let trickle = async {
                    while output.write_all(b" ").await.is_ok() {
                        pace.tick().await;
                    }
                };
                tokio::select! {
                    _ = input.read_to_end(&mut received) => {}
                    () = trickle => {}
                }
            }
            Slow::Silent | Slow::NoBody | Slow::Waiting | Slow::Gone => {
                let _cut = input.read_to_end(&mut received).await;
            }
        }
    };
    let is_cut = tokio::time::timeout(PATIENCE, served).await.is_ok();
    let text = String::from_utf8_lossy(&received);
    let text = text.strip_prefix("HTTP/1.1 100 Continue\r\n\r\n").unwrap_or(&text);
    let is_expected = match slow {
        Slow::Silent | Slow::Header => text.is_empty() || text.starts_with("HTTP/1.1 408"),
        // Some of it was on its way before; all of it would be 40 answers.
        Slow::Reader => text.matches("HTTP/1.1 200 OK").count() < 40,
        _ => text.starts_with("HTTP/1.1 408") && text.contains("body_timeout"),
    };
    (!is_cut || !is_expected)
        .then(|| format!("{slow:?}: cut {is_cut}, after {:?}: {text:.200}", began.elapsed()))
}
