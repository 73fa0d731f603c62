//! Mail that brings the process down whenever it is sent, and a supervisor that starts it again each time.
//!
//! The fault model is a build that aborts at a stage of the attempt when a message's subject says so: before MAIL, in
//! the text, or once the dot was answered. One or two such messages, to two recipients each, come into a load; beside
//! them an innocent one whose relay takes its time for the answer to the dot, so that it is in flight at the crashes
//! too. At the end the same ledger is served by a program that has been mended, and what was held is released.

use super::Plan;
use super::figures::{Figures, missed};
use super::life::{Birth, Life, PATIENCE};
use crate::dice::Dice;
use crate::load::{Answer, Entry, Intent};
use crate::service::{Caller, Exit, Program, Started};
use crate::sink::{Action, Rule, Script, Stage};
use anyhow::{Context as _, Result, bail};
use reqwest::Method;
use serde_json::{Value, json};
use std::collections::HashMap;
use std::time::Duration;
use tokio::task::JoinHandle;
use tokio::time::Instant;

/// Where the process dies.
const MISTAKES: [&str; 3] = ["abort_before_mail", "abort_in_body", "abort_after_dot"];
/// Messages per second: a service that keeps up, so that the wait of others shows.
const RATE: f64 = 100.0;
/// So many crashes hold a message.
const CRASHES: u64 = 3;
/// How long the innocent one's relay thinks about the dot.
const SLOW: Duration = Duration::from_millis(1500);
/// A start has to catch up with what was asked for while nothing listened; that is no wait for suspects.
const STARTING_US: u64 = 1_000_000;
/// The waits of others are not told apart below this: a busy machine makes more of a difference.
const LEAST_MS: u64 = 150;
/// Nothing tells from outside when a service that died listens again.
const ASKED_EVERY: Duration = Duration::from_millis(20);
const SIGABRT: i32 = 6;
/// For the mended program: no mistake has this name.
const NO_MISTAKE: &str = "none";

/// One life for each round.
pub(super) async fn poison(plan: &Plan, figures: &mut Figures) -> Result<()> {
    let mut dice = Dice::new(plan.seed);
    for round in 0..plan.rounds {
        // Every stage comes before any comes again; where the rounds begin is the seed's.
        let mistake = MISTAKES[usize::try_from((plan.seed + round) % 3)?];
        let poisons = 1 + dice.below(2);
        let before = 200 + dice.below(100);
        live(plan, figures, mistake, poisons, before)
            .await
            .with_context(|| format!("{mistake}, {poisons}"))?;
        figures.add("rounds", 1);
    }
    Ok(())
}

async fn live(
    plan: &Plan,
    figures: &mut Figures,
    mistake: &'static str,
    poisons: u64,
    before: u64,
) -> Result<()> {
    let slow =
        Rule::at(Stage::Dot).recipient("slow@beside.example").then(Action::late(SLOW, 250, "2.0.0 ok"));
    let birth =
        Birth { script: Script::fast().rule(slow), connections: 8, rate: Some(RATE), ..Birth::default() };
    let program = Program::Sabotaged(mistake);
    let mut life = Life::begin(&Plan { program, ..*plan }, birth).await?;
    life.accepts(before).await?;
    let innocent = Beside::new("slow", &["slow@beside.example"], "an order").submit(life.service.caller());
    let arrived = life.sink.wait_for_within(PATIENCE, |log| log.of("slow@beside.example").count() > 0);
    arrived.await.map_err(|error| missed(format!("the slow one: {error:#}")))?;
    let mut submitted = vec![innocent];
    for n in 0..poisons {
        let to = ["one@beside.example", "two@beside.example"];
        let poison = Beside::new(&format!("poison{n}"), &to, "poison");
        submitted.push(poison.submit(life.service.caller()));
    }

    let crashes = survive(&mut life, poisons).await?;
    if !(CRASHES..=CRASHES * poisons).contains(&crashes) {
        return Err(missed(format!("{crashes} crashes by {poisons} messages")));
    }
    figures.add("crashes", crashes);
    let mut ids = Vec::new();
    for task in submitted {
        let (entries, id) = task.await??;
        life.beside.extend(entries);
        ids.push(id);
    }
    // Others flow, the innocent one too.
    life.accepts(200).await?;
    life.service.settled(&ids[0]).await.map_err(|error| missed(format!("the innocent one: {error:#}")))?;
    for id in &ids[1..] {
        is_quarantined(&life, id).await?;
        figures.add("quarantined", 1);
    }
    release(&mut life, &ids[1..]).await?;
    let service = life.end(figures).await?;
    compare_waits(&service.export().await?, figures)
}

/// As a supervisor: starts it again whenever it has died, until everything that kills it is held.
async fn survive(life: &mut Life, poisons: u64) -> Result<u64> {
    let mut crashes = 0;
    loop {
        let exit = life.service.ended().await.map_err(|error| missed(format!("{error:#}")))?;
        crashes += count(&exit)?;
        // What is due at the start may kill it before it listens.
        while let Started::Refused(exit) = life.service.try_start().await? {
            crashes += count(&exit)?;
        }
        if crashes >= CRASHES && held(life).await? >= 2 * poisons {
            return Ok(crashes);
        }
        if crashes > 10 * poisons {
            return Err(missed(format!("{crashes} crashes, and no end")));
        }
    }
}

fn count(exit: &Exit) -> Result<u64> {
    match exit.signal {
        Some(SIGABRT) => Ok(1),
        _ => Err(missed(format!("it ended otherwise than by the poison: {exit}"))),
    }
}

/// Deliveries that `queue` shows as quarantined.
async fn held(life: &Life) -> Result<u64> {
    let exit = life.service.run(&["queue", "--limit", "1000000"]).await?;
    let queue: Value = serde_json::from_str(&exit.stdout).with_context(|| exit.to_string())?;
    let rows = queue["deliveries"].as_array().into_iter().flatten();
    Ok(rows.filter(|row| row["status"] == "held" && row["hold_reason"] == "quarantined").count() as u64)
}

async fn is_quarantined(life: &Life, id: &str) -> Result<()> {
    let message = life.service.get(&format!("/v1/messages/{id}")).await?.expect(200)?;
    let deliveries = message["deliveries"].as_array().into_iter().flatten();
    let held = deliveries.filter(|it| it["status"] == "held" && it["hold_reason"] == "quarantined");
    if held.count() == 2 { Ok(()) } else { Err(missed(format!("not quarantined: {message:#}"))) }
}

/// Stops in order, starts what has been mended, and lets an operator release what was held.
async fn release(life: &mut Life, ids: &[String]) -> Result<()> {
    let exit = life.service.terminate().await.map_err(|error| missed(format!("{error:#}")))?;
    let left = std::fs::read(life.service.data_dir().join("in-flight")).context("the file of suspects")?;
    if exit.code != Some(0) || !left.is_empty() {
        return Err(missed(format!("no orderly stop, {} bytes of suspects: {exit}", left.len())));
    }
    let mended = ("POSTLEDGER_SABOTAGE".to_owned(), NO_MISTAKE.to_owned());
    life.service.environment(vec![mended, ("POSTLEDGER_LOG".to_owned(), "warn".to_owned())]);
    life.start().await?;
    for id in ids {
        life.service.post(&format!("/v1/messages/{id}/release"), &json!({})).await?.expect(200)?;
        let message = life.service.settled(id).await.map_err(|error| missed(format!("{error:#}")))?;
        if message["status"] != "delivered" {
            return Err(missed(format!("released, and not delivered: {message:#}")));
        }
    }
    Ok(())
}

/// A message of this scenario's own.
struct Beside {
    intent: Intent,
    subject: String,
}

impl Beside {
    fn new(token: &str, recipients: &[&str], subject: &str) -> Self {
        let recipients = recipients.iter().map(|it| (*it).to_owned()).collect();
        let intent = Intent { token: token.to_owned(), key: Some(format!("key-{token}")), recipients };
        Self { intent, subject: format!("{subject} token:{token}") }
    }

    /// Asks until it is accepted, whatever happens to the service meanwhile.
    fn submit(self, caller: Caller) -> JoinHandle<Result<(Vec<Entry>, String)>> {
        tokio::spawn(async move {
            let Self { intent, subject } = self;
            let message = json!({
                "from": "a@a.example", "to": intent.recipients, "subject": subject, "text": "x",
                "retry": {"schedule": ["1s"], "max_attempts": 50},
            });
            let key = intent.key.clone().unwrap_or_default();
            let deadline = Instant::now() + PATIENCE;
            while Instant::now() < deadline {
                let headers = [("Idempotency-Key", key.as_str())];
                let answer = caller.call(Method::POST, "/v1/messages", Some(&message), &headers).await;
                if let Ok(answer) = answer
                    && answer.status == 202
                {
                    let id = answer.json["id"].as_str().context("a message has an id")?.to_owned();
                    let (token, told) = (intent.token.clone(), Some(id.clone()));
                    let answer = Answer { token, status: 202, id: told, replayed: false };
                    return Ok((vec![Entry::Intent(intent), Entry::Answer(answer)], id));
                }
                tokio::time::sleep(ASKED_EVERY).await;
            }
            bail!("{} was not accepted within {PATIENCE:?}", intent.token)
        })
    }
}

/// From acceptance to the end, of what was both in one life of the process: before the first crash and after it.
fn compare_waits(export: &[Value], figures: &mut Figures) -> Result<()> {
    let mut queued: HashMap<&str, (u64, u64)> = HashMap::new();
    let (mut calm, mut shaken) = (Vec::new(), Vec::new());
    let mut first = None;
    let mut listening_from: HashMap<u64, u64> = HashMap::new();
    for event in export {
        let epoch = event["epoch"].as_u64().context("an event has an epoch")?;
        let stream = event["stream"].as_str().context("an event has a stream")?;
        match event["kind"].as_str() {
            Some("queued") => {
                first.get_or_insert(epoch);
                let at = micros(event)?;
                if at > *listening_from.entry(epoch).or_insert(at) + STARTING_US {
                    queued.insert(stream, (epoch, at));
                }
            }
            // The one message that is to be slow says nothing of the others.
            Some("delivered") if event["attempt"] == 1 => {
                let Some((of, since)) = queued.get(stream) else { continue };
                let waited = micros(event)?.saturating_sub(*since);
                if *of == epoch {
                    if Some(epoch) == first { calm.push(waited) } else { shaken.push(waited) }
                }
            }
            _ => {}
        }
    }
    if calm.is_empty() || shaken.is_empty() {
        bail!("{} waits before and {} after the crashes", calm.len(), shaken.len());
    }
    let [calm, shaken] = [calm, shaken].map(p99_ms);
    figures.greatest("calm p99 ms", calm);
    figures.greatest("shaken p99 ms", shaken);
    if shaken > 2 * calm.max(LEAST_MS) {
        return Err(missed(format!("others waited: p99 {shaken} ms instead of {calm} ms")));
    }
    Ok(())
}

fn p99_ms(mut waits: Vec<u64>) -> u64 {
    waits.sort_unstable();
    let at = (waits.len() * 99).div_ceil(100).saturating_sub(1);
    waits.get(at).copied().unwrap_or_default() / 1000
}

/// Since midnight, UTC. A run over midnight shows waits of zero, which is no miss.
fn micros(event: &Value) -> Result<u64> {
    let at = event["at"].as_str().context("an event has a time")?;
    let (_, time) = at.trim_end_matches('Z').split_once('T').context("a date and a time")?;
    let (whole, fraction) = time.split_once('.').unwrap_or((time, "0"));
    let seconds =
        whole.split(':').try_fold(0, |sum, part| part.parse::<u64>().map(|part| sum * 60 + part))?;
    let fraction: u64 = format!("{fraction:0<6}").parse()?;
    Ok(seconds * 1_000_000 + fraction)
}
