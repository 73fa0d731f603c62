//! Controls: on a disk that lies about its syncs a power cut does lose mail, and it is noticed. Without this, clean
//! verdicts after power cuts would prove nothing (G1, G14).

use postledger_tests::faults::{Faults, Mirror};
use postledger_tests::load::{Entry, Load, Until};
use postledger_tests::oracle::{self, Verdict};
use postledger_tests::service::{Relay, Service, Setup, Started};
use postledger_tests::sink::{Script, Sink};

const MESSAGES: u64 = 50;

/// Delivers mail while syncs of the files that match are lies, cuts the power, and starts again.
async fn lie(part: &str, sink: &Sink) -> (Service, Started, Vec<Entry>) {
    let mut service = Setup::new().relay(Relay::plain("primary", sink.addr())).prepare().await.unwrap();
    let mirror = Mirror::of(&service.data_dir()).unwrap();
    let faults = Faults::new().unwrap().mirrored(&mirror).on(part).lying();
    service.environment(faults.environment());
    service.start().await.unwrap();
    let mut load = Load::new(service.target(), service.key(), Until::Messages(MESSAGES));
    let ledger = service.directory().join("load");
    load.ledger = Some(ledger.clone());
    assert_eq!(load.run().await.unwrap().accepted(), MESSAGES);
    service.kill().unwrap();
    mirror.power_cut().unwrap();
    service.environment(Vec::new());
    let started = service.try_start().await.unwrap();
    (service, started, Entry::read(&ledger).unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn where_everything_lies_the_oracle_sees_what_was_lost() {
    let sink = Sink::start(Script::fast()).await.unwrap();
    let (mut service, started, entries) = lie("/data/", &sink).await;
    assert!(matches!(started, Started::Listening), "{started:?}");
    service.terminate().await.unwrap();
    let export = service.export().await.unwrap();
    let verdict: Verdict = oracle::judge(&entries, &sink.stop().await.transactions, &export).unwrap();
    assert_eq!(verdict.lost.len() as u64, MESSAGES, "{verdict}");
    assert!(!verdict.is_clean());
}

#[tokio::test(flavor = "multi_thread")]
async fn where_the_ledger_lies_its_anchor_knows() {
    let sink = Sink::start(Script::fast()).await.unwrap();
    let (_service, started, _) = lie("/ledger.db", &sink).await;
    let Started::Refused(exit) = started else { panic!("it started on less than its anchor knew") };
    assert_eq!(exit.code, Some(5), "{exit}");
}
