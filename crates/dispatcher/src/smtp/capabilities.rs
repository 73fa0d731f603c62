//! What a server offers in its reply to EHLO (RFC 5321 4.1.1.1).

use super::reply::RawReply;

/// The extensions that matter here. Forgotten after STARTTLS (RFC 3207 4.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Capabilities {
    /// RFC 2920: commands need not wait for each other's reply.
    pub pipelining: bool,
    /// RFC 6152: eight-bit bodies.
    pub eight_bit_mime: bool,
    /// RFC 6531: addresses and header fields in UTF-8.
    pub smtp_utf8: bool,
    /// RFC 3207.
    pub starttls: bool,
    /// RFC 2034.
    pub enhanced_status_codes: bool,
    /// RFC 4616.
    pub auth_plain: bool,
    /// The older login dialogue that many servers know.
    pub auth_login: bool,
    /// RFC 1870: the largest message in bytes, where one is named.
    pub size: Option<u64>,
}

impl Capabilities {
    pub(crate) fn parse(reply: &RawReply) -> Self {
        let mut found = Self::default();
        for line in reply.lines.iter().skip(1) {
            let line = line.to_ascii_uppercase();
            let mut words = line.split_ascii_whitespace();
            match words.next() {
                Some("PIPELINING") => found.pipelining = true,
                Some("8BITMIME") => found.eight_bit_mime = true,
                Some("SMTPUTF8") => found.smtp_utf8 = true,
                Some("STARTTLS") => found.starttls = true,
                Some("ENHANCEDSTATUSCODES") => found.enhanced_status_codes = true,
                Some("SIZE") => {
                    found.size = words.next().and_then(|size| size.parse().ok()).filter(|&size| size > 0);
                }
                // "AUTH=" is how servers before RFC 2554 wrote it; some still write both.
                Some(word) if word == "AUTH" || word.starts_with("AUTH=") => {
                    let first = word.strip_prefix("AUTH=");
                    for mechanism in first.into_iter().chain(words) {
                        found.auth_plain |= mechanism == "PLAIN";
                        found.auth_login |= mechanism == "LOGIN";
                    }
                }
                Some(_) | None => {}
            }
        }
        found
    }
}
