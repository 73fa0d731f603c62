//! Power fails under load: what was answered with 202 had been synced (G1).

use postledger_tests::faults::{Faults, Mirror};
use postledger_tests::load::{Entry, Load, Lost, Until};
use postledger_tests::oracle;
use postledger_tests::service::{Relay, Setup};
use postledger_tests::sink::{Script, Sink};
use std::time::Duration;

const ROUNDS: u64 = 3;

#[tokio::test(flavor = "multi_thread")]
async fn what_was_accepted_outlives_power_cuts() {
    let sink = Sink::start(Script::fast()).await.unwrap();
    let mut service = Setup::new().relay(Relay::plain("primary", sink.addr())).prepare().await.unwrap();
    let mirror = Mirror::of(&service.data_dir()).unwrap();
    let faults = Faults::new().unwrap().mirrored(&mirror);
    service.environment(faults.environment());
    service.start().await.unwrap();
    let files = tempfile::tempdir().unwrap();
    let ledger = files.path().join("load");
    let mut load = Load::new(service.target(), service.key(), Until::Stopped);
    (load.idempotent, load.lost) = (true, Lost::Repeated);
    load.members = Some(r#""retry":{"schedule":["1s"],"max_attempts":20}"#.to_owned());
    load.ledger = Some(ledger.clone());
    let running = load.start().unwrap();
    for round in 1..=ROUNDS {
        let target = running.accepted() + 173 * round;
        assert!(running.reaches(target, Duration::from_secs(60)).await, "round {round}: {running:?}");
        service.kill().unwrap();
        mirror.power_cut().unwrap();
        service.start().await.unwrap();
    }
    running.stop();
    let report = running.finish().await.unwrap();
    service.drained(Duration::from_secs(60)).await.unwrap();
    service.terminate().await.unwrap();
    let exit = service.run(&["audit", "verify"]).await.unwrap();
    assert_eq!(exit.code, Some(0), "{exit}");
    let entries = Entry::read(&ledger).unwrap();
    let log = sink.stop().await;
    let verdict = oracle::judge(&entries, &log.transactions, &service.export().await.unwrap()).unwrap();
    assert!(verdict.is_clean() && verdict.open == 0, "{verdict}\n{report}");
    assert!(faults.counts().unwrap().syncs > 0, "the library was in the process");
}
