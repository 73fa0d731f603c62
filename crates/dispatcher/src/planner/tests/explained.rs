//! Each pending delivery has one rule by which it waits, and each rule can be seen.

use super::crowd::{Crowd, MAIL, Mail};
use super::*;
use postledger_core::explanation::{DestinationUse, Explanation, RelayUse, Rule};

fn explain(crowd: &Crowd, message: MessageId) -> Explanation {
    crowd.planner.explain(message.delivery(Ordinal(1)), crowd.now).expect("it is pending")
}

#[test]
fn what_waits_for_a_connection_or_a_destination_says_so_with_figures() {
    let mut crowd = Crowd::new(limits(4), &[("example.org", 1, None), ("example.com", 9, Some(1.0))]);
    let first = crowd.accept(MAIL);
    assert_eq!(explain(&crowd, first).rule, Rule::Next);
    (0..3).for_each(|_| _ = crowd.accept(MAIL));
    assert_eq!(crowd.start_all(), 3);
    assert_eq!(explain(&crowd, first).rule, Rule::Sending);
    let waiting = crowd.accept(Mail { priority: Priority::Low, ..MAIL });
    let explained = explain(&crowd, waiting);
    assert_eq!(explained.rule, Rule::RelayFull);
    let primary: RelayName = "primary".parse().expect("a literal name");
    assert_eq!(explained.relay, Some(RelayUse { name: primary, in_flight: 3, allowed: 3 }));
    assert_eq!(explained.in_words(), "all connections of primary that low mail may use are busy");

    (0..3).for_each(|_| _ = crowd.end_first(accepted()));
    let org = [MAIL; 2].map(|mail| crowd.accept(Mail { domain: "example.org", ..mail }));
    let com = [MAIL; 2].map(|mail| crowd.accept(Mail { domain: "example.com", ..mail }));
    crowd.start_all();
    (0..crowd.in_flight.len()).rev().for_each(|n| {
        if crowd.in_flight[n].id.message != org[0] {
            let job = crowd.in_flight.remove(n);
            crowd.end(&job, accepted());
        }
    });
    crowd.start_all();
    let explained = explain(&crowd, org[1]);
    assert_eq!(explained.rule, Rule::DestinationFull);
    let use_of_org = DestinationUse { domain: "example.org".to_owned(), in_flight: 1, window: Some(1) };
    assert_eq!(explained.destination, Some(use_of_org));
    let explained = explain(&crowd, com[1]);
    assert_eq!(explained.rule, Rule::DestinationRate);
    let wait = explained.until.expect("the rate says when").since(crowd.now.wall);
    assert!((Duration::from_millis(989)..=Duration::from_millis(990)).contains(&wait), "{wait:?}");
}

#[test]
fn a_parked_destination_says_until_when() {
    let mut crowd = Crowd::new(limits(4), &[]);
    let waiting = [MAIL; 9].map(|mail| crowd.accept(mail))[8];
    crowd.start_all();
    crowd.end_first(Outcome::Transient(reply(421)));
    let explained = explain(&crowd, waiting);
    assert_eq!(
        (explained.rule, explained.until),
        (Rule::DestinationParked, Some(crowd.now.wall.plus(seconds(30))))
    );
    assert_eq!(explained.in_words(), "example.net asked for silence at primary");
}

#[test]
fn the_rules_before_that() {
    let mut world = world(1);
    let rule =
        |world: &World, n| world.planner.explain(delivery(n), world.now).map(|explained| explained.rule);
    world.accept_at(1, policy(Priority::Normal), Some(START.plus(seconds(60))), 1);
    assert_eq!(rule(&world, 1), Some(Rule::NotDue));
    world.command(1, Command::Hold(HoldReason::Operator, Actor::control()));
    assert_eq!(rule(&world, 1), Some(Rule::Held));
    world.accept(2, Policy { route: "gone".parse().ok(), ..policy(Priority::Normal) });
    assert_eq!(rule(&world, 2), Some(Rule::Unroutable));
    world.accept(3, alone());
    world.attempt(3, PRIMARY, refused());
    assert_eq!(rule(&world, 3), Some(Rule::NotDue));
    world.accept(4, alone());
    let explained = world.planner.explain(delivery(4), world.now).expect("it is pending");
    assert_eq!((explained.rule, explained.relay), (Rule::RelaysDown, None));
    assert_eq!(explained.until, Some(world.now.wall.plus(Duration::from_millis(500))));
    world.accept(5, policy(Priority::Normal));
    world.planner.suspend(seconds(3));
    assert_eq!(rule(&world, 5), Some(Rule::LedgerBusy));
    world.planner.stop();
    assert_eq!((rule(&world, 5), rule(&world, 6)), (Some(Rule::Stopping), None));
}
