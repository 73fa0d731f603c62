//! The breaker of a relay as others see it: what changes, when, why, and how often at most.

use super::*;
use postledger_core::event::NodeEvent;
use postledger_core::relay::Breaker;

impl World {
    /// What the breakers did since the last call: `primary open`, each with its time.
    fn turns(&mut self) -> Vec<(Timestamp, String)> {
        let told = |(at, event)| {
            let (relay, word) = match event {
                NodeEvent::BreakerOpened { relay, not_sent, .. } => (
                    relay,
                    not_sent.map_or("drilled".to_owned(), |it| format!("open: {} {}", it.stage, it.trouble)),
                ),
                NodeEvent::BreakerProbing { relay } => (relay, "probing".to_owned()),
                NodeEvent::BreakerClosed { relay, by } => (relay, format!("closed by {by}")),
                NodeEvent::Started { .. } | NodeEvent::Stopped => panic!("that is no breaker"),
            };
            (at, format!("{relay} {word}"))
        };
        self.planner.take_turns().into_iter().map(told).collect()
    }

    fn words(&mut self) -> Vec<String> {
        self.turns().into_iter().map(|(_, word)| word).collect()
    }
}

#[test]
fn each_change_is_told_once_with_its_cause() {
    let mut world = world(3);
    (1..=3).for_each(|n| world.accept(n, alone()));
    let jobs: Vec<_> = std::iter::from_fn(|| world.start()).map(|(.., job)| job).collect();
    jobs.iter().for_each(|job| world.conclude(PRIMARY, job, not_sent(Stage::Auth, Trouble::Refused)));
    assert_eq!(world.words(), ["primary open: auth refused"], "not once for each attempt");
    assert_eq!(world.relay(PRIMARY).turned_at(), Some(START));
    world.pass(seconds(1));
    assert_eq!(world.planner.poll_probe(world.now), Some(PRIMARY));
    let failure = NotSent { stage: Stage::Connect, trouble: Trouble::Timeout, reply: None };
    world.planner.handle_probe(PRIMARY, Err(failure), world.now.monotonic, world.now, 1.0);
    world.pass(seconds(2));
    assert_eq!(world.planner.poll_probe(world.now), Some(PRIMARY));
    world.planner.handle_probe(PRIMARY, Ok(()), world.now.monotonic, world.now, 1.0);
    world.pass(seconds(10));
    let (_, _, job) = world.start().expect("one may try");
    assert_eq!(world.relay(PRIMARY).breaker(), Breaker::Probing, "until a delivery went through");
    world.conclude(PRIMARY, &job, accepted());
    let told =
        ["primary probing", "primary open: connect timeout", "primary probing", "primary closed by system"];
    assert_eq!(world.words(), told);
    assert_eq!(world.relay(PRIMARY).turned_at(), Some(world.now.wall));
    assert_eq!(world.words(), [""; 0]);
}

#[test]
fn other_settings_close_it() {
    let mut world = world(1);
    world.accept(1, alone());
    world.attempt(1, PRIMARY, refused());
    let routes = [("default", &["primary", "backup"][..])];
    world.configure(&[("primary", 1), ("backup", 1)], &["primary"], &routes).expect("there is room");
    assert_eq!(world.words(), ["primary open: connect reset", "primary closed by system"]);
}

/// Five seconds up, five down, for an hour, with mail waiting all the time: neither attempts nor events run away.
#[test]
fn a_relay_that_flaps_is_left_alone_for_longer_and_longer() {
    let mut world = world(4);
    let is_good = |now: Now| (now.monotonic.as_secs() / 5).is_multiple_of(2);
    let (mut wasted, mut delivered, mut probes, mut turns) = (0, 0, 0, 0);
    let mut spent = Vec::new();
    for step in 0_u32..36_000 {
        if step % 6_000 == 0 {
            spent.push((wasted, probes, turns));
        }
        // There is always something that only this relay may take.
        let n = u8::try_from(step % 20).expect("few");
        if world.planner.entries.find(delivery(n)).is_none() {
            world.journal.clear();
            world.accept(n, Policy { expires_after: seconds(1_000_000), ..alone() });
        }
        if let Some(relay) = world.planner.poll_probe(world.now) {
            probes += 1;
            let result = if is_good(world.now) { Ok(()) } else { Err(not_sent_at_connect()) };
            world.planner.handle_probe(relay, result, world.now.monotonic, world.now, 0.5);
        }
        while let Some((_, relay, job)) = world.start() {
            let is_good = is_good(world.now);
            let outcome = if is_good { accepted() } else { refused() };
            wasted += u32::from(!is_good);
            delivered += u32::from(is_good);
            world.planner.handle_outcome(lease(&job), &outcome, world.now.monotonic, world.now, 0.5);
            world.planner.handle_slot_free(lease(&job), world.now);
            let _same_relay = relay;
            world.planner.handle_ended(job.id, Some(world.now.wall.plus(seconds(1))), world.now);
        }
        turns += world.turns().len();
        world.pass(Duration::from_millis(100));
    }
    // Four connections break at most at each of some sixty falls in the hour, and each costs a probe.
    assert!(wasted <= 150, "{wasted} attempts in vain in an hour: {spent:?}");
    assert!(probes <= 150, "{probes} probes in an hour: {spent:?}");
    assert!(turns <= 450, "{turns} events in an hour: {spent:?}");
    assert!(delivered > 1000, "and mail goes there while it is up: {delivered}");
}

fn not_sent_at_connect() -> NotSent {
    NotSent { stage: Stage::Connect, trouble: Trouble::Timeout, reply: None }
}
