//! Known mistakes, for the suites that must catch them. Compiled with the feature `sabotage` only, and made only when
//! the environment names one in `POSTLEDGER_SABOTAGE`.

#[cfg(not(debug_assertions))]
compile_error!("the feature `sabotage` makes the service lose mail: it is for tests and never released");

use crate::cache::Mail;
use postledger_core::outcome::{Outcome, Trouble};
use postledger_core::reply::Reply;

/// Whether this mistake is to be made.
pub(crate) fn makes(mistake: &str) -> bool {
    std::env::var_os("POSTLEDGER_SABOTAGE").is_some_and(|named| named == mistake)
}

/// `assume_delivered`: a relay that says nothing after the dot will have taken the message.
pub(crate) fn assume_delivered(outcome: Outcome) -> Outcome {
    if makes("assume_delivered") && outcome == Outcome::Unknown(Trouble::Timeout) {
        return Outcome::Accepted(Reply { code: 250, enhanced: None, text: "assumed".into() });
    }
    outcome
}

/// `abort_STAGE` and `panic_STAGE`: mail whose subject says so is poison, and brings down the process or its own task
/// while it is at `before_mail`, `in_body` or `after_dot`.
#[expect(clippy::panic, reason = "that is the mistake")]
pub(crate) fn poison(stage: &str, mail: &Mail) {
    let subject = mail.queued.personal.as_ref().map_or("", |personal| &personal.subject);
    let is_poison = subject.contains("poison");
    if is_poison && makes(&format!("abort_{stage}")) {
        std::process::abort();
    }
    if is_poison && makes(&format!("panic_{stage}")) {
        panic!("cannot send `{subject}`");
    }
}
