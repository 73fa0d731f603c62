//! What the same machine can do at most, without a service: measured in the same run, since absolute figures drift.

use super::areas;
use super::figures::Round;
use crate::process::root;
use anyhow::{Context, Result, ensure};
use postledger_tests::limit;
use postledger_tests::load::{Load, Until};
use postledger_tests::sink::{Script, Sink};
use serde_json::Value;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use tokio::sync::watch;

/// Kept connections, as many as the benchmarks' relay has.
const SESSIONS: usize = 20;
/// The text of a message.
const BODY_BYTES: usize = 4096;

/// The service and each limit in turns, with what share of the limit the service reaches.
pub async fn limits(messages: u64) -> Result<Round> {
    let accept = areas::accept(messages).await?;
    let hello = hello(messages).await?;
    let (e2e, left) = areas::e2e_leaving(messages).await?;
    let smtp = smtp(messages).await?;
    let replay = areas::replay_of(&left).await?;
    let files = tempfile::tempdir()?;
    let store = store(files.path(), &left.data_dir().join("ledger.db"))?;
    let batch = areas::accept_batches(messages).await?;

    let of = |round: &Round, name: &str| {
        let found = round.iter().find(|(known, _)| *known == name).map(|(_, value)| *value);
        found.with_context(|| format!("there is no figure {name}"))
    };
    let accepted = of(&accept, "accept_per_s")?;
    let delivered = of(&e2e, "e2e_per_s")?;
    let decoded = of(&store, "scan_and_decode_rows_per_s")?;
    let ratios = vec![
        ("accept_per_s_ratio_fdatasync", accepted / of(&store, "fdatasync_4k_per_s")?),
        ("accept_per_s_ratio_hello", accepted / hello),
        (
            "batch_accept_per_s_ratio_sqlite",
            of(&batch, "batch_accept_per_s")? / of(&store, "sqlite_rows_per_s")?,
        ),
        ("e2e_per_s_ratio_smtp", delivered / smtp),
        ("replay_events_per_s_ratio_scan", of(&replay, "replay_events_per_s")? / decoded),
        ("verify_events_per_s_ratio_scan", of(&replay, "verify_events_per_s")? / decoded),
    ];
    let limits = vec![("hello_per_s", hello), ("smtp_per_s", smtp)];
    Ok([accept, batch, e2e, replay, store, limits, ratios].concat())
}

/// Messages per second into the sink, from a client that does nothing else.
async fn smtp(messages: u64) -> Result<f64> {
    let sink = Sink::start(Script::fast()).await?;
    let took = limit::smtp(sink.addr(), SESSIONS, usize::try_from(messages)?, BODY_BYTES).await?;
    Ok(areas::float(messages) / took.as_secs_f64())
}

/// Requests per second that axum answers with nothing behind it, from the generator that loads the service.
async fn hello(messages: u64) -> Result<f64> {
    built(&["build", "--quiet", "--release", "--package", "postledger-api", "--example", "hello"])?;
    let mut server = Hello::start()?;
    let addr = server.listening()?;
    let load = Load::new(watch::channel(addr).1, "key", Until::Messages(messages));
    let report = load.run().await?;
    ensure!(report.accepted() == messages, "not all were answered: {report}");
    Ok(report.accepted_per_second())
}

/// The disk and SQLite with nothing around them.
fn store(directory: &Path, ledger: &Path) -> Result<Round> {
    let bench = ["bench", "--quiet", "--package", "postledger-store", "--bench", "limit", "--"];
    let output = Command::new("cargo").args(bench).arg(directory).arg(ledger).current_dir(root()).output()?;
    ensure!(output.status.success(), "the store's limits: {}", String::from_utf8_lossy(&output.stderr));
    let figures: Value = serde_json::from_slice(&output.stdout).context("the store's limits are JSON")?;
    let names = [
        "fdatasync_4k_per_s",
        "sqlite_commits_per_s",
        "sqlite_rows_per_s",
        "scan_rows_per_s",
        "scan_and_decode_rows_per_s",
    ];
    let figure = |name: &'static str| Some((name, figures[name].as_f64()?));
    names.into_iter().map(|name| figure(name).with_context(|| format!("there is no figure {name}"))).collect()
}

fn built(arguments: &[&str]) -> Result<()> {
    let status =
        Command::new("cargo").args(arguments).current_dir(root()).status().context("cannot run cargo")?;
    ensure!(status.success(), "cargo {}: {status}", arguments.join(" "));
    Ok(())
}

/// A bare server, gone with its handle.
struct Hello(Child);

impl Hello {
    fn start() -> Result<Self> {
        let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), Into::into);
        let program = target.join("release/examples/hello");
        let child = Command::new(&program).stdout(Stdio::piped()).spawn();
        child.map(Self).with_context(|| format!("cannot run {}", program.display()))
    }

    fn listening(&mut self) -> Result<SocketAddr> {
        let output = self.0.stdout.take().context("it has an output")?;
        let mut line = String::new();
        BufReader::new(output).read_line(&mut line)?;
        line.trim().parse().with_context(|| format!("it says where it listens, not {line:?}"))
    }
}

impl Drop for Hello {
    fn drop(&mut self) {
        // Gone already is gone too.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
