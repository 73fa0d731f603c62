//! The class table of docs/guarantees.md: what a reply, or the lack of one, means at each stage.

use postledger_core::outcome::{NotSent, Outcome, Stage, Trouble};
use postledger_core::reply::{Class, Reply};

/// What a complete reply means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// The dialogue goes on.
    Continue,
    /// The attempt has come to this.
    Ended(Outcome),
}

/// The meaning of a complete reply at `stage`, by class as RFC 5321 4.2 says; but a 3yz is never taken for a
/// 2yz, and DATA is answered by 354 only.
pub(crate) fn replied(stage: Stage, reply: Reply) -> Verdict {
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
pub(crate) fn broken_off(stage: Stage, trouble: Trouble, reply: Option<Reply>) -> Outcome {
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
