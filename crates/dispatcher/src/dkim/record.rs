//! The DNS record of a key (RFC 6376 3.6.1).

use super::DkimSigner;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// A character string of a TXT record (RFC 1035 3.3).
const MAX_STRING: usize = 255;

/// The TXT record that a verifier asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DkimRecord {
    /// `selector._domainkey.domain`, without a dot at the end.
    pub name: String,
    /// `v=DKIM1; k=…; p=…`. Longer than 255 bytes for RSA: see [`DkimRecord::strings`].
    pub value: String,
}

impl DkimRecord {
    pub(super) fn new(signer: &DkimSigner) -> Self {
        let public = STANDARD.encode(signer.pair.public());
        Self {
            name: format!("{}._domainkey.{}", signer.selector, signer.domain),
            value: format!("v=DKIM1; k={}; p={public}", signer.kind()),
        }
    }

    /// The value cut into strings of at most 255 bytes, which readers put together again without anything between
    /// (RFC 6376 3.6.2.2).
    pub fn strings(&self) -> impl Iterator<Item = &str> {
        let ends = (MAX_STRING..).step_by(MAX_STRING);
        (0..self.value.len()).step_by(MAX_STRING).zip(ends).map(|(start, end)| {
            // ASCII: any cut is one between characters.
            &self.value[start..end.min(self.value.len())]
        })
    }

    /// As a zone file has it (RFC 1035 5.1).
    pub fn zone_line(&self) -> String {
        let strings: Vec<_> = self.strings().map(|string| format!("\"{string}\"")).collect();
        format!("{}. IN TXT ( {} )", self.name, strings.join("\n    "))
    }

    /// Whether a record that DNS gave, its strings put together, has this key and is not of another kind. Other tags,
    /// their order and white space do not matter.
    pub fn is_published_as(&self, found: &str) -> bool {
        let is_it = |tag: &str| Self::tag(found, tag) == Self::tag(&self.value, tag);
        // k= may be left out for rsa, v= always (RFC 6376 3.6.1).
        let kind = Self::tag(found, "k").unwrap_or_else(|| "rsa".to_owned());
        is_it("p")
            && Some(kind) == Self::tag(&self.value, "k")
            && (Self::tag(found, "v").is_none() || is_it("v"))
    }

    fn tag(record: &str, name: &str) -> Option<String> {
        let tags = record.split(';').filter_map(|tag| tag.split_once('='));
        let mut values = tags.filter(|(tag, _)| tag.trim() == name);
        values.next().map(|(_, value)| value.chars().filter(|c| !c.is_ascii_whitespace()).collect())
    }
}
