//! Whether the configuration can be used, with the files that it names.

use super::{Check, Finding};
use crate::config::Config;
use crate::output::count;

pub(super) fn examine(config: &Config) -> Vec<Finding> {
    let mut findings = Vec::new();
    for relay in &config.relay {
        if let Err(error) = relay.to_dispatcher() {
            let remedy = "make the file, or let the user that runs the service read it";
            findings.push(Finding::failure(Check::Configuration, error.to_string(), remedy));
        }
    }
    if let Err(error) = config.server.to_entrance() {
        let remedy = "put a certificate and its own key there, which the user that runs the service can read";
        findings.push(Finding::failure(Check::Configuration, error.to_string(), remedy));
    }
    for dkim in &config.dkim {
        if let Err(what) = dkim.signer() {
            let remedy = "make the file, or let the user that runs the service read it";
            findings.push(Finding::failure(Check::Configuration, format!("{}: {what}", dkim.key()), remedy));
        }
    }
    if config.relay.is_empty() {
        findings.push(Finding::failure(
            Check::Configuration,
            "there is no [[relay]]: mail would have nowhere to go",
            "add one; `postledger dev` runs with a mailbox of its own",
        ));
    }
    if findings.is_empty() {
        let (relays, routes) = (config.relay.len() as u64, config.routes().len() as u64);
        let seen = format!("{}, {}", count(relays, "relay", "relays"), count(routes, "route", "routes"));
        findings.push(Finding::ok(Check::Configuration, seen).with("relays", relays).with("routes", routes));
    }
    if config.relay.len() == 1 {
        let seen = "one relay alone: while it is down, mail waits";
        findings.push(
            Finding::note(Check::Configuration, seen).advising("add a second [[relay]] of another provider"),
        );
    }
    findings
}
