//! `postledger serve`

use crate::args::{Output, Place};
use crate::client::configuration;
use crate::exit::{Exit, Failure};
use crate::log;
use crate::output;
use crate::service::Service;
use crate::signals::stop_of_service;
use anyhow::Result;

/// Runs the service until SIGTERM or SIGINT.
///
/// # Errors
/// The configuration, the ledger or the listener; a ledger that fails later.
pub async fn run(place: &Place) -> Result<Exit> {
    let config = configuration(place)?;
    log::start(config.log, place.output)?;
    if config.relay.is_empty() {
        let message = "there is no [[relay]] in the configuration: mail would have nowhere to go. \
                       `postledger dev` runs with a mailbox of its own";
        return Err(Failure::new(Exit::Usage, message));
    }
    let stop = stop_of_service()?;
    let service = Service::start(&config, None).await?;
    match place.output {
        Output::Json => output::line(&serde_json::json!({"listening": service.listening}).to_string())?,
        Output::Table => {
            output::say(&format!("listening on {}://{}", config.server.scheme(), service.listening));
        }
    }
    service.run_until(stop).await?;
    Ok(Exit::Ok)
}
