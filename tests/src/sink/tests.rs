//! The sink against a client that speaks raw bytes.

use super::*;
use std::sync::Arc;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

async fn connect(sink: &Sink) -> TcpStream {
    TcpStream::connect(sink.addr()).await.unwrap()
}

/// Says everything at once, then half-closes and reads what is there to read.
async fn say(sink: &Sink, text: &str) -> String {
    let mut stream = connect(sink).await;
    stream.write_all(text.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    String::from_utf8_lossy(&answer).into_owned()
}

fn mail(to: &str) -> String {
    format!(
        "MAIL FROM:<a@b.example>\r\nRCPT TO:<{to}>\r\nDATA\r\nSubject: x\r\nMessage-ID: <1@b>\r\nX-Postledger-Token: t-1\r\n\r\nhi\r\n..\r\n.\r\n"
    )
}

fn session(to: &str) -> String {
    format!("EHLO me\r\n{}QUIT\r\n", mail(to))
}

fn codes(answer: &str) -> Vec<&str> {
    answer
        .lines()
        .filter(|line| line.as_bytes().get(3) == Some(&b' '))
        .filter_map(|line| line.get(..3))
        .collect()
}

#[tokio::test]
async fn a_pipelined_session_is_taken_and_logged() {
    let sink = Sink::start(Script::default().logging_bytes()).await.unwrap();
    let answer = say(&sink, &session("Ann@x.example")).await;
    assert_eq!(codes(&answer), ["220", "250", "250", "250", "354", "250", "221"]);
    let log = sink.wait_for(|log| log.ended() == 1).await.unwrap();
    let transaction = log.of("ann@X.example").next().unwrap();
    assert!(transaction.is_accepted());
    assert_eq!(transaction.message.as_deref().unwrap().split(|b| *b == b'\n').next_back(), Some(&b""[..]));
    assert!(transaction.message.as_deref().unwrap().ends_with(b"hi\r\n.\r\n"));
    assert_eq!(transaction.message_id.as_deref(), Some("<1@b>"));
    assert_eq!(transaction.token.as_deref(), Some("t-1"));
    assert_eq!(log.connections[0].end, Some(End::Quit));
    assert_eq!(log.connections[0].sent, answer.as_bytes());
    assert_eq!(log.connections[0].received, session("Ann@x.example").as_bytes());
}

#[tokio::test]
async fn one_byte_at_a_time_is_the_same_session() {
    let sink = Sink::start(Script::fast()).await.unwrap();
    let mut stream = connect(&sink).await;
    stream.set_nodelay(true).unwrap();
    for byte in session("ann@x.example").bytes() {
        stream.write_all(&[byte]).await.unwrap();
        tokio::task::yield_now().await;
    }
    stream.read_to_end(&mut Vec::new()).await.unwrap();
    drop(stream);
    sink.wait_for(|log| log.accepted() == 1 && log.ended() == 1).await.unwrap();
}

#[tokio::test]
async fn rules_count_attempts_of_an_address() {
    let script = Script::default()
        .rule(
            Rule::at(Stage::Rcpt)
                .recipient("bob@x.example")
                .attempts(1..=1)
                .then(Action::reply(451, "4.3.0 later")),
        )
        .rule(Rule::at(Stage::Dot).starting("eve").then(Action::reply(554, "5.7.1 no")));
    let sink = Sink::start(script).await.unwrap();
    assert_eq!(codes(&say(&sink, &session("bob@x.example")).await)[3], "451");
    assert_eq!(codes(&say(&sink, &session("bob@x.example")).await)[3..6], ["250", "354", "250"]);
    assert_eq!(codes(&say(&sink, &session("eve@x.example")).await)[5], "554");
    let log = sink.log();
    assert_eq!(log.accepted(), 1);
    assert_eq!(log.of("eve@x.example").next().unwrap().outcome, Outcome::Refused(554));
    assert_eq!(log.sightings.iter().filter(|it| it.stage == Stage::Rcpt && it.attempt == 2).count(), 1);
}

#[tokio::test]
async fn an_address_asks_for_its_fate() {
    let sink = Sink::start(Script::default()).await.unwrap();
    assert_eq!(codes(&say(&sink, &session("a+rcpt-550@x.example")).await)[3], "550");
    assert_eq!(codes(&say(&sink, &session("a+dot-451-1@x.example")).await)[5], "451");
    assert_eq!(codes(&say(&sink, &session("a+dot-451-1@x.example")).await)[5], "250");
    assert_eq!(codes(&say(&sink, &session("a+dot-354@x.example")).await)[5], "354");
    assert_eq!(sink.log().accepted(), 1);
}

#[tokio::test]
async fn what_is_no_complete_reply_accepts_nothing() {
    let wrong = [
        Action::garbage(),
        Action::code_change(250, 550),
        Action::cut(250),
        Action::Close,
        Action::reply(354, "more"),
        Action::reply(999, "what"),
    ];
    for action in wrong {
        let sink =
            Sink::start(Script::default().rule(Rule::at(Stage::Dot).then(action.clone()))).await.unwrap();
        say(&sink, &session("ann@x.example")).await;
        let log = sink.wait_for(|log| log.ended() == 1).await.unwrap();
        assert_eq!(log.transactions.len(), 1, "{action:?}");
        assert_eq!(log.transactions[0].outcome, Outcome::Unclear, "{action:?}");
        assert_eq!(log.accepted(), 0, "{action:?}");
        assert!(log.transactions[0].is_copy(), "{action:?}");
    }
}

#[tokio::test]
async fn odd_replies_are_complete_all_the_same() {
    for action in [
        Action::non_utf8(250),
        Action::megabyte_line(250),
        Action::many_lines(250, 10_000),
        Action::drip(Duration::from_millis(1), 250, "2.0.0 ok"),
        Action::late(Duration::from_millis(1), 250, "2.0.0 ok"),
    ] {
        let sink =
            Sink::start(Script::default().rule(Rule::at(Stage::Dot).then(action.clone()))).await.unwrap();
        let answer = say(&sink, &session("ann@x.example")).await;
        assert!(answer.ends_with("bye\r\n"), "{action:?}");
        assert!(sink.log().transactions[0].is_accepted(), "{action:?}");
    }
}

#[tokio::test]
async fn a_reset_is_a_reset() {
    let sink = Sink::start(Script::default().rule(Rule::at(Stage::Body).then(Action::Reset))).await.unwrap();
    let mut stream = connect(&sink).await;
    stream.write_all(session("ann@x.example").as_bytes()).await.unwrap();
    let error = stream.read_to_end(&mut Vec::new()).await.unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
    let log = sink.wait_for(|log| log.ended() == 1).await.unwrap();
    assert_eq!(log.connections[0].end, Some(End::Reset));
    assert_eq!(log.transactions.len(), 0, "the dot was not looked for");
}

#[tokio::test]
async fn a_reset_after_the_reply_leaves_it_written() {
    let rule = Rule::at(Stage::Dot).then(Action::reply_then_reset(250, "2.0.0 ok"));
    let sink = Sink::start(Script::default().rule(rule)).await.unwrap();
    let mut stream = connect(&sink).await;
    stream.write_all(format!("EHLO me\r\n{}", mail("ann@x.example")).as_bytes()).await.unwrap();
    let log = sink.wait_for(|log| log.ended() == 1).await.unwrap();
    assert!(log.transactions[0].is_accepted());
}

#[tokio::test]
async fn hanging_ends_when_the_peer_leaves() {
    let sink = Sink::start(Script::default().rule(Rule::at(Stage::Dot).then(Action::Hang))).await.unwrap();
    let mut stream = connect(&sink).await;
    stream.write_all(session("ann@x.example").as_bytes()).await.unwrap();
    sink.wait_for(|log| log.passes(Stage::Dot) == 1).await.unwrap();
    assert_eq!(sink.log().open(), 1);
    drop(stream);
    let log = sink.wait_for(|log| log.ended() == 1).await.unwrap();
    assert!(!log.transactions[0].written);
}

#[tokio::test]
async fn who_stops_reading_lets_the_peer_write_no_more_than_buffers_hold() {
    let rule = Rule::at(Stage::Body).then(Action::StopReading);
    let sink = Sink::start(Script::default().rule(rule)).await.unwrap();
    let mut stream = connect(&sink).await;
    stream.write_all(b"EHLO me\r\nMAIL FROM:<a@b>\r\nRCPT TO:<a@b>\r\nDATA\r\nx").await.unwrap();
    sink.wait_for(|log| log.passes(Stage::Body) == 1).await.unwrap();
    let (line, mut written) = ([b'x'; 4096], 0);
    // Nobody drains the buffers; the pause is for the kernel to move what is under way.
    while let Ok(more) = tokio::time::timeout(Duration::from_millis(300), stream.write(&line)).await {
        written += more.unwrap();
        assert!(written < 64 << 20, "somebody reads");
    }
    assert_eq!(sink.log().open(), 1);
}

#[tokio::test]
async fn an_answer_that_is_put_off_comes_with_the_next_one() {
    let script = Script::default()
        .rule(Rule::at(Stage::Dot).recipient("one@x.example").then(Action::with_next(250, "2.0.0 one")))
        .rule(Rule::at(Stage::Dot).recipient("two@x.example").then(Action::reply(554, "5.7.1 two")));
    let sink = Sink::start(script).await.unwrap();
    let mut stream = connect(&sink).await;
    stream.write_all(format!("EHLO me\r\n{}", mail("one@x.example")).as_bytes()).await.unwrap();
    let log = sink.wait_for(|log| log.transactions.len() == 1).await.unwrap();
    assert!(!log.transactions[0].is_accepted() && log.transactions[0].is_copy());
    stream.write_all(format!("{}QUIT\r\n", mail("two@x.example")).as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    let answer = String::from_utf8_lossy(&answer).into_owned();
    assert_eq!(codes(&answer)[5..], ["250", "250", "354", "250", "554", "221"]);
    let log = sink.log();
    assert!(log.transactions[0].is_accepted() && log.transactions[1].outcome == Outcome::Refused(554));
}

#[tokio::test]
async fn stage_rules_before_rcpt_count_connections() {
    let rule = Rule::at(Stage::Banner).connections(1..=1).then(Action::reply(421, "4.3.2 not now"));
    let sink = Sink::start(Script::default().rule(rule)).await.unwrap();
    assert_eq!(codes(&say(&sink, "EHLO me\r\n").await), ["421"]);
    assert_eq!(codes(&say(&sink, &session("ann@x.example")).await).len(), 7);
}

#[tokio::test]
async fn credentials_are_checked() {
    let auth = Some(Some(("me".to_owned(), "secret".to_owned())));
    let script = Script::default().offering(Extensions { auth, ..Extensions::default() });
    let sink = Sink::start(script).await.unwrap();
    let plain = "EHLO me\r\nAUTH PLAIN AG1lAHNlY3JldA==\r\nQUIT\r\n";
    let login = "EHLO me\r\nAUTH LOGIN\r\nbWU=\r\nc2VjcmV0\r\nQUIT\r\n";
    let wrong = "EHLO me\r\nAUTH LOGIN\r\nbWU=\r\nbWU=\r\nQUIT\r\n";
    assert_eq!(codes(&say(&sink, plain).await)[2], "235");
    assert_eq!(codes(&say(&sink, login).await)[4], "235");
    assert_eq!(codes(&say(&sink, wrong).await)[4], "535");
    let log = sink.wait_for(|log| log.ended() == 3).await.unwrap();
    assert!(log.connections.iter().all(|it| it.login.as_deref() == Some("me")));
}

#[tokio::test]
async fn a_host_that_is_down_refuses_and_comes_back_on_its_port() {
    let mut sink = Sink::start(Script::default()).await.unwrap();
    sink.down().await;
    let error = TcpStream::connect(sink.addr()).await.unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::ConnectionRefused);
    sink.up().await.unwrap();
    say(&sink, &session("ann@x.example")).await;
    assert_eq!(sink.stop().await.accepted(), 1);
}

async fn handshake(sink: &Sink, authority: &Authority, starttls: bool) -> Result<String, String> {
    let mut roots = rustls::RootCertStore::empty();
    let pem = std::fs::read(authority.ca_file()).unwrap();
    let root =
        <rustls::pki_types::CertificateDer<'_> as rustls::pki_types::pem::PemObject>::from_pem_slice(&pem);
    roots.add(root.unwrap()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let mut stream = connect(sink).await;
    if starttls {
        stream.write_all(b"EHLO me\r\nSTARTTLS\r\n").await.unwrap();
        let mut seen = Vec::new();
        while !String::from_utf8_lossy(&seen).contains("go ahead\r\n") {
            stream.read_buf(&mut seen).await.unwrap();
        }
    }
    let name = rustls::pki_types::ServerName::try_from("127.0.0.1").unwrap();
    let connector = tokio_rustls::TlsConnector::from(Arc::new(config));
    let mut stream = connector.connect(name, stream).await.map_err(|error| error.to_string())?;
    stream.write_all(session("ann@x.example").as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    // The sink closes without close_notify, as many servers do; what was read until then counts.
    let _end = stream.read_to_end(&mut answer).await;
    Ok(String::from_utf8_lossy(&answer).into_owned())
}

#[tokio::test]
async fn tls_is_right_in_one_way_and_wrong_in_three() {
    let authority = Authority::new().unwrap();
    for (certificate, complaint) in [
        (authority.good().unwrap(), None),
        (authority.expired().unwrap(), Some("expired")),
        (authority.wrong_name().unwrap(), Some("not valid for name")),
        (Authority::self_signed().unwrap(), Some("certificate")),
    ] {
        for starttls in [false, true] {
            let tls = if starttls {
                Tls::Starttls(certificate.clone())
            } else {
                Tls::Implicit(certificate.clone())
            };
            let sink = Sink::start(Script::default().tls(tls)).await.unwrap();
            match (handshake(&sink, &authority, starttls).await, complaint) {
                (Ok(answer), None) => {
                    assert!(answer.ends_with("bye\r\n"), "{answer}");
                    assert!(sink.log().transactions[0].tls);
                }
                (Err(error), Some(complaint)) => {
                    assert!(error.contains(complaint), "{error}");
                    let log = sink.wait_for(|log| log.ended() == 1).await.unwrap();
                    assert!(matches!(log.connections[0].end, Some(End::TlsFailed(_))));
                }
                (result, complaint) => panic!("{result:?} instead of {complaint:?}"),
            }
        }
    }
}
