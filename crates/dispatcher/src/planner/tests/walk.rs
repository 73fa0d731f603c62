//! Random histories: whatever happens in whatever order, the queue is the fold of the journal, and all ends.

use super::*;
use proptest::prelude::*;

#[derive(Debug, Clone)]
enum Step {
    Accept(u8, usize),
    Start,
    Conclude(usize, u8),
    Pass(u64),
    Hold(u8),
    Release(u8),
    Cancel(u8),
    Redrive(u8),
    Probe(bool),
    Configure(u8),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        (0..8u8, 0..4usize).prop_map(|(n, urgency)| Step::Accept(n, urgency)),
        Just(Step::Start),
        (0..4usize, 0..6u8).prop_map(|(which, outcome)| Step::Conclude(which, outcome)),
        (0..40u64).prop_map(Step::Pass),
        (0..8u8).prop_map(Step::Hold),
        (0..8u8).prop_map(Step::Release),
        (0..8u8).prop_map(Step::Cancel),
        (0..8u8).prop_map(Step::Redrive),
        any::<bool>().prop_map(Step::Probe),
        (0..4u8).prop_map(Step::Configure),
    ]
}

fn outcome(n: u8) -> Outcome {
    match n {
        0 => accepted(),
        1 => Outcome::Transient(reply(451)),
        2 => Outcome::Permanent(reply(550)),
        3 => refused(),
        4 => not_sent(Stage::Mail, Trouble::Unsupported),
        _ => Outcome::Unknown(Trouble::Timeout),
    }
}

struct Walk {
    world: World,
    in_flight: Vec<(RelayIndex, Job)>,
    accepted: Vec<u8>,
}

impl Walk {
    fn carry_out(&mut self, step: &Step) {
        let world = &mut self.world;
        match *step {
            Step::Accept(n, urgency) if !self.accepted.contains(&n) => {
                let policy = Policy { expires_after: seconds(100), ..policy(Priority::ALL[urgency]) };
                world.accept_at(n, policy, None, 1 + usize::from(n % 3));
                self.accepted.push(n);
            }
            Step::Accept(..) => {}
            Step::Start => self.start(),
            Step::Conclude(which, n) if which < self.in_flight.len() => {
                let (relay, job) = self.in_flight.remove(which);
                self.conclude(relay, &job, outcome(n));
            }
            Step::Conclude(..) => {}
            Step::Pass(span) => world.pass(seconds(span)),
            Step::Hold(n) => self.try_command(n, Command::Hold(HoldReason::Operator, Actor::control())),
            Step::Release(n) => self.try_command(n, Command::Release(Actor::control())),
            Step::Cancel(n) => self.try_command(n, Command::Cancel(Actor::control())),
            Step::Redrive(n) => self.try_command(n, Command::Redrive(None, Actor::control())),
            Step::Probe(is_good) => self.probe(is_good),
            Step::Configure(which) => self.configure(which),
        }
        self.serve();
    }

    fn start(&mut self) {
        if let Some((_, relay, job)) = self.world.start() {
            let is_alone = self.in_flight.iter().all(|(_, other)| other.id != job.id);
            assert!(is_alone, "{:?} was handed out twice", job.id);
            assert!(self.world.planner.order.contains(&relay), "it is configured no longer");
            self.in_flight.push((relay, job));
        }
    }

    fn configure(&mut self, which: u8) {
        let (both, changed) = ([("primary", 2), ("backup", 2)], [("primary", 1), ("backup", 3)]);
        let (backup, third) = ([("backup", 1)], [("third", 1), ("primary", 1)]);
        let (relays, is_changed, first): (&[_], &[_], _) = match which {
            0 => (&both, &[], "primary"),
            1 => (&changed, &["primary"], "backup"),
            2 => (&backup, &[], "backup"),
            _ => (&third, &[], "third"),
        };
        let names: Vec<&str> = relays.iter().map(|(name, _)| *name).collect();
        let routes = [("default", &names[..]), ("alone", &[first])];
        self.world.configure(relays, is_changed, &routes).expect("there is room");
    }

    /// As the worker: what was changed meanwhile conflicts, and is given back.
    fn conclude(&mut self, relay: RelayIndex, job: &Job, outcome: Outcome) {
        let message = self.world.message(job.id.message.as_bytes()[0]);
        let delivery = message.delivery(job.id.ordinal).expect("it exists");
        let is_due = self.world.now.wall < delivery.state.expires_at();
        if (delivery.version, message.version) == (job.version, job.message_version) && is_due {
            self.world.conclude(relay, job, outcome);
        } else {
            self.world.planner.handle_slot_free(lease(job), self.world.now);
            self.world.planner.handle_ended(job.id, None, self.world.now);
        }
    }

    fn try_command(&mut self, n: u8, command: Command) {
        if !self.accepted.contains(&n) {
            return;
        }
        let given = Given { now: self.world.now.wall, jitter: 0.5 };
        for delivery in self.world.message(n).deliveries {
            let events = decide(Some(&delivery.state), command.clone(), &given).unwrap_or_default();
            events.into_iter().for_each(|event| self.world.record(id(n), delivery.id.ordinal, event));
        }
    }

    fn probe(&mut self, is_good: bool) {
        let now = self.world.now;
        while let Some(relay) = self.world.planner.poll_probe(now) {
            let failure = NotSent { stage: Stage::Connect, trouble: Trouble::Timeout, reply: None };
            let result = if is_good { Ok(()) } else { Err(failure) };
            self.world.planner.handle_probe(relay, result, now.monotonic, now, 0.5);
        }
    }

    /// As the driver: reads again what was missed, ends what has expired.
    fn serve(&mut self) {
        while let Some(missed) = self.world.planner.poll_missed() {
            let message = self.world.message(missed.as_bytes()[0]);
            self.world.planner.handle_loaded(&message, self.world.now);
        }
        while let Some(job) = self.world.planner.poll_decision(self.world.now) {
            assert_eq!(job.work, Work::Expire);
            let given = Given { now: self.world.now.wall, jitter: 0.5 };
            let events = decide(Some(&job.state), Command::Expire, &given).expect("it has expired");
            events.into_iter().for_each(|event| self.world.record(job.id.message, job.id.ordinal, event));
            self.world.planner.handle_ended(job.id, None, self.world.now);
        }
    }

    /// The planner holds what the fold of the journal says is open, in the state it says.
    fn check(&self) {
        let planner = &self.world.planner;
        let mut open = 0;
        for delivery in self.accepted.iter().flat_map(|n| self.world.message(*n).deliveries) {
            let slot = planner.entries.find(delivery.id);
            assert_eq!(slot.is_none(), delivery.state.phase.is_final(), "{:?}", delivery.state);
            let Some(entry) = slot.and_then(|slot| planner.entries.entry(slot)) else { continue };
            open += 1;
            // Which relays were tried in this round counts, not in which order.
            let [held, folded] = [entry.state(&planner.names), delivery.state].map(|mut state| {
                state.tried.sort_unstable();
                state
            });
            assert_eq!(held, folded);
            assert_eq!(entry.version, delivery.version);
        }
        assert_eq!(planner.open_deliveries(), open);
        assert_eq!(planner.depth().iter().flatten().sum::<i64>(), i64::try_from(open).expect("few"));
        assert!(planner.depth().iter().flatten().all(|depth| *depth >= 0));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]
    #[test]
    fn the_queue_is_the_fold_and_everything_ends(steps in proptest::collection::vec(step(), 1..80)) {
        let mut walk = Walk { world: world(2), in_flight: Vec::new(), accepted: Vec::new() };
        for step in &steps {
            walk.carry_out(step);
            walk.check();
        }
        // Let go of everything, then let time pass: by sending or by expiry, all ends.
        for (relay, job) in std::mem::take(&mut walk.in_flight) {
            walk.conclude(relay, &job, accepted());
        }
        for n in walk.accepted.clone() {
            walk.try_command(n, Command::Release(Actor::control()));
        }
        for _ in 0..60 {
            walk.serve();
            walk.probe(true);
            walk.start();
            for (relay, job) in std::mem::take(&mut walk.in_flight) {
                walk.conclude(relay, &job, accepted());
            }
            walk.world.pass(seconds(5));
        }
        walk.serve();
        walk.check();
        prop_assert_eq!(walk.world.planner.open_deliveries(), 0);
        prop_assert!(walk.world.planner.timers.is_empty());
        prop_assert_eq!(walk.world.planner.oldest_ready(), [None; 4]);
    }
}
