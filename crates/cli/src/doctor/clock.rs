//! The clock, by which mail becomes due and expires.

use super::ledger::Opened;
use super::{Check, Finding};
use crate::system::SystemClock;
use postledger_core::clock::Clock;
use postledger_core::time::Timestamp;
use std::path::Path;
use std::time::Duration;
use tokio::process::Command;

/// Events of a service on this machine cannot be newer than now, but for a clock that was corrected a little.
const TOLERANCE: Duration = Duration::from_secs(2);
/// timedatectl asks another process, which may not answer.
const PATIENCE: Duration = Duration::from_secs(3);

pub(super) async fn examine(ledger: Option<&Opened>) -> Vec<Finding> {
    let last = ledger.and_then(|ledger| ledger.examined.last_at);
    vec![wall(SystemClock.now(), last), synchronised().await]
}

fn wall(now: Timestamp, last: Option<Timestamp>) -> Finding {
    let Some(last) = last else { return Finding::ok(Check::Clock, format!("{now}")) };
    let ahead = last.since(now);
    if ahead > TOLERANCE {
        let seen = format!(
            "it says {now}, but the ledger's last event is of {last}, {} later: either was or is wrong",
            words(ahead)
        );
        let remedy = "set the clock. While it is behind, mail that is due waits, and lifetimes last longer";
        return Finding::warning(Check::Clock, seen, remedy).with("behind_seconds", ahead.as_secs_f64());
    }
    Finding::ok(Check::Clock, format!("{now}; the ledger's last event was {} ago", words(now.since(last))))
}

fn words(span: Duration) -> String {
    humantime::format_duration(Duration::from_secs(span.as_secs())).to_string()
}

/// Asked of systemd, which reads the kernel's flag whoever keeps the clock; else by the mark of its own service.
async fn synchronised() -> Finding {
    let mut asking = Command::new("timedatectl");
    asking.args(["show", "--property=NTPSynchronized", "--value"]).kill_on_drop(true);
    let answer = tokio::time::timeout(PATIENCE, asking.output()).await;
    let answer = answer.ok().and_then(Result::ok).filter(|output| output.status.success());
    let answer = answer.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned());
    judge(answer.as_deref(), Path::new("/run/systemd/timesync/synchronized").exists())
}

fn judge(timedatectl: Option<&str>, is_marked: bool) -> Finding {
    match timedatectl {
        Some("yes") => Finding::ok(Check::TimeSync, "the clock is synchronised").with("synchronised", true),
        Some("no") => Finding::warning(
            Check::TimeSync,
            "the clock is not synchronised",
            "turn it on: `timedatectl set-ntp true`, or install chrony",
        )
        .with("synchronised", false),
        _ if is_marked => {
            Finding::ok(Check::TimeSync, "the clock was synchronised").with("synchronised", true)
        }
        _ => Finding::note(Check::TimeSync, "nothing here tells whether the clock is synchronised"),
    }
}

#[cfg(test)]
mod tests {
    use super::super::State;
    use super::*;

    #[test]
    fn an_event_of_the_future_is_a_warning() {
        let at = |seconds: i64| Timestamp::from_micros(1_790_000_000_000_000 + seconds * 1_000_000);
        let table = [
            (None, State::Ok),
            (Some(at(-60)), State::Ok),
            (Some(at(1)), State::Ok),
            (Some(at(90)), State::Warning),
        ];
        for (last, state) in table {
            assert_eq!(wall(at(0), last).state, state, "{last:?}");
        }
        assert!(wall(at(0), Some(at(90))).seen.contains("1m 30s later"));
    }

    #[test]
    fn what_is_not_known_is_not_held_against_the_clock() {
        let table = [
            (Some("yes"), false, State::Ok),
            (Some("no"), true, State::Warning),
            (None, true, State::Ok),
            (None, false, State::Note),
            (Some("what"), false, State::Note),
        ];
        for (answer, is_marked, state) in table {
            assert_eq!(judge(answer, is_marked).state, state, "{answer:?}");
        }
    }
}
