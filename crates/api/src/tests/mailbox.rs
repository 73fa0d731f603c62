//! The development mailbox: mail comes in over SMTP and is seen over HTTP.

use super::service::{Service, request};
use crate::caller::Peer;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;

async fn start() -> (Service, TcpStream) {
    let service = Service::start().await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(service.mailbox.clone().serve(listener, CancellationToken::new()));
    (service, TcpStream::connect(address).await.unwrap())
}

/// Everything that is answered until the mailbox closes.
async fn dialogue(stream: &mut TcpStream, text: &str) -> Vec<String> {
    stream.write_all(text.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer.lines().map(str::to_owned).collect()
}

fn codes(lines: &[String]) -> Vec<&str> {
    lines.iter().filter(|line| line.as_bytes().get(3) == Some(&b' ')).map(|line| &line[..3]).collect()
}

#[tokio::test]
async fn pipelined_mail_is_caught_and_shown() {
    let (service, mut stream) = start().await;
    let text = "EHLO me\r\nMAIL FROM:<shop@shop.example> BODY=8BITMIME SIZE=100\r\nRCPT TO:<ann@example.net>\r\n\
                RCPT TO:<bob@example.net>\r\nDATA\r\n\
                Subject: =?utf-8?B?R3LDtsOfZQ==?= =?utf-8?Q?_<b>?=\r\nMessage-ID: <1@x>\r\nDate: today\r\n\r\n\
                ..dots\r\n.\r\nNOOP\r\nQUIT\r\n";
    let lines = dialogue(&mut stream, text).await;
    assert_eq!(codes(&lines), ["220", "250", "250", "250", "250", "354", "250", "250", "221"], "{lines:?}");
    assert!(lines.iter().any(|line| line == "250-SMTPUTF8"));

    let mut ask = request("GET", "/dev/mailbox", "");
    ask.headers_mut().insert("accept", "application/json".parse().unwrap());
    let list = service.call(Peer::Loopback, ask).await.json();
    let bytes = service.call(Peer::Loopback, request("GET", "/dev/mailbox/1", "")).await;
    assert_eq!(bytes.header("content-type"), "message/rfc822");
    assert!(bytes.text().ends_with("\r\n\r\n.dots\r\n"), "{}", bytes.text());
    let expected = json!({"data": [{
        "number": 1, "from": "shop@shop.example", "to": ["ann@example.net", "bob@example.net"], "subject": "Größe <b>",
        "message_id": "<1@x>", "size": bytes.bytes.len(), "unanswered": false,
    }]});
    assert_eq!(list, expected);

    let mut browse = request("GET", "/dev/mailbox/1", "");
    browse.headers_mut().insert("accept", "text/html,*/*".parse().unwrap());
    let shown = service.call(Peer::Loopback, browse).await;
    assert_eq!(shown.header("content-type"), "text/plain; charset=utf-8");
    assert_eq!(shown.bytes, bytes.bytes);

    let page = service.call(Peer::Loopback, request("GET", "/dev/mailbox", "")).await;
    assert!(page.header("content-type").starts_with("text/html"));
    assert!(page.text().contains("Größe &lt;b&gt;"), "{}", page.text());
    for n in ["2", "0", "x", "-1"] {
        assert_eq!(
            service.call(Peer::Loopback, request("GET", &format!("/dev/mailbox/{n}"), "")).await.status,
            404
        );
    }
}

#[tokio::test]
async fn local_parts_make_it_misbehave() {
    let (service, mut stream) = start().await;
    let rcpt = |to: &str| format!("RCPT TO:<{to}@example.net>\r\n");
    let text = [
        "EHLO me\r\nMAIL FROM:<>\r\n",
        &rcpt("reject.me"),
        &rcpt("defer.me"),
        &rcpt("defer.me"),
        &rcpt("drop.me"),
        "DATA\r\nx\r\n.\r\n",
    ];
    let lines = dialogue(&mut stream, &text.concat()).await;
    assert_eq!(codes(&lines), ["220", "250", "250", "550", "450", "250", "250", "354"], "{lines:?}");
    assert!(lines.iter().any(|line| line.starts_with("550 5.1.1")));
    let kept = service.mailbox.newest();
    assert!(kept[0].is_unanswered);
    assert_eq!(kept[0].to, ["defer.me@example.net", "drop.me@example.net"]);
}

#[tokio::test]
async fn the_order_of_commands_matters_and_nonsense_is_answered() {
    let (service, mut stream) = start().await;
    let text = "RCPT TO:<a@b.example>\r\nDATA\r\nMAIL FROM:<a@b.example>\r\nMAIL FROM:<a@b.example>\r\nDATA\r\nRSET\r\n\
                MAIL FROM:<a@b.example> SIZE=99999999999\r\nNONSENSE\r\nMAIL FROM:nobody\r\nSTARTTLS\r\nQUIT\r\n";
    let lines = dialogue(&mut stream, text).await;
    assert_eq!(
        codes(&lines),
        ["220", "503", "503", "250", "503", "503", "250", "552", "500", "501", "502", "221"],
        "{lines:?}"
    );
    let (_, mut stream) = (service, TcpStream::connect(stream.peer_addr().unwrap()).await.unwrap());
    let lines = dialogue(&mut stream, &"x".repeat(10_000)).await;
    assert_eq!(codes(&lines), ["220", "500"], "{lines:?}");
}

#[tokio::test]
async fn a_message_may_be_empty_or_begin_with_a_dot() {
    let (service, mut stream) = start().await;
    let open = "MAIL FROM:<a@b.example>\r\nRCPT TO:<c@d.example>\r\nDATA\r\n";
    let lines = dialogue(&mut stream, &format!("{open}.\r\n{open}..x\r\n.\r\nQUIT\r\n")).await;
    assert_eq!(codes(&lines)[8..], ["250", "221"], "{lines:?}");
    let texts: Vec<_> = service.mailbox.newest().iter().map(|caught| caught.bytes.clone()).collect();
    assert_eq!(texts, [".x\r\n", ""]);
}

#[tokio::test]
async fn only_the_last_thousand_are_kept() {
    let (service, mut stream) = start().await;
    let mail = "MAIL FROM:<a@b.example>\r\nRCPT TO:<c@d.example>\r\nDATA\r\nx\r\n.\r\n";
    dialogue(&mut stream, &(mail.repeat(1001) + "QUIT\r\n")).await;
    let kept = service.mailbox.newest();
    assert_eq!((kept.len(), kept[0].number, kept[999].number), (1000, 1001, 2));
}
