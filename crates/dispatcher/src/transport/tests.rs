use super::Connection;
use super::stream::Stream;
use crate::config::{Timeouts, TlsMode};
use crate::smtp::session::Session;
use std::io::Write;
use std::net::TcpListener;
use tokio::net::TcpStream;
use tokio_util::sync::CancellationToken;

fn connection(stream: TcpStream) -> Connection {
    Connection {
        stream: Stream::Plain(stream),
        session: Session::new("test.example".into(), TlsMode::Off, None),
        timeouts: Timeouts::default(),
        abort: CancellationToken::new(),
        buffer: Vec::new(),
    }
}

/// On one thread without a pause the runtime hears of nothing that arrives: only the kernel knows.
#[tokio::test]
async fn what_has_arrived_is_no_silence_even_before_the_runtime_heard_of_it() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let stream = TcpStream::connect(listener.local_addr().expect("bound")).await.expect("connected");
    let (mut server, _) = listener.accept().expect("accepted");
    let mut connection = connection(stream);
    assert!(connection.is_silent().await.is_ok());
    server.write_all(b"250 too early\r\n").expect("written");
    assert!(connection.is_silent().await.is_err());
}

#[tokio::test]
async fn an_end_is_no_silence_either() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let stream = TcpStream::connect(listener.local_addr().expect("bound")).await.expect("connected");
    let (server, _) = listener.accept().expect("accepted");
    let mut connection = connection(stream);
    assert!(connection.is_silent().await.is_ok());
    drop(server);
    assert!(connection.is_silent().await.is_err());
}
