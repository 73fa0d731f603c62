//! A breaker that is opened on purpose.

use super::*;
use postledger_core::relay::{Breaker, DrillRefused};

fn name(text: &str) -> RelayName {
    text.parse().expect("a literal name")
}

#[test]
fn mail_goes_by_the_backup_until_the_drill_is_ended_or_its_time_is_over() {
    for is_ended in [true, false] {
        let mut world = world(5);
        (1..=2).for_each(|n| world.accept(n, policy(Priority::Normal)));
        let (_, _, in_flight) = world.start().expect("a slot is free");
        let drill = world.planner.begin_drill(&name("primary"), seconds(60), Actor::control(), world.now);
        let drill = drill.expect("it is up, and so is the backup");
        assert_eq!(drill.until, world.now.wall.plus(seconds(60)));
        let routes: Vec<_> = drill.routes.iter().map(|(route, to)| (route.as_str(), to.clone())).collect();
        assert_eq!(routes, [("alone", None), ("default", Some(name("backup")))]);
        assert_eq!(world.starts(), [(2, BACKUP)]);

        // What ends there meanwhile, well or not, changes nothing; it is not probed.
        world.conclude(PRIMARY, &in_flight, accepted());
        world.planner.handle_outcome(at(PRIMARY), &refused(), world.now.monotonic, world.now, 0.5);
        assert_eq!(world.relay(PRIMARY).breaker(), Breaker::Open);
        world.accept(3, alone());
        world.pass(seconds(59));
        assert_eq!((world.starts(), world.planner.poll_probe(world.now)), (vec![], None));
        assert_eq!(world.planner.poll_timeout(world.now), Some(seconds(1)));
        if is_ended {
            assert_eq!(world.planner.end_drill(&name("primary"), Actor::control(), world.now), Ok(()));
        } else {
            world.pass(seconds(1));
        }
        assert_eq!(world.starts(), [(3, PRIMARY)]);
        let ended = world.planner.end_drill(&name("primary"), Actor::control(), world.now);
        assert_eq!(ended, Err(DrillRefused::NotDrilled));
    }
}

#[test]
fn a_drill_that_would_prove_nothing_is_refused() {
    let mut world = world(1);
    let drill = |world: &mut World, relay: &str| {
        world.planner.begin_drill(&name(relay), seconds(60), Actor::control(), world.now).err()
    };
    assert_eq!(drill(&mut world, "nobody"), Some(DrillRefused::Unknown));
    world.accept(1, policy(Priority::Normal));
    world.attempt(1, PRIMARY, refused());
    assert_eq!(drill(&mut world, "primary"), Some(DrillRefused::NotClosed));
    assert_eq!(drill(&mut world, "backup"), Some(DrillRefused::NoBackup), "the primary is down");
    assert_eq!(world.starts(), [(1, BACKUP)], "nothing was changed");
}
