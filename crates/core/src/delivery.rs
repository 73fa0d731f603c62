//! The one state machine: a message to one recipient.
//!
//! [`apply`] folds a fact into a state and lists every legal (state, event) pair; [`decide`] turns a command
//! into facts. Both are pure. docs/state-diagram.md draws what stands here.

mod decide;
mod phase;

pub use decide::{Command, Given, Refusal, decide};
pub use phase::{Phase, Status};

use crate::event::{Cause, Deferral, HoldReason, MailEvent, Queued, Resolution};
use crate::id::Ordinal;
use crate::name::RelayName;
use crate::policy::Policy;
use crate::time::Timestamp;
use std::sync::Arc;
use std::time::Duration;

/// Where a delivery stands, with what the next decision needs.
#[derive(Debug, Clone, PartialEq)]
pub struct State {
    /// Where it stands.
    pub phase: Phase,
    /// How it wants to be delivered.
    pub policy: Arc<Policy>,
    /// Not before.
    pub send_at: Option<Timestamp>,
    /// max(accepted, committed, send_at, last release or redrive): lifetime and latency count from here.
    pub ready_at: Timestamp,
    /// The lifetime from `ready_at`; a redrive may give another than the policy's.
    pub expires_after: Duration,
    /// False while a prepared message waits for its application.
    pub is_committed: bool,
    /// The content was removed or erased: nothing can be sent any more.
    pub is_content_gone: bool,
    /// A bounce came back.
    pub is_bounced: bool,
    /// The recipient complained.
    pub is_complained: bool,
    /// Attempts so far; the number of the last one.
    pub attempts: u32,
    /// Attempts that count towards `max_attempts`, since the last redrive.
    pub spent: u32,
    /// Attempts whose result was not known when they ended.
    pub unknown_attempts: u32,
    /// An unknown attempt may have delivered it, and nobody has found out.
    pub is_unresolved: bool,
    /// Rounds over all relays in which nothing could be sent, since the last attempt that counted.
    pub idle_rounds: u32,
    /// Relays that could not take it in the present round.
    pub tried: Vec<RelayName>,
    /// The relay of the last attempt.
    pub relay: Option<RelayName>,
}

/// The event cannot follow in this state: the history is damaged, or was not written by `decide`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{event} cannot follow at delivery {ordinal} in phase {phase}")]
pub struct IllegalTransition {
    /// The delivery.
    pub ordinal: Ordinal,
    /// The phase it was in.
    pub phase: &'static str,
    /// The kind of the event.
    pub event: &'static str,
}

/// Folds one fact, decided at `at`, into the state of the delivery at `ordinal`. `None` is before `Queued`.
///
/// # Errors
/// [`IllegalTransition`] if no legal history has this event here.
pub fn apply(
    state: Option<State>,
    ordinal: Ordinal,
    at: Timestamp,
    event: &MailEvent,
) -> Result<State, IllegalTransition> {
    use MailEvent as E;
    use Phase as P;
    let illegal = |phase| IllegalTransition { ordinal, phase, event: event.kind() };
    let Some(mut s) = state else {
        return match event {
            E::Queued(queued) if is_recipient(queued, ordinal) => Ok(State::new(queued, at)),
            _ => Err(illegal("none")),
        };
    };
    let may_have_arrived = s.is_unresolved;
    s.phase = match (s.phase, event) {
        (P::Prepared, E::Committed) => s.committed(at),
        (P::Prepared, E::Aborted) => P::Prepared,
        (P::Held { reason: HoldReason::PrepareUnanswered }, E::Committed) if !s.is_committed => {
            s.committed(at)
        }
        (P::Held { reason }, E::Committed) if !s.is_committed => {
            s.is_committed = true;
            P::Held { reason }
        }
        (P::Held { reason }, E::Aborted) if !s.is_committed => P::Held { reason },
        (phase, E::Committed) if phase.is_final() && !s.is_committed => {
            s.is_committed = true;
            phase
        }
        (phase, E::Aborted) if phase.is_final() && !s.is_committed => phase,

        (P::Queued { .. } | P::Deferred { .. }, E::Attempted(a)) if a.attempt == s.attempts + 1 => {
            s.attempts = a.attempt;
            s.relay = Some(a.relay.clone());
            P::Sending
        }
        (P::Sending, E::Delivered { attempt, .. }) if *attempt == s.attempts => {
            s.is_unresolved = false;
            P::Delivered
        }
        (P::Sending, E::Deferred { attempt, reason, due }) if *attempt == s.attempts => {
            s.deferred(reason, *due > at);
            P::Deferred { due: *due }
        }
        (P::Sending, E::Unknown { attempt, due, .. }) if *attempt == s.attempts => {
            s.unknown_attempts += 1;
            s.is_unresolved = true;
            s.counted();
            P::Deferred { due: *due }
        }
        (P::Sending, E::Failed { cause, attempt: Some(attempt), .. }) if *attempt == s.attempts => {
            P::failed(*cause, may_have_arrived)
        }
        (
            P::Prepared | P::Queued { .. } | P::Deferred { .. } | P::Held { .. },
            E::Failed { cause, attempt: None, .. },
        ) => P::failed(*cause, may_have_arrived),

        (P::Prepared | P::Queued { .. } | P::Deferred { .. }, E::Held { reason, .. }) => {
            P::Held { reason: *reason }
        }
        (P::Held { .. }, E::Released { .. }) => s.released(at),
        (P::Prepared | P::Queued { .. } | P::Deferred { .. } | P::Held { .. }, E::Cancelled { .. }) => {
            if may_have_arrived {
                P::Unknown { cause: None }
            } else {
                P::Cancelled
            }
        }
        (P::Queued { .. } | P::Deferred { .. }, E::Rescheduled { send_at, .. }) => {
            s.send_at = Some(*send_at);
            s.ready_at = at.max(*send_at);
            P::Queued { due: s.ready_at }
        }

        (
            phase @ (P::Deferred { .. } | P::Queued { .. } | P::Held { .. } | P::Unknown { .. }),
            E::Resolved { resolution, .. },
        ) if s.is_unresolved => {
            s.is_unresolved = false;
            match (resolution, phase) {
                (Resolution::Delivered, _) => P::Delivered,
                (Resolution::NotDelivered, P::Unknown { .. }) => P::Failed { cause: Cause::Resolved },
                (Resolution::NotDelivered, _) => phase,
            }
        }
        (P::Failed { .. } | P::Unknown { .. }, E::Redriven { expires_after, .. }) if !s.is_content_gone => {
            s.expires_after = *expires_after;
            s.spent = 0;
            s.ready_at = at;
            if s.is_committed { P::Queued { due: at } } else { P::Prepared }
        }
        (phase @ (P::Delivered | P::Unknown { .. }), E::Bounced { .. }) => {
            s.is_bounced = true;
            phase
        }
        (phase @ (P::Delivered | P::Unknown { .. }), E::Complained) => {
            s.is_complained = true;
            phase
        }
        (phase, E::ContentRemoved | E::Erased) if phase.is_final() => {
            s.is_content_gone = true;
            phase
        }
        (phase, _) => return Err(illegal(phase.name())),
    };
    Ok(s)
}

fn is_recipient(queued: &Queued, ordinal: Ordinal) -> bool {
    ordinal != Ordinal::MESSAGE && usize::from(ordinal.0) <= queued.kinds.len()
}

impl State {
    fn new(queued: &Queued, at: Timestamp) -> Self {
        let is_committed = queued.policy.prepare.is_none();
        let ready_at = queued.send_at.unwrap_or(at).max(at);
        Self {
            phase: if is_committed { Phase::Queued { due: ready_at } } else { Phase::Prepared },
            policy: queued.policy.clone(),
            send_at: queued.send_at,
            ready_at,
            expires_after: queued.policy.expires_after,
            is_committed,
            is_content_gone: false,
            is_bounced: false,
            is_complained: false,
            attempts: 0,
            spent: 0,
            unknown_attempts: 0,
            is_unresolved: false,
            idle_rounds: 0,
            tried: Vec::new(),
            relay: None,
        }
    }

    fn committed(&mut self, at: Timestamp) -> Phase {
        self.is_committed = true;
        self.ready_at = self.send_at.unwrap_or(at).max(at);
        Phase::Queued { due: self.ready_at }
    }

    /// What is not committed is never sent, whoever releases it.
    fn released(&mut self, at: Timestamp) -> Phase {
        if self.is_committed { self.committed(at) } else { Phase::Prepared }
    }

    fn deferred(&mut self, reason: &Deferral, is_round_over: bool) {
        match reason {
            Deferral::Transient(_) => self.counted(),
            Deferral::NotSent(_) if is_round_over => {
                self.tried.clear();
                self.idle_rounds += 1;
            }
            Deferral::NotSent(_) => self.tried.extend(self.relay.clone()),
        }
    }

    fn counted(&mut self) {
        self.spent += 1;
        self.idle_rounds = 0;
        self.tried.clear();
    }

    /// When its lifetime ends. What is held or prepared does not expire.
    pub fn expires_at(&self) -> Timestamp {
        self.ready_at.plus(self.expires_after)
    }

    /// The earliest next attempt, where one is to come.
    pub fn due(&self) -> Option<Timestamp> {
        match self.phase {
            Phase::Queued { due } | Phase::Deferred { due } => Some(due),
            Phase::Prepared
            | Phase::Sending
            | Phase::Held { .. }
            | Phase::Delivered
            | Phase::Failed { .. }
            | Phase::Unknown { .. }
            | Phase::Cancelled => None,
        }
    }

    /// What users see at `now`.
    pub fn status(&self, now: Timestamp) -> Status {
        match self.phase {
            Phase::Prepared => Status::Prepared,
            Phase::Queued { due } if due > now => Status::Scheduled,
            Phase::Queued { .. } => Status::Queued,
            Phase::Sending => Status::Sending,
            Phase::Deferred { .. } => Status::Deferred,
            Phase::Held { .. } => Status::Held,
            Phase::Delivered => Status::Delivered,
            Phase::Failed { .. } => Status::Failed,
            Phase::Unknown { .. } => Status::Unknown,
            Phase::Cancelled => Status::Cancelled,
        }
    }

    /// Writes the state in one canonical form, for digests that two replays are compared by.
    pub fn encode(&self, out: &mut Vec<u8>) {
        let (due, word) = match self.phase {
            Phase::Queued { due } | Phase::Deferred { due } => (due.as_micros(), ""),
            Phase::Held { reason } => (0, reason.as_str()),
            Phase::Failed { cause } => (0, cause.as_str()),
            Phase::Unknown { cause } => (0, cause.map_or("", Cause::as_str)),
            Phase::Prepared | Phase::Sending | Phase::Delivered | Phase::Cancelled => (0, ""),
        };
        let flags = [
            self.is_committed,
            self.is_content_gone,
            self.is_unresolved,
            self.is_bounced,
            self.is_complained,
        ];
        let counts = [self.attempts, self.spent, self.unknown_attempts, self.idle_rounds];
        let times = [due, self.ready_at.as_micros(), self.expires_at().as_micros()];
        let send_at = self.send_at.map_or(0, Timestamp::as_micros);
        for text in [self.phase.name(), word]
            .into_iter()
            .chain(self.tried.iter().chain(&self.relay).map(RelayName::as_str))
        {
            out.extend_from_slice(text.as_bytes());
            out.push(0);
        }
        out.extend(flags.map(u8::from));
        out.extend(counts.iter().flat_map(|count| count.to_le_bytes()));
        out.extend(times.iter().chain([&send_at]).flat_map(|time| time.to_le_bytes()));
    }
}

#[cfg(test)]
mod tests;
