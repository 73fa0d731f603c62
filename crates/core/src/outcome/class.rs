//! The class table: what a reply, or the lack of one, means at each stage of an attempt. docs/outcomes.md is made of it.
//!
//! Nobody else decides whether a message may have been sent. The session asks here with every reply and every failure,
//! and what a crash or a panic leaves open is asked here too.

use super::{NotSent, Outcome, Stage, Trouble};
use crate::reply::{Class, Reply};

/// What a complete reply means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// The dialogue goes on.
    Continue,
    /// The attempt has come to this.
    Ended(Outcome),
}

/// The meaning of a complete reply at `stage`, by class as RFC 5321 4.2 says; but a 3yz is never taken for a
/// 2yz, and DATA is answered by 354 only.
pub fn replied(stage: Stage, reply: Reply) -> Verdict {
    use Class as C;
    use Stage as S;
    let Some(class) = reply.class() else {
        return Verdict::Ended(broken_off(stage, Trouble::Protocol, None));
    };
    match (stage, class) {
        (S::Banner | S::Ehlo | S::Tls | S::Auth | S::Mail | S::Rcpt | S::Quit, C::Completion) => {
            Verdict::Continue
        }
        (S::Auth, C::Intermediate) if reply.code == 334 => Verdict::Continue,
        (S::Data, C::Intermediate) if reply.code == 354 => Verdict::Continue,
        (S::Dot, C::Completion) => Verdict::Ended(Outcome::Accepted(reply)),
        (S::Mail | S::Rcpt | S::Data | S::Dot, C::Transient) => Verdict::Ended(Outcome::Transient(reply)),
        (S::Mail | S::Rcpt | S::Data | S::Dot, C::Permanent) => Verdict::Ended(Outcome::Permanent(reply)),
        (
            S::Dns | S::Connect | S::Banner | S::Ehlo | S::Tls | S::Auth | S::Body | S::Quit,
            C::Transient | C::Permanent,
        ) => Verdict::Ended(broken_off(stage, Trouble::Refused, Some(reply))),
        (S::Dns | S::Connect | S::Data | S::Body, C::Completion) | (_, C::Intermediate) => {
            Verdict::Ended(broken_off(stage, Trouble::Protocol, Some(reply)))
        }
    }
}

/// The meaning of a session that ended at `stage` without a complete reply that decides.
pub fn broken_off(stage: Stage, trouble: Trouble, reply: Option<Reply>) -> Outcome {
    match stage {
        Stage::Dns
        | Stage::Connect
        | Stage::Banner
        | Stage::Ehlo
        | Stage::Tls
        | Stage::Auth
        | Stage::Mail
        | Stage::Rcpt
        | Stage::Data
        | Stage::Body
        | Stage::Quit => Outcome::NotSent(NotSent { stage, trouble, reply }),
        Stage::Dot => Outcome::Unknown(trouble),
    }
}

/// The meaning of an attempt whose task or process ended in the middle. Before `Attempted` is stored no dot leaves, so
/// what a crash leaves without it was not sent; with it, the dot may be out.
pub fn interrupted(is_dot_out: bool) -> Outcome {
    broken_off(if is_dot_out { Stage::Dot } else { Stage::Body }, Trouble::Interrupted, None)
}

#[cfg(test)]
mod tests;
