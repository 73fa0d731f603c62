//! Commands to facts.

use super::{Phase, State};
use crate::event::{Attempted, Cause, Deferral, Head, HoldReason, MailEvent, Resolution};
use crate::name::{Actor, RelayName};
use crate::outcome::{NotSent, Outcome, Stage, Trouble};
use crate::policy::OnUnknown;
use crate::time::Timestamp;
use std::sync::Arc;
use std::time::Duration;

/// What somebody wants of a delivery.
#[derive(Debug, Clone, PartialEq)]
pub enum Command {
    /// Begin an attempt at a relay. The head is used only if it is the first one.
    Begin {
        /// The next hop.
        relay: RelayName,
        /// The head, frozen by the first attempt.
        head: Option<Arc<Head>>,
    },
    /// Record what the open attempt came to.
    Conclude {
        /// Its number.
        attempt: u32,
        /// Its outcome.
        outcome: Outcome,
        /// Whether another relay of the route can be tried in this round, should nothing have been sent.
        another_relay: bool,
    },
    /// End it because its lifetime has passed.
    Expire,
    /// End it without an attempt: `suppressed` or `unroutable`.
    Refuse(Cause),
    /// Pause it.
    Hold(HoldReason, Actor),
    /// Resume it.
    Release(Actor),
    /// Withdraw it.
    Cancel(Actor),
    /// Give it another time to be sent at.
    Reschedule(Timestamp, Actor),
    /// Say what became of its unknown attempts.
    Resolve(Resolution, String, Actor),
    /// Put it back in the queue; `None` keeps its lifetime.
    Redrive(Option<Duration>, Actor),
    /// End it because its application aborted the message.
    Abort,
    /// A bounce came back.
    Bounce(crate::reply::Reply),
    /// The recipient complained.
    Complain,
}

/// Time and chance of a decision.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Given {
    /// The present.
    pub now: Timestamp,
    /// 0..1.
    pub jitter: f64,
}

/// The state does not allow the command. Nothing happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// There is no such delivery.
    #[error("there is no such delivery")]
    Missing,
    /// It has ended.
    #[error("it has already ended as {0}")]
    Final(&'static str),
    /// An attempt is open; its outcome comes first.
    #[error("an attempt is in flight")]
    InFlight,
    /// It is held: release it first.
    #[error("it is held")]
    Held,
    /// Its application has not committed it.
    #[error("its application has not committed it")]
    Prepared,
    /// It is not due yet, or not expired yet.
    #[error("its time has not come")]
    NotDue,
    /// Its lifetime has passed.
    #[error("its lifetime has passed")]
    Expired,
    /// That attempt is not the open one.
    #[error("that attempt is not the open one")]
    NotOpen,
    /// No unknown attempt is unresolved.
    #[error("none of its attempts is unresolved")]
    NotUnknown,
    /// Its content was removed or erased.
    #[error("its content is gone")]
    ContentGone,
    /// Its application has committed it.
    #[error("it was committed")]
    Committed,
}

/// The facts that `command` makes of `state`. No facts: it is already so.
///
/// # Errors
/// [`Refusal`] if the state does not allow it.
pub fn decide(state: Option<&State>, command: Command, given: &Given) -> Result<Vec<MailEvent>, Refusal> {
    use Command as C;
    use Phase as P;
    let s = state.ok_or(Refusal::Missing)?;
    let now = given.now;
    match (s.phase, command) {
        (P::Queued { due } | P::Deferred { due }, C::Begin { relay, head }) => {
            if now < due {
                return Err(Refusal::NotDue);
            }
            if now >= s.expires_at() {
                return Err(Refusal::Expired);
            }
            let head = head.filter(|_| s.attempts == 0);
            Ok(vec![MailEvent::Attempted(Attempted { attempt: s.attempts + 1, relay, head })])
        }
        (P::Sending, C::Conclude { attempt, outcome, another_relay }) if attempt == s.attempts => {
            Ok(s.conclude(outcome, another_relay, given))
        }
        (_, C::Conclude { .. }) => Err(Refusal::NotOpen),
        (P::Queued { .. } | P::Deferred { .. }, C::Expire) => {
            if now < s.expires_at() {
                Err(Refusal::NotDue)
            } else {
                Ok(vec![failed(Cause::Expired)])
            }
        }
        (P::Queued { .. } | P::Deferred { .. }, C::Refuse(cause)) => Ok(vec![failed(cause)]),

        (P::Held { .. }, C::Hold(..)) => Ok(vec![]),
        (P::Prepared | P::Queued { .. } | P::Deferred { .. }, C::Hold(reason, by)) => {
            Ok(vec![MailEvent::Held { reason, by }])
        }
        (P::Held { .. }, C::Release(by)) => Ok(vec![MailEvent::Released { by }]),
        (P::Prepared | P::Queued { .. } | P::Deferred { .. } | P::Sending, C::Release(_)) => Ok(vec![]),
        (P::Cancelled, C::Cancel(_)) => Ok(vec![]),
        (P::Prepared | P::Queued { .. } | P::Deferred { .. } | P::Held { .. }, C::Cancel(by)) => {
            Ok(vec![MailEvent::Cancelled { by }])
        }
        (P::Queued { .. } | P::Deferred { .. }, C::Reschedule(send_at, by)) => {
            let is_so = s.send_at == Some(send_at) && matches!(s.phase, P::Queued { .. });
            Ok(if is_so { vec![] } else { vec![MailEvent::Rescheduled { send_at, by }] })
        }

        (P::Sending, C::Resolve(..)) => Err(Refusal::InFlight),
        (
            P::Queued { .. } | P::Deferred { .. } | P::Held { .. } | P::Unknown { .. },
            C::Resolve(resolution, reason, by),
        ) if s.is_unresolved => Ok(vec![MailEvent::Resolved { resolution, reason, by }]),
        (_, C::Resolve(..)) => Err(Refusal::NotUnknown),
        (P::Failed { .. } | P::Unknown { .. }, C::Redrive(expires_after, by)) => {
            if s.is_content_gone {
                return Err(Refusal::ContentGone);
            }
            let expires_after = expires_after.unwrap_or(s.expires_after);
            Ok(vec![MailEvent::Redriven { expires_after, by }])
        }
        (P::Prepared | P::Queued { .. } | P::Deferred { .. } | P::Sending, C::Redrive(..)) => Ok(vec![]),
        (P::Failed { cause: Cause::Aborted }, C::Abort) => Ok(vec![]),
        (P::Prepared | P::Held { .. }, C::Abort) if !s.is_committed => Ok(vec![failed(Cause::Aborted)]),
        (P::Queued { .. } | P::Deferred { .. } | P::Held { .. } | P::Sending, C::Abort) => {
            Err(Refusal::Committed)
        }
        (_, C::Bounce(_)) if s.is_bounced => Ok(vec![]),
        (_, C::Complain) if s.is_complained => Ok(vec![]),
        (P::Delivered | P::Unknown { .. }, C::Bounce(reply)) => Ok(vec![MailEvent::Bounced { reply }]),
        (P::Delivered | P::Unknown { .. }, C::Complain) => Ok(vec![MailEvent::Complained]),

        (P::Prepared, _) => Err(Refusal::Prepared),
        (P::Held { .. }, _) => Err(Refusal::Held),
        (P::Sending, _) => Err(Refusal::InFlight),
        (P::Queued { .. } | P::Deferred { .. }, _) => Err(Refusal::NotDue),
        (P::Delivered | P::Failed { .. } | P::Unknown { .. } | P::Cancelled, _) => {
            Err(Refusal::Final(s.phase.name()))
        }
    }
}

fn failed(cause: Cause) -> MailEvent {
    MailEvent::Failed { cause, attempt: None, reply: None }
}

impl State {
    /// The second half of docs/outcomes.md: what each outcome of the open attempt leads to.
    fn conclude(&self, outcome: Outcome, another_relay: bool, given: &Given) -> Vec<MailEvent> {
        let attempt = self.attempts;
        let is_last = self.policy.retry.max_attempts.is_some_and(|max| self.spent + 1 >= max);
        let next = || given.now.plus(self.policy.retry.interval(self.spent, given.jitter));
        let failed = |cause, reply| MailEvent::Failed { cause, attempt: Some(attempt), reply };
        match outcome {
            Outcome::Accepted(reply) => vec![MailEvent::Delivered { attempt, reply }],
            Outcome::Permanent(reply) => vec![failed(Cause::Rejected, Some(reply))],
            Outcome::Transient(reply) if is_last => vec![failed(Cause::Exhausted, Some(reply))],
            Outcome::Transient(reply) => {
                vec![MailEvent::Deferred { attempt, reason: Deferral::Transient(reply), due: next() }]
            }
            Outcome::NotSent(not_sent) => vec![self.not_sent(not_sent, another_relay, given)],
            Outcome::Unknown(trouble) => {
                let mut events = vec![MailEvent::Unknown { attempt, trouble, due: next() }];
                match self.policy.on_unknown {
                    OnUnknown::Hold => {
                        events.push(MailEvent::Held { reason: HoldReason::Unknown, by: Actor::system() });
                    }
                    OnUnknown::Retry if is_last => {
                        events.push(MailEvent::Failed {
                            cause: Cause::Exhausted,
                            attempt: None,
                            reply: None,
                        });
                    }
                    OnUnknown::Retry => {}
                }
                events
            }
        }
    }

    /// Another relay at once; when all have been tried, all again by the schedule. What no relay can do for
    /// want of an extension, none will do later.
    fn not_sent(&self, not_sent: NotSent, another_relay: bool, given: &Given) -> MailEvent {
        let attempt = self.attempts;
        // What is missing before MAIL (a login) is the relay's fault, not the message's: that can be mended.
        let is_the_message_s = not_sent.trouble == Trouble::Unsupported && not_sent.stage >= Stage::Mail;
        if is_the_message_s && !another_relay {
            return MailEvent::Failed {
                cause: Cause::Unroutable,
                attempt: Some(attempt),
                reply: not_sent.reply,
            };
        }
        let wait = if another_relay {
            Duration::ZERO
        } else {
            self.policy.retry.interval(self.idle_rounds, given.jitter)
        };
        MailEvent::Deferred { attempt, reason: Deferral::NotSent(not_sent), due: given.now.plus(wait) }
    }
}
