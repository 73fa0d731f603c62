//! The log, on stderr: text on a terminal, else JSON. `POSTLEDGER_LOG` sets the level (error … trace), also by module.

use std::io::IsTerminal;

/// Starts it, once, with the level that holds unless `POSTLEDGER_LOG` says otherwise.
pub fn start(level: &str) {
    let filter = tracing_subscriber::EnvFilter::try_from_env("POSTLEDGER_LOG")
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new(level));
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    let started = if std::io::stderr().is_terminal() {
        builder.try_init()
    } else {
        builder.json().flatten_event(true).try_init()
    };
    debug_assert!(started.is_ok(), "the log is started once");
}
