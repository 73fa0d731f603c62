//! `postledger serve`

use crate::args::{Output, Place};
use crate::client::configuration;
use crate::config::Config;
use crate::exit::{Exit, Failure};
use crate::log;
use crate::output;
use crate::reload;
use crate::service::Service;
use crate::signals::Signals;
use anyhow::Result;
use std::io::IsTerminal;

/// Runs the service until SIGTERM or SIGINT. SIGHUP reads the configuration again.
///
/// # Errors
/// The configuration, the ledger or the listener; a ledger that fails later.
pub async fn run(place: &Place) -> Result<Exit> {
    let config = of_service(place)?;
    let level = log::start(config.log, place.output)?;
    let signals = Signals::of_service()?;
    let service = Service::start(&config, None).await?;
    match place.output {
        Output::Json => output::json(&serde_json::json!({"listening": service.listening}))?,
        // Where stderr is collected, the log says so, and a line that is none of the log's would be in its way.
        Output::Table if std::io::stderr().is_terminal() => {
            output::say(&format!("listening on {}://{}", config.server.scheme(), service.listening));
        }
        Output::Table => {}
    }
    service.run_until(signals, |service| reload::run(service, &level, || of_service(place))).await?;
    Ok(Exit::Ok)
}

/// The configuration, if mail has somewhere to go by it.
fn of_service(place: &Place) -> Result<Config> {
    let config = configuration(place)?;
    if config.relay.is_empty() {
        let message = "there is no [[relay]] in the configuration: mail would have nowhere to go. \
                       `postledger dev` runs with a mailbox of its own";
        return Err(Failure::new(Exit::Usage, message));
    }
    Ok(config)
}
