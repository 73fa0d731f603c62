//! `[[dkim]]`: a key that signs a domain's mail.

use super::{Findings, form, schema};
use crate::exit::{Exit, Failure};
use anyhow::Result;
use postledger_core::name::DkimName;
use postledger_dispatcher::{DkimError, DkimSigner};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::fs::File;
use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

/// A PEM file is a few kilobytes: what is larger is something else.
const MAX_KEY_FILE: u64 = 64 * 1024;

/// A key that signs a domain's mail (DKIM). Several keys of a domain all sign.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Dkim {
    /// Its name, for `postledger dkim record`.
    #[serde(with = "form::text")]
    #[schemars(schema_with = "schema::name")]
    pub name: DkimName,
    /// Whose mail it signs: that of authors at this domain, and at those below it that have no key of their own.
    pub domain: String,
    /// Names the key among the domain's: its public half stands in DNS at `SELECTOR._domainkey.DOMAIN`.
    pub selector: String,
    /// The private half, in PEM: RSA of at least 2048 bits (PKCS#8 or PKCS#1), or Ed25519 (PKCS#8). It is read again
    /// at every reload.
    #[schemars(schema_with = "schema::path")]
    pub key_file: PathBuf,
}

/// Adds what is wrong with one of them, and where two would be one.
pub(super) fn check(all: &[Dkim], findings: &mut Findings) {
    let mut places = BTreeSet::new();
    for dkim in all {
        let key = |name: &str| format!("dkim.{}.{name}", dkim.name);
        match DkimSigner::check_place(&dkim.domain, &dkim.selector) {
            Ok(domain) => {
                if !places.insert((domain, dkim.selector.to_lowercase())) {
                    findings.push((key("selector"), "another key of the domain has it".to_owned()));
                }
            }
            Err(error @ DkimError::Domain) => findings.push((key("domain"), error.to_string())),
            Err(error @ (DkimError::Selector | DkimError::Key(_))) => {
                findings.push((key("selector"), error.to_string()))
            }
        }
    }
}

impl Dkim {
    /// For the dispatcher: reads the key file. Warns of one that others can read.
    ///
    /// # Errors
    /// With exit code 2 if the file cannot be read, or holds no usable key.
    pub fn to_signer(&self) -> Result<DkimSigner> {
        if let Some(warning) = self.exposed_key() {
            tracing::warn!("{warning}");
        }
        self.signer().map_err(|what| Failure::new(Exit::Usage, format!("{}: {what}", self.key())))
    }

    /// As [`to_signer`](Self::to_signer), without talk.
    ///
    /// # Errors
    /// Why there is no signer.
    pub fn signer(&self) -> Result<DkimSigner, String> {
        let file = self.key_file.display();
        let mut pem = Vec::new();
        File::open(&self.key_file)
            .and_then(|opened| opened.take(MAX_KEY_FILE).read_to_end(&mut pem))
            .map_err(|error| format!("cannot read {file}: {error}"))?;
        DkimSigner::new(&self.domain, &self.selector, &pem).map_err(|error| format!("{file}: {error}"))
    }

    /// The key of the configuration that names its file.
    pub fn key(&self) -> String {
        format!("dkim.{}.key_file", self.name)
    }

    /// A warning, if others than its owner and group can read the private key.
    pub fn exposed_key(&self) -> Option<String> {
        let is_exposed = std::fs::metadata(&self.key_file)
            .is_ok_and(|metadata| metadata.permissions().mode() & 0o007 != 0);
        let file = self.key_file.display();
        is_exposed
            .then(|| format!("{}: everybody on this machine can read {file}: chmod o= {file}", self.key()))
    }
}
