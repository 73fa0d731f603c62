//! Hostile callers: each is told what is wrong in a problem that names the field, nothing of theirs is sent, stored or
//! logged, and nobody beside them notices.

mod addresses;
mod callers;
mod calls;
mod case;
mod exchange;
mod fields;
mod json;
mod neighbour;
mod slow;
mod wire;

use case::{CANARY, Case, Target};
use neighbour::Neighbour;
use postledger_tests::service::{Relay, Service, Setup};
use postledger_tests::sink::{Script, Sink};
use reqwest::Method;
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinSet;

/// Bad requests at once.
const AT_ONCE: usize = 8;
const MIB: u64 = 1024 * 1024;

/// Short enough to be met, and large enough for all that is right.
const LIMITS: &str = "limits = { body = \"4MiB\", attachments = \"1MiB\", message = \"3MiB\", \
    bodies_in_flight = \"64MiB\", header_timeout = \"2s\", body_timeout = \"2s\", answer_timeout = \"1s\" }";

#[tokio::test(flavor = "multi_thread")]
async fn who_does_everything_wrong_changes_nothing() {
    let sink = Sink::start(Script::default()).await.unwrap();
    let setup = Setup::new().relay(Relay::plain("primary", sink.addr())).server(LIMITS);
    let service = setup.variable("POSTLEDGER_LOG", "trace").start().await.unwrap();
    let addr = *service.target().borrow();
    let mut accepted = case::message();
    accepted["send_at"] = far_ahead().into();
    let target = Arc::new(target(&service, &accepted).await);
    let cases: Vec<Arc<Case>> = [
        fields::cases(&target),
        json::cases(&target),
        calls::cases(&target),
        callers::cases(&target),
        wire::cases(&target),
    ]
    .into_iter()
    .flatten()
    .map(Arc::new)
    .collect();
    assert!(cases.len() >= 200, "{} cases", cases.len());

    // Once to warm up: allocators, caches and pools grow to what the suite needs.
    let findings = ask_all(addr, &cases).await;
    assert!(findings.is_empty(), "{} of {} cases:\n{}", findings.len(), cases.len(), findings.join("\n"));
    let before = State::of(&service).await;
    let neighbour = Neighbour::start(addr, service.key(), "neighbour", accepted, &target.message); // The same beside those who take their time.
    let (mut findings, of_slow) = tokio::join!(ask_all(addr, &cases), slow::findings(addr, &target));
    findings.extend(of_slow);
    let took = neighbour.stop().await;
    assert!(findings.is_empty(), "{}", findings.join("\n"));

    let p99 = took[took.len() * 99 / 100];
    assert!(took.len() > 20 && p99 < Duration::from_millis(500), "p99 {p99:?} of {}", took.len());
    let after = State::of(&service).await;
    assert_eq!(after.position, before.position, "something was stored");
    assert!(sink.log().connections.is_empty(), "something was sent");
    assert!(after.rss <= before.rss + 48 * MIB, "memory grew: {before:?}, {after:?}");
    assert!(after.files <= before.files + 4, "connections are left over: {before:?}, {after:?}");

    // Each was answered as expected, so these are the codes that callers meet.
    let page = include_str!("../../../docs/api.md");
    for (_, code, _, of_field) in cases.iter().map(|case| case.expected) {
        for code in [code, of_field].iter().filter(|code| !code.is_empty()) {
            assert!(page.contains(&format!("\n| `{code}` |")), "{code} is not in docs/api.md");
        }
    }

    let log = service.stderr().unwrap();
    assert!(log.contains("status\":404"), "the log says what was refused");
    for secret in
        [CANARY, &target.key[21..], &target.reader[21..], "evil.example", "eve@", "shop.example", "panicked"]
    {
        let line = log.lines().find(|line| line.contains(secret));
        assert_eq!(line, None, "{secret} stands in the log");
    }
}

async fn ask_all(addr: std::net::SocketAddr, cases: &[Arc<Case>]) -> Vec<String> {
    let mut asked = JoinSet::new();
    let (mut findings, mut waiting) = (Vec::new(), cases.iter());
    loop {
        while asked.len() < AT_ONCE {
            let Some(case) = waiting.next().cloned() else { break };
            asked.spawn(async move { exchange::finding(addr, &case).await });
        }
        match asked.join_next().await {
            Some(found) => findings.extend(found.unwrap()),
            None => return findings,
        }
    }
}

/// What must not change.
#[derive(Debug)]
struct State {
    position: u64,
    rss: u64,
    files: usize,
}

impl State {
    async fn of(service: &Service) -> Self {
        let metrics = service.get("/metrics").await.unwrap();
        let text = String::from_utf8(metrics.body).unwrap();
        let position =
            text.lines().find_map(|line| line.strip_prefix("postledger_journal_position ")).unwrap();
        let stats = service.stats().unwrap();
        Self { position: position.parse().unwrap(), rss: stats.rss_bytes, files: stats.files }
    }
}

/// Keys of each kind and messages that are not due.
async fn target(service: &Service, accepted: &Value) -> Target {
    let key = |tenant: &str, scopes: &str| {
        let arguments = ["key", "create", "--tenant", tenant, "--scope", scopes].map(str::to_owned);
        async move {
            let exit = service.run(&arguments.each_ref().map(String::as_str)).await.unwrap();
            let made: Value = serde_json::from_str(&exit.stdout).unwrap();
            made["key"].as_str().unwrap().to_owned()
        }
    };
    let all = "send,read,operate,admin";
    let (reader, revoked, foreign) =
        (key("default", "read").await, key("default", all).await, key("other", all).await);
    let id = revoked.replace("plk_", "key_")[..20].to_owned();
    assert_eq!(service.run(&["key", "revoke", &id]).await.unwrap().code, Some(0));
    let submit = async |key: &str| {
        let answer =
            service.call(Method::POST, "/v1/messages", Some(accepted), &[("Idempotency-Key", key)]).await;
        answer.unwrap().expect(202).unwrap()
    };
    let (message, cancelled) = (submit("neighbour").await, submit("other").await);
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let (delivery, cancelled) = (text(&message["deliveries"][0]["id"]), text(&cancelled["id"]));
    service.post(&format!("/v1/messages/{cancelled}/cancel"), &json!({})).await.unwrap().expect(200).unwrap();
    let message = text(&message["id"]);
    let (key, later) = (service.key().to_owned(), text(&accepted["send_at"]));
    Target { key, reader, revoked, foreign, message, delivery, cancelled, later }
}

/// Half a year from now: whenever this runs, it is not due.
#[expect(clippy::disallowed_methods, reason = "the service under test reads the wall clock, too")]
fn far_ahead() -> String {
    (jiff::Timestamp::now() + Duration::from_secs(180 * 86_400)).to_string()
}
