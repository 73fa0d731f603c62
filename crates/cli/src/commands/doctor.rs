//! `postledger doctor`

use crate::args::{Doctor, Output, Place};
use crate::client::configuration;
use crate::doctor::{self, Check, Finding, State};
use crate::exit::Exit;
use crate::output;
use anyhow::Result;
use serde_json::{Map, Value, json};

/// Examines the installation. Exit code 0 where nothing needs to be done, 1 with a warning or a failure, 5 if the
/// ledger is not what it was.
///
/// # Errors
/// stdout cannot be written.
pub async fn run(place: &Place, args: Doctor) -> Result<Exit> {
    let config = configuration(place).map_err(|error| {
        let remedy = "correct it; `postledger config check` shows the same";
        Finding::failure(Check::Configuration, format!("{error:#}"), remedy)
    });
    let findings = doctor::examine(&args, config, place.data_dir.as_deref()).await;
    let worst = findings.iter().map(|finding| finding.state).max().unwrap_or(State::Ok);
    let counts = [State::Failure, State::Warning, State::Note, State::Ok]
        .map(|state| (state, findings.iter().filter(|finding| finding.state == state).count()));
    match place.output {
        Output::Json => {
            let counts: Map<String, Value> =
                counts.iter().map(|(state, count)| (state.as_str().to_owned(), json!(count))).collect();
            let findings: Vec<_> = findings.iter().map(Finding::to_json).collect();
            let json = json!({
                "ok": worst < State::Warning, "state": worst.as_str(), "counts": counts, "findings": findings,
            });
            output::line(&json.to_string())?;
        }
        Output::Table => {
            for finding in &findings {
                output::line(&finding.to_string())?;
            }
            let counts: Vec<_> = counts
                .iter()
                .filter(|(_, count)| *count > 0)
                .map(|(state, count)| format!("{count} {}", state.as_str()))
                .collect();
            output::line(&format!("\n{}", counts.join(", ")))?;
        }
    }
    Ok(if findings.iter().any(|finding| finding.is_verification) {
        Exit::Verification
    } else if worst >= State::Warning {
        Exit::Failed
    } else {
        Exit::Ok
    })
}
