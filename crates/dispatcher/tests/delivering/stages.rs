//! Every stage of a session against every way it can go wrong: the class of each cell.

use super::support::gate::{Gate, GatedLedger};
use super::support::server::{Act, Server};
use super::support::{Bench, policy, relay, submission};
use postledger_core::event::{Cause, Deferral, MailEvent};
use postledger_core::outcome::{Stage, Trouble};
use std::sync::Arc;
use tokio::sync::Notify;

/// Ways to answer, or not to.
fn ways() -> Vec<(&'static str, Act)> {
    let say = |text: &str| Act::Say(text.to_owned());
    vec![
        ("4xx", say("451 4.3.0 not now\r\n")),
        ("5xx", say("550 5.7.1 no\r\n")),
        ("421", Act::SayAndClose("421 4.3.2 closing\r\n".into())),
        ("close", Act::Close),
        ("reset", Act::Reset),
        ("hang", Act::Hang),
        ("drip", Act::Drip),
        ("garbage", say("hello there\r\n")),
        ("bare line feed", say("250 fine\n")),
        ("code 999", say("999 what\r\n")),
        ("354", say("354 go on\r\n")),
        ("partial", Act::SayAndClose("250 2.0".into())),
        ("change of code", say("250-one\r\n550 two\r\n")),
        ("one megabyte", say(&format!("250 {}\r\n", "x".repeat(1_000_000)))),
        ("ten thousand lines", say(&"250-x\r\n".repeat(10_000))),
    ]
}

#[derive(Debug, PartialEq, Eq)]
enum Class {
    Transient(u16),
    Permanent(u16),
    NotSent(Stage, Option<Trouble>),
    Unknown(Option<Trouble>),
    Delivered,
}

/// The class table of docs/guarantees.md.
fn expected(stage: &str, way: &str) -> Class {
    use Trouble as T;
    let trouble = match way {
        "4xx" | "5xx" | "421" => T::Refused,
        // A reset may be seen as one or, with unread data at the peer, a close as a reset.
        "close" | "reset" | "partial" => return lost(stage),
        "hang" | "drip" => T::Timeout,
        _ => T::Protocol,
    };
    // The peer may close with data unread, which resets what it said on the way.
    let exact = (!matches!(way, "one megabyte" | "ten thousand lines")).then_some(trouble);
    let session = match stage {
        "banner" => Some(Stage::Banner),
        "ehlo" => Some(Stage::Ehlo),
        "body" => Some(Stage::Body),
        _ => None,
    };
    match (session, stage, way) {
        // A small text fits into the socket whether the peer reads or not: its dot is out. And a first byte of
        // an answer that nobody asked for is enough.
        (_, "body", "hang") => Class::Unknown(exact),
        (_, "body", "drip") => Class::NotSent(Stage::Body, Some(T::Protocol)),
        (Some(stage), _, _) => Class::NotSent(stage, exact),
        (None, _, "4xx") => Class::Transient(451),
        (None, _, "421") => Class::Transient(421),
        (None, _, "5xx") => Class::Permanent(550),
        (None, "mail", _) => Class::NotSent(Stage::Mail, exact),
        (None, "rcpt", _) => Class::NotSent(Stage::Rcpt, exact),
        (None, "data", "354") => Class::Delivered,
        (None, "data", _) => Class::NotSent(Stage::Data, exact),
        (None, _, _) => Class::Unknown(exact),
    }
}

fn lost(stage: &str) -> Class {
    match stage {
        "banner" => Class::NotSent(Stage::Banner, None),
        "ehlo" => Class::NotSent(Stage::Ehlo, None),
        "mail" => Class::NotSent(Stage::Mail, None),
        "rcpt" => Class::NotSent(Stage::Rcpt, None),
        "data" => Class::NotSent(Stage::Data, None),
        "body" => Class::NotSent(Stage::Body, None),
        _ => Class::Unknown(None),
    }
}

fn class(event: &MailEvent) -> Class {
    match event {
        MailEvent::Delivered { .. } => Class::Delivered,
        MailEvent::Deferred { reason: Deferral::Transient(reply), .. } => Class::Transient(reply.code),
        MailEvent::Deferred { reason: Deferral::NotSent(not_sent), .. } => {
            Class::NotSent(not_sent.stage, Some(not_sent.trouble))
        }
        MailEvent::Unknown { trouble, .. } => Class::Unknown(Some(*trouble)),
        MailEvent::Failed { cause: Cause::Rejected, reply: Some(reply), .. } => Class::Permanent(reply.code),
        other => unreachable!("no outcome: {other:?}"),
    }
}

fn matches(found: &Class, expected: &Class) -> bool {
    match (found, expected) {
        (Class::NotSent(at, _), Class::NotSent(stage, None)) => at == stage,
        (Class::Unknown(_), Class::Unknown(None)) => true,
        _ => found == expected,
    }
}

async fn cell(stage: &'static str, way: &'static str, act: Act) -> Result<(), String> {
    let server = Server::acting(stage, act).await;
    let mut bench = Bench::new(vec![relay("primary", &server)]);
    if stage == "body" && way != "hang" {
        start_after_the_peer_has_acted(&mut bench, &server).await;
    } else {
        bench.start().await;
    }
    let id = bench.send(1).await;
    let history = bench.outcome(id).await;
    bench.stop().await;
    let (found, expected) = (class(&bench.ends(id)[0]), expected(stage, way));
    if !matches(&found, &expected) {
        return Err(format!("{stage}, {way}: {found:?} instead of {expected:?}"));
    }
    if matches!(found, Class::NotSent(..)) && server.dots() > 0 {
        return Err(format!("{stage}, {way}: a dot was sent"));
    }
    if !history.starts_with("queued attempted ") || bench.ends(id).len() != 1 {
        return Err(format!("{stage}, {way}: {history}"));
    }
    Ok(())
}

/// `Attempted` is stored only once the peer has spoken out of turn or left: without this, a small text and its dot
/// might be out before.
async fn start_after_the_peer_has_acted(bench: &mut Bench, server: &Server) {
    let told = Arc::new(Notify::new());
    bench.start_on(GatedLedger::new(bench.ledger.clone(), "attempted", Gate::Wait(told.clone()))).await;
    let acted = server.acted.clone();
    tokio::spawn(async move {
        acted.notified().await;
        // What the peer did has reached this side once the runtime has looked at its sockets again.
        tokio::task::yield_now().await;
        tokio::task::yield_now().await;
        told.notify_one();
    });
}

#[tokio::test]
async fn every_cell_has_its_class() {
    let mut cells = Vec::new();
    for stage in ["banner", "ehlo", "mail", "rcpt", "data", "body", "dot"] {
        for (way, act) in ways() {
            cells.push(tokio::spawn(cell(stage, way, act)));
        }
    }
    let mut wrong = Vec::new();
    for cell in cells {
        wrong.extend(cell.await.expect("it ends").err());
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[tokio::test]
async fn a_peer_that_does_not_read_a_large_text_never_gets_its_dot() {
    let server = Server::acting("body", Act::Hang).await;
    let mut bench = Bench::started(vec![relay("primary", &server)]).await;
    let content = [b"Subject: big\r\n\r\n".as_slice(), &b"0123456789abcdef\r\n".repeat(500_000)].concat();
    let id = bench.submit(submission(1, policy(), &["ann@example.net"], &content)).await;
    bench.outcome(id).await;
    assert_eq!(class(&bench.ends(id)[0]), Class::NotSent(Stage::Body, Some(Trouble::Timeout)));
    bench.stop().await;
}

#[tokio::test]
async fn a_late_reply_to_the_dot_is_never_taken_for_the_next_one() {
    // The first dot is never answered in time; its 250 comes where nobody may listen any more.
    let late = Arc::new(Notify::new());
    let told = late.clone();
    let server = Server::start(move |step| match (step.stage, step.connection) {
        ("dot", 1) => Act::Wait(told.clone()),
        ("dot", _) => Act::Say("550 5.7.1 no\r\n".into()),
        _ => Act::Go,
    })
    .await;
    let mut primary = relay("primary", &server);
    primary.max_connections = 1;
    let mut bench = Bench::started(vec![primary]).await;
    let first = bench.send(1).await;
    assert_eq!(bench.outcome(first).await, "queued attempted unknown held");
    late.notify_one();
    let second = bench.send(2).await;
    assert_eq!(bench.outcome(second).await, "queued attempted failed");
    assert_eq!(server.log(|log| log.connections), 2);
    bench.stop().await;
}
