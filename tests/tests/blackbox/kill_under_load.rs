//! SIGKILL at any moment under load: nothing that was accepted is lost, nothing is sent that was not, and what may have
//! been sent is shown as unknown (G1, G4).

use postledger_tests::load::{Entry, Load, Lost, Until};
use postledger_tests::oracle;
use postledger_tests::service::{Relay, Setup};
use postledger_tests::sink::{Script, Sink};
use std::time::Duration;

const ROUNDS: u64 = 4;

#[tokio::test(flavor = "multi_thread")]
async fn what_was_accepted_outlives_kills() {
    let sink = Sink::start(Script::fast()).await.unwrap();
    let mut service = Setup::new().relay(Relay::plain("primary", sink.addr())).start().await.unwrap();
    let files = tempfile::tempdir().unwrap();
    let ledger = files.path().join("load");
    let mut load = Load::new(service.target(), service.key(), Until::Stopped);
    (load.idempotent, load.lost) = (true, Lost::Repeated);
    load.members = Some(r#""retry":{"schedule":["1s"],"max_attempts":20}"#.to_owned());
    load.ledger = Some(ledger.clone());
    let running = load.start().unwrap();
    for round in 1..=ROUNDS {
        // Odd numbers, so that the kills fall anywhere in the service's own rhythm.
        let target = running.accepted() + 211 * round;
        assert!(running.reaches(target, Duration::from_secs(60)).await, "round {round}: {running:?}");
        service.kill().unwrap();
        service.start().await.unwrap();
    }
    assert!(running.reaches(running.accepted() + 100, Duration::from_secs(60)).await);
    running.stop();
    let report = running.finish().await.unwrap();
    service.drained(Duration::from_secs(60)).await.unwrap();
    let exit = service.terminate().await.unwrap();
    assert_eq!(exit.code, Some(0), "{exit}");

    for command in [&["audit", "verify"][..], &["replay", "--check"]] {
        let exit = service.run(command).await.unwrap();
        assert_eq!(exit.code, Some(0), "{command:?}: {exit}");
    }
    let entries = Entry::read(&ledger).unwrap();
    let log = sink.stop().await;
    let verdict = oracle::judge(&entries, &log.transactions, &service.export().await.unwrap()).unwrap();
    assert!(verdict.is_clean() && verdict.open == 0, "{verdict}\n{report}");
    assert_eq!(verdict.accepted as u64, report.accepted());
}
