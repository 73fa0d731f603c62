//! The client that does everything right while others do not: it must not notice them.

use reqwest::{Client, StatusCode};
use serde_json::Value;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// How often it asks.
const PAUSE: Duration = Duration::from_millis(20);

/// A client at work.
#[derive(Debug)]
pub struct Neighbour {
    stop: CancellationToken,
    working: JoinHandle<Vec<Duration>>,
}

impl Neighbour {
    /// Repeats a submission that was accepted under `idempotency_key`, which stores nothing, and reads its message, by
    /// turns and each on a kept connection.
    pub fn start(addr: SocketAddr, key: &str, idempotency_key: &str, accepted: Value, id: &str) -> Self {
        let stop = CancellationToken::new();
        let client = Client::builder().no_proxy().build().unwrap();
        let submit = client
            .post(format!("http://{addr}/v1/messages"))
            .bearer_auth(key)
            .header("Idempotency-Key", idempotency_key)
            .json(&accepted)
            .build()
            .unwrap();
        let read = client.get(format!("http://{addr}/v1/messages/{id}")).bearer_auth(key).build().unwrap();
        let requests = [(submit, StatusCode::ACCEPTED), (read, StatusCode::OK)];
        let stopped = stop.clone();
        let working = tokio::spawn(async move {
            let (mut took, mut pace) = (Vec::new(), tokio::time::interval(PAUSE));
            for (request, status) in requests.iter().cycle() {
                if stopped.is_cancelled() {
                    break;
                }
                let began = Instant::now();
                let answer = client.execute(request.try_clone().unwrap()).await.unwrap();
                assert_eq!(answer.status(), *status);
                answer.bytes().await.unwrap();
                took.push(began.elapsed());
                pace.tick().await;
            }
            took
        });
        Self { stop, working }
    }

    /// Its waits, the shortest first.
    pub async fn stop(self) -> Vec<Duration> {
        self.stop.cancel();
        let mut took = self.working.await.unwrap();
        took.sort();
        took
    }
}
