//! A disk that takes its time for every sync: who waits, who is refused, and what it costs in memory.

use super::areas::{PATIENCE, float, mib};
use super::figures::Round;
use anyhow::{Context, Result, ensure};
use postledger_tests::faults::Faults;
use postledger_tests::load::{Load, Until};
use postledger_tests::service::{Relay, Setup};
use postledger_tests::sink::{Script, Sink};
use std::time::Duration;

/// What each sync of the ledger takes longer.
const SYNC: Duration = Duration::from_millis(200);
/// More clients than the writer's queue has places.
const CONNECTIONS: usize = 2048;
/// How long they submit.
const TIME: Duration = Duration::from_secs(20);

/// One round.
pub async fn slow_disk() -> Result<Round> {
    let sink = Sink::start(Script::fast()).await?;
    let faults = Faults::new()?.on("ledger.db").slow_syncs(SYNC);
    let setup = Setup::new().server("max_connections = 4096");
    let mut setup = setup.relay(Relay::plain("sink", sink.addr()).line("max_connections = 20"));
    for (name, value) in faults.environment() {
        setup = setup.variable(&name, &value);
    }
    let service = setup.variable("POSTLEDGER_LOG", "warn").start().await?;
    let idle = service.stats()?;
    let load = Load::new(service.target(), service.key(), Until::Elapsed(TIME));
    let running = Load { connections: CONNECTIONS, ..load }.start()?;
    // Half of the time is over, and everything that can fill is full.
    tokio::time::sleep(TIME / 2).await;
    let (half, delivered) = (service.stats()?, sink.read(|log| log.accepted()));
    let refused = running.refused();
    let report = running.finish().await?;
    let delivered_meanwhile = sink.read(|log| log.accepted()) - delivered;
    let accepted = usize::try_from(report.accepted())?;
    sink.wait_for_within(PATIENCE, |log| log.accepted() >= accepted)
        .await
        .context("all that was accepted is sent")?;
    let stats = service.stats()?;
    ensure!(delivered_meanwhile > 0, "nothing was delivered while submissions pressed");
    Ok(vec![
        ("slow_disk_accept_per_s", report.accepted_per_second()),
        ("slow_disk_refused_503", float(refused)),
        ("slow_disk_p99_accept_ms", report.latency_ms(0.99)),
        ("slow_disk_delivered_per_s", float(u64::try_from(delivered_meanwhile)?) / (TIME / 2).as_secs_f64()),
        ("slow_disk_idle_rss_mib", mib(idle.rss_bytes)),
        ("slow_disk_half_time_rss_mib", mib(half.rss_bytes)),
        ("slow_disk_peak_rss_mib", mib(stats.peak_rss_bytes)),
    ])
}
