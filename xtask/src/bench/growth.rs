//! Whether a message costs the same, whatever is behind it.

use super::areas::{all_delivered, float, mib, now, per, service, size};
use super::figures::Round;
use anyhow::{Context, Result, ensure};
use postledger_tests::load::{Load, Until};
use postledger_tests::service::Service;

/// Parts in which the ledger grows; the first and the last are compared.
const PARTS: u64 = 10;
/// The text of a message: what grows is the journal, not the disk's patience.
const BODY_BYTES: usize = 256;

/// What one part cost.
struct Part {
    per_second: f64,
    cpu_us: f64,
    p99_ms: f64,
    rss_mib: f64,
    bytes: f64,
}

/// `messages` in ten parts, and a start after them.
pub async fn growth(messages: u64) -> Result<Round> {
    let (sink, mut service) = service().await?;
    let share = messages / PARTS;
    let mut parts = Vec::new();
    for part in 0..PARTS {
        let (cpu, bytes, began) = (service.stats()?.cpu, on_disk(&service)?, now());
        let load = Load::new(service.target(), service.key(), Until::Messages(share));
        let report = Load { body_bytes: BODY_BYTES, run: format!("part{part}"), ..load }.run().await?;
        ensure!(report.accepted() == share, "not all were accepted: {report}");
        all_delivered(&sink, share * (part + 1)).await?;
        let stats = service.stats()?;
        parts.push(Part {
            per_second: float(share) / began.elapsed().as_secs_f64(),
            cpu_us: per(stats.cpu - cpu, share),
            p99_ms: report.latency_ms(0.99),
            rss_mib: mib(stats.rss_bytes),
            bytes: float(on_disk(&service)?.saturating_sub(bytes)) / float(share),
        });
    }
    let exit = service.terminate().await?;
    ensure!(exit.code == Some(0), "the service did not stop well: {exit}");
    let views = float(size(&service, "views.db")?) / float(messages);
    let began = now();
    service.start().await?;
    let start = began.elapsed().as_secs_f64() * 1000.0;
    let (first, last) = parts.first().zip(parts.last()).context("there are parts")?;
    Ok(vec![
        ("growth_first_per_s", first.per_second),
        ("growth_last_per_s", last.per_second),
        ("growth_first_cpu_us_per_message", first.cpu_us),
        ("growth_last_cpu_us_per_message", last.cpu_us),
        ("growth_cpu_ratio_last_to_first", last.cpu_us / first.cpu_us),
        ("growth_first_p99_accept_ms", first.p99_ms),
        ("growth_last_p99_accept_ms", last.p99_ms),
        ("growth_first_rss_mib", first.rss_mib),
        ("growth_last_rss_mib", last.rss_mib),
        ("growth_first_bytes_per_message", first.bytes),
        ("growth_last_bytes_per_message", last.bytes),
        ("growth_view_bytes_per_message", views),
        ("growth_start_ms", start),
    ])
}

/// Ledger and views, with what has not been copied into them yet.
fn on_disk(service: &Service) -> Result<u64> {
    ["ledger.db", "ledger.db-wal", "views.db", "views.db-wal"].iter().map(|file| size(service, file)).sum()
}
