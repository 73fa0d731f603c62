//! A process that is killed before its sync leaves commits to the kernel that no disk has. The next start reads them, and
//! must make them durable before its anchor vouches for them: power may go in the middle of that start (G1, G14).

use postledger_tests::faults::{Faults, Mirror};
use postledger_tests::load::{Entry, Load, Lost, Until};
use postledger_tests::oracle;
use postledger_tests::service::{Relay, Setup, Started};
use postledger_tests::sink::{Script, Sink};
use std::time::Duration;

/// Long enough to strike inside of it.
const SYNC: Duration = Duration::from_millis(400);

#[tokio::test(flavor = "multi_thread")]
async fn a_start_makes_durable_what_it_believes() {
    let sink = Sink::start(Script::fast()).await.unwrap();
    let mut service = Setup::new().relay(Relay::plain("primary", sink.addr())).prepare().await.unwrap();
    let mirror = Mirror::of(&service.data_dir()).unwrap();
    let faults = Faults::new().unwrap().mirrored(&mirror).on("/ledger.db").slow_syncs(SYNC);
    service.environment(faults.environment());
    service.start().await.unwrap();
    let ledger = service.directory().join("load");
    let mut load = Load::new(service.target(), service.key(), Until::Stopped);
    (load.idempotent, load.lost, load.connections) = (true, Lost::Repeated, 8);
    load.ledger = Some(ledger.clone());
    let running = load.start().unwrap();
    assert!(running.reaches(8, Duration::from_secs(60)).await, "{running:?}");

    // Killed while a commit is written and its sync is under way. Power stays on.
    faults.syncs(faults.counts().unwrap().syncs + 1).await.unwrap();
    service.kill().unwrap();
    // The next start has read that commit, and is at its first sync of the ledger, when power goes.
    let first = faults.syncs(faults.counts().unwrap().syncs + 1);
    tokio::select! {
        reached = first => reached.unwrap(),
        started = service.start() => panic!("a start without a sync: {started:?}"),
    }
    service.kill().unwrap();
    mirror.power_cut().unwrap();

    service.environment(Vec::new());
    let started = service.try_start().await.unwrap();
    assert!(matches!(started, Started::Listening), "{started:?}");
    assert!(running.reaches(running.accepted() + 20, Duration::from_secs(60)).await, "{running:?}");
    running.stop();
    running.finish().await.unwrap();
    service.drained(Duration::from_secs(60)).await.unwrap();
    service.terminate().await.unwrap();
    let (entries, export) = (Entry::read(&ledger).unwrap(), service.export().await.unwrap());
    let verdict = oracle::judge(&entries, &sink.stop().await.transactions, &export).unwrap();
    assert!(verdict.is_clean(), "{verdict}");
}
