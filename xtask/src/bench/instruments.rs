//! The instruments beside those that others use: our load generator and wrk on one endpoint, our sink and Postfix's
//! smtp-sink under one smtp-source. An instrument that is the limit measures itself.
//!
//! The two of a pair take turns within each round, and their ratio is of that round: absolute figures of a shared machine
//! say little.

use super::figures::Round;
use crate::process;
use anyhow::{Context, Result, bail, ensure};
use postledger_tests::limit::{self, Endpoint};
use postledger_tests::sink::{Script, Sink};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Kept connections to the endpoint; as in the benchmark of accepting.
const CONNECTIONS: u32 = 64;
/// Sessions with a sink; as many as the benchmarks' relay has connections.
const SESSIONS: usize = 20;
/// The text of a message.
const BODY_BYTES: usize = 4096;
/// How long each generator runs.
const TIME: Duration = Duration::from_secs(3);

/// Who is compared with, and Debian's package that brings it.
const PEERS: [(&str, &str); 3] = [("wrk", "wrk"), ("smtp-source", "postfix"), ("smtp-sink", "postfix")];

/// One round of all pairs.
pub async fn instruments(messages: u64) -> Result<Round> {
    PEERS.iter().try_for_each(|(program, package)| needed(program, package))?;
    let mut round = generators().await?;
    round.extend(sinks(messages).await?);
    Ok(round)
}

/// Says what to install where a program is missing.
pub(super) fn needed(program: &str, package: &str) -> Result<()> {
    ensure!(process::exists(program), "{program} is missing (Debian: apt-get install {package})");
    Ok(())
}

async fn generators() -> Result<Round> {
    let endpoint = Endpoint::start().await?;
    let files = tempfile::tempdir()?;
    let ours = endpoint.load(TIME).run().await?.accepted_per_second();
    let theirs = wrk(endpoint.addr(), files.path()).await?;
    let mut load = endpoint.load(TIME);
    load.ledger = Some(files.path().join("ledger"));
    let synced = load.run().await?.accepted_per_second();
    Ok(vec![
        ("load_per_s", ours),
        ("wrk_per_s", theirs),
        ("load_per_s_ratio_wrk", ours / theirs),
        ("load_with_ledger_per_s", synced),
    ])
}

/// The same request over and over, of the size that our own generator's have.
async fn wrk(addr: SocketAddr, files: &Path) -> Result<f64> {
    let script = files.join("post.lua");
    let text = "x".repeat(BODY_BYTES);
    let body = format!(
        r#"{{"from":"load@load.example","to":["to0.run-1000000@load.example"],"subject":"Load token:run-1000000","text":"{text}"}}"#
    );
    let lua = format!(
        "wrk.method = 'POST'\nwrk.headers['Content-Type'] = 'application/json'\nwrk.headers['Authorization'] = 'Bearer key'\nwrk.body = '{body}'\n"
    );
    std::fs::write(&script, lua)?;
    let mut command = Command::new("wrk");
    command.args(["-t", "1", "-c", &CONNECTIONS.to_string(), "-d", &format!("{}s", TIME.as_secs()), "-s"]);
    command.arg(&script).arg(format!("http://{addr}/v1/messages"));
    let output = tokio::task::spawn_blocking(move || command.output()).await?.context("cannot run wrk")?;
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    if !output.status.success() || said.contains("Non-2xx") || said.contains("Socket errors") {
        bail!("wrk: {}: {said}{}", output.status, String::from_utf8_lossy(&output.stderr));
    }
    let rate =
        said.lines().find_map(|line| line.strip_prefix("Requests/sec:")).context("wrk says its rate")?;
    Ok(rate.trim().parse()?)
}

async fn sinks(messages: u64) -> Result<Round> {
    let messages = usize::try_from(messages)?;
    let sink = Sink::start(Script::fast()).await?;
    let foreign = SmtpSink::start()?;
    let ours = smtp_source(sink.addr(), SESSIONS, messages).await?;
    let theirs = smtp_source(foreign.addr, SESSIONS, messages).await?;
    let ours_pipelined =
        per_second(messages, limit::smtp(sink.addr(), SESSIONS, messages, BODY_BYTES).await?);
    let theirs_pipelined =
        per_second(messages, limit::smtp(foreign.addr, SESSIONS, messages, BODY_BYTES).await?);
    let taken = sink.stop().await.accepted();
    ensure!(taken == 2 * messages, "our sink logged {taken} messages of {}", 2 * messages);
    Ok(vec![
        ("sink_per_s", ours),
        ("smtp_sink_per_s", theirs),
        ("sink_per_s_ratio_smtp_sink", ours / theirs),
        ("sink_pipelined_per_s", ours_pipelined),
        ("smtp_sink_pipelined_per_s", theirs_pipelined),
        ("sink_pipelined_per_s_ratio_smtp_sink", ours_pipelined / theirs_pipelined),
    ])
}

/// Messages a second of Postfix's generator: one command after the other over kept sessions.
pub(super) async fn smtp_source(addr: SocketAddr, sessions: usize, messages: usize) -> Result<f64> {
    let mut command = Command::new(installed("smtp-source"));
    command.args(["-d", "-s", &sessions.to_string(), "-m", &messages.to_string()]);
    command.args(["-l", &BODY_BYTES.to_string(), "-f", "a@limit.example", "-t", "b@limit.example"]);
    command.arg(addr.to_string()).stdout(Stdio::null());
    let began = now();
    let output =
        tokio::task::spawn_blocking(move || command.output()).await?.context("cannot run smtp-source")?;
    let took = began.elapsed();
    ensure!(output.status.success(), "smtp-source: {}", String::from_utf8_lossy(&output.stderr));
    Ok(per_second(messages, took))
}

/// Postfix's sink, gone with its handle.
struct SmtpSink {
    addr: SocketAddr,
    process: Child,
}

impl SmtpSink {
    fn start() -> Result<Self> {
        // It cannot choose a port itself: this one was free a moment ago.
        let addr = std::net::TcpListener::bind(("127.0.0.1", 0))?.local_addr()?;
        let mut command = Command::new(installed("smtp-sink"));
        // Started by root it wants to be somebody else; by anybody else it cannot.
        let is_root =
            std::fs::metadata("/proc/self").is_ok_and(|it| std::os::unix::fs::MetadataExt::uid(&it) == 0);
        if is_root {
            command.args(["-u", "nobody"]);
        }
        let process = command.arg(addr.to_string()).arg("1000").spawn().context("cannot run smtp-sink")?;
        let mut sink = Self { addr, process };
        let deadline = now() + Duration::from_secs(10);
        while std::net::TcpStream::connect(addr).is_err() {
            ensure!(sink.process.try_wait()?.is_none(), "smtp-sink ended");
            ensure!(now() < deadline, "smtp-sink does not listen");
            std::thread::yield_now();
        }
        Ok(sink)
    }
}

impl Drop for SmtpSink {
    fn drop(&mut self) {
        // Gone already is gone too.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Debian keeps them where only root looks.
fn installed(program: &str) -> String {
    let path = format!("/usr/sbin/{program}");
    if Path::new(&path).exists() { path } else { program.to_owned() }
}

fn per_second(messages: usize, took: Duration) -> f64 {
    f64::from(u32::try_from(messages).unwrap_or(u32::MAX)) / took.as_secs_f64()
}

#[expect(clippy::disallowed_methods, reason = "a benchmark measures real time")]
fn now() -> Instant {
    Instant::now()
}
