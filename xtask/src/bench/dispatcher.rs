//! The dispatcher alone: a queue that is full before it begins, into a sink that takes everything.
//!
//! While the queue fills, the relay's rate is as low as it can be set; a reload takes the bound away. So what is measured is
//! neither the acceptance of mail nor a start, and most mail is read from the ledger, as a backlog is.

use super::figures::Round;
use super::instruments::{needed, smtp_source};
use crate::Missed;
use anyhow::{Context, Result, ensure};
use postledger_tests::load::{Load, Until};
use postledger_tests::service::{Relay, Service, Setup};
use postledger_tests::sink::{Script, Sink};
use rustix::process::Signal;
use serde_json::json;
use std::collections::HashMap;
use std::time::Duration;

/// Longer than any round by far.
const PATIENCE: Duration = Duration::from_secs(3600);
/// Connections, with the names of their figures.
const CONNECTIONS: [(usize, [&str; 3]); 3] = [
    (1, ["dispatcher_1_per_s", "smtp_source_1_per_s", "dispatcher_1_ratio_smtp_source"]),
    (20, ["dispatcher_20_per_s", "smtp_source_20_per_s", "dispatcher_20_ratio_smtp_source"]),
    (100, ["dispatcher_100_per_s", "smtp_source_100_per_s", "dispatcher_100_ratio_smtp_source"]),
];
/// A line of the relay: one message at once, and the next a quarter of an hour later.
const HELD_BACK: &str = "max_per_second = 0.001";
/// The line in its place.
const LET_GO: &str = "# as fast as it takes them";
/// Critical messages whose delay is measured, and how far they are apart.
const CRITICAL: usize = 1000;
const APART: Duration = Duration::from_millis(10);
/// How much later than on an empty queue 99 of 100 of them may come, in milliseconds.
const BAR_MS: f64 = 100.0;

/// Messages a second at each number of connections, beside Postfix's generator into the same sink.
pub async fn throughput(messages: u64) -> Result<Round> {
    needed("smtp-source", "postfix")?;
    let mut round = Round::new();
    for (connections, [ours, theirs, ratio]) in CONNECTIONS {
        let sink = Sink::start(Script::fast()).await?;
        let foreign = smtp_source(sink.addr(), connections, usize::try_from(messages)?).await?;
        let own = drained(&sink, connections, messages).await?;
        round.extend([(ours, own), (theirs, foreign), (ratio, own / foreign)]);
    }
    Ok(round)
}

/// Messages a second from the first dot of a full queue to its last.
async fn drained(sink: &Sink, connections: usize, messages: u64) -> Result<f64> {
    let before = sink.read(|log| log.transactions.len());
    let service = service(sink, connections, HELD_BACK).await?;
    // This class may use all connections.
    fill(&service, messages, "critical", 4096).await?;
    let first = sink.read(|log| log.transactions.len());
    reload(&service, HELD_BACK, LET_GO).await?;
    let all = before + usize::try_from(messages)?;
    sink.wait_for_within(PATIENCE, |log| log.accepted() >= all).await?;
    let (dots, took) = sink.read(|log| {
        let dots = &log.transactions[first..];
        let took = dots.last().zip(dots.first()).map(|(last, first)| last.at - first.at);
        (dots.len(), took.unwrap_or_default())
    });
    ensure!(dots > 1, "all was sent before it was let go");
    Ok(f64::from(u32::try_from(dots - 1)?) / took.as_secs_f64())
}

/// How long critical mail takes from its 202 to its dot, on an empty queue and while a backlog of low mail for the same
/// relay is worked off; and what of this misses the bar.
pub async fn urgency(backlog: u64) -> Result<(Round, Option<Missed>)> {
    let sink = Sink::start(Script::fast()).await?;
    let service = service(&sink, 20, LET_GO).await?;
    let [empty_p50, empty_p99] = delays(&sink, &service, "empty").await?;
    reload(&service, LET_GO, HELD_BACK).await?;
    fill(&service, backlog, "low", 256).await?;
    let before = sink.read(|log| log.transactions.len());
    reload(&service, HELD_BACK, LET_GO).await?;
    // It flows.
    sink.wait_for_within(PATIENCE, |log| log.transactions.len() > before + 100).await?;
    let [behind_p50, behind_p99] = delays(&sink, &service, "behind").await?;
    let taken = u64::try_from(sink.read(|log| log.transactions.len()))?;
    let left = (backlog + 2 * CRITICAL as u64).saturating_sub(taken);
    ensure!(left > 0, "the backlog was worked off before the last critical message: give it more");
    let more = behind_p99 - empty_p99;
    let round = vec![
        ("critical_empty_p50_ms", empty_p50),
        ("critical_empty_p99_ms", empty_p99),
        ("critical_behind_p50_ms", behind_p50),
        ("critical_behind_p99_ms", behind_p99),
        ("backlog_left", f64::from(u32::try_from(left)?)),
    ];
    let said = format!("critical mail behind a backlog: p99 is {more:.0} ms more; the bar is {BAR_MS:.0}");
    Ok((round, (more > BAR_MS).then_some(Missed(said))))
}

/// The delays of one message after the other, in milliseconds: half of them, and 99 of 100, take at most so long.
async fn delays(sink: &Sink, service: &Service, run: &str) -> Result<[f64; 2]> {
    let mut seen = sink.read(|log| log.transactions.len());
    let mut accepted = Vec::with_capacity(CRITICAL);
    for number in 0..CRITICAL {
        let to = format!("{run}.{number}@load.example");
        let message = json!({
            "from": "load@sender.example", "to": [&to],
            "subject": "Code", "text": "It is urgent.", "priority": "critical",
        });
        service.submit(&message).await?;
        accepted.push((to, sink.elapsed()));
        tokio::time::sleep(APART).await;
    }
    let mut dots = HashMap::new();
    let all_came = |log: &postledger_tests::sink::Log| {
        let new =
            log.transactions[seen..].iter().flat_map(|it| Some((it.recipients.first()?.to_string(), it.at)));
        dots.extend(new.filter(|(to, _)| to.starts_with(run)));
        seen = log.transactions.len();
        dots.len() >= CRITICAL
    };
    sink.wait_for_within(PATIENCE, all_came).await?;
    let delay = |(to, at): &(String, Duration)| {
        let dot = dots.get(to).with_context(|| format!("{to} came"))?;
        Ok(dot.saturating_sub(*at).as_secs_f64() * 1000.0)
    };
    let mut delays = accepted.iter().map(delay).collect::<Result<Vec<f64>>>()?;
    delays.sort_by(f64::total_cmp);
    Ok([CRITICAL / 2, CRITICAL * 99 / 100].map(|at| delays[at]))
}

async fn service(sink: &Sink, connections: usize, line: &str) -> Result<Service> {
    let relay = Relay::plain("sink", sink.addr());
    Setup::new().relay(relay.line(&format!("max_connections = {connections}")).line(line)).start().await
}

async fn fill(service: &Service, messages: u64, priority: &str, body_bytes: usize) -> Result<()> {
    let load = Load::new(service.target(), service.key(), Until::Messages(messages));
    let priority = Some(priority.to_owned());
    let report = Load { batch: 100, connections: 8, priority, body_bytes, ..load }.run().await?;
    ensure!(report.accepted() == messages, "not all were accepted: {report}");
    Ok(())
}

/// Puts one line of the configuration in another's place, and waits until that holds.
async fn reload(service: &Service, line: &str, other: &str) -> Result<()> {
    let config = std::fs::read_to_string(service.config_file())?;
    ensure!(config.contains(line), "the configuration has no line {line}");
    std::fs::write(service.config_file(), config.replace(line, other))?;
    let before = service.stderr()?.len();
    service.signal(Signal::HUP)?;
    let log = service.stderr_until(|log| log[before..].contains("configuration read again")).await?;
    ensure!(!log[before..].contains("configuration refused"), "{log}");
    Ok(())
}
