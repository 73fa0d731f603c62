use super::*;
use crate::conformance::submission;
use crate::event::{Deferral, HoldReason};
use crate::name::Actor;
use crate::outcome::{NotSent, Outcome, Stage, Trouble};
use crate::policy::{OnUnknown, Prepare, RetryPolicy};
use crate::reply::Reply;

mod properties;

const START: Timestamp = Timestamp::from_micros(1_796_115_600_000_000);

fn at(seconds: u64) -> Timestamp {
    START.plus(Duration::from_secs(seconds))
}

fn relay(name: &str) -> RelayName {
    name.parse().expect("a literal name is valid")
}

fn reply(code: u16) -> Reply {
    Reply { code, enhanced: None, text: String::new() }
}

/// A delivery whose decisions are folded as they are made: given / when / then.
struct Case {
    state: State,
    kinds: Vec<&'static str>,
}

fn queued(policy: Policy) -> Case {
    let mut queued = (*submission(1, 1).queued).clone();
    queued.policy = Arc::new(policy);
    let event = MailEvent::Queued(Arc::new(queued));
    Case { state: apply(None, Ordinal(1), START, &event).expect("queued begins"), kinds: vec![] }
}

impl Case {
    fn when(mut self, seconds: u64, command: Command) -> Self {
        let given = Given { now: at(seconds), jitter: 0.5 };
        for event in decide(Some(&self.state), command, &given).expect("allowed") {
            self.kinds.push(event.kind());
            self.state = apply(Some(self.state), Ordinal(1), given.now, &event).expect("legal");
        }
        self
    }

    fn attempt(self, seconds: u64, name: &str, outcome: Outcome, another_relay: bool) -> Self {
        let case = self.when(seconds, Command::Begin { relay: relay(name), head: None });
        let attempt = case.state.attempts;
        case.when(seconds, Command::Conclude { attempt, outcome, another_relay })
    }

    fn refused(self, seconds: u64, command: Command, refusal: Refusal) -> Self {
        let given = Given { now: at(seconds), jitter: 0.5 };
        assert_eq!(decide(Some(&self.state), command, &given), Err(refusal));
        self
    }

    fn then(self, status: Status, kinds: &[&str]) -> Self {
        assert_eq!((self.state.status(at(0)), &self.kinds[..]), (status, kinds));
        self
    }
}

fn not_sent(trouble: Trouble) -> Outcome {
    Outcome::NotSent(NotSent { stage: Stage::Connect, trouble, reply: None })
}

fn twice() -> Policy {
    let retry = RetryPolicy { max_attempts: Some(2), schedule: [Duration::from_secs(10)].into() };
    Policy { retry, ..Policy::default() }
}

#[test]
fn a_success_is_two_events_after_queued() {
    queued(Policy::default())
        .attempt(0, "a", Outcome::Accepted(reply(250)), false)
        .then(Status::Delivered, &["attempted", "delivered"]);
}

#[test]
fn a_permanent_refusal_ends_it_at_once() {
    let case = queued(Policy::default()).attempt(0, "a", Outcome::Permanent(reply(550)), true);
    assert_eq!(case.state.phase, Phase::Failed { cause: Cause::Rejected });
}

#[test]
fn transient_refusals_follow_the_schedule_until_the_attempts_are_spent() {
    let case = queued(twice()).attempt(0, "a", Outcome::Transient(reply(451)), true);
    assert_eq!(case.state.due(), Some(at(10)));
    let case = case
        .refused(9, Command::Begin { relay: relay("a"), head: None }, Refusal::NotDue)
        .attempt(10, "a", Outcome::Transient(reply(451)), true)
        .then(Status::Failed, &["attempted", "deferred", "attempted", "failed"]);
    assert_eq!(case.state.phase, Phase::Failed { cause: Cause::Exhausted });
}

#[test]
fn what_was_not_sent_goes_to_another_relay_at_once_and_does_not_count() {
    let case = queued(twice()).attempt(0, "a", not_sent(Trouble::Timeout), true);
    assert_eq!((case.state.due(), &case.state.tried[..]), (Some(at(0)), &[relay("a")][..]));
    let case = case.attempt(0, "b", not_sent(Trouble::Closed), false);
    assert_eq!((case.state.due(), case.state.spent, case.state.tried.len()), (Some(at(10)), 0, 0));
    let case = case.attempt(10, "a", not_sent(Trouble::Timeout), true).attempt(
        10,
        "b",
        Outcome::Accepted(reply(250)),
        false,
    );
    assert_eq!((case.state.phase, case.state.attempts), (Phase::Delivered, 4));
}

#[test]
fn what_no_relay_can_take_is_unroutable() {
    let lacks = |stage| Outcome::NotSent(NotSent { stage, trouble: Trouble::Unsupported, reply: None });
    let tried = || queued(Policy::default()).attempt(0, "a", lacks(Stage::Mail), true);
    let case = tried().attempt(0, "b", lacks(Stage::Mail), false);
    assert_eq!(case.state.phase, Phase::Failed { cause: Cause::Unroutable });
    // A relay that does not offer the login it is configured for can be mended.
    tried()
        .attempt(0, "b", lacks(Stage::Auth), false)
        .then(Status::Deferred, &["attempted", "deferred", "attempted", "deferred"]);
}

#[test]
fn an_unknown_attempt_is_retried_and_never_hidden_by_a_failure() {
    let case = queued(twice())
        .attempt(0, "a", Outcome::Unknown(Trouble::Timeout), true)
        .then(Status::Deferred, &["attempted", "unknown"])
        .attempt(10, "a", Outcome::Permanent(reply(550)), true)
        .then(Status::Unknown, &["attempted", "unknown", "attempted", "failed"]);
    assert_eq!(case.state.phase, Phase::Unknown { cause: Some(Cause::Rejected) });
    let delivered = queued(twice()).attempt(0, "a", Outcome::Unknown(Trouble::Closed), true).attempt(
        10,
        "a",
        Outcome::Accepted(reply(250)),
        true,
    );
    assert_eq!((delivered.state.phase, delivered.state.unknown_attempts), (Phase::Delivered, 1));
}

#[test]
fn an_unknown_last_attempt_ends_as_unknown() {
    queued(twice())
        .attempt(0, "a", Outcome::Unknown(Trouble::Reset), false)
        .attempt(10, "a", Outcome::Unknown(Trouble::Reset), false)
        .then(Status::Unknown, &["attempted", "unknown", "attempted", "unknown", "failed"]);
}

#[test]
fn hold_on_unknown_needs_an_operator() {
    let policy = Policy { on_unknown: OnUnknown::Hold, ..twice() };
    let held = || queued(policy.clone()).attempt(0, "a", Outcome::Unknown(Trouble::Timeout), true);
    let case = held().then(Status::Held, &["attempted", "unknown", "held"]);
    assert_eq!(case.state.phase, Phase::Held { reason: HoldReason::Unknown });
    let resolve = |resolution| Command::Resolve(resolution, "asked the relay".into(), Actor::control());
    assert_eq!(held().when(1, resolve(Resolution::Delivered)).state.phase, Phase::Delivered);
    let case = held().when(1, resolve(Resolution::NotDelivered)).when(2, Command::Release(Actor::control()));
    assert_eq!((case.state.due(), case.state.is_unresolved), (Some(at(2)), false));
}

#[test]
fn lifetime_counts_from_ready_at_and_held_mail_does_not_expire() {
    let day = 24 * 3600;
    let case = queued(Policy::default())
        .refused(day - 1, Command::Expire, Refusal::NotDue)
        .when(10, Command::Hold(HoldReason::Operator, Actor::control()))
        .refused(2 * day, Command::Expire, Refusal::Held)
        .when(2 * day, Command::Release(Actor::control()));
    assert_eq!((case.state.ready_at, case.state.expires_at()), (at(2 * day), at(3 * day)));
    let case = case
        .refused(3 * day, Command::Begin { relay: relay("a"), head: None }, Refusal::Expired)
        .when(3 * day, Command::Expire);
    assert_eq!(case.state.phase, Phase::Failed { cause: Cause::Expired });
}

#[test]
fn what_is_sending_cannot_be_cancelled_and_what_may_have_arrived_is_not_called_cancelled() {
    let cancel = || Command::Cancel(Actor::control());
    queued(twice())
        .when(0, Command::Begin { relay: relay("a"), head: None })
        .refused(0, cancel(), Refusal::InFlight)
        .refused(0, Command::Hold(HoldReason::Operator, Actor::control()), Refusal::InFlight);
    queued(twice()).when(0, cancel()).then(Status::Cancelled, &["cancelled"]);
    queued(twice())
        .attempt(0, "a", Outcome::Unknown(Trouble::Timeout), false)
        .when(1, cancel())
        .then(Status::Unknown, &["attempted", "unknown", "cancelled"]);
}

#[test]
fn a_redrive_gives_a_fresh_budget_and_goes_on_counting_attempts() {
    let redrive = || Command::Redrive(Some(Duration::from_secs(60)), Actor::control());
    let case = queued(twice()).attempt(0, "a", Outcome::Permanent(reply(550)), false).when(5, redrive());
    assert_eq!((case.state.spent, case.state.attempts, case.state.expires_at()), (0, 1, at(65)));
    let mut gone = queued(twice()).attempt(0, "a", Outcome::Permanent(reply(550)), false);
    gone.state = apply(Some(gone.state), Ordinal(1), at(1), &MailEvent::ContentRemoved).expect("final");
    gone.refused(5, redrive(), Refusal::ContentGone);
    queued(twice()).when(0, Command::Cancel(Actor::control())).refused(
        1,
        redrive(),
        Refusal::Final("cancelled"),
    );
}

#[test]
fn a_prepared_delivery_is_never_sent_without_commit() {
    let prepare = Some(Prepare { commit_within: Duration::from_secs(300), check_url: None });
    let case = queued(Policy { prepare, ..twice() })
        .refused(1, Command::Begin { relay: relay("a"), head: None }, Refusal::Prepared)
        .when(1, Command::Hold(HoldReason::PrepareUnanswered, Actor::system()))
        .when(2, Command::Release(Actor::control()))
        .then(Status::Prepared, &["held", "released"]);
    let aborted = apply(Some(case.state.clone()), Ordinal(1), at(3), &MailEvent::Aborted).expect("legal");
    let given = Given { now: at(3), jitter: 0.0 };
    assert_eq!(decide(Some(&aborted), Command::Abort, &given).expect("allowed")[0].kind(), "failed");
    let committed = apply(Some(case.state), Ordinal(1), at(3), &MailEvent::Committed).expect("legal");
    assert_eq!((committed.due(), committed.ready_at), (Some(at(3)), at(3)));
}

#[test]
fn scheduled_and_queued_differ_by_the_clock() {
    let mut queued = (*submission(1, 1).queued).clone();
    queued.send_at = Some(at(60));
    let state = apply(None, Ordinal(1), START, &MailEvent::Queued(Arc::new(queued))).expect("begins");
    assert_eq!((state.status(at(59)), state.status(at(60))), (Status::Scheduled, Status::Queued));
}

#[test]
fn an_event_that_cannot_follow_is_named() {
    let state = queued(twice()).state;
    let event = MailEvent::Delivered { attempt: 1, reply: reply(250) };
    let illegal = apply(Some(state.clone()), Ordinal(1), START, &event).expect_err("no attempt is open");
    assert_eq!(illegal.to_string(), "delivered cannot follow at delivery 1 in phase queued");
    let deferred = MailEvent::Deferred { attempt: 1, reason: Deferral::Transient(reply(451)), due: START };
    assert!(apply(None, Ordinal(1), START, &deferred).is_err());
    let again = MailEvent::Queued(submission(1, 1).queued);
    assert!(apply(Some(state), Ordinal(1), START, &again).is_err());
    assert!(apply(None, Ordinal(2), START, &again).is_err(), "there is one recipient");
    assert!(apply(None, Ordinal::MESSAGE, START, &again).is_err());
}
