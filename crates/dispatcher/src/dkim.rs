//! DKIM (RFC 6376, RFC 8463): signs what a delivery sends, once, with every key of the author's domain.
//!
//! Reading order: `key` (PEM in and out), `signature` (the header field), `record` (what DNS must say).

mod key;
mod record;
mod signature;

pub use key::{KeyError, KeyKind, generate};
pub use record::DkimRecord;
pub(crate) use signature::sign;

use key::KeyPair;
use postledger_core::address::Address;
use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

/// A domain's key under its selector.
pub struct DkimSigner {
    domain: String,
    selector: String,
    pair: KeyPair,
}

/// Why there is no signer. Nothing of the key is repeated.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum DkimError {
    /// Not a host name.
    #[error("expected a domain name such as shop.example")]
    Domain,
    /// Not labels of letters, digits and hyphens (RFC 6376 3.1), or too long with the domain.
    #[error(
        "expected letters, digits and hyphens, with dots between labels; with ._domainkey.DOMAIN at most 253"
    )]
    Selector,
    /// The key cannot be used.
    #[error(transparent)]
    Key(#[from] KeyError),
}

impl DkimSigner {
    /// Of a domain, a selector, and the text of a PEM file: PKCS#8 with an RSA key of 2048 to 8192 bits or an Ed25519
    /// key, or PKCS#1.
    ///
    /// # Errors
    /// [`DkimError`].
    pub fn new(domain: &str, selector: &str, pem: &[u8]) -> Result<Self, DkimError> {
        let domain = Self::check_place(domain, selector)?;
        Ok(Self { domain, selector: selector.to_owned(), pair: KeyPair::from_pem(pem)? })
    }

    /// Checks the place of a key for which there is no file yet, and gives the domain in A-labels.
    ///
    /// # Errors
    /// [`DkimError`].
    pub fn check_place(domain: &str, selector: &str) -> Result<String, DkimError> {
        let domain = ascii_domain(domain).ok_or(DkimError::Domain)?;
        // The name of a record follows the rules of host names here, but for the label _domainkey.
        let is_name =
            selector.is_ascii() && ascii_domain(&format!("{selector}.domainkey.{domain}")).is_some();
        if is_name { Ok(domain) } else { Err(DkimError::Selector) }
    }

    /// d=, in A-labels.
    pub fn domain(&self) -> &str {
        &self.domain
    }

    /// s=.
    pub fn selector(&self) -> &str {
        &self.selector
    }

    /// k=.
    pub fn kind(&self) -> KeyKind {
        self.pair.kind()
    }

    /// What DNS must say for its signatures to verify.
    pub fn record(&self) -> DkimRecord {
        DkimRecord::new(self)
    }
}

/// Lower-case A-labels: those that an address has.
fn ascii_domain(domain: &str) -> Option<String> {
    let address: Address = format!("postmaster@{domain}").parse().ok()?;
    (!domain.contains('@')).then(|| address.domain().to_owned())
}

/// All keys, by domain.
#[derive(Debug, Default)]
pub struct DkimSigners(HashMap<String, Vec<Arc<DkimSigner>>>);

impl DkimSigners {
    /// The signers of mail whose author is at `domain`: all of the longest configured domain that is it or a parent of
    /// it, so that the signature is aligned (RFC 7489 3.1.1, relaxed).
    fn of(&self, domain: &str) -> &[Arc<DkimSigner>] {
        let parents = std::iter::successors(Some(domain), |domain| Some(domain.split_once('.')?.1));
        parents.filter_map(|domain| self.0.get(domain)).next().map_or(&[], Vec::as_slice)
    }
}

/// The keys in force.
#[derive(Debug, Default)]
pub(crate) struct Signing(Mutex<DkimSigners>);

impl Signing {
    pub(crate) fn set(&self, signers: DkimSigners) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = signers;
    }

    pub(crate) fn of(&self, domain: &str) -> Vec<Arc<DkimSigner>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).of(domain).to_vec()
    }
}

impl FromIterator<DkimSigner> for DkimSigners {
    fn from_iter<T: IntoIterator<Item = DkimSigner>>(signers: T) -> Self {
        let mut by_domain = HashMap::<_, Vec<_>>::new();
        for signer in signers {
            by_domain.entry(signer.domain.clone()).or_default().push(Arc::new(signer));
        }
        Self(by_domain)
    }
}

/// Without the key.
impl fmt::Debug for DkimSigner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DkimSigner({}._domainkey.{}, {})", self.selector, self.domain, self.kind())
    }
}

#[cfg(test)]
mod tests;
