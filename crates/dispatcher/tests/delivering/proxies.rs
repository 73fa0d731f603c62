//! Relays that are reached through a proxy, or from an address of their own.

use super::support::proxy::{Answer, Proxy};
use super::support::server::{Act, Server};
use super::support::{Bench, relay};
use postledger_core::outcome::{NotSent, Stage, Trouble};
use postledger_core::relay::Dispatching;
use postledger_dispatcher::{Credentials, ProxyKind, RelayConfig, examine_relay};
use std::time::Duration;
use tokio::time::Instant;

fn through(
    proxy: &Proxy,
    kind: ProxyKind,
    login: Option<(&str, &str)>,
    mut relay: RelayConfig,
) -> RelayConfig {
    let credentials = login.map(|(username, password)| Credentials {
        username: username.to_owned(),
        password: password.to_owned(),
    });
    let (host, port) = ("127.0.0.1".to_owned(), proxy.port);
    // A name that this machine does not know: the proxy is asked for it.
    relay.host = "relay.behind.example".to_owned();
    relay.proxy = Some(postledger_dispatcher::Proxy { kind, host, port, credentials });
    relay
}

#[tokio::test]
async fn mail_goes_through_a_proxy_which_resolves_the_relay_s_name() {
    let server = Server::good().await;
    let place = format!("relay.behind.example:{}", server.port());
    for late in [false, true] {
        let answer = || match late {
            true => Answer::ConnectLate(server.port()),
            false => Answer::Connect(server.port()),
        };
        let cases = [
            (Proxy::socks5(None, answer()).await, ProxyKind::Socks5, None, None),
            (
                Proxy::socks5(Some("me:x y"), answer()).await,
                ProxyKind::Socks5,
                Some(("me", "x y")),
                Some("me:x y"),
            ),
            (Proxy::http(answer()).await, ProxyKind::Http, None, None),
            (Proxy::http(answer()).await, ProxyKind::Http, Some(("me", "x y")), Some("Basic bWU6eCB5")),
        ];
        for (proxy, kind, login, seen) in cases {
            let relay = through(&proxy, kind, login, relay("primary", &server));
            let mut bench = Bench::started(vec![relay]).await;
            let id = bench.send(1).await;
            assert_eq!(bench.outcome(id).await, "queued attempted delivered", "{kind:?} {late}");
            assert_eq!(proxy.asked(), [(place.clone(), seen.map(str::to_owned))]);
            bench.stop().await;
        }
    }
    assert_eq!(server.accepted().len(), 8);
}

#[tokio::test]
async fn whatever_a_proxy_does_wrong_nothing_was_sent_and_the_backup_has_the_mail() {
    let say = |bytes: &[u8]| Answer::Say(bytes.to_vec());
    let socks = [
        (Answer::Hang, Trouble::ProxyTimeout),
        (Answer::Close, Trouble::ProxyFailed),
        (say(&[5, 1, 0, 1, 0, 0, 0, 0, 0, 0]), Trouble::ProxyFailed),
        (say(&[5, 4, 0, 1, 0, 0, 0, 0, 0, 0]), Trouble::ProxyFailed),
        (say(&[5, 5, 0, 1, 0, 0, 0, 0, 0, 0]), Trouble::ProxyFailed),
        (say(&[5, 2, 0, 1, 0, 0, 0, 0, 0, 0]), Trouble::ProxyRefused),
        (say(b"220 mail.example ESMTP\r\n"), Trouble::ProxyProtocol),
    ];
    let http = [
        (Answer::Hang, Trouble::ProxyTimeout),
        (Answer::Close, Trouble::ProxyFailed),
        (say(b"HTTP/1.1 200"), Trouble::ProxyTimeout),
        (say(b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n"), Trouble::ProxyRefused),
        (say(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno"), Trouble::ProxyRefused),
        (say(b"HTTP/1.0 502 Bad Gateway\r\n\r\n"), Trouble::ProxyFailed),
        (say(b"HTTP/1.1 \xff\xff\r\n\r\n"), Trouble::ProxyProtocol),
        (say(b"220 mail.example ESMTP\r\n"), Trouble::ProxyProtocol),
        (say(&[b"HTTP/1.1 200 OK\r\n", &[b'x'; 9000][..]].concat()), Trouble::ProxyProtocol),
    ];
    let (server, backup) = (Server::good().await, Server::good().await);
    let mut cases = Vec::new();
    for (answer, trouble) in socks {
        cases.push((Proxy::socks5(None, answer).await, ProxyKind::Socks5, trouble));
    }
    cases.push((
        Proxy::socks5(Some("me:right"), Answer::Hang).await,
        ProxyKind::Socks5,
        Trouble::ProxyRefused,
    ));
    for (answer, trouble) in http {
        cases.push((Proxy::http(answer).await, ProxyKind::Http, trouble));
    }
    let wait = cases.iter().map(|(proxy, kind, trouble)| {
        let login = (*trouble == Trouble::ProxyRefused).then_some(("me", "wrong"));
        let first = through(proxy, *kind, login, relay("primary", &server));
        let second = relay("backup", &backup);
        async move {
            let mut bench = Bench::started(vec![first.clone(), second]).await;
            let id = bench.send(1).await;
            let history = bench.until(id, |kinds| kinds.contains("delivered")).await;
            assert_eq!(history, "queued attempted deferred attempted delivered", "{trouble}");
            let status = bench.dispatcher().relays();
            let expected = NotSent { stage: Stage::Connect, trouble: *trouble, reply: None };
            assert_eq!(status[0].last_trouble.as_ref().map(|(_, why)| why), Some(&expected));
            // And a test of the relay goes the same way.
            assert_eq!(examine_relay(&first).await.answer, Err(expected));
            bench.stop().await;
        }
    });
    futures_util::future::join_all(wait).await;
    let nobody = server.log(|log| log.connections);
    assert_eq!((nobody, backup.accepted().len()), (0, cases.len()));
}

#[tokio::test]
async fn a_proxy_that_is_not_there_is_named() {
    let server = Server::good().await;
    let proxy = Proxy::http(Answer::Hang).await;
    let gone = through(&proxy, ProxyKind::Http, None, relay("primary", &server));
    drop(proxy);
    // Its port is free once its task has ended; nothing else takes it meanwhile.
    let tried = examine_relay(&gone).await.answer.expect_err("nobody is there");
    assert_eq!((tried.stage, tried.trouble), (Stage::Connect, Trouble::ProxyUnreachable));
    let mut unknown = gone;
    unknown.proxy.as_mut().expect("it has one").host = "proxy.invalid".to_owned();
    let tried = examine_relay(&unknown).await.answer.expect_err("it has no address");
    assert_eq!((tried.stage, tried.trouble), (Stage::Connect, Trouble::ProxyUnreachable));
}

#[tokio::test]
async fn a_connection_comes_from_the_address_that_is_configured() {
    let server = Server::good().await;
    let mut from = relay("primary", &server);
    from.source_address = "127.0.0.7".parse().ok();
    assert!(examine_relay(&from).await.answer.is_ok());
    assert_eq!(server.log(|log| log.peers.clone()), ["127.0.0.7"]);
    // One that is not this machine's (RFC 5737), and one of another family.
    for wrong in ["192.0.2.1", "::1"] {
        from.source_address = wrong.parse().ok();
        let tried = examine_relay(&from).await.answer.expect_err(wrong);
        assert_eq!((tried.stage, tried.trouble), (Stage::Connect, Trouble::SourceAddress), "{wrong}");
    }
}

#[tokio::test]
async fn who_hangs_at_the_greeting_is_waited_for_as_long_as_nobody_else_is_up() {
    let silent = Server::acting("banner", Act::Hang).await;
    let backup = Server::good().await;
    let hurried = |relay: RelayConfig| {
        let timeouts = postledger_dispatcher::Timeouts {
            banner: Duration::from_millis(100),
            command: Duration::from_millis(1500),
            ..relay.timeouts
        };
        RelayConfig { timeouts, ..relay }
    };
    let primary = hurried(relay("primary", &silent));
    let began = Instant::now();
    let mut bench = Bench::started(vec![primary.clone(), relay("backup", &backup)]).await;
    let id = bench.send(1).await;
    bench.until(id, |kinds| kinds.contains("delivered")).await;
    assert!(began.elapsed() < Duration::from_millis(1000), "{:?}", began.elapsed());
    bench.stop().await;

    let began = Instant::now();
    let mut bench = Bench::started(vec![primary]).await;
    let id = bench.send(2).await;
    bench.until(id, |kinds| kinds.contains("deferred")).await;
    assert!(began.elapsed() >= Duration::from_millis(1500), "{:?}", began.elapsed());
    bench.stop().await;
}
