//! Histories that `decide` makes of random commands keep the promises of the state machine.

use super::*;
use crate::event::{Event, Recorded, Resolution};
use crate::id::{Epoch, Position, Stream};
use crate::message::Message;
use proptest::prelude::*;

fn command() -> impl Strategy<Value = Command> {
    let by = Actor::control;
    let name = prop::sample::select(vec!["a", "b", "c"]);
    let outcome = prop_oneof![
        Just(Outcome::Accepted(reply(250))),
        Just(Outcome::Transient(reply(451))),
        Just(Outcome::Permanent(reply(550))),
        Just(Outcome::Unknown(Trouble::Timeout)),
        prop::sample::select(vec![Trouble::Closed, Trouble::Unsupported]).prop_map(not_sent),
    ];
    let resolution = prop::sample::select(Resolution::ALL);
    prop_oneof![
        4 => name.prop_map(|name| Command::Begin { relay: relay(name), head: None }),
        4 => (1..6u32, outcome, any::<bool>())
            .prop_map(|(attempt, outcome, another_relay)| Command::Conclude { attempt, outcome, another_relay }),
        1 => Just(Command::Expire),
        1 => prop::sample::select(vec![Cause::Suppressed, Cause::Unroutable]).prop_map(Command::Refuse),
        1 => prop::sample::select(HoldReason::ALL).prop_map(move |reason| Command::Hold(reason, by())),
        1 => Just(Command::Release(by())),
        1 => Just(Command::Cancel(by())),
        1 => (0..200_000u64).prop_map(move |seconds| Command::Reschedule(at(seconds), by())),
        1 => resolution.prop_map(move |resolution| Command::Resolve(resolution, String::new(), by())),
        1 => prop::option::of(60..100_000u64)
            .prop_map(move |seconds| Command::Redrive(seconds.map(Duration::from_secs), by())),
        1 => Just(Command::Abort),
        1 => Just(Command::Bounce(reply(550))),
        1 => Just(Command::Complain),
    ]
}

fn policy() -> impl Strategy<Value = Policy> {
    (prop::option::of(1..4u32), any::<bool>(), any::<bool>()).prop_map(|(max_attempts, hold, prepared)| {
        let retry = RetryPolicy { max_attempts, ..RetryPolicy::default() };
        let on_unknown = if hold { OnUnknown::Hold } else { OnUnknown::Retry };
        let prepare = prepared.then_some(Prepare { commit_within: Duration::from_secs(60), check_url: None });
        Policy { retry, on_unknown, prepare, ..Policy::default() }
    })
}

/// A message whose events are recorded as they are decided.
struct History {
    message: Message,
    events: Vec<Recorded>,
}

impl History {
    fn begin(policy: Policy, recipients: u16) -> Self {
        let mut submission = submission(1, recipients);
        Arc::make_mut(&mut submission.queued).policy = Arc::new(policy);
        let event = Event::Mail(MailEvent::Queued(submission.queued));
        let first = recorded(submission.id, 1, Ordinal::MESSAGE, 1, START, event);
        Self { message: Message::begin(&first).expect("begins"), events: vec![first] }
    }

    fn record(&mut self, ordinal: Ordinal, now: Timestamp, event: MailEvent) {
        let version = match ordinal {
            Ordinal::MESSAGE => self.message.version,
            _ => self.message.delivery(ordinal).expect("exists").version,
        };
        let position = self.events.last().map_or(0, |last| last.position.0) + 1;
        let next = recorded(self.message.id, position, ordinal, version + 1, now, Event::Mail(event));
        self.message.apply(&next).expect("what decide makes, apply takes");
        self.events.push(next);
    }
}

fn recorded(
    id: crate::id::MessageId,
    position: i64,
    ordinal: Ordinal,
    version: u32,
    at: Timestamp,
    event: Event,
) -> Recorded {
    Recorded {
        position: Position(position),
        stream: Stream::Message(id),
        ordinal,
        version,
        epoch: Epoch(1),
        tenant: crate::name::Tenant::default_tenant(),
        at,
        hash: [0; 32],
        event,
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn every_history_keeps_the_promises(
        policy in policy(),
        steps in prop::collection::vec((1..=3u16, 0..20_000u64, command(), 0.0..1.0f64, any::<bool>()), 1..60),
    ) {
        let is_prepared = policy.prepare.is_some();
        let mut history = History::begin(policy, 3);
        let mut now = START;
        for (ordinal, seconds, command, jitter, commit) in steps {
            now = now.plus(Duration::from_secs(seconds));
            let ordinal = Ordinal(ordinal);
            let none_is_committed = history.message.deliveries.iter().all(|d| !d.state.is_committed);
            if is_prepared && commit && none_is_committed {
                history.record(Ordinal::MESSAGE, now, MailEvent::Committed);
            }
            let before = history.message.delivery(ordinal).expect("exists").state.clone();
            let may_leave_final = matches!(command, Command::Redrive(..) | Command::Resolve(..));
            let given = Given { now, jitter };
            let Ok(events) = decide(Some(&before), command.clone(), &given) else { continue };
            for event in events {
                history.record(ordinal, now, event);
            }
            let after = &history.message.delivery(ordinal).expect("exists").state;
            prop_assert!(after.attempts == before.attempts || after.attempts == before.attempts + 1);
            if before.phase.is_final() && !may_leave_final {
                prop_assert_eq!(before.phase, after.phase, "final stays final");
            }
            if let Phase::Failed { .. } | Phase::Cancelled = after.phase {
                prop_assert!(!after.is_unresolved, "nothing lies at the end");
            }
            if after.phase == Phase::Sending {
                prop_assert!(after.is_committed, "never sent without commit");
            }
            let again = decide(Some(after), command, &given);
            prop_assert!(again.is_err() || again == Ok(vec![]), "a repeated command makes no events: {:?}", again);
        }
        let replayed = Message::fold(&history.events);
        prop_assert_eq!(replayed, Ok(Some(history.message)), "step by step = all at once");
    }

    #[test]
    fn a_history_with_an_event_missing_is_refused(cut in 1..4usize) {
        let mut history = History::begin(Policy::default(), 1);
        for (seconds, outcome) in [(0, Outcome::Transient(reply(451))), (60, Outcome::Accepted(reply(250)))] {
            let begin = Command::Begin { relay: relay("a"), head: None };
            for step in 0..2 {
                let state = &history.message.deliveries[0].state;
                let conclude = Command::Conclude { attempt: state.attempts, outcome: outcome.clone(), another_relay: true };
                let command = if step == 0 { begin.clone() } else { conclude };
                let given = Given { now: at(seconds), jitter: 0.5 };
                for event in decide(Some(state), command, &given).expect("allowed") {
                    history.record(Ordinal(1), given.now, event);
                }
            }
        }
        history.events.remove(cut);
        prop_assert!(Message::fold(&history.events).is_err());
    }
}
