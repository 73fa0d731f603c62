//! Suspects of a crash are sent one at a time, and nobody else waits for them.

use super::*;

fn suspecting(numbers: &[u8]) -> World {
    let mut world = world(10);
    for n in numbers {
        world.accept(*n, policy(Priority::Normal));
    }
    let ids = numbers.iter().map(|n| delivery(*n)).collect();
    assert_eq!(world.planner.handle_suspects(ids), []);
    world
}

#[test]
fn one_suspect_at_a_time_and_all_others_at_once() {
    let mut world = suspecting(&[1, 2, 3]);
    (4..=6).for_each(|n| world.accept(n, policy(Priority::Low)));
    let (n, relay, job) = world.start().expect("a suspect starts");
    assert_eq!(n, 1);
    assert_eq!(world.starts(), [(4, PRIMARY), (5, PRIMARY), (6, PRIMARY)]);
    world.conclude(relay, &job, Outcome::Unknown(Trouble::Timeout));
    let (n, relay, job) = world.start().expect("the next one starts");
    assert_eq!((n, world.starts()), (2, vec![]));
    world.conclude(relay, &job, accepted());
    assert_eq!(world.starts(), [(3, PRIMARY)]);
    // The first one has had its attempt: it is suspected no more, and waits for nobody.
    world.pass(seconds(9));
    assert_eq!(world.starts(), []);
    world.pass(seconds(1));
    assert_eq!(world.starts(), [(1, PRIMARY)]);
}

#[test]
fn who_waits_for_its_relay_does_not_hold_up_the_other_suspects() {
    let mut world = suspecting(&[1, 2, 3]);
    let (_, relay, job) = world.start().expect("a suspect starts");
    assert_eq!(world.starts(), []);
    assert_eq!(world.planner.poll_timeout(world.now), Some(seconds(10)));
    let explained = world.planner.explain(delivery(2), world.now).expect("it is pending");
    assert_eq!(explained.rule, postledger_core::explanation::Rule::Suspected);
    assert_eq!(explained.until, Some(START.plus(seconds(10))));
    world.pass(seconds(10));
    assert_eq!(world.starts(), [(2, PRIMARY)]);
    // Its end is not the end of the other's turn.
    world.conclude(relay, &job, accepted());
    assert_eq!(world.starts(), []);
    world.pass(seconds(10));
    assert_eq!(world.starts(), [(3, PRIMARY)]);
}

#[test]
fn a_suspect_that_waits_for_its_turn_can_still_expire_and_be_withdrawn() {
    let mut world = suspecting(&[1, 2, 3]);
    world.start().expect("a suspect starts");
    world.command(2, Command::Cancel(Actor::control()));
    world.pass(seconds(3600));
    // The other's turn is long over; what has expired is not sent.
    assert_eq!(world.starts(), []);
    let job = world.planner.poll_decision(world.now).expect("it has expired");
    assert_eq!((job.id, job.work), (delivery(3), Work::Expire));
    assert_eq!(world.planner.poll_decision(world.now).map(|job| job.id), None);
}

#[test]
fn a_suspect_that_is_down_with_its_relay_keeps_nobody_from_its_turn() {
    let mut world = suspecting(&[]);
    world.accept(1, alone());
    world.accept(2, policy(Priority::Normal));
    world.planner.handle_suspects(vec![delivery(1), delivery(2)]);
    world.attempt(1, PRIMARY, refused());
    assert_eq!(world.starts(), [(2, BACKUP)]);
}

#[test]
fn what_has_ended_is_answered() {
    let mut world = world(1);
    world.accept(1, policy(Priority::Normal));
    assert_eq!(world.planner.handle_suspects(vec![delivery(1), delivery(2)]), [delivery(2)]);
}
