//! `postledger serve`

use crate::args::{Output, Place};
use crate::client::configuration;
use crate::exit::{Exit, Failure};
use crate::output;
use crate::service::{Service, stop_signal};
use anyhow::Result;
use std::io::IsTerminal;

/// Runs the service until SIGTERM or SIGINT.
///
/// # Errors
/// The configuration, the ledger or the listener; a ledger that fails later.
pub async fn run(place: &Place) -> Result<Exit> {
    start_log();
    let config = configuration(place)?;
    if config.relay.is_empty() {
        let message = "there is no [[relay]] in the configuration: mail would have nowhere to go. \
                       `postledger dev` runs with a mailbox of its own";
        return Err(Failure::new(Exit::Usage, message));
    }
    let stop = stop_signal()?;
    let service = Service::start(&config, None).await?;
    match place.output {
        Output::Json => output::line(&serde_json::json!({"listening": service.listening}).to_string())?,
        Output::Table => output::say(&format!("listening on http://{}", service.listening)),
    }
    service.run_until(stop).await?;
    Ok(Exit::Ok)
}

/// Logs go to stderr: text on a terminal, else JSON. `POSTLEDGER_LOG` sets the level (error … trace) by module.
pub fn start_log() {
    let filter = tracing_subscriber::EnvFilter::try_from_env("POSTLEDGER_LOG")
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("info"));
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    let started = if std::io::stderr().is_terminal() {
        builder.try_init()
    } else {
        builder.json().flatten_event(true).try_init()
    };
    debug_assert!(started.is_ok(), "the log is started once");
}
