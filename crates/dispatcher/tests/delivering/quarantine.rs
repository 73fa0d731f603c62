//! What an unclean start makes of the file that its predecessor left behind.

use super::support::server::Server;
use super::support::{Bench, CONTENT, policy, relay, submission};
use postledger_core::delivery::{Command, Phase};
use postledger_core::event::HoldReason;
use postledger_core::id::{MessageId, Ordinal};
use postledger_core::name::Actor;
use postledger_dispatcher::{Dispatcher, DispatcherOptions};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;

/// A line as a process leaves it that dies while the delivery is in flight.
fn in_flight(crashes_before: u8, id: MessageId, ordinal: u16) -> String {
    format!("{:<63}\n", format!("flying  {crashes_before} {}", id.delivery(Ordinal(ordinal))))
}

async fn started(bench: &Bench, file: &Path) -> Arc<Dispatcher> {
    let options = DispatcherOptions { in_flight: Some(file.to_owned()), ..bench.options() };
    Dispatcher::start(options).await.expect("it starts")
}

fn reason(bench: &Bench, id: MessageId, ordinal: u16) -> Option<HoldReason> {
    let message = bench.message(id);
    match message.delivery(Ordinal(ordinal)).expect("it exists").state.phase {
        Phase::Held { reason } => Some(reason),
        _ => None,
    }
}

#[tokio::test]
async fn the_third_crash_holds_all_of_the_message_and_nothing_else() {
    let (server, files) = (Server::good().await, TempDir::new().expect("a directory"));
    let file = files.path().join("in-flight");
    let bench = Bench::new(vec![relay("primary", &server)]);
    let to = ["ann@example.net", "bob@example.net"];
    let poison = bench.submit(submission(1, policy(), &to, CONTENT)).await;
    let innocent = bench.send(2).await;
    std::fs::write(&file, in_flight(2, poison, 1) + &in_flight(0, innocent, 1)).expect("it can be written");
    let dispatcher = started(&bench, &file).await;
    assert_eq!(reason(&bench, poison, 1), Some(HoldReason::Quarantined));
    assert_eq!(reason(&bench, poison, 2), Some(HoldReason::Quarantined), "it would send the same text");
    assert_eq!(bench.outcome(innocent).await, "queued attempted delivered");
    dispatcher.shutdown(Duration::from_secs(5)).await;
    assert_eq!((server.dots(), std::fs::read(&file).expect("it is there").len()), (1, 0));

    // Released, it is mail as any other.
    let dispatcher = started(&bench, &file).await;
    bench.command(poison, Command::Release(Actor::control())).await;
    bench.until(poison, |kinds| kinds.ends_with("delivered")).await;
    dispatcher.shutdown(Duration::from_secs(5)).await;
    assert_eq!(bench.kinds(poison), "queued held held released attempted delivered");
}

#[tokio::test]
async fn two_crashes_hold_nothing() {
    let (server, files) = (Server::good().await, TempDir::new().expect("a directory"));
    let file = files.path().join("in-flight");
    let bench = Bench::new(vec![relay("primary", &server)]);
    let ids = [bench.send(1).await, bench.send(2).await, bench.send(3).await];
    let left: String = ids.iter().map(|id| in_flight(1, *id, 1)).collect();
    std::fs::write(&file, left).expect("it can be written");
    let dispatcher = started(&bench, &file).await;
    for id in ids {
        assert_eq!(bench.outcome(id).await, "queued attempted delivered");
    }
    dispatcher.shutdown(Duration::from_secs(5)).await;
}

#[tokio::test]
async fn a_file_that_cannot_be_had_keeps_no_mail_back() {
    let (server, files) = (Server::good().await, TempDir::new().expect("a directory"));
    let bench = Bench::new(vec![relay("primary", &server)]);
    let id = bench.send(1).await;
    // A directory stands in its place.
    let dispatcher = started(&bench, files.path()).await;
    assert_eq!(bench.outcome(id).await, "queued attempted delivered");
    dispatcher.shutdown(Duration::from_secs(5)).await;
}
