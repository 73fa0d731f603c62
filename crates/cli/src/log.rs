//! The log: on stderr or stdout, as text or JSON. `POSTLEDGER_LOG` sets the level (error … trace), also by module.

use crate::args::Output;
use crate::config::{Log, LogFormat, LogLevel, LogTo};
use crate::exit::{Exit, Failure};
use anyhow::Result;
use std::io::IsTerminal;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;

/// The level of a running log, to be changed.
pub struct Level(Box<dyn Fn(EnvFilter)>);

impl Level {
    /// Changes it. Where `POSTLEDGER_LOG` is set, that still goes before it.
    pub fn set(&self, level: LogLevel) {
        // What `POSTLEDGER_LOG` says was read when the log was started.
        if let Ok(filter) = filter(level) {
            (self.0)(filter);
        }
    }
}

/// Starts the log of a service as its configuration says, once.
///
/// # Errors
/// With exit code 2 if it cannot be as the configuration or `POSTLEDGER_LOG` say.
pub fn start(log: Log, output: Output) -> Result<Level> {
    let filter = filter(log.level)?;
    Ok(match log.to {
        LogTo::Stderr => begin(filter, log.format, std::io::stderr, std::io::stderr().is_terminal()),
        // What a program reads as data must not begin with a line of the log.
        LogTo::Stdout if output == Output::Json => {
            return Err(Failure::new(Exit::Usage, "log.to = \"stdout\" does not go with --output json"));
        }
        LogTo::Stdout => begin(filter, log.format, std::io::stdout, std::io::stdout().is_terminal()),
    })
}

/// Starts the log of a verb that is no service: on stderr, from this level on.
///
/// # Errors
/// With exit code 2 if `POSTLEDGER_LOG` is no filter.
pub fn start_quiet(level: LogLevel) -> Result<()> {
    begin(filter(level)?, None, std::io::stderr, std::io::stderr().is_terminal());
    Ok(())
}

fn filter(level: LogLevel) -> Result<EnvFilter> {
    let level = match level {
        LogLevel::Error => "error",
        LogLevel::Warn => "warn",
        LogLevel::Info => "info",
        LogLevel::Debug => "debug",
        LogLevel::Trace => "trace",
    };
    match std::env::var("POSTLEDGER_LOG") {
        Ok(wanted) => EnvFilter::try_new(wanted).map_err(|error| {
            Failure::new(Exit::Usage, format!("POSTLEDGER_LOG is error, warn, info, debug or trace: {error}"))
        }),
        Err(_) => Ok(EnvFilter::new(level)),
    }
}

fn begin<W>(filter: EnvFilter, format: Option<LogFormat>, writer: W, is_terminal: bool) -> Level
where
    W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
{
    let has_colours = is_terminal && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
    let builder =
        tracing_subscriber::fmt().with_env_filter(filter).with_writer(writer).with_ansi(has_colours);
    let as_chosen = if is_terminal { LogFormat::Text } else { LogFormat::Json };
    // Without a subscriber there is no level to change.
    let (started, level) = match format.unwrap_or(as_chosen) {
        LogFormat::Text => {
            let builder = builder.with_filter_reloading();
            let handle = builder.reload_handle();
            (builder.try_init(), Level(Box::new(move |filter| drop(handle.reload(filter)))))
        }
        LogFormat::Json => {
            let builder = builder.json().flatten_event(true).with_filter_reloading();
            let handle = builder.reload_handle();
            (builder.try_init(), Level(Box::new(move |filter| drop(handle.reload(filter)))))
        }
    };
    debug_assert!(started.is_ok(), "the log is started once");
    level
}
