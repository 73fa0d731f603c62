//! Calls to the API, in JSON.

use super::Service;
use anyhow::{Context as _, Result, bail};
use reqwest::Method;
use reqwest::header::HeaderMap;
use serde_json::Value;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::Instant;

/// How long a state is waited for.
const PATIENCE: Duration = Duration::from_secs(30);
/// The API has no call that returns when a state is reached; this is how often it is asked.
const ASKED_EVERY: Duration = Duration::from_millis(20);

/// What was answered.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// The header fields.
    pub headers: HeaderMap,
    /// The body, if it was JSON; null otherwise.
    pub json: Value,
    /// The body as it came.
    pub body: Vec<u8>,
}

impl Answer {
    /// The JSON, where the status is the expected one.
    ///
    /// # Errors
    /// With the whole answer, where it is another.
    pub fn expect(self, status: u16) -> Result<Value> {
        if self.status == status {
            Ok(self.json)
        } else {
            bail!("answered {} instead of {status}: {}", self.status, String::from_utf8_lossy(&self.body))
        }
    }
}

/// Who calls a service with its own key, wherever it listens just now. Outlives restarts, and may be cloned.
#[derive(Debug, Clone)]
pub struct Caller {
    pub(super) target: watch::Receiver<SocketAddr>,
    pub(super) client: reqwest::Client,
    pub(super) key: String,
}

impl Caller {
    /// One call.
    ///
    /// # Errors
    /// When there was no complete answer.
    pub async fn call(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
        headers: &[(&str, &str)],
    ) -> Result<Answer> {
        let addr = *self.target.borrow();
        let mut request = self.client.request(method, format!("http://{addr}{path}")).bearer_auth(&self.key);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if let Some(body) = body {
            request = request.json(body);
        }
        let response = request.send().await.with_context(|| path.to_owned())?;
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let body = response.bytes().await.with_context(|| path.to_owned())?.to_vec();
        let json = serde_json::from_slice(&body).unwrap_or_default();
        Ok(Answer { status, headers, json, body })
    }
}

impl Service {
    /// For calls beside what is done to the process.
    #[must_use]
    pub fn caller(&self) -> Caller {
        Caller { target: self.target(), client: self.client.clone(), key: self.key.clone() }
    }

    /// One call with the service's own key.
    ///
    /// # Errors
    /// When there was no complete answer.
    pub async fn call(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
        headers: &[(&str, &str)],
    ) -> Result<Answer> {
        self.caller().call(method, path, body, headers).await
    }

    /// GET.
    ///
    /// # Errors
    /// When there was no complete answer.
    pub async fn get(&self, path: &str) -> Result<Answer> {
        self.call(Method::GET, path, None, &[]).await
    }

    /// POST.
    ///
    /// # Errors
    /// When there was no complete answer.
    pub async fn post(&self, path: &str, body: &Value) -> Result<Answer> {
        self.call(Method::POST, path, Some(body), &[]).await
    }

    /// Submits a message; returns it.
    ///
    /// # Errors
    /// When it is not answered with 202.
    pub async fn submit(&self, message: &Value) -> Result<Value> {
        self.post("/v1/messages", message).await?.expect(202)
    }

    /// Waits until `holds` is true of a message, as `GET /v1/messages/{id}` shows it.
    ///
    /// # Errors
    /// When it does not hold within 30 s; the error shows the message.
    pub async fn message_until(&self, id: &str, holds: impl FnMut(&Value) -> bool) -> Result<Value> {
        self.get_until(&format!("/v1/messages/{id}"), holds).await
    }

    /// Asks until the answer is a 200 of which `holds` is true: lists follow the ledger, and are whole some time after
    /// a start.
    ///
    /// # Errors
    /// When it does not hold within 30 s; the error shows the last answer.
    pub async fn get_until(&self, path: &str, mut holds: impl FnMut(&Value) -> bool) -> Result<Value> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let answer = self.get(path).await?;
            if answer.status == 200 && holds(&answer.json) {
                return Ok(answer.json);
            }
            if Instant::now() > deadline {
                bail!("{path}: not within {PATIENCE:?}: {} {:#}", answer.status, answer.json);
            }
            tokio::time::sleep(ASKED_EVERY).await;
        }
    }

    /// Waits until every delivery of a message is final.
    ///
    /// # Errors
    /// When one is not within 30 s.
    pub async fn settled(&self, id: &str) -> Result<Value> {
        self.message_until(id, |message| {
            message["deliveries"].as_array().is_some_and(|all| all.iter().all(is_final))
        })
        .await
    }
}

fn is_final(delivery: &Value) -> bool {
    matches!(delivery["status"].as_str(), Some("delivered" | "failed" | "unknown" | "cancelled"))
}
