use super::entry::Entry;
use super::*;
use crate::config::{DestinationLimits, Pacing};
use postledger_core::delivery::{Command, Given, decide};
use postledger_core::event::{HoldReason, Queued, RecipientKind};
use postledger_core::id::{Epoch, Position};
use postledger_core::name::{Actor, Source};
use postledger_core::outcome::Outcome;
use postledger_core::policy::{OnUnknown, Policy, RetryPolicy};
use postledger_core::reply::Reply;
use std::sync::Arc;

mod breaker;
mod configured;
mod crowd;
mod destinations;
mod dice;
mod drills;
mod explained;
mod health;
mod routed;
mod scale;
mod sim;
mod suspects;
mod termination;
mod urgency;
mod walk;

const START: Timestamp = Timestamp::from_micros(1_796_115_600_000_000);
const PRIMARY: RelayIndex = 0;
const BACKUP: RelayIndex = 1;

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// A planner with the journal it folds, in virtual time.
struct World {
    planner: Planner,
    now: Now,
    journal: Vec<Recorded>,
}

fn limits(max_connections: usize) -> RelayLimits {
    RelayLimits { max_connections, per_second: None }
}

fn world(connections: usize) -> World {
    let mut world = World {
        planner: Planner::new(),
        now: Now { wall: START, monotonic: Duration::ZERO },
        journal: Vec::new(),
    };
    let routes = [("default", &["primary", "backup"][..]), ("alone", &["primary"])];
    let indices = world.configure(&[("primary", connections), ("backup", connections)], &[], &routes);
    assert_eq!(indices, Ok(vec![PRIMARY, BACKUP]));
    world.planner.handle_all_loaded();
    world
}

fn policy(priority: Priority) -> Policy {
    Policy {
        priority,
        retry: RetryPolicy { max_attempts: None, schedule: [seconds(10)].into() },
        expires_after: seconds(3600),
        ..Policy::default()
    }
}

fn alone() -> Policy {
    Policy { route: "alone".parse().ok(), ..policy(Priority::Normal) }
}

fn id(n: u8) -> MessageId {
    MessageId::from_bytes([n; 16])
}

fn delivery(n: u8) -> DeliveryId {
    id(n).delivery(Ordinal(1))
}

fn not_sent(stage: Stage, trouble: Trouble) -> Outcome {
    Outcome::NotSent(NotSent { stage, trouble, reply: None })
}

fn refused() -> Outcome {
    not_sent(Stage::Connect, Trouble::Reset)
}

fn reply(code: u16) -> Reply {
    Reply { code, enhanced: None, text: String::new() }
}

fn accepted() -> Outcome {
    Outcome::Accepted(reply(250))
}

fn lease(job: &Job) -> Lease {
    let Work::Attempt(lease) = job.work else { panic!("{job:?}") };
    lease
}

fn at(relay: RelayIndex) -> Lease {
    Lease { relay, domain: 0, urgency: 0 }
}

impl World {
    fn configure(
        &mut self,
        relays: &[(&str, usize)],
        changed: &[&str],
        routes: &[(&str, &[&str])],
    ) -> Result<Vec<RelayIndex>, configure::TooManyRelays> {
        let plan = |&(name, max_connections): &(&str, usize)| RelayPlan {
            name: name.parse().expect("a literal name"),
            limits: limits(max_connections),
            is_changed: changed.contains(&name),
        };
        let route = |&(name, relays): &(&str, &[&str])| {
            let relays = relays.iter().map(|relay| relay.parse().expect("a literal name"));
            (name.parse().expect("a literal name"), relays.collect())
        };
        let relays: Vec<_> = relays.iter().map(plan).collect();
        let routes: Vec<_> = routes.iter().map(route).collect();
        self.planner.handle_configured(&relays, &routes, &Pacing::default(), self.now)
    }

    fn relay(&self, index: RelayIndex) -> &Relay {
        &self.planner.relays[usize::from(index)]
    }

    fn pass(&mut self, span: Duration) {
        self.now = Now { wall: self.now.wall.plus(span), monotonic: self.now.monotonic + span };
    }

    fn record(&mut self, message: MessageId, ordinal: Ordinal, event: MailEvent) {
        let last =
            self.journal.iter().rev().find(|r| r.stream == Stream::Message(message) && r.ordinal == ordinal);
        let recorded = Recorded {
            position: Position(i64::try_from(self.journal.len()).expect("few") + 1),
            stream: Stream::Message(message),
            ordinal,
            version: last.map_or(0, |last| last.version) + 1,
            epoch: Epoch(1),
            tenant: Tenant::default_tenant(),
            at: self.now.wall,
            hash: [0; 32],
            event: Event::Mail(event),
        };
        self.planner.handle_event(&recorded, self.now);
        self.journal.push(recorded);
    }

    fn accept(&mut self, n: u8, policy: Policy) {
        self.accept_at(n, policy, None, 1);
    }

    fn accept_at(&mut self, n: u8, policy: Policy, send_at: Option<Timestamp>, recipients: usize) {
        let content = postledger_core::content::Content { salt: [0; 16], bytes: Default::default() };
        let queued = Queued {
            source: Source::api(),
            by: Actor::system(),
            kinds: vec![RecipientKind::To; recipients],
            policy: Arc::new(policy),
            send_at,
            content: content.reference(),
            idempotency: None,
            message_id_header: String::new(),
            personal: None,
        };
        self.record(id(n), Ordinal::MESSAGE, MailEvent::Queued(Arc::new(queued)));
    }

    fn message(&self, n: u8) -> Message {
        let history = self.journal.iter().filter(|recorded| recorded.stream == Stream::Message(id(n)));
        Message::fold(history).expect("a whole history").expect("it was accepted")
    }

    /// What somebody else does beside the dispatcher.
    fn command(&mut self, n: u8, command: Command) {
        let state = self.message(n).delivery(Ordinal(1)).expect("a first delivery").state.clone();
        let given = Given { now: self.now.wall, jitter: 0.5 };
        for event in decide(Some(&state), command, &given).expect("the state allows it") {
            self.record(id(n), Ordinal(1), event);
        }
    }

    /// The number of the message that starts next, and where.
    fn start(&mut self) -> Option<(u8, RelayIndex, Job)> {
        let job = self.planner.poll_start(self.now)?;
        Some((job.id.message.as_bytes()[0], lease(&job).relay, job))
    }

    fn starts(&mut self) -> Vec<(u8, RelayIndex)> {
        std::iter::from_fn(|| self.start()).map(|(n, relay, _)| (n, relay)).collect()
    }

    /// As the worker does when an attempt that began now has ended.
    fn conclude(&mut self, relay: RelayIndex, job: &Job, outcome: Outcome) {
        self.planner.handle_outcome(lease(job), &outcome, self.now.monotonic, self.now, 0.0);
        let another_relay = match &outcome {
            Outcome::NotSent(not_sent) => self.planner.has_another_relay(job.id, relay, not_sent),
            _ => false,
        };
        self.planner.handle_slot_free(lease(job), self.now);
        let given = Given { now: self.now.wall, jitter: 0.5 };
        let name = self.planner.names[usize::from(relay)].clone();
        let begin =
            decide(Some(&job.state), Command::Begin { relay: name, head: None }, &given).expect("it is due");
        let mut state = job.state.clone();
        for event in &begin {
            state = apply(Some(state), job.id.ordinal, given.now, event).expect("legal");
        }
        let conclude = Command::Conclude { attempt: state.attempts, outcome, another_relay };
        let end = decide(Some(&state), conclude, &given).expect("it is open");
        for event in begin.into_iter().chain(end) {
            self.record(job.id.message, job.id.ordinal, event);
        }
        self.planner.handle_ended(job.id, None, self.now);
    }

    fn attempt(&mut self, n: u8, relay: RelayIndex, outcome: Outcome) {
        let (found, at, job) = self.start().expect("something starts");
        assert_eq!((found, at), (n, relay));
        self.conclude(relay, &job, outcome);
    }

    fn standing(&self, state: &str) -> i64 {
        let index = STATES.iter().position(|name| *name == state).expect("a known state");
        self.planner.depth().iter().map(|depths| depths[index]).sum()
    }
}

#[test]
fn the_most_urgent_starts_first_and_among_equals_the_earliest_due() {
    let mut world = world(10);
    let order = [Priority::Low, Priority::Normal, Priority::Critical, Priority::High];
    for (n, priority) in (1..).zip(order) {
        world.accept(n, policy(priority));
    }
    world.pass(seconds(1));
    world.accept(5, policy(Priority::Critical));
    world.accept_at(6, policy(Priority::Critical), Some(START), 1);
    let started: Vec<_> = world.starts().into_iter().map(|(n, _)| n).collect();
    assert_eq!(started, [3, 5, 6, 4, 2, 1]);
}

#[test]
fn a_relay_carries_as_many_as_it_has_connections_and_what_is_full_is_waited_for() {
    let mut world = world(2);
    (1..=3).for_each(|n| world.accept(n, policy(Priority::Normal)));
    let (_, relay, job) = world.start().expect("the first starts");
    assert_eq!(world.starts(), [(2, PRIMARY)], "the backup is no overflow");
    assert_eq!((world.standing("sending"), world.standing("queued")), (2, 1));
    world.conclude(relay, &job, accepted());
    assert_eq!(world.starts(), [(3, PRIMARY)]);
    assert_eq!(world.planner.open_deliveries(), 2);
}

#[test]
fn what_is_scheduled_starts_at_its_time() {
    let mut world = world(1);
    world.accept_at(1, policy(Priority::Normal), Some(START.plus(seconds(60))), 1);
    assert_eq!((world.starts(), world.standing("scheduled")), (vec![], 1));
    assert_eq!(world.planner.poll_timeout(world.now), Some(seconds(60)));
    world.pass(seconds(60));
    assert_eq!(world.starts(), [(1, PRIMARY)]);
}

#[test]
fn a_deferral_starts_again_at_its_due_time() {
    let mut world = world(1);
    world.accept(1, policy(Priority::Normal));
    world.attempt(1, PRIMARY, Outcome::Transient(reply(451)));
    assert_eq!((world.standing("deferred"), world.planner.poll_timeout(world.now)), (1, Some(seconds(10))));
    world.pass(seconds(10));
    world.attempt(1, PRIMARY, accepted());
    assert_eq!(world.planner.open_deliveries(), 0);
    let finished = world.planner.take_finished();
    assert_eq!((finished.len(), finished[0].latency), (1, seconds(10)));
}

#[test]
fn what_is_unknown_by_policy_hold_is_held() {
    let mut world = world(1);
    world.accept(1, Policy { on_unknown: OnUnknown::Hold, ..policy(Priority::Normal) });
    world.attempt(1, PRIMARY, Outcome::Unknown(Trouble::Closed));
    world.pass(seconds(100_000));
    assert_eq!((world.starts(), world.standing("held")), (vec![], 1));
    assert!(world.planner.poll_decision(world.now).is_none(), "what is held does not expire");
    world.command(1, Command::Release(Actor::control()));
    assert_eq!(world.starts(), [(1, PRIMARY)]);
}

#[test]
fn commands_of_others_move_it_wherever_it_stands() {
    let mut world = world(1);
    (1..=3).for_each(|n| world.accept(n, policy(Priority::Normal)));
    world.command(1, Command::Hold(HoldReason::Operator, Actor::control()));
    world.command(2, Command::Cancel(Actor::control()));
    let (_, _, third) = world.start().expect("the third is ready");
    assert_eq!(world.planner.open_deliveries(), 2);
    world.command(3, Command::Reschedule(START.plus(seconds(60)), Actor::control()));
    world.planner.handle_slot_free(lease(&third), world.now);
    world.planner.handle_ended(third.id, None, world.now);
    assert_eq!((world.starts(), world.standing("scheduled"), world.standing("held")), (vec![], 1, 1));
    world.command(1, Command::Release(Actor::control()));
    assert_eq!(world.starts(), [(1, PRIMARY)]);
}

#[test]
fn what_has_ended_comes_back_by_a_redrive_once_it_was_read_again() {
    let mut world = world(1);
    world.accept(1, policy(Priority::Normal));
    world.attempt(1, PRIMARY, Outcome::Permanent(reply(550)));
    assert_eq!((world.planner.open_deliveries(), world.planner.poll_missed()), (0, None));
    world.command(1, Command::Redrive(None, Actor::control()));
    assert_eq!((world.planner.poll_missed(), world.planner.poll_missed()), (Some(id(1)), None));
    let message = world.message(1);
    world.planner.handle_loaded(&message, world.now);
    world.attempt(1, PRIMARY, accepted());
}

#[test]
fn events_that_were_folded_already_change_nothing_and_a_gap_sets_aside() {
    let mut world = world(1);
    world.accept(1, policy(Priority::Normal));
    world.command(1, Command::Hold(HoldReason::Operator, Actor::control()));
    world.command(1, Command::Release(Actor::control()));
    let journal = world.journal.clone();
    journal.iter().for_each(|recorded| world.planner.handle_event(recorded, world.now));
    assert_eq!((world.standing("queued"), world.planner.poll_missed()), (1, None));
    let mut ahead = journal[2].clone();
    ahead.version = 9;
    world.planner.handle_event(&ahead, world.now);
    assert_eq!((world.starts(), world.planner.poll_missed()), (vec![], Some(id(1))));
}

#[test]
fn what_expires_is_handed_out_once_to_be_ended_also_while_its_relay_is_down() {
    let mut world = world(1);
    let brief = Policy { expires_after: seconds(5), ..alone() };
    world.accept(1, brief.clone());
    world.attempt(1, PRIMARY, refused());
    world.accept(2, brief);
    world.pass(seconds(5));
    let expired: Vec<_> = std::iter::from_fn(|| world.planner.poll_decision(world.now)).collect();
    assert_eq!(expired.len(), 2);
    assert!(expired.iter().all(|job| job.work == Work::Expire));
    for job in &expired {
        let n = job.id.message.as_bytes()[0];
        world.command(n, Command::Expire);
        world.planner.handle_ended(job.id, None, world.now);
    }
    assert_eq!(world.planner.open_deliveries(), 0);
}

#[test]
fn nothing_is_handed_out_while_suspended_and_all_of_it_afterwards() {
    let mut world = world(1);
    world.accept(1, policy(Priority::Normal));
    world.planner.suspend(seconds(3));
    assert_eq!((world.starts(), world.planner.poll_timeout(world.now)), (vec![], Some(seconds(3))));
    world.pass(seconds(3));
    assert_eq!(world.starts(), [(1, PRIMARY)]);
}

#[test]
fn what_comes_while_loading_is_neither_lost_nor_doubled() {
    let mut source = world(1);
    source.accept(1, policy(Priority::Normal));
    let early = source.message(1);
    source.command(1, Command::Cancel(Actor::control()));
    source.accept(2, policy(Priority::Normal));

    let mut target = world(1);
    target.planner.is_loading = true;
    let planner = &mut target.planner;
    // The cancellation is seen before the page that was read before it.
    source.journal[1..].iter().for_each(|recorded| planner.handle_event(recorded, source.now));
    planner.handle_loaded(&early, source.now);
    planner.handle_loaded(&source.message(2), source.now);
    assert!(planner.poll_start(source.now).is_none(), "not before all is loaded");
    planner.handle_all_loaded();
    while let Some(missed) = planner.poll_missed() {
        planner.handle_loaded(&source.message(missed.as_bytes()[0]), source.now);
    }
    assert_eq!(planner.open_deliveries(), 1);
    assert_eq!(planner.poll_start(source.now).map(|job| job.id), Some(delivery(2)));
}

#[test]
fn recipients_of_one_message_go_their_own_ways() {
    let mut world = world(5);
    world.accept_at(1, policy(Priority::Normal), None, 3);
    let jobs: Vec<_> = std::iter::from_fn(|| world.start()).map(|(_, _, job)| job).collect();
    assert_eq!(jobs.len(), 3);
    for (job, outcome) in
        jobs.iter().zip([accepted(), Outcome::Permanent(reply(550)), Outcome::Transient(reply(450))])
    {
        world.conclude(PRIMARY, job, outcome);
    }
    assert_eq!((world.planner.open_deliveries(), world.standing("deferred")), (1, 1));
}

#[test]
fn an_entry_is_small() {
    assert!(size_of::<Option<Entry>>() <= 152, "{}", size_of::<Entry>());
}
