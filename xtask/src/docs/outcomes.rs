//! `docs/outcomes.md`: the class table of `postledger_core::outcome`, and what `delivery::decide` makes of each class.

use postledger_core::conformance::submission;
use postledger_core::delivery::{Command, Given, State, apply, decide};
use postledger_core::event::{Attempted, MailEvent};
use postledger_core::id::Ordinal;
use postledger_core::outcome::{NotSent, Outcome, Stage, Trouble, Verdict, broken_off, interrupted, replied};
use postledger_core::policy::{OnUnknown, Policy};
use postledger_core::reply::Reply;
use postledger_core::time::Timestamp;
use std::fmt::Write as _;
use std::sync::Arc;

const AT: Timestamp = Timestamp::from_micros(1_796_115_600_000_000);
/// One code of each class, and one that is no reply at all.
const CODES: [(u16, &str); 7] = [
    (250, "2yz"),
    (354, "354"),
    (334, "334"),
    (300, "other 3yz"),
    (450, "4yz"),
    (550, "5yz"),
    (999, "other code"),
];

/// The document.
pub fn document() -> String {
    let mut text = String::from(
        "# What an attempt comes to\n\n\
         Written by `cargo xtask docs` from `postledger_core::outcome` and `postledger_core::delivery::decide`.\n\n\
         ## By stage and by what happened there\n\n\
         *No reply* is whatever ends the wait without a complete one: a deadline, a closed or reset connection, bytes that\n\
         are no SMTP, a panic, the end of the process.\n\n",
    );
    let heads: Vec<_> = CODES.iter().map(|(_, head)| *head).collect();
    let _infallible = writeln!(text, "| stage | {} | no reply |", heads.join(" | "));
    let _infallible = writeln!(text, "|---|{}", "---|".repeat(CODES.len() + 1));
    // QUIT is said when nothing depends on it any more.
    for &stage in Stage::ALL.iter().filter(|stage| **stage != Stage::Quit) {
        let may_reply = stage >= Stage::Banner;
        let words = CODES.map(|(code, _)| if may_reply { verdict(replied(stage, reply(code))) } else { "" });
        let none = class(&broken_off(stage, Trouble::Timeout, None));
        let _infallible = writeln!(text, "| `{stage}` | {} | {none} |", words.join(" | "));
    }
    let _infallible = write!(
        text,
        "\nA process that dies before `attempted` is stored has sent nothing: no dot leaves before that. One that dies\n\
         after it: {}. A connection that was kept and turns out to be closed, or answers 421, before MAIL was answered\n\
         was no attempt at all: a fresh one is opened at once.\n\n\
         ## What follows\n\n\
         | class | next relay left | last attempt | `on_unknown: retry` | `on_unknown: hold` |\n|---|---|---|---|---|\n",
        class(&interrupted(true))
    );
    for outcome in outcomes() {
        for (another_relay, is_last) in [(true, false), (false, false), (false, true)] {
            let cells = [OnUnknown::Retry, OnUnknown::Hold].map(|on_unknown| {
                let state = sending(on_unknown, is_last);
                follows(&state, outcome.clone(), another_relay)
            });
            // What makes no difference is said once.
            if (another_relay || is_last) && cells == plain(&outcome) {
                continue;
            }
            let yes = |is: bool| if is { "yes" } else { "no" };
            let _infallible = writeln!(
                text,
                "| {} | {} | {} | {} |",
                class(&outcome),
                yes(another_relay),
                yes(is_last),
                cells.join(" | ")
            );
        }
    }
    text.push_str(
        "\n*Last attempt*: `max_attempts` is reached by it; what was not sent does not count. In brackets is the state that\n\
         the events lead to. `failed` is never shown where an unknown attempt is unresolved: the state is `unknown` then.\n",
    );
    text
}

fn plain(outcome: &Outcome) -> [String; 2] {
    [OnUnknown::Retry, OnUnknown::Hold].map(|it| follows(&sending(it, false), outcome.clone(), false))
}

fn outcomes() -> [Outcome; 6] {
    let not_sent = |stage, trouble| Outcome::NotSent(NotSent { stage, trouble, reply: None });
    [
        Outcome::Accepted(reply(250)),
        Outcome::Transient(reply(450)),
        Outcome::Permanent(reply(550)),
        not_sent(Stage::Connect, Trouble::Timeout),
        not_sent(Stage::Mail, Trouble::Unsupported),
        Outcome::Unknown(Trouble::Timeout),
    ]
}

/// An open attempt, the last that is allowed or not.
fn sending(on_unknown: OnUnknown, is_last: bool) -> State {
    let mut queued = (*submission(1, 1).queued).clone();
    let mut policy = Policy { on_unknown, ..Policy::default() };
    policy.retry.max_attempts = Some(if is_last { 1 } else { 9 });
    queued.policy = Arc::new(policy);
    let relay = "primary".parse().expect("a literal name is valid");
    let events = [
        MailEvent::Queued(Arc::new(queued)),
        MailEvent::Attempted(Attempted { attempt: 1, relay, head: None }),
    ];
    let begun = events.iter().try_fold(None, |state, event| apply(state, Ordinal(1), AT, event).map(Some));
    begun.ok().flatten().expect("queued, attempted is a legal beginning")
}

fn follows(state: &State, outcome: Outcome, another_relay: bool) -> String {
    let command = Command::Conclude { attempt: state.attempts, outcome, another_relay };
    let events = decide(Some(state), command, &Given { now: AT, jitter: 0.5 }).expect("the attempt is open");
    let mut state = state.clone();
    let mut words = Vec::new();
    for event in events {
        state = apply(Some(state), Ordinal(1), AT, &event).expect("what decide makes, apply takes");
        words.push(format!("`{}`", event.kind()));
    }
    let at_once = if state.due() == Some(AT) { " at once" } else { "" };
    format!("{} ({}{at_once})", words.join(", "), state.phase.name())
}

fn verdict(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Continue => "goes on",
        Verdict::Ended(outcome) => class(&outcome),
    }
}

fn class(outcome: &Outcome) -> &'static str {
    match outcome {
        Outcome::Accepted(_) => "**accepted**",
        Outcome::Transient(_) => "transient",
        Outcome::Permanent(_) => "permanent",
        Outcome::NotSent(not_sent) if not_sent.trouble == Trouble::Unsupported => "not sent: `unsupported`",
        Outcome::NotSent(_) => "not sent",
        Outcome::Unknown(_) => "**unknown**",
    }
}

fn reply(code: u16) -> Reply {
    Reply { code, enhanced: None, text: String::new() }
}
