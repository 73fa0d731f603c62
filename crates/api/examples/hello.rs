//! What no API can exceed: axum answering every `POST /v1/messages` with 202, having read the body as JSON. For
//! `cargo xtask bench --limit`, which puts it beside the service in the same run.
#![expect(clippy::print_stdout, reason = "it says where it listens")]

use axum::body::Bytes;
use axum::http::StatusCode;
use axum::routing::post;
use serde_json::{Value, json};

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() -> std::io::Result<()> {
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await?;
    println!("{}", listener.local_addr()?);
    let app = axum::Router::new().route("/v1/messages", post(hello));
    axum::serve(listener, app).await
}

async fn hello(body: Bytes) -> Result<(StatusCode, String), StatusCode> {
    let request: Value = serde_json::from_slice(&body).map_err(|_| StatusCode::BAD_REQUEST)?;
    let answer = json!({"id": "msg_00000000000000000000000000000000", "subject": request["subject"]});
    Ok((StatusCode::ACCEPTED, answer.to_string()))
}
