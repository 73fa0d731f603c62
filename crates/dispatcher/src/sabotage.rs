//! Known mistakes, for the suites that must catch them. Compiled with the feature `sabotage` only, and made only when
//! the environment names one in `POSTLEDGER_SABOTAGE`.

#[cfg(not(debug_assertions))]
compile_error!("the feature `sabotage` makes the service lose mail: it is for tests and never released");

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
