//! The accept loop over real sockets: what is slow is cut, what is large is refused, what is too many waits.

use super::service::{Service, hello};
use crate::{Entrance, Limits};
use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};
use tokio_util::sync::CancellationToken;

struct Listening {
    service: Service,
    address: SocketAddr,
    shutdown: CancellationToken,
    served: tokio::task::JoinHandle<()>,
}

async fn listen(limits: Limits) -> Listening {
    let service = Service::with_limits(limits).await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let shutdown = CancellationToken::new();
    let (api, token) = (service.api.clone(), shutdown.clone());
    let served = tokio::spawn(async move { api.serve(listener, Entrance::default(), token).await });
    Listening { service, address, shutdown, served }
}

impl Listening {
    async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }

    /// Sends bytes and reads to the end of the connection.
    async fn exchange(&self, bytes: &[u8]) -> String {
        let mut stream = self.connect().await;
        // The service may have heard enough before the end.
        let _ = stream.write_all(bytes).await;
        rest(&mut stream).await
    }
}

async fn rest(stream: &mut TcpStream) -> String {
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer).await;
    String::from_utf8_lossy(&answer).into_owned()
}

fn post(key: &str, length: usize) -> String {
    format!(
        "POST /v1/messages HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: Bearer {key}\r\n\
         Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n"
    )
}

#[tokio::test]
async fn a_message_is_accepted_over_tcp_and_over_the_control_socket() {
    let listening = listen(Limits::default()).await;
    let key = listening.service.key("default", &["send"]).await;
    let body = hello().to_string();
    let answer = listening.exchange((post(&key, body.len()) + &body).as_bytes()).await;
    assert!(answer.starts_with("HTTP/1.1 202 "), "{answer}");

    let path = std::env::temp_dir().join(format!("postledger-api-{}.sock", listening.address.port()));
    let control = UnixListener::bind(&path).unwrap();
    let (api, token) = (listening.service.api.clone(), listening.shutdown.clone());
    let served = tokio::spawn(async move { api.serve_control(control, token).await });
    let mut stream = UnixStream::connect(&path).await.unwrap();
    stream.write_all(b"GET /v1/keys HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    listening.shutdown.cancel();
    served.await.unwrap();
    listening.served.await.unwrap();
    std::fs::remove_file(path).unwrap();
}

#[tokio::test]
async fn half_a_header_is_cut_in_time() {
    let limits = Limits { header_read_timeout: Duration::from_millis(100), ..Limits::default() };
    let listening = listen(limits).await;
    for start in ["", "P", "POST /v1/messages HTTP/1.1\r\nHost: x\r\nX: "] {
        let mut stream = listening.connect().await;
        stream.write_all(start.as_bytes()).await.unwrap();
        let cut = tokio::time::timeout(Duration::from_secs(10), rest(&mut stream)).await;
        let answer = cut.expect("the connection was left open");
        assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 4"), "{answer}");
    }
}

#[tokio::test]
async fn half_a_body_is_cut_in_time_and_a_broken_off_one_stores_nothing() {
    let limits = Limits { body_read_timeout: Duration::from_millis(100), ..Limits::default() };
    let listening = listen(limits).await;
    let key = listening.service.key("default", &["send"]).await;
    let answer = listening.exchange((post(&key, 1000) + "{\"from\":").as_bytes()).await;
    assert!(answer.starts_with("HTTP/1.1 408 ") && answer.contains("body_timeout"), "{answer}");
    let mut stream = listening.connect().await;
    stream.write_all((post(&key, 1000) + "{").as_bytes()).await.unwrap();
    stream.shutdown().await.unwrap();
    let answer = rest(&mut stream).await;
    assert!(answer.is_empty() || answer.contains("body_incomplete"), "{answer}");
    assert_eq!(listening.service.mail_events(), 0);
}

#[tokio::test]
async fn a_body_that_is_too_large_is_refused_announced_or_not() {
    let listening = listen(Limits { body_bytes: 100_000, ..Limits::default() }).await;
    let key = listening.service.key("default", &["send"]).await;
    let body = " ".repeat(1_000_000);
    let answer = listening.exchange((post(&key, body.len()) + &body).as_bytes()).await;
    assert!(answer.starts_with("HTTP/1.1 413 ") && answer.contains("body_too_large"), "{answer}");
    let chunked = post(&key, 0).replace("Content-Length: 0", "Transfer-Encoding: chunked");
    let answer =
        listening.exchange(format!("{chunked}{:x}\r\n{body}\r\n0\r\n\r\n", body.len()).as_bytes()).await;
    assert!(answer.starts_with("HTTP/1.1 413 ") && answer.contains("body_too_large"), "{answer}");
    assert_eq!(listening.service.mail_events(), 0);
}

#[tokio::test]
async fn large_bodies_share_a_bounded_memory() {
    let listening = listen(Limits { large_bodies_bytes: 300_000, ..Limits::default() }).await;
    let key = listening.service.key("default", &["send"]).await;
    let mut first = listening.connect().await;
    let body = format!("{}{}", hello(), " ".repeat(200_000));
    let (head, half) = (post(&key, body.len()), &body.as_bytes()[..150_000]);
    first.write_all(head.as_bytes()).await.unwrap();
    first.write_all(half).await.unwrap();
    let refused = loop {
        // Until the first body has been seen, there is still room for this one.
        let answer = listening.exchange((post(&key, body.len()) + &body).as_bytes()).await;
        if !answer.starts_with("HTTP/1.1 202 ") {
            break answer;
        }
    };
    assert!(
        refused.starts_with("HTTP/1.1 503 ") && refused.to_lowercase().contains("retry-after: 1"),
        "{refused}"
    );
    first.write_all(&body.as_bytes()[150_000..]).await.unwrap();
    assert!(rest(&mut first).await.starts_with("HTTP/1.1 202 "));
    let answer = listening.exchange((head + &body).as_bytes()).await;
    assert!(answer.starts_with("HTTP/1.1 202 "), "what was held is given back: {answer}");
}

#[tokio::test]
async fn garbage_and_floods_of_headers_are_answered_with_problems() {
    let listening = listen(Limits::default()).await;
    let long = format!("GET /livez HTTP/1.1\r\nX: {}\r\n\r\n", "a".repeat(100_000));
    let many = format!("GET /livez HTTP/1.1\r\n{}\r\n", "X: a\r\n".repeat(1000));
    for bytes in
        ["\0\0\0\0\r\n\r\n", "GET / HTTP/9.9\r\n\r\n", "EHLO x\r\nMAIL FROM:<>\r\n\r\n", &long, &many]
    {
        let answer = listening.exchange(bytes.as_bytes()).await;
        assert!(answer.starts_with("HTTP/1.1 4"), "{answer}");
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        let head = head.to_lowercase();
        assert!(head.contains("content-type: application/problem+json"), "{head}");
        assert!(head.contains(&format!("content-length: {}\r\n", body.len())), "{head}");
        let problem: serde_json::Value = serde_json::from_str(body).unwrap();
        assert!(head.starts_with(&format!("http/1.1 {} ", problem["status"])), "{answer}");
        assert!(
            head.contains(&format!("x-request-id: {}", problem["request_id"].as_str().unwrap())),
            "{answer}"
        );
        let code = if bytes.len() > 1000 { "header_too_large" } else { "malformed_request" };
        assert_eq!(problem["code"], code);
    }
    let answer = listening.exchange(b"GET /livez HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").await;
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
}

#[tokio::test]
async fn connections_past_the_limit_wait_for_a_place() {
    let listening = listen(Limits { max_connections: 2, ..Limits::default() }).await;
    let ask = b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n";
    let mut held = Vec::new();
    for _ in 0..2 {
        let mut stream = listening.connect().await;
        stream.write_all(ask).await.unwrap();
        stream.read_u8().await.unwrap();
        held.push(stream);
    }
    let mut third = listening.connect().await;
    third.write_all(ask).await.unwrap();
    let early = tokio::time::timeout(Duration::from_millis(100), third.read_u8()).await;
    assert!(early.is_err(), "the third was served beside two others");
    held.pop();
    assert_eq!(third.read_u8().await.unwrap(), b'H');
}

#[tokio::test]
async fn shutdown_lets_a_request_in_flight_end_and_closes_idle_connections() {
    let listening = listen(Limits::default()).await;
    let key = listening.service.key("default", &["send"]).await;
    let mut idle = listening.connect().await;
    idle.write_all(b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
    idle.read_u8().await.unwrap();
    let mut busy = listening.connect().await;
    let body = hello().to_string();
    busy.write_all(
        post(&key, body.len()).replace("Connection: close\r\n", "Expect: 100-continue\r\n").as_bytes(),
    )
    .await
    .unwrap();
    let mut go_on = [0; 25];
    busy.read_exact(&mut go_on).await.unwrap();
    listening.shutdown.cancel();
    rest(&mut idle).await;
    drop(idle);
    busy.write_all(body.as_bytes()).await.unwrap();
    assert!(rest(&mut busy).await.starts_with("HTTP/1.1 202 "));
    listening.served.await.unwrap();
    assert!(TcpStream::connect(listening.address).await.is_err());
}
