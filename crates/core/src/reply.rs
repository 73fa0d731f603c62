//! Replies of an SMTP server (RFC 5321 4.2, RFC 3463).

use std::fmt;

/// A complete reply: three-digit code, enhanced status, text.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Reply {
    /// 200 to 599.
    pub code: u16,
    /// The enhanced status code, where the server gave one.
    pub enhanced: Option<Enhanced>,
    /// The text, readable, bounded, lines joined by `\n`. Personal: it often quotes the address.
    pub text: String,
}

/// An enhanced status code: class.subject.detail (RFC 3463).
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Enhanced {
    /// 2, 4 or 5.
    pub class: u16,
    /// 0 to 999.
    pub subject: u16,
    /// 0 to 999.
    pub detail: u16,
}

/// What the first digit says (RFC 5321 4.2.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Class {
    /// 2yz: done.
    Completion,
    /// 3yz: go on.
    Intermediate,
    /// 4yz: not now.
    Transient,
    /// 5yz: no.
    Permanent,
}

impl Reply {
    /// The longest text that is kept, in bytes.
    pub const MAX_TEXT: usize = 2048;

    /// The class of the code; `None` for a code outside 200 to 599.
    pub fn class(&self) -> Option<Class> {
        match self.code {
            200..=299 => Some(Class::Completion),
            300..=399 => Some(Class::Intermediate),
            400..=499 => Some(Class::Transient),
            500..=599 => Some(Class::Permanent),
            _ => None,
        }
    }
}

impl fmt::Display for Enhanced {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.class, self.subject, self.detail)
    }
}

impl fmt::Debug for Enhanced {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::str::FromStr for Enhanced {
    type Err = ();

    /// Parses `class.subject.detail` as RFC 3463 2 writes it: no leading zeros, at most three digits.
    fn from_str(text: &str) -> Result<Self, ()> {
        let number = |part: &str| {
            let canonical = part == "0" || !part.starts_with('0');
            let digits = matches!(part.len(), 1..=3) && part.bytes().all(|b| b.is_ascii_digit());
            part.parse().ok().filter(|_| canonical && digits)
        };
        let mut parts = text.split('.').map(number);
        let enhanced = (parts.next().flatten(), parts.next().flatten(), parts.next().flatten(), parts.next());
        match enhanced {
            (Some(class @ (2 | 4 | 5)), Some(subject), Some(detail), None) => {
                Ok(Self { class, subject, detail })
            }
            _ => Err(()),
        }
    }
}

/// Code and enhanced status only: the text may quote an address and stays out of logs.
impl fmt::Debug for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.code)?;
        self.enhanced.map_or(Ok(()), |enhanced| write!(f, " {enhanced}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn enhanced_codes_have_one_spelling() {
        assert_eq!("5.1.10".parse(), Ok(Enhanced { class: 5, subject: 1, detail: 10 }));
        for wrong in ["3.1.1", "5.1", "5.1.1.1", "5.01.1", "5.1.1000", "5.-1.0", "", "a.b.c"] {
            assert_eq!(wrong.parse::<Enhanced>(), Err(()), "{wrong:?}");
        }
    }

    #[test]
    fn the_debug_form_keeps_the_text_out() {
        let reply = Reply { code: 550, enhanced: "5.1.1".parse().ok(), text: "ann@example.net".into() };
        assert_eq!(format!("{reply:?}"), "550 5.1.1");
        assert_eq!(reply.class(), Some(Class::Permanent));
    }
}
