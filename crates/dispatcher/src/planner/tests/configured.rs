//! Relays and routes that become others while mail flows.

use super::*;
use postledger_core::delivery::Phase;

const THIRD: RelayIndex = 2;

#[test]
fn what_waits_for_a_removed_relay_goes_by_the_others_and_what_is_in_flight_there_ends_there() {
    let mut world = world(1);
    (1..=3).for_each(|n| world.accept(n, policy(Priority::Normal)));
    let (_, relay, job) = world.start().expect("the first starts");
    assert_eq!((relay, world.starts()), (PRIMARY, vec![]));
    let routes = [("default", &["backup"][..]), ("alone", &["backup"])];
    world.configure(&[("backup", 1)], &[], &routes).expect("there is room");
    assert_eq!(world.starts(), [(2, BACKUP)]);
    world.conclude(relay, &job, accepted());
    assert_eq!(world.message(1).delivery(Ordinal(1)).map(|d| d.state.phase), Some(Phase::Delivered));
    assert_eq!(world.starts(), [], "its free slot serves nobody");
    assert_eq!(world.planner.relays().map(|(index, ..)| index).collect::<Vec<_>>(), [BACKUP]);
}

#[test]
fn a_removed_relay_that_was_down_is_neither_probed_nor_waited_for() {
    let mut world = world(1);
    world.accept(1, policy(Priority::Normal));
    world.attempt(1, PRIMARY, refused());
    assert_eq!(world.starts(), [(1, BACKUP)]);
    world.configure(&[("backup", 1)], &[], &[("default", &["backup"])]).expect("there is room");
    world.pass(seconds(120));
    assert_eq!(world.planner.poll_probe(world.now), None);
    let until_expiry = world.planner.poll_timeout(world.now);
    assert_eq!(until_expiry, None, "nothing but what is in flight");
}

#[test]
fn a_relay_with_other_settings_is_tried_at_once_and_not_blamed_for_what_began_before() {
    let mut world = world(2);
    (1..=2).for_each(|n| world.accept(n, alone()));
    let (_, _, first) = world.start().expect("a slot is free");
    world.attempt(2, PRIMARY, refused());
    assert!(!world.relay(PRIMARY).is_up());
    let began = world.now.monotonic;
    world.pass(seconds(1));
    let routes = [("default", &["primary", "backup"][..]), ("alone", &["primary"])];
    let relays = [("primary", 2), ("backup", 2)];
    world.configure(&relays, &["primary"], &routes).expect("there is room");
    assert!(world.relay(PRIMARY).is_up());
    world.planner.handle_outcome(at(PRIMARY), &refused(), began, world.now, 0.0);
    let failure = NotSent { stage: Stage::Connect, trouble: Trouble::Timeout, reply: None };
    world.planner.handle_probe(PRIMARY, Err(failure), began, world.now, 0.0);
    assert!(world.relay(PRIMARY).is_up());
    assert_eq!(world.relay(PRIMARY).in_flight(), 1, "the old attempt still counts");
    world.conclude(PRIMARY, &first, accepted());
}

#[test]
fn one_that_did_not_change_keeps_what_was_learnt_of_it_and_takes_its_new_limit() {
    let mut world = world(1);
    world.accept(1, alone());
    world.attempt(1, PRIMARY, refused());
    let until = world.relay(PRIMARY).retry_at();
    let routes = [("default", &["primary", "backup"][..]), ("alone", &["backup"])];
    world.configure(&[("primary", 1), ("backup", 3)], &[], &routes).expect("there is room");
    assert_eq!((world.relay(PRIMARY).retry_at(), until.is_some()), (until, true));
    (2..=5).for_each(|n| world.accept(n, alone()));
    let started = world.starts();
    assert_eq!(
        started,
        [(2, BACKUP), (3, BACKUP), (4, BACKUP)],
        "three at once; the first waits for its due time"
    );
}

#[test]
fn a_removed_route_keeps_the_relays_that_are_left_and_without_any_its_mail_waits() {
    let mut world = world(5);
    (1..=2).for_each(|n| world.accept(n, alone()));
    world.configure(&[("primary", 1), ("backup", 1)], &[], &[("default", &["backup"])]).expect("room");
    let (n, relay, job) = world.start().expect("the relay is left");
    assert_eq!((n, relay, world.starts(), world.planner.stranded()), (1, PRIMARY, vec![], vec![]));
    world.planner.handle_slot_free(lease(&job), world.now);
    world.planner.handle_ended(delivery(1), None, world.now);
    world.configure(&[("backup", 1)], &[], &[("default", &["backup"])]).expect("room");
    let stranded = vec![("alone".parse().expect("a literal name"), 2)];
    assert_eq!((world.starts(), world.planner.stranded()), (vec![], stranded));
    assert!(world.planner.poll_decision(world.now).is_none(), "it is not failed for that");
    let routes = [("default", &["backup"][..]), ("alone", &["backup"])];
    world.configure(&[("backup", 5)], &[], &routes).expect("room");
    assert_eq!((world.starts(), world.planner.stranded()), (vec![(1, BACKUP), (2, BACKUP)], vec![]));
}

#[test]
fn what_an_earlier_start_scheduled_for_a_route_finds_it_once_it_exists() {
    let mut world = world(1);
    let bulk = Policy { route: "bulk".parse().ok(), ..policy(Priority::Normal) };
    world.accept_at(1, bulk, Some(START.plus(seconds(60))), 1);
    let routes = [("default", &["primary"][..]), ("bulk", &["third"])];
    world.configure(&[("primary", 1), ("third", 1)], &[], &routes).expect("room");
    assert_eq!(world.starts(), [], "not before its time");
    world.pass(seconds(60));
    assert!(world.planner.poll_decision(world.now).is_none());
    assert_eq!(world.starts(), [(1, THIRD)]);
}

#[test]
fn an_index_is_used_again_only_when_nothing_is_in_flight_and_its_past_is_forgotten() {
    let mut world = world(1);
    (1..=2).for_each(|n| world.accept(n, policy(Priority::Normal)));
    let (_, _, in_flight) = world.start().expect("a slot is free");
    let names: Vec<String> = (0..31).map(|n| format!("relay_{n}")).collect();
    let many = |count: usize| names.iter().take(count).map(|name| (name.as_str(), 1)).collect::<Vec<_>>();
    assert_eq!(world.configure(&many(31), &[], &[("default", &["relay_0"])]).map(|_| ()), Ok(()));
    let with_all = |count| [&many(count)[..], &[("late", 1)]].concat();
    assert_eq!(
        world.configure(&with_all(31), &[], &[("default", &["late"])]),
        Err(configure::TooManyRelays),
        "the primary still has an attempt in flight, and 32 others are too many"
    );
    world.conclude(PRIMARY, &in_flight, not_sent(Stage::Connect, Trouble::Reset));
    let indices = world.configure(&with_all(31), &[], &[("default", &["late"])]).expect("it is idle now");
    assert_eq!(indices.last(), Some(&PRIMARY));
    let mut started = world.starts();
    started.sort_unstable();
    assert_eq!(started, [(1, PRIMARY)], "that it was tried at another relay of this index is forgotten");
}
