//! Metrics: where all crates' figures are collected, and what they mean.

use anyhow::{Context, Result};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use std::time::Duration;

/// Seconds; from a commit on a fast disk to the longest wait for a reply to the dot.
const LATENCY_BUCKETS: [f64; 14] =
    [0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 30.0, 120.0, 600.0];
const BATCH_BUCKETS: [f64; 10] = [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 512.0, 2048.0];

/// Collects what all crates measure, from now on.
///
/// # Errors
/// Something else collects already.
pub fn install() -> Result<PrometheusHandle> {
    let recorder = PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Suffix("_seconds".into()), &LATENCY_BUCKETS)?
        .set_buckets_for_metric(Matcher::Suffix("_events".into()), &BATCH_BUCKETS)?
        .build_recorder();
    let handle = recorder.handle();
    metrics::set_global_recorder(recorder).context("metrics were already installed")?;
    describe();
    let upkeep = handle.clone();
    tokio::spawn(async move {
        // Without upkeep the histograms' raw samples would grow until somebody scrapes.
        let mut ticks = tokio::time::interval(Duration::from_secs(5));
        loop {
            ticks.tick().await;
            upkeep.run_upkeep();
        }
    });
    Ok(handle)
}

/// All figures as they are now, in Prometheus' text format.
pub fn render(handle: &PrometheusHandle) -> String {
    metrics_process::Collector::default().collect();
    handle.render()
}

/// What each figure means, where nobody nearer says it: the `HELP` of the text format.
fn describe() {
    use metrics::{describe_counter as counter, describe_gauge as gauge, describe_histogram as histogram};
    metrics_process::Collector::default().describe();
    counter!("postledger_attempts_total", "Attempts that ended, by what they came to");
    counter!("postledger_deliveries_total", "Deliveries that ended, by how and by which relay last");
    histogram!("postledger_delivery_latency_seconds", "From ready to the end of a delivery");
    gauge!("postledger_queue_depth", "Deliveries that have not ended");
    gauge!(
        "postledger_queue_oldest_ready_seconds",
        "For how long the oldest delivery that may be sent has waited"
    );
    gauge!("postledger_relay_up", "1, or 0 while a relay is left alone because nothing could be sent there");
    gauge!("postledger_unknown_deliveries", "Deliveries with an attempt whose result is not known");
    histogram!(
        "postledger_commit_seconds",
        "One commit of the ledger: its transaction, its sync, and the anchor"
    );
    histogram!("postledger_commit_batch_events", "Events in a commit");
    gauge!("postledger_journal_position", "The last position of the journal");
    gauge!("postledger_view_lag_events", "Events that the views have not taken in yet");
}
