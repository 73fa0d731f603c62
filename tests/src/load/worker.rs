//! One connection's worth of load.

use super::http::{Http, Response};
use super::ledger::{Answer, Entry, Intent};
use super::report::Report;
use super::{Lost, Shared, Until};
use anyhow::{Context as _, Result};
use memchr::memmem;
use serde_json::Value;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::Instant;

/// Submits until the load is done.
pub(super) async fn work(shared: Arc<Shared>) -> Result<Report> {
    let (target, stop) = (shared.load.target.clone(), shared.stop.subscribe());
    let mut worker =
        Worker { shared: &shared, target, stop, http: None, request: Vec::new(), report: Report::new() };
    while let Some((intents, due)) = worker.claim().await {
        if let Some(ledger) = &shared.ledger {
            ledger.durable(intents.iter().cloned().map(Entry::Intent)).await?;
        }
        worker.submit(&intents, due).await?;
    }
    Ok(worker.report)
}

struct Worker<'a> {
    shared: &'a Shared,
    target: watch::Receiver<SocketAddr>,
    stop: watch::Receiver<bool>,
    http: Option<Http>,
    request: Vec<u8>,
    report: Report,
}

impl Worker<'_> {
    /// The next messages, once they are due.
    async fn claim(&mut self) -> Option<(Vec<Intent>, Instant)> {
        let (load, start) = (&self.shared.load, self.shared.start);
        let first = self.shared.next.fetch_add(load.batch as u64, Ordering::Relaxed);
        let mut count = load.batch as u64;
        let due = match load.rate {
            #[expect(clippy::cast_precision_loss, reason = "no run has 2^52 messages")]
            Some(rate) => start + Duration::from_secs_f64(first as f64 / rate),
            None => Instant::now(),
        };
        match load.until {
            Until::Messages(total) if first >= total => return None,
            Until::Messages(total) => count = count.min(total - first),
            Until::Elapsed(time) if due >= start + time => return None,
            Until::Elapsed(_) | Until::Stopped => {}
        }
        if load.rate.is_some() {
            tokio::select! {
                () = tokio::time::sleep_until(due) => {}
                _ = self.stop.wait_for(|stopped| *stopped) => {}
            }
        }
        let intents = (first..first + count).map(|number| self.shared.mail.intent(number));
        (!*self.stop.borrow()).then(|| (intents.collect(), due))
    }

    async fn submit(&mut self, intents: &[Intent], due: Instant) -> Result<()> {
        self.shared.mail.request(intents, &mut self.request);
        loop {
            let Some(mut http) = self.connected().await else { return Ok(()) };
            match http.exchange(&self.request).await {
                Ok(response) => {
                    self.report.took(due.elapsed());
                    if !response.closing {
                        self.http = Some(http);
                    }
                    return self.record(intents, &response);
                }
                Err(error) => {
                    self.report.unanswered += intents.len() as u64;
                    match self.shared.load.lost {
                        Lost::Fails => return Err(error).context("a request was not answered"),
                        Lost::Forgotten => return Ok(()),
                        Lost::Repeated => {}
                    }
                }
            }
        }
    }

    /// The kept connection or a new one. While nobody listens it waits for another address, and returns none when
    /// the load is stopped meanwhile.
    async fn connected(&mut self) -> Option<Http> {
        loop {
            if let Some(http) = self.http.take() {
                return Some(http);
            }
            let addr = *self.target.borrow_and_update();
            if let Ok(http) = Http::connect(addr).await {
                return Some(http);
            }
            tokio::select! {
                moved = self.target.changed() => moved.ok()?,
                _ = self.stop.wait_for(|stopped| *stopped) => return None,
            }
        }
    }

    fn record(&mut self, intents: &[Intent], response: &Response) -> Result<()> {
        let answers = answers(intents, response)?;
        let (mut accepted, mut refused) = (0, 0);
        for answer in &answers {
            *self.report.statuses.entry(answer.status).or_default() += 1;
            accepted += u64::from(answer.status == 202);
            refused += u64::from(matches!(answer.status, 503 | 507));
        }
        if refused > 0 && !response.retry_after {
            self.report.without_retry_after += refused;
        }
        if let Some(ledger) = &self.shared.ledger {
            ledger.later(answers.into_iter().map(Entry::Answer))?;
        }
        self.shared.accepted.fetch_add(accepted, Ordering::Release);
        self.shared.refused.fetch_add(refused, Ordering::Release);
        self.shared.progress.notify_waiters();
        Ok(())
    }
}

/// What a response says about each message of its request.
fn answers(intents: &[Intent], response: &Response) -> Result<Vec<Answer>> {
    let Response { status, replayed, ref body, .. } = *response;
    let answer = |intent: &Intent, status, id| Answer { token: intent.token.clone(), status, id, replayed };
    if let ([intent], true) = (intents, memmem::find(body, b"\"results\"").is_none()) {
        return Ok(vec![answer(intent, status, message_id(body))]);
    }
    if !matches!(status, 202 | 207) {
        return Ok(intents.iter().map(|intent| answer(intent, status, None)).collect());
    }
    let body: Value = serde_json::from_slice(body).context("the answer to a batch is JSON")?;
    let results = body["results"].as_array().context("the answer to a batch has results")?;
    let of = |(intent, result): (&Intent, &Value)| {
        let status = result["status"].as_u64().and_then(|it| u16::try_from(it).ok()).unwrap_or_default();
        answer(intent, status, result["message"]["id"].as_str().map(str::to_owned))
    };
    Ok(intents.iter().zip(results).map(of).collect())
}

/// The id in a message's JSON, without reading all of it: a delivery's id begins otherwise.
fn message_id(body: &[u8]) -> Option<String> {
    let start = memmem::find(body, b"\"msg_")? + 1;
    let size = memchr::memchr(b'"', &body[start..])?;
    String::from_utf8(body[start..start + size].to_vec()).ok()
}
