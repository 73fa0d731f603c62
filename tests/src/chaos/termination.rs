//! Everything ends: mail that lives for a minute, relays of every temper, and a process that dies again and again.
//!
//! The fault model. SIGKILL at any moment, and the machine stays off for a while: the wall clock of the next start is
//! ahead by so much, which is what a process sees of it. Recipients defer, hang, reset and keep silent after the dot, so
//! that at the end of a life's minute a delivery is queued, deferred, or in somebody's hands. In the end all lives are
//! over, and the service has a minute to say what became of each.

use super::Plan;
use super::figures::{Figures, missed};
use super::life::{Birth, Life};
use crate::dice::Dice;
use crate::faults::Faults;
use crate::load::Fate;
use crate::service::Service;
use crate::sink::{Keep, Script};
use anyhow::{Context as _, Result};
use serde_json::{Value, json};
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// A delivery has ended so long after its lifetime, or after what held it then.
const BAR: Duration = Duration::from_secs(60);
/// As long as a message may live at least.
const LIFETIME: Duration = Duration::from_secs(60);
/// Messages per second: mail of every age at each kill, not a queue that grows.
const RATE: f64 = 200.0;
/// What recipients ask for, beside those that take their mail.
const FATES: [&str; 10] = [
    "",
    "",
    "+dot-451",
    "+rcpt-451",
    "+rcpt-550",
    "+rcpt-hang",
    "+dot-hang",
    "+data-reset",
    "+dot-close",
    "+dot-451-2",
];
/// Sooner than a lifetime ends.
const TIMEOUTS: &str =
    r#"timeouts = { connect = "1s", command = "1s", data = "1s", body = "1s", dot = "2s", quit = "1s" }"#;

/// One life for each round.
pub(super) async fn termination(plan: &Plan, figures: &mut Figures) -> Result<()> {
    let mut dice = Dice::new(plan.seed);
    for _ in 0..plan.rounds {
        live(plan, figures, &mut dice).await?;
        figures.add("rounds", 1);
    }
    Ok(())
}

async fn live(plan: &Plan, figures: &mut Figures, dice: &mut Dice) -> Result<()> {
    let turn = dice.below(10);
    let fate: Fate = Arc::new(move |number, _| fate(number + turn).to_owned());
    let birth = Birth {
        script: Script::default().keeping(Keep::Digest),
        faults: Some(Faults::new()?),
        connections: 8,
        rate: Some(RATE),
        fate: Some(fate),
        members: r#""retry":{"schedule":["1s","3s"]},"expires_after":"60s""#,
        relay_line: TIMEOUTS,
        ..Birth::default()
    };
    let mut life = Life::begin(plan, birth).await?;
    let mut off = Duration::ZERO;
    for _ in 0..3 + dice.below(3) {
        life.accepts(20 + dice.below(100)).await?;
        off += Duration::from_millis(1000 + dice.below(25_000));
        restart(&mut life, off, figures).await?;
    }
    life.load.stop();
    // What was not answered at a kill is asked for again: its life begins now.
    life.load.ended().await?;
    // All lives are over.
    off += LIFETIME + Duration::from_secs(10);
    restart(&mut life, off, figures).await?;
    let held = all_but_held_ended(&life.service).await?;
    // What looked like the cause of the kills is held, and held mail does not expire. A release would begin its lifetime
    // anew.
    for id in &held {
        life.service.post(&format!("/v1/deliveries/{id}/cancel"), &json!({})).await?.expect(200)?;
    }
    figures.add("quarantined", held.len() as u64);
    let service = life.end(figures).await?;
    let ends = Ends::of(&service.export().await?)?;
    figures.add("expired", ends.expired);
    figures.greatest("latest end ms", u64::try_from(ends.latest.as_millis())?);
    match ends.wrong {
        None => Ok(()),
        Some(what) => Err(missed(what)),
    }
}

/// Waits for the end of everything that is not held; gives what is.
async fn all_but_held_ended(service: &Service) -> Result<Vec<String>> {
    let deadline = Instant::now() + BAR;
    loop {
        let exit = service.run(&["queue", "--limit", "1000000"]).await?;
        let queue: Value = serde_json::from_str(&exit.stdout).with_context(|| exit.to_string())?;
        let rows = queue["deliveries"].as_array().context("a queue has deliveries")?;
        if rows.iter().all(|row| row["hold_reason"] == "quarantined") {
            return Ok(rows.iter().filter_map(|row| row["id"].as_str()).map(str::to_owned).collect());
        }
        if Instant::now() > deadline {
            return Err(missed(format!("not all have ended: {queue:#}")));
        }
        // Nothing tells from outside when the last one ends.
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

fn fate(number: u64) -> &'static str {
    usize::try_from(number % FATES.len() as u64)
        .ok()
        .and_then(|at| FATES.get(at))
        .copied()
        .unwrap_or_default()
}

/// SIGKILL, and a start that finds the clock ahead by so much in all.
async fn restart(life: &mut Life, off: Duration, figures: &mut Figures) -> Result<()> {
    life.cut()?;
    let faults = Faults::new()?.clock_ahead(off);
    life.service.environment(faults.environment());
    life.faults = Some(faults);
    figures.add("kills", 1);
    life.start().await
}

/// How the deliveries of an export ended.
#[derive(Debug, Default, PartialEq, Eq)]
struct Ends {
    expired: u64,
    /// After its lifetime, after the last that happened to it, and after the start, whichever was last.
    latest: Duration,
    wrong: Option<String>,
}

/// What is known of a delivery so far, in microseconds of the wall clock.
struct Delivery {
    expires: i64,
    touched: i64,
    has_ended: bool,
}

impl Ends {
    fn of(export: &[Value]) -> Result<Self> {
        let mut ends = Self::default();
        let mut starts: HashMap<u64, i64> = HashMap::new();
        let mut deliveries: HashMap<(String, u64), Delivery> = HashMap::new();
        for event in export {
            let epoch = event["epoch"].as_u64().context("an event has an epoch")?;
            let at: jiff::Timestamp = event["at"].as_str().context("an event has a time")?.parse()?;
            let at = at.as_microsecond();
            let start = *starts.entry(epoch).or_insert(at);
            let stream = event["stream"].as_str().context("an event has a stream")?;
            let (ordinal, kind) = (event["delivery"].as_u64().unwrap_or_default(), event["kind"].as_str());
            if kind == Some("queued") {
                let recipients = event["recipients"].as_array().context("a message has recipients")?.len();
                let expires = at + i64::try_from(LIFETIME.as_micros())?;
                for ordinal in 1..=recipients as u64 {
                    let delivery = Delivery { expires, touched: at, has_ended: false };
                    deliveries.insert((stream.to_owned(), ordinal), delivery);
                }
                continue;
            }
            let Some(delivery) = deliveries.get_mut(&(stream.to_owned(), ordinal)) else { continue };
            if delivery.has_ended {
                ends.wrong.get_or_insert(format!("{kind:?} after the end: {event}"));
            }
            if matches!(kind, Some("delivered" | "failed" | "cancelled")) {
                delivery.has_ended = true;
                ends.expired += u64::from(event["cause"] == "expired");
                let since = delivery.expires.max(delivery.touched).max(start);
                let late = Duration::from_micros(u64::try_from(at - since).unwrap_or_default());
                ends.latest = ends.latest.max(late);
                if late > BAR {
                    ends.wrong.get_or_insert(format!("an end {late:?} late: {event}"));
                }
            }
            delivery.touched = at;
        }
        if let Some(((stream, ordinal), _)) = deliveries.iter().find(|(_, it)| !it.has_ended) {
            ends.wrong.get_or_insert(format!("delivery {ordinal} of {stream} has not ended"));
        }
        Ok(ends)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    /// Kinds with their second, their epoch, and perhaps a cause.
    fn ends(events: &[(&str, i64, u64)]) -> Ends {
        let event = |&(kind, second, epoch): &(&str, i64, u64)| {
            let at = jiff::Timestamp::from_second(1_796_115_600 + second).unwrap().to_string();
            let ordinal = u64::from(kind != "queued");
            let cause = if kind == "failed" { "expired" } else { "" };
            json!({"stream": "msg_1", "delivery": ordinal, "kind": kind, "at": at, "epoch": epoch, "recipients": ["x"], "cause": cause})
        };
        Ends::of(&events.iter().map(event).collect::<Vec<_>>()).unwrap()
    }

    #[test]
    fn an_end_that_is_late_or_missing_or_comes_twice_is_found() {
        let in_time =
            ends(&[("queued", 0, 1), ("attempted", 50, 1), ("unknown", 100, 1), ("failed", 130, 1)]);
        assert_eq!((in_time.wrong, in_time.latest, in_time.expired), (None, Duration::from_secs(30), 1));
        let after_a_start = ends(&[("queued", 0, 1), ("deferred", 500, 2), ("failed", 540, 2)]);
        assert_eq!(after_a_start.wrong, None);
        for (events, words) in [
            (&[("queued", 0, 1), ("failed", 121, 1)][..], "an end 61s late"),
            (&[("queued", 0, 1), ("deferred", 10, 1)], "has not ended"),
            (&[("queued", 0, 1), ("delivered", 10, 1), ("failed", 60, 1)], "after the end"),
        ] {
            let found = ends(events).wrong.unwrap();
            assert!(found.contains(words), "{found}");
        }
    }
}
