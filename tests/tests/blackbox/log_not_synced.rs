//! A process that is killed before its sync leaves commits to the kernel that no disk has. The next start reads them, and
//! must make them durable before its anchor vouches for them: power may go in the middle of that start (G1, G14).

use postledger_tests::faults::{Faults, Mirror};
use postledger_tests::load::{Entry, Load, Lost, Running, Until};
use postledger_tests::oracle;
use postledger_tests::service::{Program, Relay, Service, Setup, Started};
use postledger_tests::sink::{Script, Sink};
use std::path::PathBuf;
use std::time::Duration;

/// Long enough to strike inside of it.
const SYNC: Duration = Duration::from_millis(400);

/// A service whose power went in the middle of the start that followed a kill, and its load, which goes on.
struct Struck {
    service: Service,
    started: Started,
    running: Running,
    ledger: PathBuf,
}

async fn strike(program: Program, sink: &Sink) -> Struck {
    let relay = Relay::plain("primary", sink.addr());
    let mut service = Setup::new().program(program).relay(relay).prepare().await.unwrap();
    let mirror = Mirror::of(&service.data_dir()).unwrap();
    let faults = Faults::new().unwrap().mirrored(&mirror).on("/ledger.db").slow_syncs(SYNC);
    service.environment(faults.environment());
    service.start().await.unwrap();
    let ledger = service.directory().join("load");
    let mut load = Load::new(service.target(), service.key(), Until::Stopped);
    (load.idempotent, load.lost, load.connections) = (true, Lost::Repeated, 8);
    load.members = Some(r#""retry":{"schedule":["1s"],"max_attempts":20}"#.to_owned());
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
    Struck { service, started, running, ledger }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_start_makes_durable_what_it_believes() {
    let sink = Sink::start(Script::fast()).await.unwrap();
    let Struck { mut service, started, running, ledger } = strike(Program::Real, &sink).await;
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

/// The control: an anchor that vouches for what only the kernel has refuses the ledger after the power cut.
#[tokio::test(flavor = "multi_thread")]
async fn an_anchor_that_comes_first_is_caught() {
    let sink = Sink::start(Script::fast()).await.unwrap();
    let struck = strike(Program::Sabotaged("anchor_before_log"), &sink).await;
    let Started::Refused(exit) = struck.started else { panic!("it started: {:?}", struck.started) };
    assert!(exit.stderr.contains("acknowledged events are missing"), "{exit}");
    struck.running.stop();
}
