//! What one client with large files does to all others.

use super::areas::service;
use super::figures::Round;
use anyhow::Result;
use postledger_tests::load::{Load, Report, Until};
use postledger_tests::service::Service;
use serde_json::{Value, json};
use std::convert::Infallible;
use std::time::Duration;

/// As much as one message may carry, before it is encoded.
const FILE_BYTES: usize = 18 << 20;
/// Small messages a second, far below what is possible.
const RATE: f64 = 200.0;
/// How long they are measured, without large ones and beside them.
const TIME: Duration = Duration::from_secs(10);

/// One round.
pub async fn attachment() -> Result<Round> {
    let (_sink, service) = service().await?;
    let alone = small(&service, "alone").await?;
    let (message, mut large) = (message(), 0_u32);
    let submitting = async {
        loop {
            service.submit(&message).await?;
            large += 1;
        }
    };
    let beside = tokio::select! {
        beside = small(&service, "beside") => beside?,
        failed = submitting => {
            let failed: Result<Infallible> = failed;
            return failed.map(|never| match never {});
        }
    };
    Ok(vec![
        ("large_accepted", f64::from(large)),
        ("alone_p99_accept_ms", alone.latency_ms(0.99)),
        ("alone_max_accept_ms", alone.latency_ms(1.0)),
        ("beside_large_p99_accept_ms", beside.latency_ms(0.99)),
        ("beside_large_max_accept_ms", beside.latency_ms(1.0)),
    ])
}

async fn small(service: &Service, run: &str) -> Result<Report> {
    let load = Load::new(service.target(), service.key(), Until::Elapsed(TIME));
    Load { rate: Some(RATE), connections: 16, run: run.to_owned(), ..load }.run().await
}

/// Zeros, in base64.
fn message() -> Value {
    let content = "A".repeat(FILE_BYTES / 3 * 4);
    let file =
        json!({"filename": "zeros.bin", "content_type": "application/octet-stream", "content": content});
    json!({
        "from": "load@sender.example", "to": ["large@load.example"],
        "subject": "Large", "text": "See the file.", "attachments": [file],
    })
}
