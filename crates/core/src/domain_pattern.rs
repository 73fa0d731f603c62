//! Recipient domains, as an operator names them: one, or all below one.

use crate::address::Address;
use std::fmt;
use std::str::FromStr;

/// `example.net`, or `*.example.net` for all below it. In lower case, names beyond ASCII as they are sent.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct DomainPattern {
    domain: Box<str>,
    is_below: bool,
}

/// The text is no domain, and no pattern of one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("no domain such as example.net, or *.example.net for all below it")]
pub struct InvalidPattern;

impl DomainPattern {
    /// Whether it names this domain, which is in lower case.
    pub fn takes(&self, domain: &str) -> bool {
        if self.is_below { is_below(domain, &self.domain) } else { *self.domain == *domain }
    }

    /// Whether it names every domain that the other does.
    pub fn covers(&self, other: &Self) -> bool {
        match (self.is_below, other.is_below) {
            (false, true) => false,
            (true, true) if self.domain == other.domain => true,
            (_, false) | (true, true) => self.takes(&other.domain),
        }
    }
}

fn is_below(domain: &str, parent: &str) -> bool {
    domain.strip_suffix(parent).is_some_and(|below| below.len() > 1 && below.ends_with('.'))
}

impl FromStr for DomainPattern {
    type Err = InvalidPattern;

    fn from_str(text: &str) -> Result<Self, InvalidPattern> {
        let (is_below, domain) = text.strip_prefix("*.").map_or((false, text), |domain| (true, domain));
        // What stands in the address of anybody there, as it is compared with.
        let address: Address = format!("x@{domain}").parse().map_err(|_| InvalidPattern)?;
        Ok(Self { domain: address.domain().to_ascii_lowercase().into(), is_below })
    }
}

impl fmt::Display for DomainPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", if self.is_below { "*." } else { "" }, self.domain)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pattern(text: &str) -> Option<String> {
        text.parse().ok().map(|pattern: DomainPattern| pattern.to_string())
    }

    #[test]
    fn domains_are_taken_as_addresses_have_them() {
        let table = [
            ("Example.NET", Some("example.net")),
            ("*.example.net", Some("*.example.net")),
            ("bücher.example", Some("xn--bcher-kva.example")),
            ("*", None),
            ("*.", None),
            ("exa mple.net", None),
            ("a@example.net", None),
        ];
        for (text, wire) in table {
            assert_eq!(pattern(text).as_deref(), wire, "{text}");
        }
    }

    #[test]
    fn it_takes_itself_or_all_below_and_covers_what_takes_less() {
        let parse = |text: &str| -> DomainPattern { text.parse().unwrap() };
        let takes = [
            ("example.net", "example.net", true),
            ("example.net", "a.example.net", false),
            ("*.example.net", "a.example.net", true),
            ("*.example.net", "a.b.example.net", true),
            ("*.example.net", "example.net", false),
            ("*.example.net", "notexample.net", false),
            ("*.example.net", "", false),
        ];
        for (pattern, domain, expected) in takes {
            assert_eq!(parse(pattern).takes(domain), expected, "{pattern} {domain}");
        }
        let covers = [
            ("example.net", "example.net", true),
            ("*.example.net", "a.example.net", true),
            ("*.example.net", "*.example.net", true),
            ("*.example.net", "*.a.example.net", true),
            ("*.a.example.net", "*.example.net", false),
            ("a.example.net", "*.example.net", false),
            ("*.example.net", "example.net", false),
        ];
        for (pattern, other, expected) in covers {
            assert_eq!(parse(pattern).covers(&parse(other)), expected, "{pattern} {other}");
        }
    }
}
