//! Relays that cannot be used: who goes elsewhere, who waits, and when they are tried again.

use super::*;

#[test]
fn what_was_not_sent_goes_to_the_backup_at_once_and_the_others_do_not_try() {
    let mut world = world(5);
    (1..=3).for_each(|n| world.accept(n, policy(Priority::Normal)));
    world.attempt(1, PRIMARY, refused());
    assert_eq!(world.starts(), [(1, BACKUP), (2, BACKUP), (3, BACKUP)]);
}

#[test]
fn a_relay_that_is_down_is_probed_then_tried_by_one_then_open() {
    let mut world = world(5);
    world.accept(1, alone());
    world.attempt(1, PRIMARY, refused());
    (2..=4).for_each(|n| world.accept(n, alone()));
    assert_eq!(world.starts(), [], "nobody pays for what is known to be down");
    assert_eq!(world.planner.poll_probe(world.now), None);
    assert_eq!(world.planner.poll_timeout(world.now), Some(Duration::from_millis(500)));
    world.pass(seconds(1));
    assert_eq!(world.planner.poll_probe(world.now), Some(PRIMARY));
    assert_eq!(world.planner.poll_probe(world.now), None, "one probe at a time");
    assert_eq!(world.starts(), []);
    world.planner.handle_probe(PRIMARY, Ok(()), world.now.monotonic, world.now, 0.0);
    let (n, relay, job) = world.start().expect("one may try");
    assert_eq!((n, world.starts()), (2, vec![]));
    world.conclude(relay, &job, accepted());
    assert_eq!(world.starts(), [(3, PRIMARY), (4, PRIMARY)]);
}

#[test]
fn waits_grow_to_a_minute_and_start_anew_once_it_has_stayed_up() {
    let mut world = world(1);
    world.accept(1, alone());
    world.attempt(1, PRIMARY, refused());
    let mut waits = Vec::new();
    for _ in 0..8 {
        let until = world.relay(PRIMARY).retry_at().expect("it is down");
        let wait = until - world.now.monotonic;
        waits.push(wait.as_millis());
        world.pass(wait);
        assert_eq!(world.planner.poll_probe(world.now), Some(PRIMARY));
        let failure = NotSent { stage: Stage::Connect, trouble: Trouble::Timeout, reply: None };
        world.planner.handle_probe(PRIMARY, Err(failure), world.now.monotonic, world.now, 0.0);
    }
    assert_eq!(waits, [500, 1000, 2000, 4000, 8000, 16_000, 30_000, 30_000]);
    // As long again as it was left alone, or it was no recovery.
    for (up, next) in [(59, 60), (60, 1)] {
        world.planner.handle_outcome(at(PRIMARY), &accepted(), world.now.monotonic, world.now, 0.0);
        world.pass(seconds(up));
        world.planner.handle_outcome(at(PRIMARY), &refused(), world.now.monotonic, world.now, 1.0);
        assert_eq!(world.relay(PRIMARY).retry_at(), Some(world.now.monotonic + seconds(next)), "{up} s");
    }
}

#[test]
fn one_connection_too_many_does_not_take_a_relay_down_that_serves_others() {
    let mut world = world(2);
    (1..=2).for_each(|n| world.accept(n, alone()));
    let (_, _, first) = world.start().expect("a slot is free");
    let (_, _, second) = world.start().expect("another is free");
    world.conclude(PRIMARY, &first, accepted());
    world.conclude(PRIMARY, &second, not_sent(Stage::Banner, Trouble::Refused));
    assert!(world.relay(PRIMARY).is_up());
}

#[test]
fn what_one_message_lacks_says_nothing_of_the_relay_and_all_relays_must_say_so() {
    let mut world = world(1);
    let unsupported = || not_sent(Stage::Mail, Trouble::Unsupported);
    world.accept(1, policy(Priority::Normal));
    world.attempt(1, PRIMARY, unsupported());
    assert!(world.relay(PRIMARY).is_up());
    world.attempt(1, BACKUP, unsupported());
    assert_eq!(world.planner.open_deliveries(), 0);
    let ended = world.message(1).delivery(Ordinal(1)).map(|d| d.state.phase);
    assert_eq!(ended, Some(postledger_core::delivery::Phase::Failed { cause: Cause::Unroutable }));

    world.accept(2, policy(Priority::Normal));
    world.attempt(2, PRIMARY, refused());
    world.attempt(2, BACKUP, unsupported());
    assert_eq!((world.starts(), world.planner.open_deliveries()), (vec![], 1), "the primary may come back");
    world.pass(seconds(1));
    world.planner.poll_probe(world.now).expect("a probe is due");
    world.planner.handle_probe(PRIMARY, Ok(()), world.now.monotonic, world.now, 0.0);
    world.attempt(2, PRIMARY, accepted());
}

#[test]
fn whichever_relay_comes_back_first_takes_what_all_could_not() {
    let mut world = world(1);
    world.accept(1, policy(Priority::Normal));
    world.attempt(1, PRIMARY, refused());
    let down = not_sent(Stage::Connect, Trouble::Timeout);
    world.planner.handle_outcome(at(BACKUP), &down, world.now.monotonic, world.now, 0.0);
    assert_eq!(world.starts(), [], "the backup went down before it was tried");
    world.pass(seconds(1));
    assert_eq!(world.planner.poll_probe(world.now), Some(PRIMARY));
    world.planner.handle_probe(PRIMARY, Ok(()), world.now.monotonic, world.now, 0.0);
    world.attempt(1, PRIMARY, accepted());
}

#[test]
fn an_unknown_attempt_is_repeated_at_the_same_relay_while_that_is_up() {
    let mut world = world(1);
    world.accept(1, policy(Priority::Normal));
    world.attempt(1, PRIMARY, refused());
    world.attempt(1, BACKUP, Outcome::Unknown(Trouble::Timeout));
    assert_eq!(world.planner.unresolved(), 1);
    world.pass(seconds(10));
    world.planner.poll_probe(world.now).expect("a probe is due");
    world.planner.handle_probe(PRIMARY, Ok(()), world.now.monotonic, world.now, 0.0);
    world.attempt(1, BACKUP, accepted());
    assert_eq!(world.planner.unresolved(), 0);
}
