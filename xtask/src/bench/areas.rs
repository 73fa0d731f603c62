//! What is measured, each from an empty data directory.

use super::figures::Round;
use anyhow::{Context, Result, ensure};
use postledger_tests::load::{Load, Until};
use postledger_tests::service::{Relay, Service, Setup};
use postledger_tests::sink::{Script, Sink};
use serde_json::Value;
use std::time::{Duration, Instant};

/// Longer than any round by far.
pub const PATIENCE: Duration = Duration::from_secs(3600);

/// Accepted durably, none delivered: the messages are scheduled for tomorrow.
pub async fn accept(messages: u64) -> Result<Round> {
    let (_sink, service) = service().await?;
    let idle = service.stats()?;
    let report = scheduled(&service, messages, "accept").run().await?;
    ensure!(report.accepted() == messages, "not all were accepted: {report}");
    let stats = service.stats()?;
    Ok(vec![
        ("accept_per_s", report.accepted_per_second()),
        ("p50_accept_ms", report.latency_ms(0.5)),
        ("p99_accept_ms", report.latency_ms(0.99)),
        ("accept_cpu_us_per_message", per(stats.cpu - idle.cpu, messages)),
        ("idle_rss_mib", mib(idle.rss_bytes)),
    ])
}

/// As [`accept`], a hundred messages a request.
pub async fn accept_batches(messages: u64) -> Result<Round> {
    let (_sink, service) = service().await?;
    let report = Load { batch: 100, ..scheduled(&service, messages, "batch") }.run().await?;
    ensure!(report.accepted() == messages, "not all were accepted: {report}");
    Ok(vec![("batch_accept_per_s", report.accepted_per_second())])
}

/// From the first request until the sink has answered the last message; then the ledger must say the same.
pub async fn e2e(messages: u64) -> Result<Round> {
    Ok(e2e_leaving(messages).await?.0)
}

/// And what it leaves, stopped.
pub async fn e2e_leaving(messages: u64) -> Result<(Round, Service)> {
    let (sink, mut service) = service().await?;
    let idle = service.stats()?;
    let began = now();
    let report = Load::new(service.target(), service.key(), Until::Messages(messages)).run().await?;
    all_delivered(&sink, messages).await?;
    let elapsed = began.elapsed();
    let stats = service.stats()?;
    let exit = service.terminate().await?;
    ensure!(exit.code == Some(0), "the service did not stop well: {exit}");
    let replayed = replayed(&service, &["replay", "--check"]).await?;
    ensure!(replayed["by_status"]["delivered"] == messages, "not all are delivered: {replayed}");
    let bytes = size(&service, "ledger.db")? + size(&service, "views.db")?;
    let round = vec![
        ("e2e_per_s", float(messages) / elapsed.as_secs_f64()),
        ("e2e_accept_per_s", report.accepted_per_second()),
        ("cpu_us_per_message", per(stats.cpu - idle.cpu, messages)),
        ("peak_rss_mib", mib(stats.peak_rss_bytes)),
        ("bytes_per_message", float(bytes) / float(messages)),
    ];
    Ok((round, service))
}

/// The cold fold of a ledger of finished messages, without the chain and with it.
pub async fn replay(messages: u64) -> Result<Round> {
    let (_, left) = e2e_leaving(messages).await?;
    replay_of(&left).await
}

/// Of what a stopped service left.
pub async fn replay_of(left: &Service) -> Result<Round> {
    let began = now();
    let folded = replayed(left, &["replay"]).await?;
    let folding = began.elapsed();
    let began = now();
    replayed(left, &["audit", "verify"]).await?;
    let verifying = began.elapsed();
    let events = folded["position"].as_u64().context("a replay names its position")?;
    Ok(vec![
        ("replay_events_per_s", float(events) / folding.as_secs_f64()),
        ("verify_events_per_s", float(events) / verifying.as_secs_f64()),
    ])
}

/// From exec to listening, with views and without.
pub async fn start(finished: u64, pending: u64) -> Result<Round> {
    let (sink, mut service) = service().await?;
    let load = Load::new(service.target(), service.key(), Until::Messages(finished));
    Load { body_bytes: 256, batch: 100, connections: 8, ..load }.run().await?;
    all_delivered(&sink, finished).await?;
    let load = scheduled(&service, pending, "pending");
    Load { body_bytes: 256, batch: 100, connections: 8, ..load }.run().await?;
    service.terminate().await?;
    let began = now();
    service.start().await?;
    let with_views = began.elapsed();
    // Nothing is faster than what comes now: that it can be sent says that mail flows.
    Load {
        connections: 1,
        run: "first".to_owned(),
        ..Load::new(service.target(), service.key(), Until::Messages(1))
    }
    .run()
    .await?;
    all_delivered(&sink, finished + 1).await?;
    let first_dot = began.elapsed();
    let pending_rss = service.stats()?.rss_bytes;
    service.terminate().await?;
    std::fs::remove_file(service.data_dir().join("views.db"))?;
    let began = now();
    service.start().await?;
    let without_views = began.elapsed();
    Ok(vec![
        ("start_ms", with_views.as_secs_f64() * 1000.0),
        ("start_to_first_dot_ms", first_dot.as_secs_f64() * 1000.0),
        ("start_without_views_ms", without_views.as_secs_f64() * 1000.0),
        ("pending_rss_mib", mib(pending_rss)),
    ])
}

pub async fn service() -> Result<(Sink, Service)> {
    let sink = Sink::start(Script::fast()).await?;
    let relay = Relay::plain("sink", sink.addr()).line("max_connections = 20");
    let service = Setup::new().relay(relay).variable("POSTLEDGER_LOG", "warn").start().await?;
    Ok((sink, service))
}

fn scheduled(service: &Service, messages: u64, run: &str) -> Load {
    let members = Some("\"send_at\":\"TOMORROW\"".replace("TOMORROW", &tomorrow()));
    let load = Load::new(service.target(), service.key(), Until::Messages(messages));
    Load { members, run: run.to_owned(), ..load }
}

#[expect(clippy::disallowed_methods, reason = "a benchmark reads the wall clock")]
fn tomorrow() -> String {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    let micros = i64::try_from(since.as_micros()).unwrap_or(i64::MAX);
    postledger_core::time::Timestamp::from_micros(micros).plus(Duration::from_secs(24 * 3600)).to_string()
}

#[expect(clippy::disallowed_methods, reason = "a benchmark measures real time")]
pub fn now() -> Instant {
    Instant::now()
}

pub async fn all_delivered(sink: &Sink, messages: u64) -> Result<()> {
    let messages = usize::try_from(messages)?;
    sink.wait_for_within(PATIENCE, |log| log.accepted() >= messages).await
}

async fn replayed(service: &Service, arguments: &[&str]) -> Result<Value> {
    let exit = service.run(arguments).await?;
    ensure!(exit.code == Some(0), "{}: {exit}", arguments.join(" "));
    Ok(serde_json::from_str(&exit.stdout)?)
}

pub fn size(service: &Service, file: &str) -> Result<u64> {
    let path = service.data_dir().join(file);
    Ok(std::fs::metadata(&path).with_context(|| path.display().to_string())?.len())
}

pub fn per(cpu: Duration, messages: u64) -> f64 {
    cpu.as_secs_f64() * 1e6 / float(messages)
}

#[expect(clippy::cast_precision_loss, reason = "figures are printed to one decimal")]
pub fn float(count: u64) -> f64 {
    count as f64
}

pub fn mib(bytes: u64) -> f64 {
    float(bytes) / 1_048_576.0
}
