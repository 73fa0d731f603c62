//! TLS or nothing: not a byte of a login or a message to a peer that has not proved its name.

use super::support::server::{Act, Encryption, Server};
use super::support::{Bench, relay};
use postledger_core::event::{Deferral, MailEvent};
use postledger_core::outcome::{Stage, Trouble};
use postledger_dispatcher::{Credentials, RelayConfig, TlsMode, examine_relay};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::ServerConfig;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use std::path::PathBuf;
use std::sync::Arc;
use tokio_rustls::TlsAcceptor;

struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
    file: PathBuf,
}

impl Authority {
    /// Its certificate is written to a file of its own, for `ca_file`.
    fn new(name: &str) -> Self {
        let mut params = CertificateParams::new(Vec::new()).expect("valid parameters");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let issuer =
            CertifiedIssuer::self_signed(params, KeyPair::generate().expect("a key")).expect("a certificate");
        let file = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}.pem"));
        std::fs::write(&file, issuer.pem()).expect("a writable directory");
        Self { issuer, file }
    }

    fn acceptor(&self, host: &str, is_expired: bool) -> TlsAcceptor {
        let key = KeyPair::generate().expect("a key");
        let mut params = CertificateParams::new(vec![host.to_owned()]).expect("valid parameters");
        if is_expired {
            params.not_after = rcgen::date_time_ymd(2020, 1, 1);
        }
        let certificate = params.signed_by(&key, &self.issuer).expect("a certificate");
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("the provider's own versions")
            .with_no_client_auth()
            .with_single_cert(
                vec![certificate.der().clone()],
                PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der())),
            )
            .expect("a key that fits");
        TlsAcceptor::from(Arc::new(config))
    }
}

fn encrypted(server: &Server, tls: TlsMode, authority: &Authority) -> RelayConfig {
    RelayConfig {
        tls,
        ca_file: Some(authority.file.clone()),
        credentials: Some(Credentials { username: "shop".into(), password: "open sesame".into() }),
        ..relay("primary", server)
    }
}

fn said(server: &Server) -> String {
    server.log(|log| String::from_utf8_lossy(&log.bytes).into_owned())
}

#[tokio::test]
async fn starttls_and_implicit_tls_carry_login_and_mail() {
    let authority = Authority::new("carry");
    for tls in [TlsMode::Starttls, TlsMode::Implicit] {
        let acceptor = authority.acceptor("127.0.0.1", false);
        let encryption = match tls {
            TlsMode::Starttls => Encryption::Starttls(acceptor),
            TlsMode::Implicit | TlsMode::Off => Encryption::Implicit(acceptor),
        };
        let server = Server::encrypted(encryption, |_| Act::Go).await;
        let relay = encrypted(&server, tls, &authority);
        let report = examine_relay(&relay).await.answer.expect("it is sound");
        assert!(report.is_encrypted && report.is_authenticated && report.offers.pipelining);
        assert_eq!(report.banner, "relay.example ESMTP");
        let mut bench = Bench::started(vec![relay]).await;
        for n in 1..=3 {
            let id = bench.send(n).await;
            assert_eq!(bench.outcome(id).await, "queued attempted delivered");
        }
        bench.stop().await;
        assert!(said(&server).contains("AUTH PLAIN AHNob3AAb3BlbiBzZXNhbWU="), "{tls:?}");
        assert_eq!((server.accepted().len(), server.log(|log| log.connections)), (3, 2));
    }
}

#[tokio::test]
async fn auth_login_is_used_where_plain_is_not_offered() {
    let offer = |step: &super::support::server::Step| match step.stage {
        "ehlo" => Act::Say("250-relay.example\r\n250 AUTH=LOGIN\r\n".into()),
        _ => Act::Go,
    };
    let server = Server::start(offer).await;
    let mut bench = Bench::new(vec![relay("primary", &server)]);
    bench.relays[0].credentials =
        Some(Credentials { username: "shop".into(), password: "open sesame".into() });
    bench.start().await;
    let id = bench.send(1).await;
    assert_eq!(bench.outcome(id).await, "queued attempted delivered");
    bench.stop().await;
    assert!(said(&server).contains("AUTH LOGIN\r\nc2hvcA==\r\nb3BlbiBzZXNhbWU=\r\n"));
}

#[tokio::test]
async fn a_refused_login_is_not_sent_and_takes_the_relay_down() {
    for act in [Act::Say("535 5.7.8 wrong\r\n".into()), Act::Say("334 go on\r\n".into()), Act::Close] {
        let server = Server::acting("auth", act).await;
        let mut bench = Bench::new(vec![relay("primary", &server)]);
        bench.relays[0].credentials = Some(Credentials { username: "shop".into(), password: "x".into() });
        bench.start().await;
        let id = bench.send(1).await;
        bench.outcome(id).await;
        let MailEvent::Deferred { reason: Deferral::NotSent(not_sent), .. } = &bench.ends(id)[0] else {
            panic!("{:?}", bench.ends(id));
        };
        assert_eq!(not_sent.stage, Stage::Auth);
        bench.stop().await;
    }
}

/// Delivers over a server that cannot be trusted; what it read must hold neither login nor mail.
async fn nothing_leaves(server: Server, relay: RelayConfig, trouble: Trouble, case: &str) {
    let failure = examine_relay(&relay).await.answer.expect_err(case);
    assert_eq!((failure.stage, failure.trouble), (Stage::Tls, trouble), "{case}");
    let mut bench = Bench::started(vec![relay]).await;
    let id = bench.send(1).await;
    bench.outcome(id).await;
    bench.stop().await;
    let MailEvent::Deferred { reason: Deferral::NotSent(not_sent), .. } = &bench.ends(id)[0] else {
        unreachable!("{case}: {:?}", bench.ends(id));
    };
    assert_eq!((not_sent.stage, not_sent.trouble), (Stage::Tls, trouble), "{case}");
    let said = said(&server);
    for word in ["AUTH", "MAIL", "RCPT", "DATA", "Hello", "c2hvcA"] {
        assert!(!said.contains(word), "{case}: {said}");
    }
}

#[tokio::test]
async fn a_peer_that_cannot_prove_its_name_gets_nothing() {
    let authority = Authority::new("trusted");
    let stranger = Authority::new("stranger");
    let table = [
        ("a wrong name", authority.acceptor("other.example", false)),
        ("an expired certificate", authority.acceptor("127.0.0.1", true)),
        ("an authority that is not trusted", stranger.acceptor("127.0.0.1", false)),
    ];
    for (case, acceptor) in table {
        for tls in [TlsMode::Starttls, TlsMode::Implicit] {
            let encryption = match tls {
                TlsMode::Starttls => Encryption::Starttls(acceptor.clone()),
                TlsMode::Implicit | TlsMode::Off => Encryption::Implicit(acceptor.clone()),
            };
            let server = Server::encrypted(encryption, |_| Act::Go).await;
            let relay = encrypted(&server, tls, &authority);
            nothing_leaves(server, relay, Trouble::Tls, case).await;
        }
    }
}

#[tokio::test]
async fn a_peer_without_starttls_gets_nothing() {
    let authority = Authority::new("without");
    let table = [
        ("not offered", "ehlo", Act::Say("250-relay.example\r\n250 AUTH PLAIN\r\n".into()), Trouble::Tls),
        ("refused for now", "starttls", Act::Say("454 4.7.0 not now\r\n".into()), Trouble::Refused),
        ("refused for good", "starttls", Act::Say("502 what\r\n".into()), Trouble::Refused),
        (
            "plaintext behind the 220",
            "starttls",
            Act::Say("220 go on\r\n250-relay.example\r\n250 AUTH PLAIN\r\n".into()),
            Trouble::Protocol,
        ),
        ("no TLS behind the 220", "starttls", Act::SayAndClose("220 go on\r\n".into()), Trouble::Tls),
    ];
    for (case, stage, act, trouble) in table {
        let server = Server::acting(stage, act).await;
        let relay = encrypted(&server, TlsMode::Starttls, &authority);
        nothing_leaves(server, relay, trouble, case).await;
    }
}

#[tokio::test]
async fn a_file_without_certificates_is_refused_at_the_start() {
    let server = Server::good().await;
    let mut bench = Bench::new(vec![relay("primary", &server)]);
    bench.relays[0].tls = TlsMode::Implicit;
    bench.relays[0].ca_file = Some("/nonexistent/ca.pem".into());
    let refused = postledger_dispatcher::Dispatcher::start(bench.options()).await.expect_err("no such file");
    assert!(refused.to_string().starts_with("relay primary: "), "{refused}");
}
