//! `postledger dkim`

use crate::args::{Dkim, KeyType, Output, Place};
use crate::client::configuration;
use crate::exit::{Exit, Failure};
use crate::output;
use anyhow::{Context, Result};
use postledger_core::name::DkimName;
use postledger_dispatcher::{DkimSigner, KeyKind};
use serde_json::{Value, json};
use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// Carries out a verb on DKIM keys.
///
/// # Errors
/// The configuration or a key file cannot be read, or a file cannot be made.
pub fn run(place: &Place, verb: Dkim) -> Result<Exit> {
    match verb {
        Dkim::Record { name } => record(place, name.as_ref()),
        Dkim::Generate { domain, selector, kind, to } => {
            generate(place.output, &domain, &selector, kind, &to)
        }
    }
}

fn record(place: &Place, name: Option<&DkimName>) -> Result<Exit> {
    let config = configuration(place)?;
    let chosen: Vec<_> =
        config.dkim.iter().filter(|dkim| name.is_none_or(|name| dkim.name == *name)).collect();
    if chosen.is_empty() {
        let which = name.map_or_else(|| "no [[dkim]]".to_owned(), |name| format!("no dkim {name}"));
        return Err(Failure::new(Exit::NotFound, format!("there is {which} in the configuration")));
    }
    let shown = |dkim: &crate::config::Dkim| {
        let mut shown = show(&dkim.to_signer()?);
        shown["dkim"] = dkim.name.as_str().into();
        Ok(shown)
    };
    let records: Vec<_> = chosen.into_iter().map(shown).collect::<Result<_>>()?;
    output::write(place.output, &json!({ "data": records }), |_| {
        let lines: Vec<_> = records.iter().filter_map(|record| record["zone"].as_str()).collect();
        lines.join("\n")
    })?;
    Ok(Exit::Ok)
}

fn generate(output: Output, domain: &str, selector: &str, kind: KeyType, to: &Path) -> Result<Exit> {
    let domain = DkimSigner::check_place(domain, selector)
        .map_err(|error| Failure::new(Exit::Usage, error.to_string()))?;
    let pem = postledger_dispatcher::generate(KeyKind::from(kind))?;
    let signer = DkimSigner::new(&domain, selector, pem.as_bytes())?;
    let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(to);
    let mut file = file.with_context(|| format!("cannot make {}", to.display()))?;
    file.write_all(pem.as_bytes())
        .and_then(|()| file.sync_all())
        .with_context(|| format!("cannot write {}", to.display()))?;
    output::say(&format!(
        "{} holds the private key. Publish this record, wait until it can be looked up, then add to the configuration:

[[dkim]]
name = \"{}\"
domain = \"{domain}\"
selector = \"{selector}\"
key_file = {:?}
",
        to.display(),
        suggested_name(&domain, selector),
        to.display().to_string(),
    ));
    let shown = show(&signer);
    output::write(output, &shown, |shown| shown["zone"].as_str().unwrap_or_default().to_owned())?;
    Ok(Exit::Ok)
}

/// A name may have letters, digits and underscores.
fn suggested_name(domain: &str, selector: &str) -> String {
    let text = format!("{}_{selector}", domain.split('.').next().unwrap_or_default()).to_lowercase();
    text.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).take(64).collect()
}

fn show(signer: &DkimSigner) -> Value {
    let record = signer.record();
    json!({
        "domain": signer.domain(), "selector": signer.selector(), "key": signer.kind().to_string(),
        "name": record.name, "type": "TXT", "value": record.value,
        "strings": record.strings().collect::<Vec<_>>(), "zone": record.zone_line(),
    })
}
