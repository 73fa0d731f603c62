//! `postledger dev`: the service with a mailbox that catches all mail.

use super::key::create_in;
use crate::args::{Output, Place};
use crate::client::configuration;
use crate::config::{Config, Server};
use crate::exit::Exit;
use crate::log;
use crate::output;
use crate::service::Service;
use crate::signals::Signals;
use anyhow::{Context, Result};
use postledger_api::Mailbox;
use postledger_core::key::Scope;
use postledger_core::name::Tenant;
use serde_json::json;
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

/// Runs until SIGTERM or SIGINT; all mail ends in the mailbox, whatever relays are configured.
///
/// # Errors
/// As for `serve`.
pub async fn run(place: &Place, listen: Option<SocketAddr>) -> Result<Exit> {
    let mut config = configuration(place)?;
    log::start(config.log, place.output)?;
    // A configuration for production may listen off loopback; a mailbox that shows all mail must not by itself.
    let configured = Some(config.server.listen).filter(|address| address.ip().is_loopback());
    config.server.listen = listen.or(configured).unwrap_or(Server::default().listen);
    let signals = Signals::of_session()?;
    let mailbox = catch_all(&mut config).await?;
    let service = Service::start(&config, Some(mailbox)).await?;
    let scopes = [Scope::Send, Scope::Read, Scope::Operate];
    let (key, _) = create_in(&*service.ledger, Tenant::default_tenant(), scopes.into(), None).await?;
    let base = format!("{}://{}", config.server.scheme(), service.listening);
    if place.output == Output::Json {
        output::json(&json!({"listening": service.listening, "key": key.expose()}))?;
    }
    output::say(&format!(
        "Postledger runs on {base}
  mailbox     {base}/dev/mailbox      every mail ends here
  reference   {base}/docs
  key         {}

  curl {base}/v1/messages -H 'Authorization: Bearer {}' \\
    --json '{{\"from\":\"shop@shop.example\",\"to\":\"ann@example.net\",\"subject\":\"Hello\",\"text\":\"It works.\"}}'

Ctrl-C ends it.",
        key.expose(),
        key.expose()
    ));
    service.run_until(signals, |_| {}).await?;
    Ok(Exit::Ok)
}

/// Starts a mailbox on loopback and makes it the only relay.
///
/// # Errors
/// It cannot listen.
pub async fn catch_all(config: &mut Config) -> Result<Arc<Mailbox>> {
    let mailbox = Mailbox::new();
    let listener = TcpListener::bind("127.0.0.1:0").await.context("the mailbox cannot listen")?;
    let address = listener.local_addr()?;
    // It ends with the process: the last attempts of a stopping dispatcher still reach it.
    tokio::spawn(mailbox.clone().serve(listener, CancellationToken::new()));
    config.relay = vec![crate::config::Relay::plaintext("mailbox", address)?];
    config.route.clear();
    Ok(mailbox)
}
