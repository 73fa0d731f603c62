//! One data directory under load, from its first start to the oracle's verdict.

use super::Plan;
use super::figures::{Figures, missed};
use crate::faults::{Faults, Mirror};
use crate::load::{Entry, Fate, Load, Lost, Running, Until};
use crate::oracle;
use crate::service::{Relay, Service, Setup, Started};
use crate::sink::{Script, Sink};
use anyhow::{Context as _, Result};
use serde_json::{Value, json};
use std::path::PathBuf;
use std::time::Duration;

/// By when something that must happen has happened: generous, for it is no bar.
pub(super) const PATIENCE: Duration = Duration::from_secs(60);

/// A service, its sink, its load, and what its disk does.
pub(super) struct Life {
    pub(super) service: Service,
    pub(super) sink: Sink,
    pub(super) load: Running,
    /// Declared after the service: the process must be gone before them.
    pub(super) faults: Option<Faults>,
    mirror: Option<Mirror>,
    ledger: PathBuf,
    /// What was submitted beside the load.
    pub(super) beside: Vec<Entry>,
}

/// What is special about a life.
pub(super) struct Birth {
    /// What the sink does.
    pub(super) script: Script,
    /// Keeps the durable mirror, so that power can be cut.
    pub(super) mirrored: bool,
    /// What goes wrong with the disk from the first start on.
    pub(super) faults: Option<Faults>,
    /// Connections of the load.
    pub(super) connections: usize,
    /// Messages per second, or as fast as they are answered.
    pub(super) rate: Option<f64>,
    /// What recipients ask for.
    pub(super) fate: Option<Fate>,
    /// More members of each message, as JSON without braces.
    pub(super) members: &'static str,
    /// One more line of the relay's table.
    pub(super) relay_line: &'static str,
}

impl Default for Birth {
    fn default() -> Self {
        Self {
            script: Script::fast(),
            mirrored: false,
            faults: None,
            connections: 32,
            rate: None,
            fate: None,
            members: r#""retry":{"schedule":["1s"],"max_attempts":50}"#,
            relay_line: "",
        }
    }
}

impl Life {
    /// Makes everything and puts the load on; the service is not started.
    pub(super) async fn prepare(plan: &Plan, birth: Birth) -> Result<Self> {
        let sink = Sink::start(birth.script).await?;
        let relay = Relay::plain("primary", sink.addr()).line(birth.relay_line);
        let mut service = Setup::new()
            .relay(relay)
            .program(plan.program)
            .variable("POSTLEDGER_LOG", "warn")
            .prepare()
            .await?;
        let mut faults = birth.faults;
        let mirror = birth.mirrored.then(|| Mirror::of(&service.data_dir())).transpose()?;
        if let Some(mirror) = &mirror {
            faults = Some(faults.map_or_else(Faults::new, Ok)?.mirrored(mirror));
        }
        if let Some(faults) = &faults {
            service.environment(faults.environment());
        }
        let ledger = service.directory().join("load");
        let load = Load {
            connections: birth.connections,
            rate: birth.rate,
            idempotent: true,
            lost: Lost::Repeated,
            body_bytes: 1024,
            fate: birth.fate,
            members: Some(birth.members.to_owned()),
            ledger: Some(ledger.clone()),
            ..Load::new(service.target(), service.key(), Until::Stopped)
        };
        Ok(Self { load: load.start()?, service, sink, faults, mirror, ledger, beside: Vec::new() })
    }

    /// As [`prepare`](Self::prepare), and starts.
    pub(super) async fn begin(plan: &Plan, birth: Birth) -> Result<Self> {
        let mut life = Self::prepare(plan, birth).await?;
        life.start().await?;
        Ok(life)
    }

    /// Starts the service; that it does not come up is a miss.
    pub(super) async fn start(&mut self) -> Result<()> {
        match self.service.try_start().await? {
            Started::Listening => Ok(()),
            Started::Refused(exit) => Err(missed(format!("the service does not start again: {exit}"))),
        }
    }

    /// SIGKILL; with a mirror, what was not synced is gone too.
    pub(super) fn cut(&mut self) -> Result<()> {
        self.service.kill()?;
        self.mirror.as_ref().map_or(Ok(()), Mirror::power_cut)
    }

    /// Waits until so many more messages were answered with 202.
    pub(super) async fn accepts(&self, more: u64) -> Result<()> {
        let target = self.load.accepted() + more;
        if self.load.reaches(target, PATIENCE).await {
            return Ok(());
        }
        Err(missed(format!("not {more} messages were accepted within {PATIENCE:?}: {:?}", self.load)))
    }

    /// Waits until the sink has taken so many more messages.
    pub(super) async fn delivers(&self, more: u64) -> Result<()> {
        let target = self.sink.read(|log| log.accepted()) + usize::try_from(more)?;
        let reached = self.sink.wait_for_within(PATIENCE, |log| log.accepted() >= target).await;
        reached.map_err(|error| missed(format!("{more} more messages: {error:#}")))
    }

    /// Ends the load, lets everything be delivered, stops, verifies, replays, and asks the oracle.
    pub(super) async fn end(mut self, figures: &mut Figures) -> Result<Service> {
        self.load.stop();
        let report = self.load.finish().await?;
        figures.add("unanswered", report.unanswered);
        if report.without_retry_after > 0 {
            return Err(missed(format!("refused without Retry-After: {}", report.without_retry_after)));
        }
        release_quarantined(&self.service, figures).await?;
        self.service.drained(PATIENCE * 2).await.map_err(|error| missed(format!("{error:#}")))?;
        put_to_rest(&mut self.service, figures).await?;
        if let Some(faults) = &self.faults {
            // None would mean that the library is not in the process, and that nothing was tested.
            figures.add("syncs", faults.counts()?.syncs);
        }
        let mut entries = Entry::read(&self.ledger)?;
        entries.append(&mut self.beside);
        let export = self.service.export().await.context("the export")?;
        let verdict = oracle::judge(&entries, &self.sink.stop().await.transactions, &export)?;
        figures.judged(&verdict);
        if !verdict.is_clean() || verdict.open != 0 {
            return Err(missed(format!("{verdict}\n{report}")));
        }
        Ok(self.service)
    }
}

/// Stops in order, verifies, and replays.
pub(super) async fn put_to_rest(service: &mut Service, figures: &mut Figures) -> Result<()> {
    let exit = service.terminate().await?;
    if exit.code != Some(0) {
        return Err(missed(format!("no orderly stop: {exit}")));
    }
    for command in [&["audit", "verify"][..], &["replay", "--check"]] {
        let exit = service.run(command).await?;
        if exit.code != Some(0) {
            return Err(missed(format!("{}: {exit}", command.join(" "))));
        }
        figures.add("verified", 1);
    }
    Ok(())
}

/// To a service that is killed again and again, what happened to be in flight each time looks like the cause of it.
/// Released as an operator would, once it lives on.
pub(super) async fn release_quarantined(service: &Service, figures: &mut Figures) -> Result<()> {
    let exit = service.run(&["queue", "--limit", "1000000"]).await?;
    let queue: Value = serde_json::from_str(&exit.stdout).with_context(|| exit.to_string())?;
    let rows = queue["deliveries"].as_array().into_iter().flatten();
    for row in rows.filter(|row| row["hold_reason"] == "quarantined") {
        let id = row["id"].as_str().context("a delivery has an id")?;
        service.post(&format!("/v1/deliveries/{id}/release"), &json!({})).await?.expect(200)?;
        figures.add("quarantined", 1);
    }
    Ok(())
}
