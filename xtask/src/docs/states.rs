//! `docs/state-diagram.md`: what `delivery::apply` allows, found by trying every event in every phase.

use postledger_core::conformance::submission;
use postledger_core::delivery::{State, apply};
use postledger_core::event::{Attempted, Cause, Deferral, HoldReason, MailEvent, Resolution};
use postledger_core::id::Ordinal;
use postledger_core::name::Actor;
use postledger_core::outcome::Trouble;
use postledger_core::policy::{Policy, Prepare};
use postledger_core::reply::Reply;
use postledger_core::time::Timestamp;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

const AT: Timestamp = Timestamp::from_micros(1_796_115_600_000_000);

/// The document.
pub fn document() -> String {
    let transitions = transitions();
    let mut diagram = String::new();
    for ((from, to), events) in &transitions {
        let events: Vec<_> = events.iter().copied().collect();
        diagram.push_str(&format!("    {from} --> {to} : {}\n", events.join(", ")));
    }
    format!(
        "# The states of a delivery\n\n\
         Written by `cargo xtask docs` from `postledger_core::delivery::apply`: every event tried in every state that can\n\
         be reached. `queued` shows as `scheduled` while its time has not come. Final are `delivered`, `failed`, `unknown`\n\
         and `cancelled`; only a redrive, a resolution, a bounce or a complaint follows them.\n\n\
         ```mermaid\nstateDiagram-v2\n    [*] --> queued : queued\n    [*] --> prepared : queued (with prepare)\n{diagram}```\n"
    )
}

/// Explores from both beginnings; phases are told apart by name, hidden flags by the states that are kept.
fn transitions() -> BTreeMap<(&'static str, &'static str), BTreeSet<&'static str>> {
    let mut found: BTreeMap<_, BTreeSet<_>> = BTreeMap::new();
    let mut seen = BTreeSet::new();
    let mut open: Vec<State> = vec![beginning(false), beginning(true)];
    while let Some(state) = open.pop() {
        let key = (state.phase.name(), state.is_committed, state.is_unresolved, state.is_content_gone);
        if !seen.insert(key) {
            continue;
        }
        for event in events(state.attempts) {
            let Ok(next) = apply(Some(state.clone()), Ordinal(1), AT, &event) else { continue };
            if state.phase.name() != next.phase.name() {
                found.entry((state.phase.name(), next.phase.name())).or_default().insert(event.kind());
            }
            open.push(next);
        }
    }
    found
}

fn beginning(is_prepared: bool) -> State {
    let mut queued = (*submission(1, 1).queued).clone();
    let prepare = is_prepared.then_some(Prepare { commit_within: Duration::from_secs(60), check_url: None });
    queued.policy = Arc::new(Policy { prepare, ..Policy::default() });
    apply(None, Ordinal(1), AT, &MailEvent::Queued(Arc::new(queued))).expect("a first event begins")
}

fn events(attempts: u32) -> Vec<MailEvent> {
    let by = Actor::control;
    let reply = || Reply { code: 450, enhanced: None, text: String::new() };
    let relay = "primary".parse().expect("a literal name is valid");
    let resolved = |resolution| MailEvent::Resolved { resolution, reason: String::new(), by: by() };
    vec![
        MailEvent::Committed,
        MailEvent::Aborted,
        MailEvent::ContentRemoved,
        MailEvent::Erased,
        MailEvent::Attempted(Attempted { attempt: attempts + 1, relay, head: None }),
        MailEvent::Delivered { attempt: attempts, reply: reply() },
        MailEvent::Deferred { attempt: attempts, reason: Deferral::Transient(reply()), due: AT },
        MailEvent::Unknown { attempt: attempts, trouble: Trouble::Timeout, due: AT },
        MailEvent::Failed { cause: Cause::Rejected, attempt: Some(attempts), reply: None },
        MailEvent::Failed { cause: Cause::Expired, attempt: None, reply: None },
        MailEvent::Held { reason: HoldReason::Operator, by: by() },
        MailEvent::Held { reason: HoldReason::PrepareUnanswered, by: by() },
        MailEvent::Released { by: by() },
        MailEvent::Cancelled { by: by() },
        MailEvent::Rescheduled { send_at: AT, by: by() },
        resolved(Resolution::Delivered),
        resolved(Resolution::NotDelivered),
        MailEvent::Redriven { expires_after: Duration::from_secs(60), by: by() },
        MailEvent::Bounced { reply: reply() },
        MailEvent::Complained,
    ]
}
