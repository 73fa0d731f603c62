//! Interruptions: other people's commands, a ledger that fails, a kill, a shutdown.

use super::support::gate::{Gate, GatedLedger};
use super::support::server::{Act, Server};
use super::support::{Bench, CONTENT, policy, relay, submission};
use postledger_core::delivery::Command;
use postledger_core::event::{Deferral, MailEvent};
use postledger_core::name::Actor;
use postledger_core::outcome::{Stage, Trouble};
use postledger_core::relay::Dispatching;
use postledger_dispatcher::Dispatcher;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Notify;

#[tokio::test]
async fn a_cancel_before_attempted_is_stored_withholds_the_dot() {
    let server = Server::good().await;
    let mut bench = Bench::new(vec![relay("primary", &server)]);
    let told = Arc::new(Notify::new());
    let ledger = GatedLedger::new(bench.ledger.clone(), "attempted", Gate::Wait(told.clone()));
    bench.start_on(ledger.clone()).await;
    let id = bench.send(1).await;
    ledger.reached.notified().await;
    bench.command(id, Command::Cancel(Actor::control())).await;
    told.notify_one();
    let next = bench.send(2).await;
    bench.outcome(next).await;
    bench.stop().await;
    assert_eq!(bench.kinds(id), "queued cancelled");
    assert_eq!((server.dots(), server.log(|log| log.cut)), (1, 1));
}

#[tokio::test]
async fn a_ledger_that_stops_before_attempted_withholds_the_dot() {
    let server = Server::good().await;
    let mut bench = Bench::new(vec![relay("primary", &server)]);
    let ledger = GatedLedger::new(bench.ledger.clone(), "attempted", Gate::Stop);
    bench.start_on(ledger.clone()).await;
    let id = bench.send(1).await;
    ledger.reached.notified().await;
    bench.stop().await;
    assert_eq!((bench.kinds(id).as_str(), server.dots()), ("queued", 0));
}

#[tokio::test]
async fn an_outcome_that_cannot_be_stored_ends_all_sending() {
    let server = Server::good().await;
    let mut bench = Bench::new(vec![relay("primary", &server)]);
    let ids = [bench.send(1).await, bench.send(2).await, bench.send(3).await];
    bench.relays[0].max_connections = 1;
    let ledger = GatedLedger::new(bench.ledger.clone(), "delivered", Gate::Stop);
    bench.start_on(ledger.clone()).await;
    ledger.reached.notified().await;
    bench.stop().await;
    assert_eq!(bench.kinds(ids[0]), "queued attempted");
    assert_eq!(server.dots(), 1, "the next dot waits for the outcome before");
}

#[tokio::test]
async fn a_busy_ledger_gets_the_outcome_later() {
    let server = Server::good().await;
    let mut bench = Bench::new(vec![relay("primary", &server)]);
    let ledger = GatedLedger::new(bench.ledger.clone(), "delivered", Gate::Busy(3));
    bench.start_on(ledger).await;
    let id = bench.send(1).await;
    assert_eq!(bench.outcome(id).await, "queued attempted delivered");
    bench.stop().await;
    assert_eq!(server.dots(), 1);
}

#[tokio::test]
async fn a_busy_ledger_lets_the_delivery_try_again() {
    let server = Server::good().await;
    let mut bench = Bench::new(vec![relay("primary", &server)]);
    let ledger = GatedLedger::new(bench.ledger.clone(), "attempted", Gate::Busy(1));
    bench.start_on(ledger).await;
    let id = bench.send(1).await;
    assert_eq!(bench.outcome(id).await, "queued attempted delivered");
    bench.stop().await;
    assert_eq!((server.dots(), server.log(|log| log.cut)), (1, 1));
}

#[tokio::test]
async fn a_panic_ends_one_attempt_and_no_other() {
    let server = Server::good().await;
    let mut bench = Bench::new(vec![relay("primary", &server)]);
    let ledger = GatedLedger::new(bench.ledger.clone(), "attempted", Gate::Panic);
    bench.start_on(ledger).await;
    let id = bench.send(1).await;
    assert_eq!(bench.outcome(id).await, "queued attempted deferred");
    assert!(super::support::is_not_sent(&bench.ends(id)[0]));
    let next = bench.send(2).await;
    assert_eq!(bench.outcome(next).await, "queued attempted delivered");
    bench.stop().await;
    assert_eq!(server.dots(), 1);
}

#[tokio::test]
async fn what_cannot_be_read_is_held_for_an_operator() {
    for gate in [Gate::Panic, Gate::Stop] {
        let server = Server::good().await;
        let mut bench = Bench::new(vec![relay("primary", &server)]);
        // Accepted before the start, so that it must be read back.
        let id = bench.send(1).await;
        let ledger = GatedLedger::new(bench.ledger.clone(), "content", gate);
        bench.start_on(ledger).await;
        assert_eq!(bench.outcome(id).await, "queued held");
        let next = bench.send(2).await;
        assert_eq!(bench.outcome(next).await, "queued attempted delivered");
        bench.stop().await;
    }
}

#[tokio::test]
async fn a_kill_after_attempted_is_unknown_at_the_next_start_and_before_it_nothing() {
    for (stage, history) in [("dot", "queued attempted unknown held"), ("rcpt", "queued attempted delivered")]
    {
        let reached = Arc::new(Notify::new());
        let tell = reached.clone();
        let server = Server::start(move |step| {
            if step.stage == stage && step.connection == 1 {
                tell.notify_one();
                return Act::Hang;
            }
            Act::Go
        })
        .await;
        let mut bench = Bench::new(vec![relay("primary", &server)]);
        bench.relays[0].timeouts = Default::default();
        let process = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .expect("a runtime");
        let first =
            process.spawn(Dispatcher::start(bench.options())).await.expect("no panic").expect("it starts");
        let id = bench.send(1).await;
        reached.notified().await;
        process.shutdown_background();
        drop(first);
        bench.start().await;
        assert_eq!(bench.outcome(id).await, history, "{stage}");
        bench.stop().await;
        assert_eq!(server.accepted().len(), usize::from(stage == "rcpt"));
    }
}

#[tokio::test]
async fn a_shutdown_lets_what_is_in_flight_end() {
    let (reached, told) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let (tell, wait) = (reached.clone(), told.clone());
    let server = Server::start(move |step| {
        if step.stage == "dot" {
            tell.notify_one();
            return Act::Wait(wait.clone());
        }
        Act::Go
    })
    .await;
    let mut bench = Bench::new(vec![relay("primary", &server)]);
    bench.relays[0].timeouts = Default::default();
    bench.relays[0].max_connections = 1;
    bench.start().await;
    let ids = [bench.send(1).await, bench.send(2).await];
    reached.notified().await;
    let dispatcher = bench.dispatcher().clone();
    let stopping = tokio::spawn(async move { dispatcher.shutdown(Duration::from_secs(10)).await });
    told.notify_one();
    stopping.await.expect("it ends");
    assert_eq!(bench.kinds(ids[0]), "queued attempted delivered");
    assert_eq!(bench.kinds(ids[1]), "queued");
    let said = server.log(|log| String::from_utf8_lossy(&log.bytes).into_owned());
    assert!(said.ends_with("QUIT\r\n"), "{said}");
}

#[tokio::test]
async fn past_the_grace_what_is_in_flight_is_classed_by_its_dot() {
    for stage in ["connect", "rcpt", "dot"] {
        let reached = Arc::new(Notify::new());
        let tell = reached.clone();
        let server = Server::start(move |step| {
            if step.stage == stage || stage == "connect" {
                tell.notify_one();
                return Act::Hang;
            }
            Act::Go
        })
        .await;
        let mut bench = Bench::new(vec![relay("primary", &server)]);
        bench.relays[0].timeouts = Default::default();
        bench.start().await;
        let id = bench.send(1).await;
        reached.notified().await;
        bench.dispatcher().shutdown(Duration::ZERO).await;
        match (&bench.ends(id)[0], stage) {
            (MailEvent::Unknown { trouble: Trouble::Interrupted, .. }, "dot") => {}
            (MailEvent::Deferred { reason: Deferral::NotSent(not_sent), .. }, _) => {
                let at = if stage == "rcpt" { Stage::Rcpt } else { Stage::Banner };
                assert_eq!((not_sent.stage, not_sent.trouble), (at, Trouble::Interrupted));
            }
            (other, _) => panic!("{stage}: {other:?}"),
        }
    }
}

#[tokio::test]
async fn what_others_do_reaches_the_queue() {
    let server = Server::good().await;
    let mut bench = Bench::started(vec![relay("primary", &server)]).await;
    let mut later = submission(1, policy(), &["ann@example.net"], CONTENT);
    Arc::make_mut(&mut later.queued).send_at = Some(super::support::START.plus(Duration::from_secs(3600)));
    let id = bench.submit(later).await;
    assert_eq!(bench.dispatcher().open_deliveries(), 1);
    bench.command(id, Command::Reschedule(super::support::START, Actor::control())).await;
    assert_eq!(bench.outcome(id).await, "queued rescheduled attempted delivered");
    bench.stop().await;
}

#[tokio::test]
async fn a_redrive_of_what_has_ended_is_delivered() {
    let server = Server::start(|step| {
        if step.stage == "rcpt" && step.transaction == 1 {
            Act::Say("550 5.1.1 nobody\r\n".into())
        } else {
            Act::Go
        }
    })
    .await;
    let mut bench = Bench::started(vec![relay("primary", &server)]).await;
    let id = bench.send(1).await;
    bench.until(id, |kinds| kinds.ends_with("failed")).await;
    assert_eq!(bench.dispatcher().open_deliveries(), 0);
    bench.command(id, Command::Redrive(None, Actor::control())).await;
    let history = bench.until(id, |kinds| kinds.contains("delivered")).await;
    assert_eq!(history, "queued attempted failed redriven attempted delivered");
    bench.stop().await;
}

#[tokio::test]
async fn what_is_too_old_expires_without_an_attempt() {
    let server = Server::acting("banner", Act::Close).await;
    let mut bench = Bench::started(vec![relay("primary", &server)]).await;
    let mut brief = policy();
    brief.expires_after = Duration::from_millis(300);
    let id = bench.submit(submission(1, brief, &["ann@example.net"], CONTENT)).await;
    bench.until(id, |kinds| kinds.ends_with("failed")).await;
    assert_eq!(bench.dispatcher().open_deliveries(), 0);
    bench.stop().await;
}

#[tokio::test]
async fn a_route_that_is_not_configured_fails_its_mail_as_unroutable() {
    let server = Server::good().await;
    let mut bench = Bench::started(vec![relay("primary", &server)]).await;
    let mut lost = policy();
    lost.route = "elsewhere".parse().ok();
    let id = bench.submit(submission(1, lost, &["ann@example.net"], CONTENT)).await;
    assert_eq!(bench.outcome(id).await, "queued failed");
    bench.stop().await;
}

#[tokio::test]
async fn a_route_to_an_unknown_relay_does_not_start() {
    let server = Server::good().await;
    let bench = Bench::new(vec![relay("primary", &server)]);
    let mut options = bench.options();
    options.routes[0].relays.push("backup".parse().expect("a literal name"));
    let refused = Dispatcher::start(options).await.expect_err("it names an unknown relay");
    assert_eq!(refused.to_string(), "route default names the relay backup, which is not configured");
}
