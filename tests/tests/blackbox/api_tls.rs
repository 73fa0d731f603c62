//! The API over TLS: what it speaks, whom the command line trusts, and that nobody's handshake is another's wait.

use postledger_tests::service::{Relay, Service, Setup};
use postledger_tests::sink::Authority;
use reqwest::tls::Version;
use reqwest::{Certificate, Client, ClientBuilder};
use serde_json::Value;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::Instant;

/// No mail is sent here.
fn relay() -> Relay {
    Relay::plain("primary", SocketAddr::from(([127, 0, 0, 1], 9)))
}

async fn start((cert, key): &(PathBuf, PathBuf)) -> Service {
    let tls =
        format!("tls = {{ cert = {cert:?}, key = {key:?} }}\nlimits = {{ handshake_timeout = \"1s\" }}");
    Setup::new().relay(relay()).server(&tls).start().await.unwrap()
}

fn trusting(ca: &Path) -> ClientBuilder {
    let roots = Certificate::from_pem_bundle(&std::fs::read(ca).unwrap()).unwrap();
    Client::builder().no_proxy().tls_certs_only(roots)
}

fn url(service: &Service) -> String {
    format!("https://{}", *service.target().borrow())
}

#[tokio::test]
async fn both_versions_are_spoken_and_plaintext_is_told_so() {
    let authority = Authority::new().unwrap();
    let service = start(&authority.good_files("api").unwrap()).await;
    for version in [Version::TLS_1_2, Version::TLS_1_3] {
        let client = trusting(&authority.ca_file()).tls_version_min(version).tls_version_max(version);
        let request = client.build().unwrap().get(format!("{}/v1/messages", url(&service)));
        let answer = request.bearer_auth(service.key()).send().await.unwrap();
        assert_eq!(answer.status(), 200, "{version:?}");
    }
    let stranger = Client::builder().no_proxy().build().unwrap();
    assert!(stranger.get(url(&service)).send().await.is_err(), "an unknown authority was trusted");

    let mut plain = TcpStream::connect(*service.target().borrow()).await.unwrap();
    plain.write_all(b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
    let mut answer = String::new();
    plain.read_to_string(&mut answer).await.unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("HTTP/1.1 400 Bad Request\r\n"), "{head}");
    let problem: Value = serde_json::from_str(body).unwrap();
    assert_eq!(problem["code"], "tls_required");
    assert!(head.contains(problem["request_id"].as_str().unwrap()), "{answer}");
}

#[tokio::test]
async fn a_slow_handshake_is_cut_and_keeps_nobody_waiting() {
    let authority = Authority::new().unwrap();
    let service = start(&authority.good_files("api").unwrap()).await;
    let began = Instant::now();
    let mut slow = Vec::new();
    for start in ["", "\x16", "\x16\x03\x01\x02\x00\x01"] {
        let mut stream = TcpStream::connect(*service.target().borrow()).await.unwrap();
        stream.write_all(start.as_bytes()).await.unwrap();
        slow.push(stream);
    }
    let client = trusting(&authority.ca_file()).build().unwrap();
    assert_eq!(client.get(format!("{}/livez", url(&service))).send().await.unwrap().status(), 200);
    let answered = began.elapsed();
    for mut stream in slow {
        let mut rest = Vec::new();
        let _reset_is_an_end_too = stream.read_to_end(&mut rest).await;
        assert!(!rest.starts_with(b"HTTP"), "what began a handshake is no HTTP");
    }
    let cut = began.elapsed();
    assert!(cut.as_secs() < 10 && answered < cut, "answered after {answered:?}, cut after {cut:?}");
}

#[tokio::test]
async fn the_command_line_trusts_the_system_and_what_it_is_told_to() {
    let authority = Authority::new().unwrap();
    let service = start(&authority.good_files("api").unwrap()).await;
    let (url, ca) = (url(&service), authority.ca_file().display().to_string());
    let list = ["message", "list", "--key", service.key(), "--url", &url];
    let exit = service.run(&list).await.unwrap();
    assert_eq!(exit.code, Some(6), "{exit}");
    assert!(exit.stderr.contains("UnknownIssuer; --ca names the root"), "{exit}");
    let exit = service.run(&[&list[..], &["--ca", &ca]].concat()).await.unwrap();
    assert_eq!(exit.code, Some(0), "{exit}");
    let mut command = std::process::Command::new(postledger_tests::service::binary().unwrap());
    command.args(list).env("SSL_CERT_FILE", &ca);
    let output = tokio::process::Command::from(command).output().await.unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let exit = service.run(&[&list[..], &["--ca", "/nowhere.pem"]].concat()).await.unwrap();
    assert_eq!(exit.code, Some(2), "{exit}");
}

#[tokio::test]
async fn what_cannot_be_used_is_refused_by_name() {
    let authority = Authority::new().unwrap();
    let (cert, key) = authority.good_files("api").unwrap();
    let (_, other) = authority.good_files("other").unwrap();
    let nowhere = PathBuf::from("/nowhere.pem");
    let cases = [
        (&nowhere, &key, "server.tls: cannot read /nowhere.pem: No such file"),
        (&cert, &nowhere, "server.tls: cannot read /nowhere.pem: No such file"),
        (&key, &key, "there is no certificate in"),
        (&cert, &cert, "there is no private key in PEM in it"),
        (&cert, &other, "cannot be used together"),
    ];
    for (cert, key, expected) in cases {
        let tls = format!("tls = {{ cert = {cert:?}, key = {key:?} }}");
        let mut service = Setup::new().relay(relay()).server(&tls).prepare().await.unwrap();
        let postledger_tests::service::Started::Refused(exit) = service.try_start().await.unwrap() else {
            panic!("{expected}: it started")
        };
        assert_eq!(exit.code, Some(2), "{exit}");
        assert!(exit.stderr.contains(expected), "{expected}\n{exit}");
        assert!(!exit.stderr.contains("PRIVATE KEY"), "{exit}");
    }
}

#[tokio::test]
async fn a_key_that_others_can_read_is_warned_of() {
    use std::os::unix::fs::PermissionsExt as _;
    let authority = Authority::new().unwrap();
    let files = authority.good_files("api").unwrap();
    assert!(!start(&files).await.stderr().unwrap().contains("others can read"));
    std::fs::set_permissions(&files.1, std::fs::Permissions::from_mode(0o640)).unwrap();
    let log = start(&files).await.stderr().unwrap();
    assert!(log.contains("others can read") && log.contains("chmod go= "), "{log}");
}
