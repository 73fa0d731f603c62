//! After a failed sync or a failed write nothing more is acknowledged, the sync is not tried again, and the process
//! stops (G2).

use postledger_tests::chaos::{Plan, Scenario, run};
use postledger_tests::faults::{Faults, Mirror};
use postledger_tests::load::{Entry, Load, Lost, Until};
use postledger_tests::oracle;
use postledger_tests::service::{Relay, Setup};
use postledger_tests::sink::{Script, Sink};
use std::time::Duration;
use tokio::time::Instant;

/// What else happens to the machine.
#[derive(PartialEq, Eq)]
enum Then {
    /// Power goes: what the failed call wrote is gone.
    PowerCut,
    /// Nothing: what the failed call wrote is still in the page cache, and comes back.
    Restart,
}

/// Runs until the fault stops the service, starts again on a good disk, and compares.
async fn outlive(fault: impl FnOnce(Faults) -> Faults, then: Then) {
    let sink = Sink::start(Script::fast()).await.unwrap();
    let mut service = Setup::new().relay(Relay::plain("primary", sink.addr())).prepare().await.unwrap();
    let mirror = Mirror::of(&service.data_dir()).unwrap();
    let faults = fault(Faults::new().unwrap().mirrored(&mirror).on("/ledger.db"));
    service.environment(faults.environment());
    service.start().await.unwrap();
    let ledger = service.directory().join("load");
    let mut load = Load::new(service.target(), service.key(), Until::Stopped);
    (load.idempotent, load.lost, load.connections) = (true, Lost::Repeated, 8);
    load.members = Some(r#""retry":{"schedule":["1s"],"max_attempts":20}"#.to_owned());
    load.ledger = Some(ledger.clone());
    let running = load.start().unwrap();

    let exit = service.ended().await.unwrap();
    assert!(exit.code.is_some_and(|code| code != 0), "it ended by itself and says that it failed: {exit}");
    let injected = faults.injected().unwrap();
    assert_eq!(injected.len(), 1, "a failed call is not tried again: {injected:#?}\n{exit}");
    assert!(!exit.stderr.is_empty(), "it says why");

    if then == Then::PowerCut {
        mirror.power_cut().unwrap();
    }
    service.environment(Vec::new());
    let start = Instant::now();
    service.start().await.unwrap();
    assert!(start.elapsed() < Duration::from_secs(30));
    assert!(running.reaches(running.accepted() + 50, Duration::from_secs(30)).await);
    running.stop();
    let report = running.finish().await.unwrap();
    service.drained(Duration::from_secs(60)).await.unwrap();
    service.terminate().await.unwrap();
    let exit = service.run(&["audit", "verify"]).await.unwrap();
    assert_eq!(exit.code, Some(0), "{exit}");
    let (entries, export) = (Entry::read(&ledger).unwrap(), service.export().await.unwrap());
    let verdict = oracle::judge(&entries, &sink.stop().await.transactions, &export).unwrap();
    assert!(verdict.is_clean() && verdict.open == 0, "{verdict}\n{report}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_sync_stops_the_service_and_loses_nothing() {
    outlive(|faults| faults.fail_sync(40).for_ever(), Then::PowerCut).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_write_stops_the_service_and_loses_nothing() {
    outlive(|faults| faults.fail_write(200), Then::PowerCut).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_refused_at_a_failed_sync_does_not_come_back() {
    outlive(|faults| faults.fail_sync(40).for_ever(), Then::Restart).await;
}

/// The first syncs and writes are those of a start. The long version is `cargo xtask chaos sync-failure`.
#[tokio::test(flavor = "multi_thread")]
async fn the_first_failures_stop_a_start_for_good() {
    let figures = run(Scenario::SyncFailure, &Plan::new(3, 1)).await.unwrap();
    assert_eq!(figures.missed(), None, "{figures}");
    assert_eq!(figures.of("faults"), 9, "{figures}");
}
