//! For how long a certificate is good: a relay's, or the API's own.

use super::{Check, Finding};
use crate::config::Config;
use crate::system::SystemClock;
use postledger_core::clock::Clock;
use postledger_core::time::Timestamp;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use std::path::Path;
use std::time::Duration;
use x509_parser::prelude::{FromDer, X509Certificate};

const DAY: Duration = Duration::from_secs(24 * 3600);
/// A renewal that was automatic would have happened by then.
const SOON: Duration = Duration::from_secs(21 * 24 * 3600);

/// The API's own. That it can be read at all is the configuration's affair.
pub(super) fn examine(config: &Config) -> Vec<Finding> {
    let Some(files) = &config.server.tls else { return Vec::new() };
    let Some(not_after) = end_of_chain(&files.cert) else { return Vec::new() };
    let renew = format!("renew {}, then `systemctl reload postledger`", files.cert.display());
    vec![ending(not_after, SystemClock.now(), "callers refuse the API", &renew).of("the API's own")]
}

/// The end of the first certificate of the chain to end.
fn end_of_chain(file: &Path) -> Option<Timestamp> {
    let chain = CertificateDer::pem_file_iter(file).ok()?.flatten();
    let end = |certificate: CertificateDer<'_>| {
        let (_, certificate) = X509Certificate::from_der(&certificate).ok()?;
        certificate.validity().not_after.timestamp().checked_mul(1_000_000).map(Timestamp::from_micros)
    };
    chain.filter_map(end).min()
}

/// How near the end is, what happens then, and what to do.
pub(super) fn ending(not_after: Timestamp, now: Timestamp, then: &str, renew: &str) -> Finding {
    let left = not_after.since(now);
    let days = left.as_secs() / DAY.as_secs();
    let finding = if not_after <= now {
        Finding::failure(Check::Certificate, format!("it ended {not_after}: {then}"), renew)
    } else if left < SOON {
        let seen = format!("it ends in {days} days, {not_after}: from then on {then}");
        Finding::warning(Check::Certificate, seen, renew)
    } else {
        Finding::ok(Check::Certificate, format!("it is good for {days} days"))
    };
    finding.with("not_after", not_after.to_string())
}

#[cfg(test)]
mod tests {
    use super::super::State;
    use super::*;

    #[test]
    fn a_certificate_is_warned_of_three_weeks_before_its_end() {
        let now = Timestamp::from_micros(1_790_000_000_000_000);
        let table = [(22, State::Ok), (21, State::Ok), (20, State::Warning), (0, State::Failure)];
        for (days, state) in table {
            assert_eq!(ending(now.plus(DAY * days), now, "x", "y").state, state, "{days}");
        }
    }
}
