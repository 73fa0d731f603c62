//! Several relays, kept connections, and what a message needs of a server.

use super::support::server::{Act, Server};
use super::support::{Bench, CONTENT, Watch, is_not_sent, policy, relay, submission};
use postledger_core::event::{Cause, MailEvent};
use postledger_core::outcome::{Stage, Trouble};
use postledger_core::relay::Dispatching;
use std::sync::Arc;

fn relays_of(bench: &Bench, id: postledger_core::id::MessageId) -> Vec<String> {
    bench
        .events(id)
        .into_iter()
        .filter_map(|recorded| match recorded.event {
            postledger_core::event::Event::Mail(MailEvent::Attempted(attempted)) => {
                Some(attempted.relay.to_string())
            }
            _ => None,
        })
        .collect()
}

#[tokio::test]
async fn what_was_not_sent_goes_to_the_backup_at_once() {
    for stage in ["banner", "ehlo", "mail", "rcpt", "data", "body"] {
        let primary = Server::acting(stage, Act::Close).await;
        let backup = Server::good().await;
        let mut bench = Bench::started(vec![relay("primary", &primary), relay("backup", &backup)]).await;
        let id = bench.send(1).await;
        let history = bench.until(id, |kinds| kinds.contains("delivered")).await;
        assert_eq!(history, "queued attempted deferred attempted delivered", "{stage}");
        assert_eq!(relays_of(&bench, id), ["primary", "backup"]);
        assert!(is_not_sent(&bench.ends(id)[0]));
        assert_eq!((primary.dots(), backup.accepted().len()), (0, 1), "{stage}");
        bench.stop().await;
    }
}

#[tokio::test]
async fn every_attempt_sends_the_same_bytes_over_any_relay_and_after_a_restart() {
    let primary = Server::acting("dot", Act::Say("451 4.3.0 later\r\n".into())).await;
    let backup = Server::good().await;
    let mut bench = Bench::started(vec![relay("primary", &primary)]).await;
    let mut soon = policy();
    // A second later the date would be another.
    soon.retry.schedule = [std::time::Duration::from_millis(1300)].into();
    let id = bench.submit(submission(1, soon, &["ann@example.net"], CONTENT)).await;
    bench.until(id, |kinds| kinds.contains("deferred")).await;
    bench.stop().await;
    bench.relays = vec![relay("backup", &backup)];
    bench.start().await;
    bench.until(id, |kinds| kinds.contains("delivered")).await;
    bench.stop().await;
    let (first, second) = (primary.log(|log| log.received.clone()), backup.accepted());
    assert_eq!((first.len(), second.len()), (1, 1));
    assert_eq!(first[0].text, second[0].text);
}

#[tokio::test]
async fn unknown_never_goes_to_the_backup() {
    let primary = Server::acting("dot", Act::Close).await;
    let backup = Server::good().await;
    let mut bench = Bench::started(vec![relay("primary", &primary), relay("backup", &backup)]).await;
    let id = bench.send(1).await;
    assert_eq!(bench.outcome(id).await, "queued attempted unknown held");
    bench.stop().await;
    assert_eq!(backup.log(|log| log.connections), 0);
}

#[tokio::test]
async fn a_relay_that_is_down_is_left_alone_and_comes_back_by_a_probe() {
    let is_good = Arc::new(std::sync::atomic::AtomicBool::new(false));
    let switch = is_good.clone();
    let primary = Server::start(move |step| {
        let is_good = switch.load(std::sync::atomic::Ordering::Relaxed);
        if step.stage == "banner" && !is_good { Act::Say("421 not today\r\n".into()) } else { Act::Go }
    })
    .await;
    let backup = Server::good().await;
    let mut bench = Bench::started(vec![relay("primary", &primary), relay("backup", &backup)]).await;
    let first = bench.send(1).await;
    bench.until(first, |kinds| kinds.contains("delivered")).await;
    let status = bench.dispatcher().relays();
    assert_eq!((status[0].is_up, status[1].is_up), (false, true));
    let trouble = status[0].last_trouble.as_ref().expect("it was refused");
    assert_eq!((trouble.1.stage, trouble.1.trouble), (Stage::Banner, Trouble::Refused));
    let second = bench.send(2).await;
    assert_eq!(bench.outcome(second).await, "queued attempted delivered");
    assert_eq!(relays_of(&bench, second), ["backup"]);
    is_good.store(true, std::sync::atomic::Ordering::Relaxed);
    // The probe comes within the first wait of at most a second.
    let probed = tokio::time::timeout(std::time::Duration::from_secs(5), async {
        while !bench.dispatcher().relays()[0].is_up {
            tokio::task::yield_now().await;
        }
    });
    probed.await.expect("it is probed");
    let third = bench.send(3).await;
    bench.outcome(third).await;
    assert_eq!(relays_of(&bench, third), ["primary"]);
    bench.stop().await;
}

#[tokio::test]
async fn all_relays_down_costs_attempts_only_once_a_round() {
    let primary = Server::acting("banner", Act::Close).await;
    let backup = Server::acting("banner", Act::Close).await;
    let mut bench = Bench::started(vec![relay("primary", &primary), relay("backup", &backup)]).await;
    let id = bench.send(1).await;
    bench.until(id, |kinds| kinds.matches("deferred").count() == 2).await;
    assert_eq!(bench.kinds(id), "queued attempted deferred attempted deferred");
    assert_eq!(bench.dispatcher().open_deliveries(), 1);
    let later = bench.send(2).await;
    assert_eq!(bench.kinds(later), "queued", "it waits for a relay and pays for none");
    bench.stop().await;
}

#[tokio::test]
async fn a_kept_connection_that_was_closed_costs_no_attempt() {
    for act in [Act::Close, Act::SayAndClose("421 4.4.2 idle too long\r\n".into())] {
        let server =
            Server::start(
                move |step| {
                    if step.stage == "mail" && step.transaction == 2 { act.clone() } else { Act::Go }
                },
            )
            .await;
        let mut bench = Bench::started(vec![relay("primary", &server)]).await;
        for n in 1..=2 {
            let id = bench.send(n).await;
            assert_eq!(bench.outcome(id).await, "queued attempted delivered");
        }
        assert_eq!((server.accepted().len(), server.log(|log| log.connections)), (2, 2));
        bench.stop().await;
    }
}

#[tokio::test]
async fn a_refused_recipient_is_reset_and_the_connection_kept() {
    let server = Server::start(|step| {
        if step.stage == "rcpt" && step.transaction == 1 {
            Act::Say("550 5.1.1 nobody\r\n".into())
        } else {
            Act::Go
        }
    })
    .await;
    let mut bench = Bench::started(vec![relay("primary", &server)]).await;
    let first = bench.send(1).await;
    assert_eq!(bench.outcome(first).await, "queued attempted failed");
    let second = bench.send(2).await;
    assert_eq!(bench.outcome(second).await, "queued attempted delivered");
    bench.stop().await;
    let said = server.log(|log| String::from_utf8_lossy(&log.bytes).into_owned());
    assert!(said.contains("DATA\r\nRSET\r\nMAIL"), "{said}");
    assert_eq!(server.log(|log| log.connections), 1);
}

#[tokio::test]
async fn a_server_that_wants_a_text_for_a_refused_recipient_gets_none() {
    let server = Server::start(|step| match (step.stage, step.connection) {
        ("rcpt", 1) => Act::Say("550 5.1.1 nobody\r\n".into()),
        ("data", 1) => Act::Say("354 go on\r\n".into()),
        _ => Act::Go,
    })
    .await;
    let mut bench = Bench::started(vec![relay("primary", &server)]).await;
    let first = bench.send(1).await;
    assert_eq!(bench.outcome(first).await, "queued attempted failed");
    let second = bench.send(2).await;
    assert_eq!(bench.outcome(second).await, "queued attempted delivered");
    bench.stop().await;
    assert_eq!((server.dots(), server.log(|log| log.connections)), (1, 2));
}

#[tokio::test]
async fn one_recipient_s_refusal_does_not_touch_the_others() {
    let server = Server::start(|step| match (step.stage, step.line.as_str()) {
        ("rcpt", "RCPT TO:<r3@example.net>") => Act::Say("550 5.1.1 nobody\r\n".into()),
        ("rcpt", "RCPT TO:<r5@example.net>") => Act::Say("450 4.2.1 later\r\n".into()),
        _ => Act::Go,
    })
    .await;
    let mut bench = Bench::started(vec![relay("primary", &server)]).await;
    let watch = Watch::on(&*bench.ledger);
    let recipients: Vec<_> = (1..=50).map(|n| format!("r{n}@example.net")).collect();
    let recipients: Vec<_> = recipients.iter().map(String::as_str).collect();
    let id = bench.submit(submission(1, policy(), &recipients, CONTENT)).await;
    while bench.dispatcher().open_deliveries() > 1 || bench.kinds(id).matches("attempted").count() < 50 {
        watch.0.notified().await;
    }
    bench.stop().await;
    let kinds = bench.kinds(id);
    let count = |kind| kinds.split(' ').filter(|found| *found == kind).count();
    assert_eq!((count("delivered"), count("failed"), count("deferred")), (48, 1, 1));
    let mut taken: Vec<_> = server.accepted().into_iter().map(|received| received.rcpt).collect();
    taken.sort();
    taken.dedup();
    assert_eq!(taken.len(), 48);
}

/// EHLO replies by what they lack.
async fn offering(extensions: &'static str) -> Server {
    Server::acting("ehlo", Act::Say(format!("250-relay.example\r\n{extensions}250 HELP\r\n"))).await
}

#[tokio::test]
async fn what_the_server_lacks_is_refused_before_mail_and_tried_elsewhere() {
    let utf8 = "жена@example.net";
    let eight_bit = "Subject: x\r\n\r\nгрюße\r\n".as_bytes();
    let table: [(&str, &str, &[u8]); 3] = [
        ("250-8BITMIME\r\n", utf8, CONTENT),
        ("250-PIPELINING\r\n", "ann@example.net", eight_bit),
        ("250-SIZE 20\r\n", "ann@example.net", CONTENT),
    ];
    for (extensions, recipient, content) in table {
        let primary = offering(extensions).await;
        let backup = Server::good().await;
        let mut bench = Bench::started(vec![relay("primary", &primary), relay("backup", &backup)]).await;
        let id = bench.submit(submission(1, policy(), &[recipient], content)).await;
        bench.until(id, |kinds| kinds.contains("delivered")).await;
        assert_eq!(relays_of(&bench, id), ["primary", "backup"]);
        assert!(bench.dispatcher().relays()[0].is_up, "one message says nothing of the relay");
        bench.stop().await;

        let mut alone = Bench::started(vec![relay("primary", &primary)]).await;
        let id = alone.submit(submission(1, policy(), &[recipient], content)).await;
        alone.outcome(id).await;
        assert!(matches!(alone.ends(id)[0], MailEvent::Failed { cause: Cause::Unroutable, .. }));
        alone.stop().await;
        assert!(!primary.log(|log| String::from_utf8_lossy(&log.bytes).contains("MAIL")));
    }
}

#[tokio::test]
async fn what_the_backup_lacks_does_not_fail_what_the_primary_could_take_later() {
    let primary = Server::acting("banner", Act::Close).await;
    let backup = offering("250-8BITMIME\r\n").await;
    let mut bench = Bench::started(vec![relay("primary", &primary), relay("backup", &backup)]).await;
    let id = bench.submit(submission(1, policy(), &["жена@example.net"], CONTENT)).await;
    bench.until(id, |kinds| kinds.matches("deferred").count() == 2).await;
    assert_eq!(bench.kinds(id), "queued attempted deferred attempted deferred");
    bench.stop().await;
}

#[tokio::test]
async fn extensions_are_named_where_they_are_used() {
    let server = Server::good().await;
    let mut bench = Bench::started(vec![relay("primary", &server)]).await;
    let content = "Subject: x\r\n\r\ngrüße\r\n".as_bytes();
    let id = bench.submit(submission(1, policy(), &["жена@example.net"], content)).await;
    bench.outcome(id).await;
    bench.stop().await;
    let received = server.accepted().remove(0);
    assert!(received.mail.ends_with(" BODY=8BITMIME SMTPUTF8"), "{}", received.mail);
    assert_eq!(received.rcpt, "RCPT TO:<жена@example.net>");
}

#[tokio::test]
async fn a_server_without_extensions_is_greeted_plainly_and_asked_step_by_step() {
    let server = Server::acting("ehlo", Act::Say("502 what\r\n".into())).await;
    let mut bench = Bench::started(vec![relay("primary", &server)]).await;
    let id = bench.send(1).await;
    assert_eq!(bench.outcome(id).await, "queued attempted delivered");
    assert_eq!(server.accepted()[0].mail, "MAIL FROM:<bounce@shop.example>");
    bench.stop().await;
}
