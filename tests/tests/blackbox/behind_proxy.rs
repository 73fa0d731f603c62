//! Behind a proxy nobody is local, and what callers write of themselves counts for nothing.

use postledger_tests::service::{Relay, Setup};
use reqwest::{Client, StatusCode};
use std::net::SocketAddr;

/// Stands in every field that a caller may forge.
const FORGED: &str = "198.51.100.77";

#[tokio::test]
async fn nobody_comes_nearer_by_a_header_field() {
    let relay = Relay::plain("primary", SocketAddr::from(([127, 0, 0, 1], 9)));
    let setup = Setup::new().relay(relay).variable("POSTLEDGER_LOG", "trace");
    let setup = setup.server("behind_proxy = true\ntrusted_proxies = [\"192.0.2.0/24\"]");
    let service = setup.start().await.unwrap();
    let url = format!("http://{}/metrics", *service.target().borrow());
    let client = Client::builder().no_proxy().build().unwrap();
    // This machine's own connections are taken, but are nobody's in particular.
    assert_eq!(client.get(&url).send().await.unwrap().status(), StatusCode::UNAUTHORIZED);
    for name in ["X-Forwarded-For", "X-Real-IP", "Forwarded", "Via", "X-Client-IP", "X-Forwarded-Host"] {
        for value in ["127.0.0.1", FORGED] {
            let answer = client.get(&url).header(name, value).send().await.unwrap();
            assert_eq!(answer.status(), StatusCode::UNAUTHORIZED, "{name}: {value}");
            assert!(!answer.text().await.unwrap().contains(value), "{name} is repeated");
        }
    }
    let request = client.get(&url).bearer_auth(service.key()).header("X-Forwarded-For", FORGED);
    assert_eq!(request.send().await.unwrap().status(), StatusCode::OK);
    let log = service.stderr().unwrap();
    assert!(log.contains("status\":401"), "{log}");
    assert!(!log.contains(FORGED), "an address of a client stands in the log");
}
