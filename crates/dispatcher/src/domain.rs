//! What the DNS says for the domain of a sender: whether receivers will believe that its mail is its own.
//!
//! SPF (RFC 7208), DKIM keys (RFC 6376 3.6) and DMARC (RFC 7489 6.1) are TXT records; they are parsed by the library
//! that receivers' software is built on, and not evaluated: which hosts send is the relays' affair.

use hickory_resolver::config::{ConnectionConfig, NameServerConfig, ResolverConfig};
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::proto::rr::{Name, RData, RecordType};
use hickory_resolver::{Resolver, TokioResolver};
use mail_auth::common::parse::TxtRecordParser;
use mail_auth::common::verify::DomainKey;
use mail_auth::dmarc::{Dmarc, Policy};
use mail_auth::spf::{Mechanism, Qualifier, Spf};
use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

/// A resolver that says nothing for so long is asked once more, and no third time.
const PATIENCE: Duration = Duration::from_secs(2);

/// What was found under one name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DnsRecord {
    /// One record, which parses.
    Sound {
        /// As it stands there.
        text: String,
        /// What it gives away.
        weakness: Option<Weakness>,
    },
    /// The resolver answered that there is none.
    Missing,
    /// More than one, so that receivers use none (RFC 7208 4.5, RFC 7489 6.6.3).
    Several(usize),
    /// It does not parse.
    Broken {
        /// As it stands there.
        text: String,
    },
    /// The resolver did not answer, or not with an answer.
    Unanswered(String),
}

/// What a record that parses gives away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Weakness {
    /// SPF lets every host send for the domain.
    AnyHost,
    /// SPF says of no host that it may not.
    NoLimit,
    /// DMARC asks receivers to do nothing.
    NoPolicy,
}

/// What the DNS says for one domain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DomainReport {
    /// Who may send for it.
    pub spf: DnsRecord,
    /// What to do with mail that is not its own.
    pub dmarc: DnsRecord,
    /// The keys of the selectors that were asked for.
    pub dkim: Vec<(String, DnsRecord)>,
}

/// Asks a resolver.
pub struct DomainResolver(TokioResolver);

/// There is no resolver to ask.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no resolver can be asked: {0}")]
pub struct NoResolver(String);

impl DomainResolver {
    /// The system's, or the one at an address.
    ///
    /// # Errors
    /// [`NoResolver`] if the system's configuration cannot be read.
    pub fn new(server: Option<SocketAddr>) -> Result<Self, NoResolver> {
        let failed = |error: hickory_resolver::net::NetError| NoResolver(error.to_string());
        let mut builder = match server {
            None => TokioResolver::builder_tokio().map_err(failed)?,
            Some(address) => {
                let to_port = |mut connection: ConnectionConfig| {
                    connection.port = address.port();
                    connection
                };
                let mut server = NameServerConfig::udp_and_tcp(address.ip());
                server.connections = server.connections.into_iter().map(to_port).collect();
                let config = ResolverConfig::from_parts(None, Vec::new(), vec![server]);
                Resolver::builder_with_config(config, TokioRuntimeProvider::default())
            }
        };
        (builder.options_mut().timeout, builder.options_mut().attempts) = (PATIENCE, 1);
        builder.build().map(Self).map_err(failed)
    }

    /// Asks for everything that concerns a domain.
    ///
    /// # Cancel safety
    /// Nothing is changed.
    pub async fn examine(&self, domain: &str, selectors: &[String]) -> DomainReport {
        let mut dkim = Vec::with_capacity(selectors.len());
        for selector in selectors {
            let texts = self.texts(&format!("{selector}._domainkey.{domain}")).await;
            dkim.push((selector.clone(), one(texts, |_| true, key)));
        }
        DomainReport {
            spf: one(self.texts(domain).await, |text| begins(text, "v=spf1"), spf),
            dmarc: self.dmarc(domain).await,
            dkim,
        }
    }

    /// The domain's own policy, or that of the nearest domain above it that has one.
    async fn dmarc(&self, domain: &str) -> DnsRecord {
        let mut at = domain;
        loop {
            let texts = self.texts(&format!("_dmarc.{at}")).await;
            let found = one(texts, |text| begins(text, "v=DMARC1"), dmarc);
            match at.split_once('.') {
                Some((_, above)) if found == DnsRecord::Missing && above.contains('.') => at = above,
                _ => return found,
            }
        }
    }

    async fn texts(&self, name: &str) -> Result<Vec<String>, String> {
        // The last dot says that it is not to be completed with the machine's own domain.
        let name = Name::from_utf8(format!("{}.", name.trim_end_matches('.'))).map_err(|e| e.to_string())?;
        match self.0.lookup(name, RecordType::TXT).await {
            Ok(found) => Ok(found.answers().iter().filter_map(|record| text(&record.data)).collect()),
            Err(error) if error.is_no_records_found() => Ok(Vec::new()),
            Err(error) => Err(error.to_string()),
        }
    }
}

impl fmt::Debug for DomainResolver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DomainResolver")
    }
}

/// The strings of a TXT record, joined without anything between them (RFC 7208 3.3).
fn text(data: &RData) -> Option<String> {
    let RData::TXT(text) = data else { return None };
    Some(String::from_utf8_lossy(&text.txt_data.concat()).into_owned())
}

fn begins(text: &str, version: &str) -> bool {
    text.strip_prefix(version).is_some_and(|rest| rest.is_empty() || rest.starts_with([' ', ';', '\t']))
}

/// The one record of a kind; the text of one that parses is judged.
fn one(
    texts: Result<Vec<String>, String>,
    is_of_kind: impl Fn(&str) -> bool,
    parse: impl Fn(&str) -> Option<Option<Weakness>>,
) -> DnsRecord {
    let texts = match texts {
        Ok(texts) => texts,
        Err(error) => return DnsRecord::Unanswered(error),
    };
    let mut found: Vec<_> = texts.into_iter().filter(|text| is_of_kind(text)).collect();
    match (found.len(), found.pop()) {
        (1, Some(text)) => match parse(&text) {
            Some(weakness) => DnsRecord::Sound { text, weakness },
            None => DnsRecord::Broken { text },
        },
        (_, None) => DnsRecord::Missing,
        (count, Some(_)) => DnsRecord::Several(count),
    }
}

/// The parser passes over mechanisms that it does not know, such as `ipv4:`, and takes 300 for a byte of an address;
/// receivers must not (RFC 7208 4.6.1).
fn is_term(term: &str) -> bool {
    let mechanism = term.strip_prefix(['+', '-', '?', '~']).unwrap_or(term);
    let (name, value) = mechanism.split_once(':').unwrap_or((mechanism, ""));
    let address = value.split('/').next().unwrap_or_default();
    match name.to_ascii_lowercase().as_str() {
        "ip4" => address.parse::<Ipv4Addr>().is_ok(),
        "ip6" => address.parse::<Ipv6Addr>().is_ok(),
        "all" | "include" | "a" | "mx" | "ptr" | "exists" => true,
        name if name.contains('=') => true,
        name => matches!(name.split('/').next(), Some("a" | "mx")),
    }
}

fn spf(text: &str) -> Option<Option<Weakness>> {
    if !text.split_ascii_whitespace().skip(1).all(is_term) {
        return None;
    }
    let spf = Spf::parse(text.as_bytes()).ok()?;
    let all = spf.directives.iter().find(|directive| directive.mechanism == Mechanism::All);
    Some(match all.map(|directive| &directive.qualifier) {
        Some(Qualifier::Pass) => Some(Weakness::AnyHost),
        Some(Qualifier::Neutral) => Some(Weakness::NoLimit),
        Some(Qualifier::Fail | Qualifier::SoftFail) => None,
        None if spf.redirect.is_some() => None,
        None => Some(Weakness::NoLimit),
    })
}

fn dmarc(text: &str) -> Option<Option<Weakness>> {
    match Dmarc::parse(text.as_bytes()).ok()?.p {
        Policy::None | Policy::Unspecified => Some(Some(Weakness::NoPolicy)),
        Policy::Quarantine | Policy::Reject => Some(None),
    }
}

fn key(text: &str) -> Option<Option<Weakness>> {
    DomainKey::parse(text.as_bytes()).ok().map(|_| None)
}

#[cfg(test)]
mod tests;
