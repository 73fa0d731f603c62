//! What a supervisor such as systemd hears (sd_notify(3)), on a socket of the test's own.

use postledger_tests::faults::Faults;
use postledger_tests::service::{Relay, Service, Setup};
use postledger_tests::sink::{Script, Sink};
use rustix::process::Signal;
use serde_json::json;
use std::os::unix::net::UnixDatagram;
use std::time::Duration;

/// So often, in microseconds, must the watchdog be fed; three times as often it is.
const WATCHDOG_USEC: u64 = 300_000;
/// Three missed meals.
const BITE: Duration = Duration::from_micros(WATCHDOG_USEC);
/// By when something that must be said is said.
const PATIENCE: Duration = Duration::from_secs(30);

/// The supervisor's side.
struct Ear(UnixDatagram);

impl Ear {
    fn of(service: &mut Service, mut variables: Vec<(String, String)>) -> Self {
        let path = service.directory().join("notify");
        variables.push(("NOTIFY_SOCKET".into(), path.display().to_string()));
        variables.push(("WATCHDOG_USEC".into(), WATCHDOG_USEC.to_string()));
        service.environment(variables);
        Self(UnixDatagram::bind(path).unwrap())
    }

    /// The next thing that is said within this time.
    fn hears(&self, within: Duration) -> Option<String> {
        self.0.set_read_timeout(Some(within)).unwrap();
        let mut said = [0; 4096];
        let size = self.0.recv(&mut said).ok()?;
        Some(String::from_utf8(said[..size].to_vec()).unwrap())
    }

    /// Whatever is said until this line is.
    fn until(&self, line: &str) -> String {
        let mut others = Vec::new();
        loop {
            let said = self.hears(PATIENCE).unwrap_or_else(|| panic!("no {line}, but {others:?}"));
            if said.lines().any(|it| it == line) {
                return said;
            }
            others.push(said);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn it_hears_of_start_reload_and_stop() {
    let sink = Sink::start(Script::default()).await.unwrap();
    let mut service = Setup::new().relay(Relay::plain("primary", sink.addr())).prepare().await.unwrap();
    let ear = Ear::of(&mut service, Vec::new());
    service.start().await.unwrap();
    let ready = ear.hears(PATIENCE).unwrap();
    let listening = *service.target().borrow();
    assert_eq!(ready, format!("READY=1\nSTATUS=listening on {listening}, 0 deliveries open\n"));
    let fed = ear.until("WATCHDOG=1");
    assert!(fed.contains(&format!("\nSTATUS=listening on {listening}")), "{fed}");

    service.signal(Signal::HUP).unwrap();
    let reloading = ear.until("RELOADING=1");
    let since = reloading.lines().find_map(|line| line.strip_prefix("MONOTONIC_USEC=")).unwrap();
    assert!(since.parse::<u64>().unwrap() > 0, "{reloading}");
    ear.until("READY=1");

    let exit = service.terminate().await.unwrap();
    assert_eq!(exit.code, Some(0), "{exit}");
    ear.until("STOPPING=1");
    assert_eq!(ear.hears(BITE), None, "it says nothing after that");
    let events = service.export().await.unwrap();
    let kinds: Vec<_> = events.iter().map(|event| event["kind"].as_str().unwrap()).collect();
    assert_eq!(
        kinds,
        ["started", "key_created", "stopped", "started", "stopped"],
        "the watchdog leaves no events"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_watchdog_starves_while_the_disk_hangs() {
    let sink = Sink::start(Script::default()).await.unwrap();
    let mut service = Setup::new().relay(Relay::plain("primary", sink.addr())).prepare().await.unwrap();
    let faults = Faults::new().unwrap().on("/ledger.db").slow_syncs(4 * BITE).switched().unwrap();
    faults.release().unwrap();
    let ear = Ear::of(&mut service, faults.environment());
    service.start().await.unwrap();
    ear.until("WATCHDOG=1");

    faults.engage().unwrap();
    let before = faults.counts().unwrap().syncs;
    let caller = service.caller();
    let message = json!({"from": "shop@shop.example", "to": "ann@example.net", "subject": "x", "text": "x"});
    let submitted =
        tokio::spawn(
            async move { caller.call(reqwest::Method::POST, "/v1/messages", Some(&message), &[]).await },
        );
    faults.syncs(before + 1).await.unwrap();
    // What was fed before the sync began may still be on its way; then there is nothing for long enough to bite.
    let fed = std::iter::from_fn(|| ear.hears(BITE)).take(10).count();
    assert!(fed < 10, "it was fed {fed} times while nothing could be committed");
    faults.release().unwrap();
    assert_eq!(submitted.await.unwrap().unwrap().status, 202, "slow is not lost");
    ear.until("WATCHDOG=1");
}
