//! All relays are away for a while, with thousands of messages waiting, and then they are back.
//!
//! The fault model. Two hosts refuse every connection, from the start or from one moment on, and listen again at the same
//! moment. Once in two rounds the process is killed meanwhile. What is measured when they are back is what a provider would
//! see: connections at once, messages in any second, and which came first.

use super::Plan;
use super::figures::{Figures, missed};
use super::life::{PATIENCE, put_to_rest};
use crate::dice::Dice;
use crate::load::{Entry, Load, Lost, Until};
use crate::oracle;
use crate::service::{Relay, Setup};
use crate::sink::{Script, Sink, Transaction};
use anyhow::{Context as _, Result};
use std::time::Duration;
use tokio::time::Instant;

/// What is kept of each relay: its name, connections at once, messages a second.
const RELAYS: [(&str, usize, usize); 2] = [("primary", 20, 300), ("backup", 10, 150)];
/// Messages that wait, one in ten of them critical: in the long runs, and in those of the test command.
const QUEUED: [u64; 2] = [10_000, 900];
/// How much more than allowed there may be, in percent.
const BAR_PERCENT: usize = 110;
/// Trials and retries that were under way when the relays came back.
const IN_BETWEEN: usize = 60;

/// So many outages; `is_short` for the test command.
pub(super) async fn outage(plan: &Plan, is_short: bool, figures: &mut Figures) -> Result<()> {
    let mut dice = Dice::new(plan.seed);
    for round in 0..plan.rounds {
        let span = if is_short { 1000 } else { 3000 + dice.below(12_000) };
        let is_killed = (plan.seed + round).is_multiple_of(2);
        live(plan, QUEUED[usize::from(is_short)], Duration::from_millis(span), is_killed, figures).await?;
        figures.add("rounds", 1);
    }
    Ok(())
}

async fn live(
    plan: &Plan,
    queued: u64,
    span: Duration,
    is_killed: bool,
    figures: &mut Figures,
) -> Result<()> {
    let mut sinks = Vec::new();
    let mut setup = Setup::new().program(plan.program).variable("POSTLEDGER_LOG", "error");
    for (name, connections, per_second) in RELAYS {
        let mut sink = Sink::start(Script::fast()).await?;
        sink.down().await;
        let limits = format!("max_connections = {connections}\nmax_per_second = {per_second}");
        setup = setup.relay(Relay::plain(name, sink.addr()).line(&limits));
        sinks.push(sink);
    }
    let mut service = setup.start().await?;
    let directory = service.directory().to_owned();
    let mut entries = Vec::new();
    // The urgent ones come last.
    for (run, count, priority) in [("n", queued - queued / 10, "normal"), ("c", queued / 10, "critical")] {
        let ledger = directory.join(run);
        let load = Load {
            connections: 8,
            batch: 100,
            idempotent: true,
            lost: Lost::Fails,
            body_bytes: 1024,
            priority: Some(priority.to_owned()),
            members: Some(r#""retry":{"schedule":["1s"],"max_attempts":50}"#.to_owned()),
            ledger: Some(ledger.clone()),
            run: run.to_owned(),
            ..Load::new(service.target(), service.key(), Until::Messages(count))
        };
        load.run().await?;
        entries.append(&mut Entry::read(&ledger)?);
    }
    figures.add("queued", queued);
    if is_killed {
        service.kill()?;
        service.start().await?;
        figures.add("kills", 1);
    }
    // Nothing is waited for but time: that is what an outage is.
    tokio::time::sleep(span).await;
    for sink in &mut sinks {
        sink.up().await?;
    }
    let back = Instant::now();
    let deadline = PATIENCE * 3;
    service.drained(deadline).await.map_err(|error| missed(format!("{error:#}")))?;
    figures.greatest("slowest drain ms", u64::try_from(back.elapsed().as_millis())?);
    put_to_rest(&mut service, figures).await?;
    let mut transactions = Vec::new();
    for (sink, (name, connections, per_second)) in sinks.into_iter().zip(RELAYS) {
        let log = sink.stop().await;
        let peaks = Peaks::of(&log.transactions, log.most_open);
        figures.greatest("connections percent", percent(peaks.connections, connections));
        figures.greatest("per second percent", percent(peaks.per_second, per_second));
        figures.greatest("others before critical", peaks.others_before_critical as u64);
        if let Some(what) = peaks.missed(connections, per_second) {
            return Err(missed(format!("{name}: {what}: {peaks:?}")));
        }
        transactions.extend(log.transactions);
    }
    let export = service.export().await.context("the export")?;
    let verdict = oracle::judge(&entries, &transactions, &export)?;
    figures.judged(&verdict);
    if !verdict.is_clean() || verdict.open != 0 || verdict.copies != verdict.deliveries {
        return Err(missed(format!("{verdict}")));
    }
    Ok(())
}

fn percent(of: usize, bound: usize) -> u64 {
    (of * 100 / bound) as u64
}

/// What a relay saw at its greatest.
#[derive(Debug, PartialEq, Eq)]
struct Peaks {
    connections: usize,
    per_second: usize,
    /// Other mail that came before the last of the critical.
    others_before_critical: usize,
}

impl Peaks {
    fn of(transactions: &[Transaction], connections: usize) -> Self {
        let is_critical = |it: &Transaction| it.token.as_deref().is_some_and(|token| token.starts_with("c-"));
        let last = transactions.iter().rposition(is_critical).unwrap_or_default();
        let others_before_critical = transactions[..last].iter().filter(|it| !is_critical(it)).count();
        let times: Vec<_> = transactions.iter().map(|it| it.at).collect();
        Self { connections, per_second: most_in_a_second(&times), others_before_critical }
    }

    fn missed(&self, connections: usize, per_second: usize) -> Option<&'static str> {
        let is_above = |of: usize, bound: usize| of * 100 > bound * BAR_PERCENT;
        match () {
            () if is_above(self.connections, connections) => Some("too many connections"),
            () if is_above(self.per_second, per_second) => Some("too many in a second"),
            () if self.others_before_critical > IN_BETWEEN => Some("the critical did not go first"),
            () => None,
        }
    }
}

/// In any second, wherever it begins.
fn most_in_a_second(times: &[Duration]) -> usize {
    let mut first = 0;
    let within = |(at, time): (usize, &Duration)| {
        while *time - times[first] >= Duration::from_secs(1) {
            first += 1;
        }
        at - first + 1
    };
    times.iter().enumerate().map(within).max().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_is_any_second() {
        let at = |millis: &[u64]| millis.iter().map(|it| Duration::from_millis(*it)).collect::<Vec<_>>();
        assert_eq!(most_in_a_second(&at(&[])), 0);
        assert_eq!(most_in_a_second(&at(&[0, 1000, 2000])), 1);
        assert_eq!(most_in_a_second(&at(&[0, 900, 1100, 1899, 1900])), 3);
    }

    #[test]
    fn each_bar_can_be_missed() {
        let good = Peaks { connections: 22, per_second: 330, others_before_critical: 60 };
        assert_eq!(good.missed(20, 300), None);
        for (peaks, words) in [
            (Peaks { connections: 23, ..good }, "too many connections"),
            (Peaks { per_second: 331, ..good }, "too many in a second"),
            (Peaks { others_before_critical: 61, ..good }, "the critical did not go first"),
        ] {
            assert_eq!(peaks.missed(20, 300), Some(words));
        }
    }
}
