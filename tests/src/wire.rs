//! Mail of awkward kinds, from the request to the octets on the wire (G22).
//!
//! Each letter is submitted to the real binary, and what a server got of it is read by two parsers that share nothing
//! with it, Python's email package and mail-parser, and compared field by field with what was asked. The octets of the
//! dialogue are read once more by the letter of RFC 5321. What no mail can say must have been refused.

mod letter;
mod octets;
mod postfix;
mod readers;
mod reading;
mod words;

pub use postfix::Postfix;

use crate::chaos::{Figures, missed};
use crate::dice::Dice;
use crate::python::Python;
use crate::service::{Program, Relay, Service, Setup};
use crate::sink::{Keep, Script, Sink};
use anyhow::{Context as _, Result, bail};
use bytes::Bytes;
use letter::Letter;
use serde_json::{Value, json};
use std::collections::HashMap;
use std::time::Duration;
use tokio::task::JoinHandle;

/// Letters of one data directory, and in the memory of one sink.
const LETTERS_PER_LIFE: u64 = 4000;
/// Letters in one request.
const BATCH: usize = 100;
/// Messages that Python reads at once.
const READ_AT_ONCE: usize = 50;
/// By when everything has come: generous, for it is no bar.
const PATIENCE: Duration = Duration::from_secs(300);

/// Who takes the mail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Via {
    /// The sink itself, which keeps every octet.
    Sink,
    /// A private Postfix that forbids bare newlines, and hands on to the sink.
    Postfix,
}

/// How many letters, from which seed, and by which way.
#[derive(Debug, Clone, Copy)]
pub struct Plan {
    /// Letters, those that must be refused among them.
    pub letters: u64,
    /// Of every choice.
    pub seed: u64,
    /// Who takes them.
    pub via: Via,
    /// The binary.
    pub program: Program,
}

/// A letter with what arrived of it, once for each recipient.
type Arrived = (Letter, Vec<Bytes>);
/// The reader, free again; what differs from what was asked; how many messages were read.
type Judged = (Python, Vec<String>, u64);

/// Sends and reads. What was found stands in the figures.
///
/// # Errors
/// When the run itself could not be made.
pub async fn run(plan: &Plan) -> Result<Figures> {
    run_while(plan, || true).await
}

/// As [`run`], for as long as `goes_on`: a long run that has to end some time.
///
/// # Errors
/// As [`run`].
pub async fn run_while(plan: &Plan, goes_on: impl Fn() -> bool) -> Result<Figures> {
    let mut figures = Figures::counting("letters", plan.seed);
    let mut dice = Dice::new(plan.seed);
    let mut first = 0;
    let mut judging: Option<JoinHandle<Result<Judged>>> = None;
    let mut python = Some(Python::start("read_mail")?);
    while first < plan.letters && goes_on() {
        let count = LETTERS_PER_LIFE.min(plan.letters - first);
        let letters = (first..first + count).map(|number| Letter::new(number, &mut dice)).collect();
        first += count;
        figures.add("letters", count);
        let arrived = match live(plan, letters, &mut figures).await {
            Ok(arrived) => arrived,
            Err(error) => {
                figures.miss_of(error)?;
                break;
            }
        };
        // The next letters are sent while these are read.
        if let Some(judged) = judging.take() {
            python = Some(take(judged.await??, &mut figures));
        }
        let mut reader = python.take().context("the reader is free")?;
        judging = Some(tokio::task::spawn_blocking(move || {
            let (found, read) = judge(&arrived, &mut reader)?;
            Ok((reader, found, read))
        }));
    }
    if let Some(judged) = judging.take() {
        take(judged.await??, &mut figures);
    }
    Ok(figures)
}

fn take((python, found, read): Judged, figures: &mut Figures) -> Python {
    figures.add("read twice", read);
    figures.add("misread", found.len() as u64);
    found.into_iter().for_each(|it| figures.miss(it));
    python
}

/// One data directory: submits all, waits for all, and gathers what arrived.
async fn live(plan: &Plan, letters: Vec<Letter>, figures: &mut Figures) -> Result<Vec<Arrived>> {
    let is_direct = plan.via == Via::Sink;
    let script = Script::fast().keeping(Keep::Message);
    let script = if is_direct { script.logging_bytes() } else { script };
    let sink = Sink::start(script).await?;
    let postfix = if is_direct { None } else { Some(Postfix::start(sink.addr()).await?) };
    let addr = postfix.as_ref().map_or(sink.addr(), Postfix::addr);
    let service = Setup::new()
        .relay(Relay::plain("primary", addr))
        .program(plan.program)
        .variable("POSTLEDGER_LOG", "warn")
        .start()
        .await?;
    let mut accepted = HashMap::new();
    let mut deliveries = 0;
    for batch in letters.chunks(BATCH) {
        deliveries += submit(&service, batch, &mut accepted, figures).await?;
    }
    let all_came = sink.wait_for_within(PATIENCE, |log| log.accepted() >= deliveries).await;
    if let Err(error) = all_came {
        let said = postfix.map(|it| it.log()).unwrap_or_default();
        return Err(missed(format!("not all {deliveries} arrived: {error:#}\n{said}")));
    }
    service.drained(PATIENCE).await.map_err(|error| missed(format!("{error:#}")))?;
    drop(service);
    let log = sink.stop().await;
    figures.add("accepted", accepted.len() as u64);
    figures.add("arrived", log.transactions.len() as u64);
    if log.transactions.len() != deliveries {
        return Err(missed(format!("{} messages for {deliveries} deliveries", log.transactions.len())));
    }
    if is_direct {
        let mut transactions = 0;
        for connection in &log.connections {
            transactions +=
                octets::judge(&connection.received).map_err(|what| missed(format!("octets: {what}")))?;
        }
        figures.add("transactions", transactions as u64);
        if transactions != deliveries {
            return Err(missed(format!("{transactions} transactions for {deliveries} deliveries")));
        }
    }
    let mut arrived: HashMap<u64, Arrived> =
        accepted.into_iter().map(|(number, letter)| (number, (letter, Vec::new()))).collect();
    for transaction in log.transactions {
        let (Some(message), [recipient]) = (transaction.message, &transaction.recipients[..]) else {
            return Err(missed("a message without a text, or with two recipients"));
        };
        let number = letter::number_of(recipient).with_context(|| format!("whose is {recipient}?"))?;
        match arrived.get_mut(&number) {
            Some((_, copies)) => copies.push(message),
            None => return Err(missed(format!("letter {number} was refused, and came"))),
        }
    }
    Ok(arrived.into_values().collect())
}

/// Submits; what must be refused is, and nothing else. Answers how many deliveries were accepted.
async fn submit(
    service: &Service,
    batch: &[Letter],
    accepted: &mut HashMap<u64, Letter>,
    figures: &mut Figures,
) -> Result<usize> {
    let messages: Vec<Value> = batch.iter().map(Letter::request).collect();
    let answer = service.post("/v1/messages/batch", &json!({"messages": messages})).await?;
    if !matches!(answer.status, 202 | 207) {
        bail!("a batch was answered {}: {}", answer.status, String::from_utf8_lossy(&answer.body));
    }
    let results = answer.json["results"].as_array().context("a batch has results")?;
    let mut deliveries = 0;
    for (letter, result) in batch.iter().zip(results) {
        match (result["status"].as_u64(), letter.flaw) {
            (Some(202), None) => {
                deliveries += letter.recipients().count();
                accepted.insert(letter.number, letter.clone());
            }
            (Some(400..=499), Some(_)) => figures.add("refused", 1),
            (_, flaw) => figures.miss(format!("letter {}, flaw {flaw:?}: answered {result}", letter.number)),
        }
    }
    Ok(deliveries)
}

/// Reads every message by both parsers. What differs from what was asked, and how many were read.
fn judge(arrived: &[Arrived], python: &mut Python) -> Result<(Vec<String>, u64)> {
    let copies: Vec<(&Letter, &Bytes)> =
        arrived.iter().flat_map(|(letter, copies)| copies.iter().map(move |copy| (letter, copy))).collect();
    let mut found = Vec::new();
    for (letter, copies) in arrived {
        if copies.len() != letter.recipients().count() {
            found.push(format!("letter {}: {} copies", letter.number, copies.len()));
        }
    }
    for some in copies.chunks(READ_AT_ONCE) {
        let foreign = readers::python(python, some.iter().map(|(_, copy)| &copy[..]))?;
        for ((letter, copy), foreign) in some.iter().zip(foreign) {
            let readings = [("python", Ok(foreign)), ("mail-parser", readers::mail_parser(copy))];
            for (reader, reading) in readings {
                if let Err(what) = reading.and_then(|it| it.compare(letter)) {
                    found.push(format!("letter {} by {reader}: {what}", letter.number));
                }
            }
        }
    }
    Ok((found, copies.len() as u64))
}

#[cfg(test)]
mod tests;
