//! Mail addresses (RFC 5321 4.1.2, RFC 6531 3.3) and mailboxes with a display name (RFC 5322 3.4).

use std::fmt;
use std::str::FromStr;

/// `local@domain`: the local part as given (a dot-string, UTF-8 allowed), the domain in lower-case A-labels.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Address {
    text: Box<str>,
    at: usize,
}

/// An address with an optional display name.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Mailbox {
    /// The display name, decoded; no control characters.
    pub name: Option<String>,
    /// The address.
    pub address: Address,
}

/// Why a text is no address. The text itself is not repeated: errors carry no addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidAddress {
    /// No `@`.
    #[error("an address is local@domain")]
    NoAt,
    /// The local part is empty, over 64 bytes, quoted, or has a character that may not stand there.
    #[error(
        "the part before @ is 1 to 64 bytes of letters, digits, single dots between them and !#$%&'*+-/=?^_`{{|}}~"
    )]
    LocalPart,
    /// The domain is not a host name, in ASCII or as an internationalised name.
    #[error("the part after @ is not a domain name")]
    Domain,
    /// Over 254 bytes (RFC 5321 4.5.3.1.3, less the brackets).
    #[error("an address has at most 254 bytes")]
    TooLong,
    /// A control character in the display name, or `<` without `>` at the end.
    #[error("a display name has no control characters and stands before <address>")]
    DisplayName,
}

impl Address {
    /// The whole address.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The part before the `@`.
    pub fn local_part(&self) -> &str {
        &self.text[..self.at]
    }

    /// The part after the `@`: ASCII, lower case.
    pub fn domain(&self) -> &str {
        &self.text[self.at + 1..]
    }

    /// Whether the envelope needs SMTPUTF8 (RFC 6531 3.1).
    pub fn is_internationalised(&self) -> bool {
        !self.text.is_ascii()
    }
}

impl FromStr for Address {
    type Err = InvalidAddress;

    fn from_str(text: &str) -> Result<Self, InvalidAddress> {
        let (local, domain) = text.rsplit_once('@').ok_or(InvalidAddress::NoAt)?;
        if !matches!(local.len(), 1..=64) || !local.split('.').all(is_atom) {
            return Err(InvalidAddress::LocalPart);
        }
        let domain = ascii_domain(domain).ok_or(InvalidAddress::Domain)?;
        if local.len() + 1 + domain.len() > 254 {
            return Err(InvalidAddress::TooLong);
        }
        Ok(Self { text: format!("{local}@{domain}").into(), at: local.len() })
    }
}

/// Bytes of a domain as it is given: as many characters as its longest A-labels have, each in the longest UTF-8.
const MAX_UNICODE_DOMAIN: usize = 4 * 253;

fn is_atom(atom: &str) -> bool {
    let allowed = |c: char| match c {
        'a'..='z' | 'A'..='Z' | '0'..='9' => true,
        c if c.is_ascii() => "!#$%&'*+-/=?^_`{|}~".contains(c),
        c => !c.is_control() && !c.is_whitespace(),
    };
    !atom.is_empty() && atom.chars().all(allowed)
}

/// Lower-case A-labels of a host name: letters, digits and inner hyphens, 1 to 63 a label.
fn ascii_domain(domain: &str) -> Option<String> {
    // Looking at megabytes of it would take seconds, to say the same.
    if domain.len() > MAX_UNICODE_DOMAIN {
        return None;
    }
    let ascii = idna::domain_to_ascii_strict(domain).ok()?;
    let label = |label: &str| {
        matches!(label.len(), 1..=63)
            && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    (ascii.len() <= 253 && ascii.split('.').all(label)).then_some(ascii)
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// Keeps addresses out of logs: only the domain shows.
impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "…@{}", self.domain())
    }
}

impl FromStr for Mailbox {
    type Err = InvalidAddress;

    /// Parses `ann@example.net`, `Ann <ann@example.net>` and `"Ann, M." <ann@example.net>`.
    fn from_str(text: &str) -> Result<Self, InvalidAddress> {
        let text = text.trim_matches(' ');
        let Some(inner) = text.strip_suffix('>') else {
            return Ok(Self { name: None, address: text.parse()? });
        };
        let (name, address) = inner.rsplit_once('<').ok_or(InvalidAddress::DisplayName)?;
        Self::new(Some(&unquoted(name.trim_matches(' '))), address)
    }
}

impl Mailbox {
    /// From a display name as it shall be shown, and an address. An empty name is none.
    ///
    /// # Errors
    /// [`InvalidAddress`] names what is wrong.
    pub fn new(name: Option<&str>, address: &str) -> Result<Self, InvalidAddress> {
        let name = name.filter(|name| !name.is_empty());
        if name.is_some_and(|name| name.chars().any(char::is_control)) {
            return Err(InvalidAddress::DisplayName);
        }
        Ok(Self { name: name.map(str::to_owned), address: address.parse()? })
    }
}

fn unquoted(name: &str) -> String {
    let Some(inner) = name.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) else {
        return name.to_owned();
    };
    let mut plain = String::with_capacity(inner.len());
    let mut chars = inner.chars();
    while let Some(c) = chars.next() {
        plain.push(if c == '\\' { chars.next().unwrap_or('\\') } else { c });
    }
    plain
}

impl fmt::Display for Mailbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.name {
            None => write!(f, "{}", self.address),
            Some(name) => {
                let plain = name.chars().all(|c| c.is_alphanumeric() || c == ' ');
                if plain {
                    write!(f, "{name} <{}>", self.address)
                } else {
                    write!(f, "\"{}\" <{}>", name.replace('\\', "\\\\").replace('"', "\\\""), self.address)
                }
            }
        }
    }
}

impl fmt::Debug for Mailbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.address, f)
    }
}

#[cfg(test)]
mod tests;
